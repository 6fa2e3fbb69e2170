// SPDX-License-Identifier: GPL-2.0
//
// Requests against their bytes (little endian).

#include "message.hpp"

#include <linux/vrctx.h>

#include <algorithm>
#include <bit>
#include <string>

#include "cmocka.hpp"
#include "wire.hpp"

static_assert(std::endian::native == std::endian::little);

namespace {

using vr::netlink::Message;

bool same(Message &message, const wire::Bytes &expected) {
    auto bytes = message.bytes();
    return std::equal(bytes.begin(), bytes.end(), expected.begin(),
                      expected.end());
}

bool plain() {
    Message message(0x1234);
    return !message.overflow() &&
           same(message, wire::raw({16, 0, 0, 0, 0x34, 0x12, 0, 0,  //
                                    0, 0, 0, 0, 0, 0, 0, 0}));
}

bool create_by_both() {
    Message message = Message::generic(0x23, VRCTX_CMD_CTX_NEW);
    message.put_u32(VRCTX_A_CTX_ID, 0x00ffffff)
        .put_string(VRCTX_A_CTX_NAME, "red");
    return same(message, wire::raw({36, 0, 0, 0, 0x23, 0,    0,    0,  // header
                                    0,  0, 0, 0, 0,    0,    0,    0,  //
                                    2,  1, 0, 0,                       // genl
                                    8,  0, 1, 0, 0xff, 0xff, 0xff, 0,
                                    8,  0, 2, 0, 'r',  'e',  'd',  0}));
}

bool delete_forced() {
    Message message = Message::generic(0x23, VRCTX_CMD_CTX_DEL);
    message.put_string(VRCTX_A_CTX_NAME, "ab").put_flag(VRCTX_A_CTX_FORCE);
    return same(message, wire::raw({32, 0, 0, 0, 0x23, 0,   0, 0,  //
                                    0,  0, 0, 0, 0,    0,   0, 0,  //
                                    3,  1, 0, 0,                   //
                                    7,  0, 2, 0, 'a',  'b', 0, 0,  // padded
                                    4,  0, 3, 0}));
}

bool fixed_header() {
    Message message(16);
    auto *bytes = static_cast<unsigned char *>(message.put_header(6));
    bool zero = std::all_of(bytes, bytes + 6, [](int b) { return b == 0; });
    bytes[5] = 9;
    message.put_u32(3, 1);
    return zero && same(message, wire::raw({32, 0, 0, 0, 16, 0, 0, 0,  //
                                            0,  0, 0, 0, 0,  0, 0, 0,  //
                                            0,  0, 0, 0, 0,  9, 0, 0,  //
                                            8,  0, 3, 0, 1,  0, 0, 0}));
}

void vectors(void **) {
    expect_true(plain());
    expect_true(create_by_both());
    expect_true(delete_forced());
    expect_true(fixed_header());
}

// A string of that many bytes: does it fit?
bool fits(size_t size) {
    Message message = Message::generic(0x23, VRCTX_CMD_DEV_GET);
    message.put_string(VRCTX_A_CTX_IFNAME, std::string(size, 'x'));
    return !message.overflow();
}

bool overflow_by_small_ones() {
    Message number = Message::generic(0x23, 1);
    for (int i = 0; i < 1000; i++)
        number.put_u32(1, 1);
    Message flag = Message::generic(0x23, 1);
    for (int i = 0; i < 1000; i++)
        flag.put_flag(3);
    return number.overflow() && flag.overflow() &&
           number.bytes().size() <= 1024 && flag.bytes().size() <= 1024;
}

void overflow(void **) {
    expect_true(fits(0));
    expect_true(fits(900));
    expect_true(!fits(1024));
    expect_true(!fits(100000));
    expect_true(overflow_by_small_ones());
}

bool copies() {
    Message first = Message::generic(0x23, 1);
    Message second = first;
    second.put_u32(1, 2);
    return first.bytes().size() == 20 && second.bytes().size() == 28;
}

void copy_is_independent(void **) {
    expect_true(copies());
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(vectors),
        cmocka_unit_test(overflow),
        cmocka_unit_test(copy_is_independent),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
