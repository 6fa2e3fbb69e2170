// SPDX-License-Identifier: GPL-2.0

#include "vr/ref.hpp"

#include <errno.h>

#include <string>

#include "cmocka.hpp"
#include "vr/abi.hpp"

namespace {

constexpr char bytes31[] = "abcdefghijklmnopqrstuvwxyz_.-AZ";
constexpr char bytes32[] = "abcdefghijklmnopqrstuvwxyz_.-AZ9";
static_assert(sizeof(bytes31) == 31 + 1 && sizeof(bytes32) == 32 + 1);

// 0 or the errno
int parse(const char *text) {
    auto ref = vr::Ref::parse(text);
    return ref ? 0 : ref.error().code;
}

// Is it this number, and does it print as it was meant?
bool is_number(const char *text, uint32_t id) {
    auto ref = vr::Ref::parse(text);
    return ref && !ref->by_name() && ref->id == id &&
           ref->text() == std::to_string(id);
}

bool is_name(const char *text) {
    auto ref = vr::Ref::parse(text);
    return ref && ref->by_name() && ref->name == text && ref->text() == text;
}

int parse_new(const char *text) {
    auto name = vr::parse_new_name(text);
    return name ? 0 : name.error().code;
}

int number(const char *text, uint32_t max) {
    auto value = vr::parse_number(text, max);
    return value ? static_cast<int>(*value) : -value.error().code;
}

void numbers(void **) {
    expect_true(is_number("0", 0));
    expect_true(is_number("1", 1));
    expect_true(is_number("007", 7));
    expect_true(is_number("16777215", VRCTX_ID_MAX));
    expect_true(is_number("default", 0));
}

void numbers_too_large(void **) {
    expect_int(parse("16777216"), ERANGE);
    expect_int(parse("4294967295"), ERANGE);
    expect_int(parse("4294967296"), ERANGE);
    expect_int(parse("99999999999999999999999999"), ERANGE);
}

void names(void **) {
    expect_true(is_name("red"));
    expect_true(is_name("a"));
    expect_true(is_name("1a"));
    expect_true(is_name("0x10"));
    expect_true(is_name("a.b-c_D9"));
    expect_true(is_name("-x"));
    expect_true(is_name("Default"));
    expect_true(is_name(bytes31));
}

void names_refused(void **) {
    expect_int(parse(""), EINVAL);
    expect_int(parse(bytes32), EINVAL);
    expect_int(parse("a b"), EINVAL);
    expect_int(parse(" red"), EINVAL);
    expect_int(parse(" 1"), EINVAL);
    expect_int(parse("1 "), EINVAL);
    expect_int(parse("+1"), EINVAL);
    expect_int(parse("a/b"), EINVAL);
    expect_int(parse("a\nb"), EINVAL);
    expect_int(parse("r\xc3\xb6t"), EINVAL);
    expect_int(parse("\xd9\xa1"), EINVAL);
}

void negative_number_is_a_name(void **) {
    expect_true(is_name("-1"));
}

void new_names(void **) {
    expect_int(parse_new("red"), 0);
    expect_int(parse_new(bytes31), 0);
    expect_int(parse_new(bytes32), EINVAL);
    expect_int(parse_new(""), EINVAL);
    expect_int(parse_new("5"), EINVAL);
    expect_int(parse_new("0"), EINVAL);
    expect_int(parse_new("99999999999999999999999999"), EINVAL);
    expect_int(parse_new("default"), EINVAL);
    expect_int(parse_new("-"), EINVAL);
    expect_int(parse_new("a b"), EINVAL);
    expect_int(parse_new("r\xc3\xb6t"), EINVAL);
}

void plain_numbers(void **) {
    expect_int(number("0", 10), 0);
    expect_int(number("10", 10), 10);
    expect_int(number("11", 10), -ERANGE);
    expect_int(number("", 10), -EINVAL);
    expect_int(number("-1", 10), -EINVAL);
    expect_int(number("1x", 10), -EINVAL);
    expect_int(number("x", 10), -EINVAL);
    expect_int(number("default", 10), -EINVAL);
}

bool matches(const char *text, uint32_t id, const char *name) {
    auto ref = vr::Ref::parse(text);
    return ref && ref->matches(id, name);
}

void matching(void **) {
    expect_true(matches("5", 5, "red"));
    expect_true(matches("red", 5, "red"));
    expect_true(matches("default", 0, "default"));
    expect_true(!matches("5", 6, "red"));
    expect_true(!matches("red", 0, "blue"));
    expect_true(!matches("red", 0, ""));
}

bool names_the_text(const char *text, const char *expected) {
    auto ref = vr::Ref::parse(text);
    return !ref && ref.error().text() == expected;
}

void reasons(void **) {
    expect_true(names_the_text("", "'': a name cannot be empty"));
    expect_true(names_the_text("a b",
                               "'a b': a name consists of letters, digits, "
                               "'_', '.' and '-'"));
    expect_true(names_the_text("16777216",
                               "'16777216': the largest number is 16777215"));
    expect_true(names_the_text(bytes32,
                               "'abcdefghijklmnopqrstuvwxyz_.-AZ9': "
                               "a name has at most 31 bytes"));
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(numbers),
        cmocka_unit_test(numbers_too_large),
        cmocka_unit_test(names),
        cmocka_unit_test(names_refused),
        cmocka_unit_test(negative_number_is_a_name),
        cmocka_unit_test(new_names),
        cmocka_unit_test(plain_numbers),
        cmocka_unit_test(matching),
        cmocka_unit_test(reasons),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
