// SPDX-License-Identifier: GPL-2.0

#include "genl.hpp"

#include <errno.h>
#include <linux/genetlink.h>

#include <memory>

#include "cmocka.hpp"
#include "fake_kernel.hpp"
#include "scripted_socket.hpp"
#include "vr/client.hpp"

namespace {

using wire::attr;
using wire::Bytes;

struct Resolved {
    int code;
    uint16_t id;
    uint32_t group;
};

Resolved resolve(const Bytes &attributes) {
    ScriptedSocket socket;
    socket.answers.push_back({wire::message(
        GENL_ID_CTRL, 0, 1, wire::genl(CTRL_CMD_NEWFAMILY, attributes))});
    socket.answers.push_back({wire::ack(1, 0)});
    auto family = vr::netlink::resolve(socket, "vrctx");
    if (!family)
        return {family.error().code, 0, 0};
    return {0, family->id, family->groups["events"]};
}

Bytes group(const char *name, uint32_t id) {
    return attr(CTRL_ATTR_MCAST_GRP_NAME, wire::text(name)) +
           attr(CTRL_ATTR_MCAST_GRP_ID, wire::u32(id));
}

const Bytes family_id = attr(CTRL_ATTR_FAMILY_ID, wire::u16(0x23));

void resolves(void **) {
    Resolved got = resolve(family_id + attr(CTRL_ATTR_MCAST_GROUPS,
                                            attr(1, group("other", 6)) +
                                                attr(2, group("events", 7))));
    expect_int(got.code, 0);
    expect_int(got.id, 0x23);
    expect_int(got.group, 7);
}

void without_groups(void **) {
    Resolved got = resolve(family_id);
    expect_int(got.code, 0);
    expect_int(got.group, 0);
}

void malformed(void **) {
    expect_int(resolve({}).code, EBADMSG);
    expect_int(resolve(attr(CTRL_ATTR_FAMILY_ID, wire::u32(0x23))).code,
               EBADMSG);
    expect_int(resolve(family_id + attr(CTRL_ATTR_MCAST_GROUPS,
                                        attr(1, attr(CTRL_ATTR_MCAST_GRP_ID,
                                                     wire::u32(7)))))
                   .code,
               EBADMSG);
    expect_int(resolve(family_id + attr(CTRL_ATTR_MCAST_GROUPS,
                                        attr(1, wire::raw({9, 0, 1, 0}))))
                   .code,
               EBADMSG);
}

// The request itself: GETFAMILY with the name
bool asks_by_name() {
    ScriptedSocket socket;
    auto ignored = vr::netlink::resolve(socket, "vrctx");
    wire::Request request = wire::parse(socket.sent.at(0), 4);
    return !ignored && request.type == GENL_ID_CTRL &&
           request.command == CTRL_CMD_GETFAMILY &&
           request.string(CTRL_ATTR_FAMILY_NAME) == "vrctx" &&
           request.attrs.size() == 1;
}

void request(void **) {
    expect_true(asks_by_name());
}

struct Opened {
    int code;
    bool says_config;
    uint16_t family;
    uint32_t group;
};

Opened open_client(bool has_family) {
    FakeKernel kernel;
    kernel.has_family = has_family;
    auto client =
        vr::Client::open(std::make_unique<FakeSocket>(kernel, NETLINK_GENERIC));
    if (!client)
        return {
            client.error().code,
            client.error().text().find("CONFIG_NET_VRCTX") != std::string::npos,
            0, 0};
    return {0, false, client->family(), client->events_group()};
}

void client(void **) {
    Opened got = open_client(true);
    expect_int(got.code, 0);
    expect_int(got.family, FakeKernel::family);
    expect_int(got.group, FakeKernel::events_group);
}

void client_on_another_kernel(void **) {
    Opened got = open_client(false);
    expect_int(got.code, ENOENT);
    expect_true(got.says_config);
}

int client_error(std::initializer_list<ScriptedSocket::Answer> answers) {
    auto socket = std::make_unique<ScriptedSocket>();
    socket->answers = answers;
    auto client = vr::Client::open(std::move(socket));
    return client ? 0 : client.error().code;
}

void client_refused(void **) {
    expect_int(client_error({{wire::ack(1, -EPERM)}}), EPERM);
    expect_int(client_error({{wire::ack(1, 0)}}), EBADMSG);
    expect_int(client_error(
                   {{wire::message(GENL_ID_CTRL, 0, 1,
                                   wire::genl(CTRL_CMD_NEWFAMILY, family_id))},
                    {wire::ack(1, 0)}}),
               EBADMSG);
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(resolves),
        cmocka_unit_test(without_groups),
        cmocka_unit_test(malformed),
        cmocka_unit_test(request),
        cmocka_unit_test(client),
        cmocka_unit_test(client_on_another_kernel),
        cmocka_unit_test(client_refused),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
