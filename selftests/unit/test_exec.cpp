// SPDX-License-Identifier: GPL-2.0
//
// vrctl exec: the order of what it does, what it hands over, how it ends.

#include <errno.h>

#include "cli_fixture.hpp"
#include "cmocka.hpp"

namespace {

int populated(void **state) {
    setup(state);
    fixture->kernel.contexts[5] = {"red"};
    return 0;
}

// What the system was asked for since the last call
const char *steps() {
    static std::string line;
    line.clear();
    for (const std::string &step : fixture->system.log)
        line += (line.empty() ? "" : ", ") + step;
    fixture->system.log.clear();
    return line.c_str();
}

const char *launched() {
    static std::string line;
    line.clear();
    for (const std::string &word : fixture->system.launched)
        line += "[" + word + "]";
    return line.c_str();
}

void enters_and_runs(void **) {
    vrctl_run("exec", "red", "ls", "-l", "a b", "");
    expect_text(steps(), "enter red, exec");
    expect_text(launched(), "[ls][-l][a b][]");
    vrctl_run("exec", "5", "--", "-odd", "--");
    expect_text(steps(), "enter 5, exec");
    expect_text(launched(), "[-odd][--]");
    vrctl_run("exec", "default", "ls", "-j", "-u", "x", "{}", "%%");
    expect_text(steps(), "enter 0, exec");
    expect_text(launched(), "[ls][-j][-u][x][{}][%%]");
}

void becomes_user_between(void **) {
    vrctl_run("exec", "red", "-u", "www", "ls");
    expect_text(steps(), "enter red, become www, exec");
    vrctl_run("exec", "--user=www", "red", "ls", "-u", "root");
    expect_text(steps(), "enter red, become www, exec");
    expect_text(launched(), "[ls][-u][root]");
}

void not_found(void **) {
    fixture->system.exec_error = ENOENT;
    expect_int(vrctl_run("exec", "red", "nothing"), 127);
    expect_text(err(), "vrctl: exec nothing: No such file or directory\n");
    expect_text(out(), "");
}

void not_executable(void **) {
    fixture->system.exec_error = EACCES;
    expect_int(vrctl_run("exec", "red", "/etc/passwd"), 126);
    expect_text(err(), "vrctl: exec /etc/passwd: Permission denied\n");
    fixture->system.exec_error = ENOEXEC;
    expect_int(vrctl_run("exec", "red", "x"), 126);
}

void no_such_context(void **) {
    expect_int(vrctl_run("exec", "blue", "ls"), 1);
    expect_text(err(), "vrctl: enter context blue: no such context\n");
    expect_text(steps(), "");
}

void malformed_context(void **) {
    expect_int(vrctl_run("exec", "16777216", "ls"), 1);
    expect_true(has(err(), "the largest number is 16777215"));
    expect_int(vrctl_run("exec", "", "ls"), 1);
    expect_int(vrctl_run("exec", "a b", "ls"), 1);
    expect_text(steps(), "");
}

void not_permitted(void **) {
    fixture->kernel.admin = false;
    expect_int(vrctl_run("exec", "red", "ls"), 1);
    expect_text(err(), "vrctl: enter context red: Operation not permitted\n");
    expect_text(steps(), "");
}

// An unknown user is refused before anything has happened.
void no_such_user(void **) {
    expect_int(vrctl_run("exec", "red", "-u", "nobody-here", "ls"), 1);
    expect_text(err(), "vrctl: user nobody-here: no such user\n");
    expect_text(steps(), "");
}

// A program that was to run without privileges does not run with them.
void drop_fails(void **) {
    fixture->system.become_error = EPERM;
    expect_int(vrctl_run("exec", "red", "-u", "www", "ls"), 1);
    expect_text(err(), "vrctl: set the user: Operation not permitted\n");
    expect_text(steps(), "enter red");
}

#define test(f) cmocka_unit_test_setup_teardown(f, populated, teardown)

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        test(enters_and_runs), test(becomes_user_between),
        test(not_found),       test(not_executable),
        test(no_such_context), test(malformed_context),
        test(not_permitted),   test(no_such_user),
        test(drop_fails),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
