// SPDX-License-Identifier: GPL-2.0

#include "vr/link.hpp"

#include <errno.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include <cstring>

#include "cmocka.hpp"
#include "scripted_socket.hpp"

namespace {

using wire::Bytes;

Bytes info(int index, unsigned flags) {
    ifinfomsg fixed{};
    fixed.ifi_index = index;
    fixed.ifi_flags = flags;
    Bytes bytes(sizeof(fixed));
    std::memcpy(bytes.data(), &fixed, sizeof(fixed));
    return bytes;
}

struct Got {
    int code;
    int ifindex;
    bool up;
    bool master;
    bool named;
    uint16_t name_attr;  // the request's
};

Got get(const Bytes &body, const std::string &ifname) {
    ScriptedSocket socket;
    if (!body.empty())
        socket.answers.push_back({wire::message(RTM_NEWLINK, 0, 1, body)});
    socket.answers.push_back({wire::ack(1, 0)});
    auto link = vr::get_link(socket, ifname);
    wire::Request request = wire::parse(socket.sent.at(0), sizeof(ifinfomsg));
    uint16_t name_attr = request.string(IFLA_IFNAME) == ifname ? IFLA_IFNAME
                         : request.string(IFLA_ALT_IFNAME) == ifname
                             ? IFLA_ALT_IFNAME
                             : 0;
    if (!link)
        return {link.error().code, 0, false, false, false, name_attr};
    return {
        0,        link->ifindex, link->up, link->master, link->ifname == "eth0",
        name_attr};
}

const Bytes eth0 = wire::attr(IFLA_IFNAME, wire::text("eth0"));

void reads_state(void **) {
    Got up = get(info(3, IFF_UP | IFF_RUNNING) + eth0, "eth0");
    expect_int(up.code, 0);
    expect_int(up.ifindex, 3);
    expect_true(up.up && up.named);
    expect_int(up.name_attr, IFLA_IFNAME);
    Got down = get(info(3, IFF_BROADCAST) + eth0, "eth0");
    expect_int(down.code, 0);
    expect_true(!down.up && !down.master);
    Got port = get(
        info(3, IFF_UP) + eth0 + wire::attr(IFLA_MASTER, wire::u32(9)), "eth0");
    expect_true(port.up && port.master);
}

// Names longer than an interface name can be are alternative names.
void alternative_name(void **) {
    expect_int(get(info(3, 0) + eth0, "fifteen_bytes__").name_attr,
               IFLA_IFNAME);
    expect_int(get(info(3, 0) + eth0, "sixteen_bytes___").name_attr,
               IFLA_ALT_IFNAME);
}

void malformed(void **) {
    expect_int(get(info(3, 0), "eth0").code, EBADMSG);
    expect_int(get(wire::raw({0, 0, 0, 0}), "eth0").code, EBADMSG);
    expect_int(get(info(3, 0) + wire::raw({8, 0, 3, 0}), "eth0").code, EBADMSG);
    expect_int(get({}, "eth0").code, EBADMSG);
}

int refused() {
    ScriptedSocket socket;
    socket.answers.push_back({wire::ack(1, -ENODEV)});
    auto link = vr::get_link(socket, "none");
    return link ? 0 : link.error().code;
}

void no_device(void **) {
    expect_int(refused(), ENODEV);
}

struct Set {
    int code;
    uint16_t type;
    ifinfomsg info;
    bool text;
};

Set set(bool up, int error) {
    ScriptedSocket socket;
    socket.answers.push_back({wire::ack(1, -error)});
    auto ok = vr::set_link_up(socket, {3, "eth0", !up, false}, up);
    wire::Request request = wire::parse(socket.sent.at(0), sizeof(ifinfomsg));
    Set got{ok ? 0 : ok.error().code, request.type, {}, false};
    std::memcpy(&got.info, request.fixed.data(), sizeof(got.info));
    got.text = !ok && ok.error().text() ==
                          (up ? "bring up eth0: Operation not permitted"
                              : "take down eth0: Operation not permitted");
    return got;
}

void sets_state(void **) {
    for (bool up : {false, true}) {
        Set got = set(up, 0);
        expect_int(got.code, 0);
        expect_int(got.type, RTM_SETLINK);
        expect_int(got.info.ifi_index, 3);
        expect_int(got.info.ifi_flags, up ? IFF_UP : 0);
        expect_int(got.info.ifi_change, IFF_UP);
        Set no = set(up, EPERM);
        expect_int(no.code, EPERM);
        expect_true(no.text);
    }
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(reads_state), cmocka_unit_test(alternative_name),
        cmocka_unit_test(malformed),   cmocka_unit_test(no_device),
        cmocka_unit_test(sets_state),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
