// SPDX-License-Identifier: GPL-2.0
//
// The typed calls: replies that lack something, lists under change. What they
// do when all is well is tested through vrctl, see test_commands.cpp.

#include <errno.h>
#include <linux/genetlink.h>
#include <linux/vrctx.h>

#include <memory>

#include "cli_fixture.hpp"
#include "cmocka.hpp"
#include "scripted_socket.hpp"
#include "vr/context.hpp"
#include "vr/device.hpp"
#include "vr/stats.hpp"
#include "vr/task.hpp"

namespace {

using wire::attr;
using wire::Bytes;
using wire::u32;
using wire::u64;

const Bytes family_attrs =
    attr(CTRL_ATTR_FAMILY_ID, wire::u16(FakeKernel::family)) +
    attr(CTRL_ATTR_MCAST_GROUPS,
         attr(1, attr(CTRL_ATTR_MCAST_GRP_NAME, wire::text("events")) +
                     attr(CTRL_ATTR_MCAST_GRP_ID, u32(7))));

// A call whose only reply has these attributes; 0 or the errno
template <typename Call>
int with_reply(const Bytes &attributes, Call call) {
    auto socket = std::make_unique<ScriptedSocket>();
    socket->answers = {
        {wire::message(GENL_ID_CTRL, 0, 1,
                       wire::genl(CTRL_CMD_NEWFAMILY, family_attrs))},
        {wire::ack(1, 0)},
        {wire::message(FakeKernel::family, 0, 2, wire::genl(1, attributes))},
        {wire::ack(2, 0)},
    };
    auto client = vr::Client::open(std::move(socket));
    if (!client)
        return -1;
    auto result = call(*client);
    return result ? 0 : result.error().code;
}

int context(const Bytes &attributes) {
    return with_reply(attributes, [](vr::Client &client) {
        return vr::get_context(client, vr::Ref::number(5));
    });
}

int created(const Bytes &attributes) {
    return with_reply(attributes, [](vr::Client &client) {
        return vr::create_context(client, 5, "red");
    });
}

int device(const Bytes &attributes) {
    return with_reply(attributes, [](vr::Client &client) {
        return vr::get_device(client, "eth0");
    });
}

int stats(const Bytes &attributes) {
    return with_reply(attributes, [](vr::Client &client) {
        return vr::get_stats(client, vr::Ref::number(5));
    });
}

int task(const Bytes &attributes) {
    return with_reply(
        attributes, [](vr::Client &client) { return vr::get_task(client, 9); });
}

const Bytes id = attr(VRCTX_A_CTX_ID, u32(5));
const Bytes ifindex = attr(VRCTX_A_CTX_IFINDEX, u32(3));
const Bytes ifname = attr(VRCTX_A_CTX_IFNAME, wire::text("eth0"));
const Bytes pid = attr(VRCTX_A_CTX_PID, u32(9));

void context_reply(void **) {
    expect_int(context(id), 0);
    expect_int(context({}), EBADMSG);
    expect_int(context(attr(VRCTX_A_CTX_ID, u64(5))), EBADMSG);
    expect_int(context(id + wire::raw({8, 0, 2, 0})), EBADMSG);
    expect_int(created(id), 0);
    expect_int(created({}), EBADMSG);
}

void device_reply(void **) {
    expect_int(device(id + ifindex + ifname), 0);
    expect_int(device(id + ifindex), EBADMSG);
    expect_int(device(id + ifname), EBADMSG);
    expect_int(device(ifindex + ifname), EBADMSG);
}

Bytes four_counters() {
    Bytes bytes = id;
    for (std::uint16_t type : {VRCTX_A_CTX_RX_PACKETS, VRCTX_A_CTX_TX_PACKETS,
                               VRCTX_A_CTX_FWD_PACKETS, VRCTX_A_CTX_NO_ROUTE})
        bytes = bytes + attr(type, u64(1));
    return bytes;
}

void stats_reply(void **) {
    expect_int(stats(four_counters()), EBADMSG);
    expect_int(stats(four_counters() + attr(VRCTX_A_CTX_WRONG_CTX, u64(1))), 0);
    expect_int(stats(four_counters() + attr(VRCTX_A_CTX_WRONG_CTX, u32(1))),
               EBADMSG);
}

void task_reply(void **) {
    expect_int(task(pid + id), 0);
    expect_int(task(pid), EBADMSG);
    expect_int(task(id), EBADMSG);
}

// Nothing but an ack where there must be a reply
int without_reply() {
    auto socket = std::make_unique<ScriptedSocket>();
    socket->answers = {
        {wire::message(GENL_ID_CTRL, 0, 1,
                       wire::genl(CTRL_CMD_NEWFAMILY, family_attrs))},
        {wire::ack(1, 0)},
        {wire::ack(2, 0)},
    };
    auto client = vr::Client::open(std::move(socket));
    if (!client)
        return -1;
    auto result = vr::get_context(*client, vr::Ref::number(5));
    return result ? 0 : result.error().code;
}

void no_reply(void **) {
    expect_int(without_reply(), EBADMSG);
}

vr::Result<vr::Client> open_client() {
    return vr::Client::open(
        std::make_unique<FakeSocket>(fixture->kernel, NETLINK_GENERIC));
}

// Number of contexts in the list, or -errno
int list(int interrupted, size_t per_datagram) {
    fixture->kernel.interrupted_dumps = interrupted;
    fixture->kernel.per_datagram = per_datagram;
    auto client = open_client();
    if (!client)
        return -1000;
    auto all = vr::list_contexts(*client);
    if (!all)
        return -all.error().code;
    for (size_t i = 0; i < all->size(); i++)
        if ((*all)[i].id != i)
            return -2000;
    return static_cast<int>(all->size());
}

void lists(void **) {
    for (uint32_t i = 1; i < 1000; i++)
        fixture->kernel.contexts[i];
    expect_int(list(0, 1), 1000);
    expect_int(list(0, 300), 1000);
    expect_int(list(1, 100), 1000);
    expect_int(list(3, 7), 1000);
    expect_int(list(1000000, 100), -EAGAIN);
}

// A reply after a failed list is still the right one.
bool works_after_failure() {
    auto client = open_client();
    if (!client)
        return false;
    auto missing = vr::list_devices(*client, vr::Ref{0, "none"});
    auto found = vr::get_context(*client, vr::Ref::number(0));
    return !missing && missing.error().code == ENOENT &&
           missing.error().text() ==
               "list devices of context none: no such context" &&
           found && found->name == "default";
}

void next_call(void **) {
    expect_true(works_after_failure());
}

// What vrctl does not ask for
size_t tasks_of_all() {
    fixture->kernel.contexts[5] = {"red"};
    fixture->kernel.tasks = {{1, 0}, {7, 5}, {8, 5}};
    auto client = open_client();
    auto tasks = vr::list_tasks(*client, std::nullopt);
    return tasks ? tasks->size() : 99;
}

void all_tasks(void **) {
    expect_int(tasks_of_all(), 2);
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(context_reply),
        cmocka_unit_test(device_reply),
        cmocka_unit_test(stats_reply),
        cmocka_unit_test(task_reply),
        cmocka_unit_test(no_reply),
        cmocka_unit_test_setup_teardown(lists, setup, teardown),
        cmocka_unit_test_setup_teardown(next_call, setup, teardown),
        cmocka_unit_test_setup_teardown(all_tasks, setup, teardown),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
