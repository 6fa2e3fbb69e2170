// SPDX-License-Identifier: GPL-2.0

#include "vr/event.hpp"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/vrctx.h>

#include <memory>

#include "cmocka.hpp"
#include "fake_kernel.hpp"

namespace {

using wire::attr;
using wire::Bytes;

constexpr uint16_t family = FakeKernel::family;

Bytes event(uint8_t command, const Bytes &attributes, uint16_t type = family) {
    return wire::message(type, 0, 0, wire::genl(command, attributes));
}

const Bytes red = attr(VRCTX_A_CTX_ID, wire::u32(5)) +
                  attr(VRCTX_A_CTX_NAME, wire::text("red"));
const Bytes eth0 = attr(VRCTX_A_CTX_IFINDEX, wire::u32(3)) +
                   attr(VRCTX_A_CTX_IFNAME, wire::text("eth0"));

// One datagram, decoded. Empty bytes stand for lost events.
vr::Result<std::vector<vr::Event>> read(const Bytes &datagram) {
    FakeKernel kernel;
    auto socket = std::make_unique<FakeSocket>(kernel, NETLINK_GENERIC);
    socket->events.push_back(datagram);
    auto client = vr::Client::open(std::move(socket));
    if (!client)
        return client.error();
    auto events = vr::Events::subscribe(*std::move(client));
    if (!events)
        return events.error();
    return events->read();
}

// Number of events, or -errno
int count(const Bytes &datagram) {
    auto events = read(datagram);
    return events ? static_cast<int>(events->size()) : -events.error().code;
}

bool is(const Bytes &datagram, const vr::Event &wanted) {
    auto events = read(datagram);
    if (!events || events->size() != 1)
        return false;
    const vr::Event &got = events->front();
    return got.kind == wanted.kind && got.id == wanted.id &&
           got.name == wanted.name && got.ifindex == wanted.ifindex &&
           got.ifname == wanted.ifname;
}

void kinds(void **) {
    using Kind = vr::Event::Kind;
    expect_true(
        is(event(VRCTX_CMD_CTX_NTF, red), {Kind::context, 5, "red", 0, ""}));
    expect_true(is(event(VRCTX_CMD_CTX_DEL_NTF, red),
                   {Kind::context_deleted, 5, "red", 0, ""}));
    expect_true(is(event(VRCTX_CMD_DEV_NTF, eth0 + red),
                   {Kind::device, 5, "red", 3, "eth0"}));
    expect_true(
        is(event(VRCTX_CMD_DEV_NTF, eth0 + attr(VRCTX_A_CTX_ID, wire::u32(0))),
           {Kind::device, 0, "default", 3, "eth0"}));
    expect_true(is({}, {Kind::lost, 0, "", 0, ""}));
}

void several_in_one(void **) {
    expect_int(count(event(VRCTX_CMD_CTX_NTF, red) +
                     event(VRCTX_CMD_DEV_NTF, eth0 + red) +
                     event(VRCTX_CMD_CTX_DEL_NTF, red)),
               3);
}

void others_are_ignored(void **) {
    expect_int(count(event(200, red)), 0);
    expect_int(count(event(VRCTX_CMD_CTX_NTF, {}, 0x99)), 0);
    expect_int(count(event(200, red) + event(VRCTX_CMD_CTX_NTF, red)), 1);
}

void malformed(void **) {
    expect_int(count(event(VRCTX_CMD_CTX_NTF, {})), -EBADMSG);
    expect_int(count(event(VRCTX_CMD_DEV_NTF, red)), -EBADMSG);
    expect_int(count(event(VRCTX_CMD_DEV_NTF, eth0)), -EBADMSG);
    expect_int(count(wire::message(family, 0, 0, {})), -EBADMSG);
    expect_int(count(wire::raw({1, 2, 3})), -EBADMSG);
}

int join(int error) {
    FakeKernel kernel;
    auto socket = std::make_unique<FakeSocket>(kernel, NETLINK_GENERIC);
    socket->join_error = error;
    auto client = vr::Client::open(std::move(socket));
    auto events = vr::Events::subscribe(*std::move(client));
    if (!events)
        return events.error().code;
    return kernel.log.back() == "join" ? 0 : -1;
}

void joins_the_group(void **) {
    expect_int(join(0), 0);
    expect_int(join(EPERM), EPERM);
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(kinds),
        cmocka_unit_test(several_in_one),
        cmocka_unit_test(others_are_ignored),
        cmocka_unit_test(malformed),
        cmocka_unit_test(joins_the_group),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
