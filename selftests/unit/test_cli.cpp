// SPDX-License-Identifier: GPL-2.0
//
// The grammar of the command line: what is usage (2) and what is not.

#include "cli.hpp"

#include <errno.h>

#include <cstdio>

#include "cli_fixture.hpp"
#include "cmocka.hpp"
#include "command.hpp"

namespace {

// Usage errors touch nothing, print nothing on stdout, show the usage.
#define expect_usage(...)                                            \
    do {                                                             \
        expect_int(vrctl_run(__VA_ARGS__), vrctl::exit_usage);       \
        expect_text(out(), "");                                      \
        expect_true(has(err(), "vrctl: ") && has(err(), "Usage: ")); \
        expect_text(changes(), "");                                  \
    } while (0)

void no_command(void **) {
    expect_int(fixture->run({}), vrctl::exit_usage);
    expect_true(has(err(), "a command is missing"));
    expect_usage("-j");
    expect_usage("link");
    expect_true(has(err(), "half a command"));
}

void unknown_command(void **) {
    expect_usage("list");
    expect_true(has(err(), "unknown command 'list'"));
    expect_usage("link", "list");
    expect_true(has(err(), "unknown command 'link list'"));
    expect_usage("");
    expect_usage("ADD", "red");
    expect_usage("link set", "eth0", "red");
}

void no_prefixes(void **) {
    expect_usage("sh");
    expect_usage("a", "red");
    expect_usage("l", "show");
    expect_usage("link", "s");
    expect_usage("mon");
    expect_usage("show", "--jso");
    expect_usage("del", "red", "--fo");
}

void unknown_options(void **) {
    expect_usage("-x");
    expect_usage("--foo", "show");
    expect_usage("show", "-x");
    expect_usage("show", "-f");
    expect_usage("add", "red", "-f");
    expect_usage("del", "red", "-j");
    expect_usage("link", "set", "eth0", "red", "-f");
    expect_usage("monitor", "-x");
    expect_usage("exec", "-x", "red", "ls");
    expect_usage("exec", "red", "-x", "ls");
}

void json_only_where_there_is_output(void **) {
    expect_usage("-j", "add", "red");
    expect_usage("-j", "del", "red");
    expect_usage("-j", "rename", "red", "blue");
    expect_usage("-j", "link", "set", "eth0", "red");
    expect_usage("-j", "exec", "red", "ls");
}

void words_of_add(void **) {
    expect_usage("add");
    expect_usage("add", "id");
    expect_usage("add", "red", "id");
    expect_usage("add", "red", "5");
    expect_usage("add", "red", "number", "5");
    expect_usage("add", "red", "id", "5", "6");
}

void words_of_del(void **) {
    expect_usage("del");
    expect_usage("del", "red", "blue");
    expect_usage("del", "red", "force", "x");
}

void words_of_the_others(void **) {
    expect_usage("show", "red", "blue");
    expect_usage("rename");
    expect_usage("rename", "red");
    expect_usage("rename", "red", "blue", "green");
    expect_usage("identify", "1", "2");
    expect_usage("pids");
    expect_usage("pids", "red", "blue");
    expect_usage("stats", "red", "blue");
    expect_usage("monitor", "red");
}

void words_of_link(void **) {
    expect_usage("link", "set");
    expect_usage("link", "set", "eth0");
    expect_usage("link", "set", "eth0", "red", "x");
    expect_usage("link", "show", "ctx");
    expect_usage("link", "show", "eth0", "red");
    expect_usage("link", "show", "ctx", "red", "x");
}

void words_of_exec(void **) {
    expect_usage("exec");
    expect_usage("exec", "red");
    expect_usage("exec", "red", "--");
    expect_usage("exec", "-u");
    expect_usage("exec", "-u", "www");
    expect_usage("exec", "red", "-u", "www");
    expect_true(fixture->system.log.empty());
}

int run_help(const std::string &name) {
    size_t blank = name.find(' ');
    if (blank == name.npos)
        return fixture->run({name, "--help"});
    return fixture->run({name.substr(0, blank), name.substr(blank + 1), "-h"});
}

// Every command: --help works, names itself, does nothing.
void help(void **) {
    for (const vrctl::Command *command : vrctl::commands()) {
        expect_int(run_help(command->name), 0);
        expect_true(has(out(), command->name));
        expect_true(has(out(), command->synopsis));
        expect_true(has(out(), command->summary));
        expect_text(err(), "");
        expect_text(changes(), "");
    }
    expect_true(fixture->system.log.empty());
}

void help_of_all(void **) {
    const char *const ways[] = {"-h", "--help", "help"};
    for (const char *way : ways) {
        expect_int(vrctl_run(way), 0);
        for (const vrctl::Command *command : vrctl::commands())
            expect_true(has(out(), command->summary));
        expect_text(err(), "");
    }
    expect_int(vrctl_run("link", "--help"), 0);
    expect_true(has(out(), "link set DEV CTX"));
}

void version(void **) {
    expect_int(vrctl_run("-V"), 0);
    expect_true(has(out(), "vrctl "));
    expect_int(vrctl_run("--version"), 0);
}

// The words of the language are names like any other.
void contexts_named_like_commands(void **) {
    expect_int(vrctl_run("add", "show"), 0);
    expect_int(vrctl_run("show", "show"), 0);
    expect_int(vrctl_run("add", "id", "id", "9"), 0);
    expect_int(vrctl_run("show", "id"), 0);
    expect_int(vrctl_run("add", "force"), 0);
    expect_int(vrctl_run("del", "force"), 0);
    expect_int(vrctl_run("add", "help"), 0);
    expect_int(vrctl_run("add", "--", "-x"), 0);
    expect_int(vrctl_run("show", "--", "-x"), 0);
    expect_int(vrctl_run("del", "--", "-x", "force"), 0);
}

void json_before_and_behind(void **) {
    expect_int(vrctl_run("-j", "show"), 0);
    expect_true(has(out(), "[{\"id\":0,"));
    expect_int(vrctl_run("--json", "show", "0"), 0);
    expect_true(has(out(), "[{\"id\":0,"));
    expect_int(vrctl_run("show", "-j", "0"), 0);
    expect_true(has(out(), "[{\"id\":0,"));
    expect_int(vrctl_run("show", "0", "--json"), 0);
    expect_true(has(out(), "[{\"id\":0,"));
}

// Every command on a kernel that has no contexts
void another_kernel(void **) {
    fixture->kernel.has_family = false;
    expect_int(vrctl_run("show"), vrctl::exit_refused);
    expect_true(has(err(), "CONFIG_NET_VRCTX"));
    expect_int(vrctl_run("add", "red"), vrctl::exit_refused);
    expect_int(vrctl_run("del", "red"), vrctl::exit_refused);
    expect_int(vrctl_run("rename", "red", "blue"), vrctl::exit_refused);
    expect_int(vrctl_run("link", "set", "lo", "5"), vrctl::exit_refused);
    expect_int(vrctl_run("link", "show"), vrctl::exit_refused);
    expect_int(vrctl_run("identify", "1"), vrctl::exit_refused);
    expect_int(vrctl_run("pids", "5"), vrctl::exit_refused);
    expect_int(vrctl_run("stats"), vrctl::exit_refused);
    expect_int(vrctl_run("monitor"), vrctl::exit_refused);
}

void no_socket(void **) {
    fixture->system.open_error = EMFILE;
    expect_int(vrctl_run("show"), vrctl::exit_refused);
    expect_text(err(), "vrctl: open a socket: Too many open files\n");
}

int run_on_full_disk() {
    std::FILE *full = std::fopen("/dev/full", "w");
    std::FILE *null = std::fopen("/dev/null", "w");
    std::vector<std::string> line{"show"};
    int status = vrctl::run(fixture->system, full, null, line);
    std::fclose(full);
    std::fclose(null);
    return status;
}

void output_is_lost(void **) {
    expect_int(run_on_full_disk(), vrctl::exit_refused);
}

#define test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        test(no_command),
        test(unknown_command),
        test(no_prefixes),
        test(unknown_options),
        test(json_only_where_there_is_output),
        test(words_of_add),
        test(words_of_del),
        test(words_of_the_others),
        test(words_of_link),
        test(words_of_exec),
        test(help),
        test(help_of_all),
        test(version),
        test(contexts_named_like_commands),
        test(json_before_and_behind),
        test(another_kernel),
        test(no_socket),
        test(output_is_lost),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
