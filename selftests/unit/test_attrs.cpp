// SPDX-License-Identifier: GPL-2.0

#include "attrs.hpp"

#include <errno.h>

#include <bit>
#include <string>

#include "cmocka.hpp"
#include "wire.hpp"

namespace {

using vr::netlink::Attrs;
using vr::netlink::Kind;
using wire::Bytes;
using wire::raw;

constexpr Kind kinds[] = {Kind::any, Kind::u32, Kind::string,
                          Kind::u64, Kind::u16, Kind::any};

// 0 or the errno
int parse(const Bytes &bytes) {
    auto attrs = Attrs::parse(bytes, kinds);
    return attrs ? 0 : attrs.error().code;
}

bool reads_each_kind() {
    Bytes bytes = wire::attr(1, wire::u32(0xdeadbeef)) +
                  wire::attr(2, wire::text("red")) +
                  wire::attr(3, wire::u64(0x0123456789abcdef)) +
                  wire::attr(4, wire::u16(0x1234)) +
                  wire::attr(5, raw({1, 2, 3}));
    auto attrs = Attrs::parse(bytes, kinds);
    return attrs && attrs->u32(1) == 0xdeadbeef && attrs->string(2) == "red" &&
           attrs->u64(3) == 0x0123456789abcdef && attrs->u16(4) == 0x1234 &&
           attrs->payload(5).size() == 3;
}

bool absent_is_zero() {
    auto attrs = Attrs::parse({}, kinds);
    return attrs && !attrs->has(1) && attrs->u32(1) == 0 &&
           attrs->u64(3) == 0 && attrs->u16(4) == 0 &&
           attrs->string(2).empty() && attrs->payload(5).empty();
}

void reading(void **) {
    expect_true(reads_each_kind());
    expect_true(absent_is_zero());
}

// As the kernel sends it: id 5, name "red", little endian
bool vector() {
    auto bytes = raw({8, 0, 1, 0, 5, 0, 0, 0, 8, 0, 2, 0, 'r', 'e', 'd', 0});
    auto attrs = Attrs::parse(bytes, kinds);
    return attrs && attrs->u32(1) == 5 && attrs->string(2) == "red";
}

void byte_vector(void **) {
    if (std::endian::native == std::endian::little)
        expect_true(vector());
}

void cut_off(void **) {
    expect_int(parse(raw({8})), EBADMSG);
    expect_int(parse(raw({8, 0, 1})), EBADMSG);
    expect_int(parse(raw({8, 0, 1, 0})), EBADMSG);
    expect_int(parse(raw({8, 0, 1, 0, 5, 0, 0})), EBADMSG);
    expect_int(parse(wire::attr(1, wire::u32(5)) + raw({8, 0, 2, 0})), EBADMSG);
    expect_int(parse(wire::attr(1, wire::u32(5)) + raw({0})), EBADMSG);
}

void impossible_length(void **) {
    expect_int(parse(raw({0, 0, 1, 0})), EBADMSG);
    expect_int(parse(raw({3, 0, 1, 0})), EBADMSG);
    expect_int(parse(raw({0xff, 0xff, 1, 0, 0, 0, 0, 0})), EBADMSG);
}

void wrong_size(void **) {
    expect_int(parse(wire::attr(1, {})), EBADMSG);
    expect_int(parse(wire::attr(1, wire::u16(5))), EBADMSG);
    expect_int(parse(wire::attr(1, wire::u64(5))), EBADMSG);
    expect_int(parse(wire::attr(3, wire::u32(5))), EBADMSG);
    expect_int(parse(wire::attr(4, wire::u32(5))), EBADMSG);
}

void string_without_end(void **) {
    expect_int(parse(wire::attr(2, {})), EBADMSG);
    expect_int(parse(wire::attr(2, raw({'r', 'e', 'd'}))), EBADMSG);
    expect_int(parse(wire::attr(2, raw({0}))), 0);
}

void last_one_unpadded(void **) {
    expect_int(parse(raw({7, 0, 2, 0, 'a', 'b', 0})), 0);
}

bool ignores_unknown() {
    Bytes bytes = wire::attr(6, raw({1})) + wire::attr(1000, {}) +
                  wire::attr(0x3fff, raw({1, 2})) + wire::attr(1, wire::u32(7));
    auto attrs = Attrs::parse(bytes, kinds);
    return attrs && attrs->u32(1) == 7;
}

bool ignores_nested_flag() {
    Bytes bytes = wire::attr(0x8000 | 5, raw({1, 2, 3, 4}));
    auto attrs = Attrs::parse(bytes, kinds);
    return attrs && attrs->payload(5).size() == 4;
}

bool takes_last_of_two() {
    Bytes bytes = wire::attr(1, wire::u32(7)) + wire::attr(1, wire::u32(8));
    auto attrs = Attrs::parse(bytes, kinds);
    return attrs && attrs->u32(1) == 8;
}

void newer_kernel(void **) {
    expect_true(ignores_unknown());
    expect_true(ignores_nested_flag());
    expect_true(takes_last_of_two());
}

int require(const Bytes &bytes) {
    auto attrs = Attrs::parse(bytes, kinds);
    if (!attrs)
        return -1;
    auto ok = attrs->require({1, 2});
    return ok ? 0 : ok.error().code;
}

void required(void **) {
    expect_int(
        require(wire::attr(1, wire::u32(7)) + wire::attr(2, wire::text("x"))),
        0);
    expect_int(require(wire::attr(1, wire::u32(7))), EBADMSG);
    expect_int(require({}), EBADMSG);
}

int behind_header(const Bytes &body) {
    Bytes bytes = wire::message(0x23, 0, 1, body);
    auto attrs =
        Attrs::of(*reinterpret_cast<const nlmsghdr *>(bytes.data()), 4, kinds);
    return attrs ? static_cast<int>(attrs->u32(1)) : -attrs.error().code;
}

void fixed_header(void **) {
    expect_int(behind_header(raw({1, 1, 0, 0}) + wire::attr(1, wire::u32(9))),
               9);
    expect_int(behind_header(raw({1, 1, 0, 0})), 0);
    expect_int(behind_header(raw({1, 1, 0})), -EBADMSG);
    expect_int(behind_header({}), -EBADMSG);
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(reading),
        cmocka_unit_test(byte_vector),
        cmocka_unit_test(cut_off),
        cmocka_unit_test(impossible_length),
        cmocka_unit_test(wrong_size),
        cmocka_unit_test(string_without_end),
        cmocka_unit_test(last_one_unpadded),
        cmocka_unit_test(newer_kernel),
        cmocka_unit_test(required),
        cmocka_unit_test(fixed_header),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
