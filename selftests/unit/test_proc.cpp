// SPDX-License-Identifier: GPL-2.0
//
// The procfs interface, on ordinary files.

#include "vr/proc.hpp"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <cstdio>
#include <string>

#include "cmocka.hpp"

namespace {

char path[64];

int setup(void **) {
    std::snprintf(path, sizeof(path), "%s", "/tmp/vrctx-unit-XXXXXX");
    int fd = mkstemp(path);
    if (fd < 0)
        return -1;
    close(fd);
    return 0;
}

int teardown(void **) {
    unlink(path);
    return 0;
}

void fill(const char *content) {
    std::FILE *file = std::fopen(path, "w");
    if (!file)
        abort();
    std::fputs(content, file);
    std::fclose(file);
}

bool contains(const char *content) {
    char text[128] = {};
    std::FILE *file = std::fopen(path, "r");
    if (!file)
        return false;
    size_t size = std::fread(text, 1, sizeof(text) - 1, file);
    std::fclose(file);
    return std::string(text, size) == content;
}

bool reads(const char *content, uint32_t id, const char *name) {
    fill(content);
    auto own = vr::current_context(path);
    return own && own->id == id && own->name == name;
}

int read_error(const char *content) {
    fill(content);
    auto own = vr::current_context(path);
    return own ? 0 : own.error().code;
}

void reading(void **) {
    expect_true(reads("0 default\n", 0, "default"));
    expect_true(reads("5 red\n", 5, "red"));
    expect_true(reads("16777215 abcdefghijklmnopqrstuvwxyz_.-AZ\n", 16777215,
                      "abcdefghijklmnopqrstuvwxyz_.-AZ"));
    expect_true(reads("5 -\n", 5, ""));
}

void malformed(void **) {
    expect_int(read_error(""), EBADMSG);
    expect_int(read_error("\n"), EBADMSG);
    expect_int(read_error("5\n"), EBADMSG);
    expect_int(read_error("5 red"), EBADMSG);
    expect_int(read_error(" red\n"), EBADMSG);
    expect_int(read_error("red 5\n"), EBADMSG);
    expect_int(read_error("16777216 red\n"), EBADMSG);
}

bool enters(const char *ref, const char *content) {
    auto parsed = vr::Ref::parse(ref);
    fill("");
    return parsed && vr::enter_context(*parsed, path) && contains(content);
}

void entering(void **) {
    expect_true(enters("5", "5"));
    expect_true(enters("red", "red"));
    expect_true(enters("default", "0"));
    expect_true(enters("0", "0"));
}

// 0 or errno; whether the text is about the kernel
int missing(bool *about_kernel) {
    auto entered = vr::enter_context(vr::Ref::number(5), "/nonexistent/vrctx");
    auto own = vr::current_context("/nonexistent/vrctx");
    if (entered || own)
        return 0;
    *about_kernel =
        entered.error().text().find("CONFIG_NET_VRCTX") != std::string::npos &&
        own.error().text().find("CONFIG_NET_VRCTX") != std::string::npos;
    return entered.error().code == own.error().code ? own.error().code : -1;
}

void another_kernel(void **) {
    bool about_kernel = false;
    expect_int(missing(&about_kernel), ENOENT);
    expect_true(about_kernel);
}

int enter_error(const char *where) {
    auto entered = vr::enter_context(vr::Ref::number(5), where);
    return entered ? 0 : entered.error().code;
}

void refused(void **) {
    expect_int(enter_error("/dev/full"), ENOSPC);
    expect_int(enter_error("/"), EISDIR);
}

#define test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        test(reading),        test(malformed), test(entering),
        test(another_kernel), test(refused),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
