// SPDX-License-Identifier: GPL-2.0
//
// vrctl -b: many command lines from a file.

#include <unistd.h>

#include <cstdio>
#include <string>

#include "cli_fixture.hpp"
#include "cmocka.hpp"
#include "command.hpp"

namespace {

// A file that is gone with the object
class File {
  public:
    explicit File(const char *text) {
        std::FILE *file = fdopen(mkstemp(path_), "w");
        std::fputs(text, file);
        std::fclose(file);
    }
    ~File() { unlink(path_); }
    const char *path() const { return path_; }

  private:
    char path_[32] = "/tmp/test_batch.XXXXXX";
};

int batch(const char *text, const char *option = "-j") {
    File file(text);
    return vrctl_run(option, "-b", file.path());
}

void runs_every_line(void **) {
    expect_int(batch("add red\n"
                     "\n"
                     "# nothing\n"
                     "  add \t blue id 7  # the other one\n"
                     "show"),
               vrctl::exit_ok);
    expect_true(has(out(), "\"red\""));
    expect_true(has(out(), "\"blue\""));
    expect_text(err(), "");
}

void ends_at_the_first_failure(void **) {
    expect_int(batch("add red\nadd red\nadd blue\n"), vrctl::exit_refused);
    expect_true(has(err(), ":2: failed"));
    expect_int(vrctl_run("del", "red"), vrctl::exit_ok);
    expect_int(vrctl_run("del", "blue"), vrctl::exit_refused);
}

void goes_on_when_told(void **) {
    expect_int(batch("del none\nadd\nadd blue\n", "-f"), vrctl::exit_refused);
    expect_true(has(err(), ":1: failed"));
    expect_true(has(err(), ":2: failed"));
    expect_int(vrctl_run("del", "blue"), vrctl::exit_ok);
}

void usage_in_a_line(void **) {
    expect_int(batch("frobnicate\n"), vrctl::exit_usage);
    expect_int(batch("exec red true\n"), vrctl::exit_usage);
    expect_true(has(err(), "a program ends the batch"));
    expect_int(batch("-b /dev/null\n"), vrctl::exit_usage);
    expect_int(batch("-f show\n"), vrctl::exit_usage);
}

void usage_of_the_option(void **) {
    expect_int(vrctl_run("-b"), vrctl::exit_usage);
    expect_int(vrctl_run("-b", "/dev/null", "show"), vrctl::exit_usage);
    expect_int(vrctl_run("-f", "show"), vrctl::exit_usage);
    expect_int(vrctl_run("-b", "/dev/null"), vrctl::exit_ok);
}

void no_such_file(void **) {
    expect_int(vrctl_run("-b", "/nowhere/at/all"), vrctl::exit_refused);
    expect_true(has(err(), "open /nowhere/at/all: No such file"));
    expect_int(vrctl_run("-b", "/tmp"), vrctl::exit_refused);
}

#define test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        test(runs_every_line),     test(ends_at_the_first_failure),
        test(goes_on_when_told),   test(usage_in_a_line),
        test(usage_of_the_option), test(no_such_file),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
