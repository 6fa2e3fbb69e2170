// SPDX-License-Identifier: GPL-2.0

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <memory>
#include <string>

#include "cmocka.hpp"
#include "vr/fd.hpp"
#include "vr/result.hpp"

namespace {

bool text_is(const vr::Error &error, const char *text) {
    return error.text() == text;
}

void error_text(void **) {
    expect_true(text_is({ENOENT, {}, {}}, "No such file or directory"));
    expect_true(text_is({ENOENT, "show red", {}},
                        "show red: No such file or directory"));
    expect_true(text_is({ENOENT, "show red", "no such context"},
                        "show red: no such context"));
    expect_true(text_is({ENOENT, {}, "no such context"}, "no such context"));
}

bool during_keeps_reason() {
    vr::Error inner{EBUSY, "inner", "it has devices"};
    vr::Error outer = inner.during("delete red");
    return outer.code == EBUSY && outer.what == "delete red" &&
           outer.why == "it has devices" && inner.what == "inner";
}

void error_during(void **) {
    expect_true(during_keeps_reason());
}

bool holds_value() {
    vr::Result<std::string> good(std::string("value"));
    return good && *good == "value" && good->size() == 5;
}

bool holds_error() {
    vr::Result<std::string> bad(vr::Error{EPERM, "a", "b"});
    return !bad && bad.error().code == EPERM && bad.error().text() == "a: b";
}

bool moves_value() {
    vr::Result<std::unique_ptr<int>> good(std::make_unique<int>(7));
    std::unique_ptr<int> taken = *std::move(good);
    return taken && *taken == 7;
}

bool without_value() {
    vr::Result<void> good;
    vr::Result<void> bad(vr::Error{EIO, {}, {}});
    return good && !bad && bad.error().code == EIO;
}

void result(void **) {
    expect_true(holds_value());
    expect_true(holds_error());
    expect_true(moves_value());
    expect_true(without_value());
}

bool is_open(int fd) {
    return fcntl(fd, F_GETFD) >= 0;
}

struct FdTrace {
    bool open_inside, open_after_move, open_after_assign, closed_at_end;
};

FdTrace trace_fd() {
    FdTrace trace{};
    int first = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int second = open("/dev/null", O_RDONLY | O_CLOEXEC);
    {
        vr::Fd fd(first);
        trace.open_inside = fd && is_open(first);
        vr::Fd moved(std::move(fd));
        trace.open_after_move = is_open(first) && moved.get() == first;
        moved = vr::Fd(second);
        trace.open_after_assign = !is_open(first) && is_open(second);
    }
    trace.closed_at_end = !is_open(second);
    return trace;
}

void fd_closes_once(void **) {
    FdTrace trace = trace_fd();
    expect_true(trace.open_inside);
    expect_true(trace.open_after_move);
    expect_true(trace.open_after_assign);
    expect_true(trace.closed_at_end);
}

void fd_empty(void **) {
    expect_true(!static_cast<bool>(vr::Fd()));
    expect_int(vr::Fd().get(), -1);
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(error_text), cmocka_unit_test(error_during),
        cmocka_unit_test(result),     cmocka_unit_test(fd_closes_once),
        cmocka_unit_test(fd_empty),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
