// SPDX-License-Identifier: GPL-2.0

#include <errno.h>
#include <linux/vrctx.h>
#include <signal.h>

#include <cstdio>

#include "cli.hpp"
#include "cli_fixture.hpp"
#include "cmocka.hpp"

namespace {

using wire::attr;
using wire::Bytes;

Bytes event(uint8_t command, const Bytes &attributes) {
    return wire::message(FakeKernel::family, 0, 0,
                         wire::genl(command, attributes));
}

const Bytes red = attr(VRCTX_A_CTX_ID, wire::u32(5)) +
                  attr(VRCTX_A_CTX_NAME, wire::text("red"));
const Bytes unnamed = attr(VRCTX_A_CTX_ID, wire::u32(6));
const Bytes eth0 = attr(VRCTX_A_CTX_IFINDEX, wire::u32(3)) +
                   attr(VRCTX_A_CTX_IFNAME, wire::text("eth0"));

int eventful(void **state) {
    setup(state);
    fixture->system.events = {
        event(VRCTX_CMD_CTX_NTF, red),
        event(VRCTX_CMD_CTX_NTF, unnamed),
        event(VRCTX_CMD_DEV_NTF, eth0 + red),
        {},  // events lost
        event(VRCTX_CMD_CTX_DEL_NTF, red) +
            event(VRCTX_CMD_CTX_DEL_NTF, unnamed),
    };
    return 0;
}

void text(void **) {
    expect_int(vrctl_run("monitor"), 0);
    expect_text(out(),
                "ctx 5 name red\n"
                "ctx 6\n"
                "dev eth0 ifindex 3 ctx 5 name red\n"
                "events lost\n"
                "deleted ctx 5 name red\n"
                "deleted ctx 6\n");
    expect_text(err(), "");
    expect_text(changes(), "join");
}

void json(void **) {
    expect_int(vrctl_run("monitor", "-j"), 0);
    expect_text(out(),
                "{\"event\":\"ctx\",\"id\":5,\"name\":\"red\"}\n"
                "{\"event\":\"ctx\",\"id\":6,\"name\":null}\n"
                "{\"event\":\"dev\",\"ifindex\":3,\"ifname\":\"eth0\","
                "\"id\":5,\"name\":\"red\"}\n"
                "{\"event\":\"lost\"}\n"
                "{\"event\":\"ctx-del\",\"id\":5,\"name\":\"red\"}\n"
                "{\"event\":\"ctx-del\",\"id\":6,\"name\":null}\n");
    expect_text(err(), "");
}

void not_permitted(void **) {
    fixture->system.join_error = EPERM;
    expect_int(vrctl_run("monitor"), 1);
    expect_text(err(), "vrctl: monitor: Operation not permitted\n");
    expect_text(out(), "");
}

void malformed(void **) {
    fixture->system.events = {event(VRCTX_CMD_CTX_NTF, red),
                              event(VRCTX_CMD_CTX_NTF, {})};
    expect_int(vrctl_run("monitor"), 1);
    expect_text(out(), "ctx 5 name red\n");
    expect_true(has(err(), "vrctl: monitor: malformed reply"));
}

// Each line is out before the next datagram is read.
int run_on_full_disk() {
    std::FILE *full = std::fopen("/dev/full", "w");
    std::FILE *null = std::fopen("/dev/null", "w");
    std::vector<std::string> line{"monitor"};
    int status = vrctl::run(fixture->system, full, null, line);
    std::fclose(full);
    std::fclose(null);
    return status;
}

void output_is_lost(void **) {
    expect_int(run_on_full_disk(), 1);
}

bool blocked(int signal) {
    sigset_t set;
    sigprocmask(SIG_BLOCK, nullptr, &set);
    return sigismember(&set, signal) != 0;
}

void signals_are_as_before(void **) {
    expect_int(vrctl_run("monitor"), 0);
    expect_true(!blocked(SIGINT) && !blocked(SIGTERM));
}

#define test(f) cmocka_unit_test_setup_teardown(f, eventful, teardown)

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        test(text),      test(json),           test(not_permitted),
        test(malformed), test(output_is_lost), test(signals_are_as_before),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
