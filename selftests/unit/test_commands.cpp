// SPDX-License-Identifier: GPL-2.0
//
// add, del, show, rename, link show, identify, pids, stats against the fake
// kernel: what they do, and each refusal.

#include <errno.h>

#include "cli_fixture.hpp"
#include "cmocka.hpp"

namespace {

constexpr char bytes31[] = "abcdefghijklmnopqrstuvwxyz_.-AZ";
constexpr char bytes32[] = "abcdefghijklmnopqrstuvwxyz_.-AZ9";

// Refused: status 1, this message, nothing on stdout, nothing changed
#define expect_refused(message, ...)                \
    do {                                            \
        expect_int(vrctl_run(__VA_ARGS__), 1);      \
        expect_text(err(), "vrctl: " message "\n"); \
        expect_text(out(), "");                     \
        expect_text(changes(), "");                 \
    } while (0)

// Done: status 0, silent, this change
#define expect_done(change, ...)               \
    do {                                       \
        expect_int(vrctl_run(__VA_ARGS__), 0); \
        expect_text(err(), "");                \
        expect_text(out(), "");                \
        expect_text(changes(), change);        \
    } while (0)

// Printed: status 0, this on stdout, nothing changed
#define expect_output(text, ...)               \
    do {                                       \
        expect_int(vrctl_run(__VA_ARGS__), 0); \
        expect_text(err(), "");                \
        expect_text(out(), text);              \
        expect_text(changes(), "");            \
    } while (0)

// Contexts 5 "red" with eth0 and task 70, 6 without a name
int populated(void **state) {
    setup(state);
    fixture->kernel.contexts[5] = {"red", 3, 100};
    fixture->kernel.contexts[6] = {};
    fixture->device("eth0").ctx = 5;
    fixture->kernel.tasks = {{1, 0}, {70, 5}, {71, 5}, {80, 6}};
    return 0;
}

void add(void **) {
    expect_done("create 1 red", "add", "red");
    expect_done("create 2 blue", "add", "blue");
    expect_done("create 9 green", "add", "green", "id", "9");
    expect_done("create 3 ", "add", "id", "3");
    expect_done("create 16777215 ", "add", "id", "16777215");
    expect_int(vrctl_run("add", bytes31), 0);
}

void add_refused(void **) {
    expect_refused("create context blue 5: a context has this number", "add",
                   "blue", "id", "5");
    expect_refused("create context 5: a context has this number", "add", "id",
                   "5");
    expect_refused("create context red: a context has this name", "add", "red");
    expect_refused("create context red 9: a context has this name", "add",
                   "red", "id", "9");
    expect_refused("create context 0: context 0 always exists", "add", "id",
                   "0");
    fixture->kernel.carried.insert(9);
    expect_refused("create context 9: sockets or tasks still carry this number",
                   "add", "id", "9");
    fixture->kernel.admin = false;
    expect_refused("create context blue: CAP_NET_ADMIN is needed", "add",
                   "blue");
}

void add_malformed(void **) {
    expect_refused("'': a name cannot be empty", "add", "");
    expect_refused("'7': a name cannot be a number", "add", "7");
    expect_refused("'default': this name is reserved", "add", "default");
    expect_refused("'-': this name is reserved", "add", "-");
    expect_refused(
        "'a b': a name consists of letters, digits, '_', '.' and '-'", "add",
        "a b");
    expect_refused(
        "'\xc3\xa9': a name consists of letters, digits, '_', '.' and '-'",
        "add", "\xc3\xa9");
    expect_int(vrctl_run("add", bytes32), 1);
    expect_true(has(err(), "at most 31 bytes"));
    expect_refused("'16777216': the largest number is 16777215", "add", "id",
                   "16777216");
    expect_refused("'4294967296': the largest number is 16777215", "add", "x",
                   "id", "4294967296");
    expect_refused("'five': not a number", "add", "id", "five");
    expect_refused("'': not a number", "add", "x", "id", "");
}

void del(void **) {
    expect_done("delete 6", "del", "6");
    fixture->device("eth0").ctx = 0;
    expect_done("delete 5", "del", "red");
}

void del_forced(void **) {
    expect_refused("delete context red: the context has devices", "del", "red");
    expect_done("delete 5", "del", "red", "-f");
    expect_int(fixture->device("eth0").ctx, 0);
    for (const char *how : {"--force", "force"}) {
        fixture->kernel.contexts[5] = {"red"};
        fixture->device("eth0").ctx = 5;
        expect_done("delete 5", "del", "5", how);
    }
    fixture->kernel.contexts[5] = {"red"};
    expect_done("delete 5", "del", "-f", "red");
}

void del_refused(void **) {
    expect_refused("delete context blue: no such context", "del", "blue");
    expect_refused("delete context 7: no such context", "del", "7");
    expect_refused("delete context 0: context 0 cannot be deleted", "del", "0");
    expect_refused("delete context 0: context 0 cannot be deleted", "del",
                   "default", "-f");
    expect_refused("'16777216': the largest number is 16777215", "del",
                   "16777216");
    fixture->kernel.admin = false;
    expect_refused("delete context 6: CAP_NET_ADMIN is needed", "del", "6");
}

void show(void **) {
    expect_output(
        "ID  NAME     TABLE     DEVICES  SOCKETS  TASKS\n"
        "0   default  254       1        -        -\n"
        "5   red      16777221  1        3        2\n"
        "6   -        16777222  0        0        1\n",
        "show");
    expect_output(
        "ID  NAME  TABLE     DEVICES  SOCKETS  TASKS\n"
        "5   red   16777221  1        3        2\n",
        "show", "red");
    expect_int(vrctl_run("show", "5"), 0);
    expect_true(has(out(), "5   red"));
    for (const char *ref : {"0", "default"}) {
        expect_int(vrctl_run("show", ref), 0);
        expect_true(has(out(), "0   default"));
    }
}

void show_json(void **) {
    expect_output(
        "[{\"id\":0,\"name\":\"default\",\"table\":254,\"devices\":1,"
        "\"sockets\":null,\"tasks\":null},"
        "{\"id\":5,\"name\":\"red\",\"table\":16777221,\"devices\":1,"
        "\"sockets\":3,\"tasks\":2},"
        "{\"id\":6,\"name\":null,\"table\":16777222,\"devices\":0,"
        "\"sockets\":0,\"tasks\":1}]\n",
        "show", "-j");
    expect_output(
        "[{\"id\":6,\"name\":null,\"table\":16777222,\"devices\":0,"
        "\"sockets\":0,\"tasks\":1}]\n",
        "show", "6", "-j");
}

void show_refused(void **) {
    expect_refused("show context blue: no such context", "show", "blue");
    expect_refused("show context 7: no such context", "show", "7", "-j");
    expect_refused("'': a name cannot be empty", "show", "");
    fixture->kernel.interrupted_dumps = 1000;
    expect_refused("list contexts: the list keeps changing", "show");
}

void rename_context(void **) {
    expect_done("rename 5", "rename", "red", "blue");
    expect_done("rename 5", "rename", "5", "red");
    expect_done("rename 6", "rename", "6", "green");
    expect_done("rename 6", "rename", "green", bytes31);
}

void rename_refused(void **) {
    expect_refused("rename context blue: no such context", "rename", "blue",
                   "green");
    expect_refused("rename context 7: no such context", "rename", "7", "green");
    expect_refused("rename context 6: a context has this name", "rename", "6",
                   "red");
    expect_refused("rename context 0: context 0 cannot be renamed", "rename",
                   "0", "green");
    expect_refused("rename context 0: context 0 cannot be renamed", "rename",
                   "default", "green");
    expect_refused("'7': a name cannot be a number", "rename", "red", "7");
    expect_refused("'default': this name is reserved", "rename", "red",
                   "default");
    expect_refused("'': a name cannot be empty", "rename", "", "green");
    fixture->kernel.admin = false;
    expect_refused("rename context 5: CAP_NET_ADMIN is needed", "rename", "5",
                   "green");
    expect_refused("rename context red: CAP_NET_ADMIN is needed", "rename",
                   "red", "green");
}

void link_show(void **) {
    expect_output(
        "IFINDEX  IFNAME  ID  NAME\n"
        "1        lo      0   default\n"
        "2        eth0    5   red\n",
        "link", "show");
    expect_output(
        "IFINDEX  IFNAME  ID  NAME\n"
        "2        eth0    5   red\n",
        "link", "show", "eth0");
    expect_output(
        "[{\"ifindex\":2,\"ifname\":\"eth0\",\"id\":5,\"name\":\"red\"}]\n",
        "link", "show", "ctx", "red", "-j");
    expect_output(
        "[{\"ifindex\":1,\"ifname\":\"lo\",\"id\":0,"
        "\"name\":\"default\"}]\n",
        "-j", "link", "show", "ctx", "default");
    expect_output("", "link", "show", "ctx", "6");
    expect_output("[]\n", "link", "show", "ctx", "6", "-j");
}

void link_show_refused(void **) {
    expect_refused("show device eth9: no such device", "link", "show", "eth9");
    expect_refused("list devices of context blue: no such context", "link",
                   "show", "ctx", "blue");
    expect_refused("list devices of context 7: no such context", "link", "show",
                   "ctx", "7");
    expect_refused("'16777216': the largest number is 16777215", "link", "show",
                   "ctx", "16777216");
}

void identify(void **) {
    expect_output("5 red\n", "identify", "70");
    expect_output("0 default\n", "identify", "1");
    expect_output("6 -\n", "identify", "80");
    expect_output("[{\"pid\":80,\"id\":6,\"name\":null}]\n", "identify", "80",
                  "-j");
}

void identify_self(void **) {
    expect_output("0 default\n", "identify");
    fixture->system.own = {5, "red"};
    expect_output("5 red\n", "identify");
    expect_int(vrctl_run("identify", "-j"), 0);
    expect_true(has(out(), "\"id\":5,\"name\":\"red\"}]\n"));
    fixture->system.own = {6, ""};
    expect_output("6 -\n", "identify");
}

void identify_refused(void **) {
    expect_refused("identify task 99: no such task", "identify", "99");
    expect_refused("identify task 0: integer out of range", "identify", "0");
    expect_refused("'self': not a number", "identify", "self");
    expect_refused("'2147483648': the largest number is 2147483647", "identify",
                   "2147483648");
}

void pids(void **) {
    expect_output("70\n71\n", "pids", "red");
    expect_output("80\n", "pids", "6");
    expect_output("1\n", "pids", "0");
    expect_output(
        "[{\"pid\":70,\"id\":5,\"name\":\"red\"},"
        "{\"pid\":71,\"id\":5,\"name\":\"red\"}]\n",
        "pids", "5", "-j");
    fixture->kernel.tasks.erase(80);
    expect_output("", "pids", "6");
    expect_output("[]\n", "pids", "6", "-j");
}

void pids_refused(void **) {
    expect_refused("list tasks of context blue: no such context", "pids",
                   "blue");
    expect_refused(
        "'a b': a name consists of letters, digits, '_', '.' and '-'", "pids",
        "a b");
}

void stats(void **) {
    expect_output(
        "ID  NAME  RX_PACKETS  TX_PACKETS  FWD_PACKETS  NO_ROUTE  WRONG_CTX\n"
        "5   red   100         101         102          103       104\n",
        "stats", "red");
    expect_output(
        "[{\"id\":0,\"name\":\"default\",\"rx_packets\":0,\"tx_packets\":1,"
        "\"fwd_packets\":2,\"no_route\":3,\"wrong_ctx\":4},"
        "{\"id\":5,\"name\":\"red\",\"rx_packets\":100,\"tx_packets\":101,"
        "\"fwd_packets\":102,\"no_route\":103,\"wrong_ctx\":104},"
        "{\"id\":6,\"name\":null,\"rx_packets\":0,\"tx_packets\":1,"
        "\"fwd_packets\":2,\"no_route\":3,\"wrong_ctx\":4}]\n",
        "stats", "-j");
}

void stats_refused(void **) {
    expect_refused("count packets of context blue: no such context", "stats",
                   "blue");
    expect_refused("'': a name cannot be empty", "stats", "");
}

#define test(f) cmocka_unit_test_setup_teardown(f, populated, teardown)
#define test_empty(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        test_empty(add),
        test(add_refused),
        test_empty(add_malformed),
        test(del),
        test(del_forced),
        test(del_refused),
        test(show),
        test(show_json),
        test(show_refused),
        test(rename_context),
        test(rename_refused),
        test(link_show),
        test(link_show_refused),
        test(identify),
        test(identify_self),
        test(identify_refused),
        test(pids),
        test(pids_refused),
        test(stats),
        test(stats_refused),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
