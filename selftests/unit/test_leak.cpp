// SPDX-License-Identifier: GPL-2.0
//
// leak add, del, show against the fake kernel, prefixes, and the events.

#include <linux/vrctx.h>

#include "cli_fixture.hpp"
#include "cmocka.hpp"
#include "vr/leak.hpp"

namespace {

using wire::attr;

#define expect_refused(message, ...)                \
    do {                                            \
        expect_int(vrctl_run(__VA_ARGS__), 1);      \
        expect_text(err(), "vrctl: " message "\n"); \
        expect_text(out(), "");                     \
        expect_text(changes(), "");                 \
    } while (0)

#define expect_done(change, ...)               \
    do {                                       \
        expect_int(vrctl_run(__VA_ARGS__), 0); \
        expect_text(err(), "");                \
        expect_text(out(), "");                \
        expect_text(changes(), change);        \
    } while (0)

// Contexts 5 "red" and 6 without a name
int populated(void **state) {
    setup(state);
    fixture->kernel.contexts[5] = {"red"};
    fixture->kernel.contexts[6] = {};
    return 0;
}

void add_and_del(void **) {
    expect_done("leak 5 6", "leak", "add", "red", "10.0.0.0/8", "6");
    expect_done("leak 5 0", "leak", "add", "5", "fd00::/8", "default");
    expect_done("leak 0 5", "leak", "add", "0", "192.0.2.1", "red");
    expect_int(fixture->kernel.leaks[2].length, 32);
    expect_refused(
        "leak 10.0.0.0/8 from context 5 to red: there is such a leak", "leak",
        "add", "5", "10.0.0.0/8", "red");
    expect_done("unleak 5", "leak", "del", "red", "10.0.0.0/8");
    expect_refused("end leak 10.0.0.0/8 from context red: no such leak", "leak",
                   "del", "red", "10.0.0.0/8");
    expect_done("unleak 5", "leak", "del", "5", "fd00::/8");
    expect_done("unleak 0", "leak", "del", "default", "192.0.2.1/32");
}

void refused(void **) {
    expect_refused("leak ::/0 from context red to 5: the same context", "leak",
                   "add", "red", "::/0", "5");
    expect_refused("leak ::/0 from context 7 to red: no such context", "leak",
                   "add", "7", "::/0", "red");
    expect_refused("leak ::/0 from context red to blue: no such context",
                   "leak", "add", "red", "::/0", "blue");
    fixture->kernel.admin = false;
    expect_refused("leak ::/0 from context red to 6: CAP_NET_ADMIN is needed",
                   "leak", "add", "red", "::/0", "6");
}

void malformed(void **) {
    for (const char *text :
         {"", "red", "10.0.0.0/33", "::/129", "10.0.0/8", "10.0.0.0/",
          "10.0.0.0/8/8", "/8", "10.0.0.0/-1", "::1%lo"}) {
        expect_int(vrctl_run("leak", "add", "red", text, "6"), 1);
        expect_true(has(err(), "': not a prefix"));
        expect_int(vrctl_run("leak", "del", "red", text), 1);
        expect_true(has(err(), "': not a prefix"));
    }
    expect_int(vrctl_run("leak", "add", "red", "::/0"), 2);
    expect_int(vrctl_run("leak", "del", "red"), 2);
    expect_int(vrctl_run("leak", "show", "red"), 2);
    expect_int(vrctl_run("leak"), 2);
    expect_int(vrctl_run("leak", "add", "a b", "::/0", "6"), 1);
    expect_int(vrctl_run("leak", "add", "red", "::/0", "16777216"), 1);
    expect_text(changes(), "");
}

void show(void **) {
    expect_int(vrctl_run("leak", "show"), 0);
    expect_text(out(), "");
    expect_int(vrctl_run("leak", "show", "-j"), 0);
    expect_text(out(), "[]\n");

    fixture->kernel.leaks = {
        {5, 6, wire::raw({10, 0, 0, 0}), 8, 3},
        {0, 5, wire::raw({0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}),
         8, 0},
    };
    expect_int(vrctl_run("leak", "show"), 0);
    expect_text(out(),
                "FROM  FROM_NAME  PREFIX      TO  TO_NAME  PACKETS  BYTES\n"
                "5     red        10.0.0.0/8  6   -        3        30\n"
                "0     default    fd00::/8    5   red      0        0\n");
    expect_int(vrctl_run("leak", "show", "-j"), 0);
    expect_text(out(),
                "[{\"from\":5,\"from_name\":\"red\",\"prefix\":\"10.0.0.0/8\","
                "\"to\":6,\"to_name\":null,\"packets\":3,\"bytes\":30},"
                "{\"from\":0,\"from_name\":\"default\",\"prefix\":\"fd00::/8\","
                "\"to\":5,\"to_name\":\"red\",\"packets\":0,\"bytes\":0}]\n");
}

void malformed_reply(void **) {
    fixture->kernel.leaks = {{5, 6, wire::raw({10, 0}), 8, 3}};
    expect_int(vrctl_run("leak", "show"), 1);
    expect_true(has(err(), "malformed reply"));
}

wire::Bytes event(uint8_t command) {
    return wire::message(
        FakeKernel::family, 0, 0,
        wire::genl(command,
                   attr(VRCTX_A_LEAK_FROM, wire::u32(5)) +
                       attr(VRCTX_A_LEAK_FROM_NAME, wire::text("red")) +
                       attr(VRCTX_A_LEAK_TO, wire::u32(0)) +
                       attr(VRCTX_A_LEAK_PREFIX, wire::raw({10, 0, 0, 0})) +
                       attr(VRCTX_A_LEAK_PREFIX_LEN, wire::raw({8}))));
}

void events(void **) {
    fixture->system.events = {event(VRCTX_CMD_LEAK_NTF),
                              event(VRCTX_CMD_LEAK_DEL_NTF)};
    expect_int(vrctl_run("monitor"), 0);
    expect_text(out(),
                "leak 10.0.0.0/8 from 5 to 0\n"
                "deleted leak 10.0.0.0/8 from 5 to 0\n");
    expect_int(vrctl_run("monitor", "-j"), 0);
    expect_text(out(),
                "{\"event\":\"leak\",\"from\":5,\"from_name\":\"red\","
                "\"prefix\":\"10.0.0.0/8\",\"to\":0,\"to_name\":\"default\"}\n"
                "{\"event\":\"leak-del\",\"from\":5,\"from_name\":\"red\","
                "\"prefix\":\"10.0.0.0/8\",\"to\":0,"
                "\"to_name\":\"default\"}\n");
}

#define test(f) cmocka_unit_test_setup_teardown(f, populated, teardown)

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        test(add_and_del), test(refused),         test(malformed),
        test(show),        test(malformed_reply), test(events),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
