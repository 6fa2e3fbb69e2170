// SPDX-License-Identifier: GPL-2.0
//
// Distributed hosts: what is asked of the kernel, what its answers become, and
// the words of vrctl dhost.

#include "vr/dhost.hpp"

#include <errno.h>
#include <linux/genetlink.h>
#include <linux/vr_dhost.h>

#include <memory>

#include "cli.hpp"
#include "cli_fixture.hpp"
#include "cmocka.hpp"
#include "dhost.hpp"
#include "scripted_socket.hpp"
#include "vr/dhost_event.hpp"

namespace {

using wire::attr;
using wire::Bytes;
using wire::u16;
using wire::u32;
using wire::u64;

constexpr uint16_t family = 0x31;
const vr::dhost::Key key{vr::dhost::Ipv4{10, 0, 0, 1}, 7, 42};
const vr::dhost::Key key6{
    vr::dhost::Ipv6{0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};
const Bytes raw6 =
    wire::raw({0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1});
const Bytes any6 = wire::raw({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0});
const Bytes address = attr(VR_DHOST_A_DHOST_ADDRESS, wire::raw({10, 0, 0, 1})) +
                      attr(VR_DHOST_A_DHOST_CONTEXT, u32(7));

// One request on a scripted kernel: what it was, what came of it
struct Asked {
    int code = 0;
    std::string error;
    wire::Request request;
    bool opened = false;
};

Bytes family_reply(uint32_t sequence) {
    Bytes group =
        attr(CTRL_ATTR_MCAST_GRP_ID, u32(9)) +
        attr(CTRL_ATTR_MCAST_GRP_NAME, wire::text(VR_DHOST_MCGRP_EVENTS));
    return wire::message(
        GENL_ID_CTRL, 0, sequence,
        wire::genl(CTRL_CMD_NEWFAMILY,
                   attr(CTRL_ATTR_FAMILY_ID, u16(family)) +
                       attr(CTRL_ATTR_MCAST_GROUPS | NLA_F_NESTED,
                            attr(1 | NLA_F_NESTED, group))));
}

template <typename Call>
Asked ask(std::initializer_list<Bytes> answers, Call call) {
    auto owned = std::make_unique<ScriptedSocket>();
    ScriptedSocket &socket = *owned;
    socket.answers.push_back({family_reply(1) + wire::ack(1, 0)});
    for (const Bytes &answer : answers)
        socket.answers.push_back({answer});
    Asked asked;
    auto client = vr::Client::open_dhost(std::move(owned));
    if (!client)
        return asked;
    asked.opened = true;
    auto result = call(*client);
    if (!result) {
        asked.code = result.error().code;
        asked.error = result.error().text();
    }
    asked.request = wire::parse(socket.sent.at(1), GENL_HDRLEN);
    return asked;
}

bool is(const Asked &asked, uint8_t command, uint16_t type,
        const Bytes &payload) {
    return asked.opened && asked.request.type == family &&
           asked.request.command == command &&
           asked.request.attrs.count(type) &&
           asked.request.attrs.at(type) == payload;
}

void no_module(void **) {
    expect_int(vrctl_run("dhost", "show"), 1);
    expect_text(err(),
                "vrctl: find distributed hosts: the module vr_dhost is not "
                "loaded\n");
}

bool adds_a_host() {
    Asked asked = ask({wire::ack(2, 0)}, [](vr::Client &client) {
        return vr::dhost::add_host(client, {.key = key,
                                            .own = 3,
                                            .lead = 3,
                                            .slice = {{100, 199}},
                                            .timeout = 50});
    });
    return asked.code == 0 &&
           is(asked, VR_DHOST_CMD_HOST_NEW, VR_DHOST_A_DHOST_ADDRESS,
              wire::raw({10, 0, 0, 1})) &&
           is(asked, VR_DHOST_CMD_HOST_NEW, VR_DHOST_A_DHOST_EPOCH, u64(42)) &&
           is(asked, VR_DHOST_CMD_HOST_NEW, VR_DHOST_A_DHOST_OWN, u32(3)) &&
           is(asked, VR_DHOST_CMD_HOST_NEW, VR_DHOST_A_DHOST_SLICE_MAX,
              u16(199)) &&
           is(asked, VR_DHOST_CMD_HOST_NEW, VR_DHOST_A_DHOST_TIMEOUT, u32(50));
}

bool adds_a_host_of_ipv6() {
    Asked asked = ask({wire::ack(2, 0)}, [](vr::Client &client) {
        return vr::dhost::add_host(client, {.key = key6, .own = 3});
    });
    return asked.code == 0 &&
           is(asked, VR_DHOST_CMD_HOST_NEW, VR_DHOST_A_DHOST_ADDRESS, raw6);
}

bool adds_a_member() {
    Asked asked = ask({wire::ack(2, 0)}, [](vr::Client &client) {
        return vr::dhost::add_member(
            client, key,
            {.node = 2, .ifname = "eth0", .lladdr = {2, 0, 0, 0, 0, 2}});
    });
    return asked.code == 0 &&
           is(asked, VR_DHOST_CMD_MEMBER_NEW, VR_DHOST_A_DHOST_LLADDR,
              wire::raw({2, 0, 0, 0, 0, 2})) &&
           is(asked, VR_DHOST_CMD_MEMBER_NEW, VR_DHOST_A_DHOST_IFNAME,
              wire::text("eth0")) &&
           !asked.request.attrs.count(VR_DHOST_A_DHOST_SLICE_MIN);
}

bool sets_ports() {
    Asked asked = ask({wire::ack(2, 0)}, [](vr::Client &client) {
        return vr::dhost::set_ports(client, key, 6, {80, 90}, 2);
    });
    return asked.code == 0 &&
           is(asked, VR_DHOST_CMD_PORT_SET, VR_DHOST_A_DHOST_PROTOCOL,
              wire::raw({6})) &&
           is(asked, VR_DHOST_CMD_PORT_SET, VR_DHOST_A_DHOST_PORT, u16(80)) &&
           is(asked, VR_DHOST_CMD_PORT_SET, VR_DHOST_A_DHOST_PORT_LAST,
              u16(90)) &&
           is(asked, VR_DHOST_CMD_PORT_SET, VR_DHOST_A_DHOST_NODE, u32(2));
}

// One attribute for each; the fake keeps the last of them.
bool shares_ports() {
    const std::uint32_t owners[] = {3, 1};
    Asked one = ask({wire::ack(2, 0)}, [&](vr::Client &client) {
        return vr::dhost::share_ports(client, key, 17, {53, 53},
                                      std::span(owners).first(1));
    });
    Asked both = ask({wire::ack(2, 0)}, [&](vr::Client &client) {
        return vr::dhost::share_ports(client, key, 17, {53, 53}, owners);
    });
    return both.code == 0 &&
           is(one, VR_DHOST_CMD_PORT_SET, VR_DHOST_A_DHOST_OWNER, u32(3)) &&
           is(both, VR_DHOST_CMD_PORT_SET, VR_DHOST_A_DHOST_OWNER, u32(1)) &&
           !both.request.attrs.count(VR_DHOST_A_DHOST_NODE);
}

bool sets_grants() {
    Asked asked = ask({wire::ack(2, 0)}, [](vr::Client &client) {
        return vr::dhost::set_grants(client, key, vr::dhost::Grants::allow, 0);
    });
    return asked.code == 0 &&
           is(asked, VR_DHOST_CMD_HOST_SET, VR_DHOST_A_DHOST_GRANTS, u32(2)) &&
           !asked.request.attrs.count(VR_DHOST_A_DHOST_LEAD) &&
           !asked.request.attrs.count(VR_DHOST_A_DHOST_TIMEOUT);
}

void requests(void **) {
    expect_true(adds_a_host());
    expect_true(adds_a_host_of_ipv6());
    expect_true(adds_a_member());
    expect_true(sets_ports());
    expect_true(shares_ports());
    expect_true(sets_grants());
}

bool says_why() {
    Asked asked = ask(
        {wire::ack(2, -ESTALE, "The epoch is stale")},
        [](vr::Client &client) { return vr::dhost::set_lead(client, key, 2); });
    return asked.code == ESTALE && asked.error ==
                                       "set the lead of 10.0.0.1 in context "
                                       "7: The epoch is stale";
}

void refusal(void **) {
    expect_true(says_why());
}

Bytes host_reply(const Bytes &more) {
    Bytes stats;
    for (uint16_t i = VR_DHOST_A_STATS_LOCAL; i <= VR_DHOST_A_STATS_MOVED; i++)
        if (i != VR_DHOST_A_STATS_PAD)
            stats = stats + attr(i, u64(100 + i));
    return wire::message(
        family, 0, 2,
        wire::genl(VR_DHOST_CMD_HOST_GET,
                   address + attr(VR_DHOST_A_DHOST_OWN, u32(1)) +
                       attr(VR_DHOST_A_DHOST_LEAD, u32(2)) +
                       attr(VR_DHOST_A_DHOST_EPOCH, u64(42)) +
                       attr(VR_DHOST_A_DHOST_GRANTS, u32(1)) +
                       attr(VR_DHOST_A_DHOST_PORTS, u32(5)) + more +
                       attr(VR_DHOST_A_DHOST_STATS | NLA_F_NESTED, stats)));
}

Bytes member(uint32_t node) {
    return attr(
        VR_DHOST_A_DHOST_MEMBER | NLA_F_NESTED,
        attr(VR_DHOST_A_MEMBER_NODE, u32(node)) +
            attr(VR_DHOST_A_MEMBER_IFINDEX, u32(4)) +
            attr(VR_DHOST_A_MEMBER_LLADDR, wire::raw({2, 0, 0, 0, 0, 0xab})) +
            attr(VR_DHOST_A_MEMBER_SLICE_MIN, u16(1)) +
            attr(VR_DHOST_A_MEMBER_SLICE_MAX, u16(9)));
}

std::string shown(const Bytes &reply) {
    std::string text;
    ask({reply, wire::ack(2, 0)}, [&](vr::Client &client) -> vr::Result<void> {
        auto host = vr::dhost::get_host(client, key);
        if (!host)
            return host.error();
        text = vrctl::to_json(vrctl::dhost::record(*host)) +
               vrctl::to_json(vrctl::dhost::record(host->members.back())) +
               std::to_string(host->members.size());
        return {};
    });
    return text;
}

void shows_a_host(void **) {
    static std::string text;
    text = shown(host_reply(member(2) + member(3)));
    expect_text(text.c_str(),
                "{\"address\":\"10.0.0.1\",\"ctx\":7,\"own\":1,\"lead\":2,"
                "\"epoch\":42,\"slice\":null,\"grants\":\"refuse\","
                "\"timeout\":0,\"handover\":\"on\",\"members\":2,"
                "\"ports\":5,\"local\":101,"
                "\"as_lead\":102,\"handed_over\":103,\"flooded\":104,"
                "\"ignored\":105,\"failed\":106,\"from_member\":107,"
                "\"fragments\":108,\"arp_ignored\":109,"
                "\"arp_silenced\":110,\"spread\":112,\"moved\":113}\n"
                "{\"node\":3,\"ifindex\":4,\"lladdr\":\"02:00:00:00:00:ab\","
                "\"slice\":\"1-9\"}\n2");
}

Bytes port_reply(uint16_t port, const Bytes &who) {
    return wire::message(
        family, NLM_F_MULTI, 2,
        wire::genl(VR_DHOST_CMD_PORT_GET,
                   address + attr(VR_DHOST_A_DHOST_PROTOCOL, wire::raw({6})) +
                       attr(VR_DHOST_A_DHOST_PORT, u16(port)) + who));
}

std::string ports(const Bytes &reply) {
    std::string text;
    Asked asked = ask(
        {reply + wire::done(2)}, [&](vr::Client &client) -> vr::Result<void> {
            auto all = vr::dhost::list_ports(client, key);
            if (!all)
                return all.error();
            for (const vr::dhost::Port &port : *all)
                text += vrctl::to_json(vrctl::dhost::record(port));
            return {};
        });
    return asked.code ? std::to_string(asked.code) : text;
}

void shows_ports(void **) {
    static std::string text;
    text = ports(port_reply(80, attr(VR_DHOST_A_DHOST_NODE, u32(2))) +
                 port_reply(81, attr(VR_DHOST_A_DHOST_OWNER, u32(3)) +
                                    attr(VR_DHOST_A_DHOST_OWNER, u32(1))));
    expect_text(text.c_str(),
                "{\"protocol\":\"tcp\",\"port\":80,\"node\":2,"
                "\"owners\":null}\n"
                "{\"protocol\":\"tcp\",\"port\":81,\"node\":null,"
                "\"owners\":\"3,1\"}\n");
    text = ports(port_reply(80, {}));
    expect_text(text.c_str(), std::to_string(EBADMSG).c_str());
    text = ports(port_reply(80, attr(VR_DHOST_A_DHOST_OWNER, u32(1)) +
                                    attr(VR_DHOST_A_DHOST_OWNER, u16(1))));
    expect_text(text.c_str(), std::to_string(EBADMSG).c_str());
}

bool nodes_are(const std::string &word, std::vector<std::uint32_t> nodes) {
    auto parsed = vrctl::dhost::parse_nodes(word);
    return parsed ? *parsed == nodes : nodes.empty();
}

void owners(void **) {
    expect_true(nodes_are("1", {1}));
    expect_true(nodes_are("3,1,2", {3, 1, 2}));
    for (const char *word : {"", ",", "1,", ",1", "1,,2", "1,0", "1 ,2", "a"})
        expect_true(nodes_are(word, {}));
}

Bytes socket_reply(const Bytes &address, const Bytes &more) {
    return wire::message(
        family, NLM_F_MULTI, 2,
        wire::genl(VR_DHOST_CMD_SOCK_GET,
                   attr(VR_DHOST_A_DHOST_ADDRESS, address) +
                       attr(VR_DHOST_A_DHOST_SEQ, u64(5)) +
                       attr(VR_DHOST_A_DHOST_EVENT, u32(1)) +
                       attr(VR_DHOST_A_DHOST_PROTOCOL, wire::raw({6})) +
                       attr(VR_DHOST_A_DHOST_PORT, u16(80)) +
                       attr(VR_DHOST_A_DHOST_COOKIE, u64(9)) + more));
}

std::string listed(const Bytes &reply) {
    std::string text;
    ask({reply + wire::done(2)}, [&](vr::Client &client) -> vr::Result<void> {
        auto sockets = vr::dhost::list_sockets(client);
        if (!sockets)
            return sockets.error();
        for (const vr::dhost::Event &event : *sockets)
            text += vrctl::to_json(vrctl::dhost::record(event));
        return {};
    });
    return text;
}

void shows_sockets(void **) {
    static std::string text;
    text = listed(
        socket_reply(raw6, attr(VR_DHOST_A_DHOST_PEER, raw6) +
                               attr(VR_DHOST_A_DHOST_PEER_PORT, u16(7))) +
        socket_reply(any6, attr(VR_DHOST_A_DHOST_V6ONLY, {})));
    expect_text(text.c_str(),
                "{\"event\":\"listening\",\"address\":\"fd00::1\",\"ctx\":0,"
                "\"v6only\":null,\"protocol\":\"tcp\",\"port\":80,"
                "\"peer\":\"fd00::1\",\"peer_port\":7,\"cookie\":9,\"pid\":0,"
                "\"seq\":5}\n"
                "{\"event\":\"listening\",\"address\":\"::\",\"ctx\":0,"
                "\"v6only\":1,\"protocol\":\"tcp\",\"port\":80,"
                "\"peer\":null,\"peer_port\":0,\"cookie\":9,\"pid\":0,"
                "\"seq\":5}\n");
}

int malformed_code(const Bytes &reply) {
    return ask({reply, wire::ack(2, 0)},
               [&](vr::Client &client) -> vr::Result<void> {
                   auto host = vr::dhost::get_host(client, key);
                   if (!host)
                       return host.error();
                   return {};
               })
        .code;
}

void malformed(void **) {
    expect_int(malformed_code(wire::message(
                   family, 0, 2, wire::genl(VR_DHOST_CMD_HOST_GET, address))),
               EBADMSG);
    expect_int(malformed_code(host_reply(
                   attr(VR_DHOST_A_DHOST_MEMBER | NLA_F_NESTED, {}))),
               EBADMSG);
    expect_int(
        malformed_code(host_reply(attr(VR_DHOST_A_DHOST_SLICE_MAX, u32(1)))),
        EBADMSG);
}

bool same_address(const std::string &text) {
    auto parsed = vr::dhost::parse_ip(text);
    return parsed && vr::dhost::text(*parsed) == text;
}

bool same_mac(const std::string &text) {
    auto parsed = vr::dhost::parse_mac(text);
    return parsed && vr::dhost::text(*parsed) == text;
}

bool same_range(const std::string &text) {
    auto parsed = vr::dhost::parse_range(text);
    return parsed && vr::dhost::text(*parsed) == text;
}

void texts(void **) {
    expect_true(same_address("10.0.0.1") && same_address("fd00::1"));
    for (const char *bad : {"", "10.0.0", "10.0.0.256", "1::2::3", "fd00::1/64",
                            "10.0.0.1/24", "fe80::1%eth0"})
        expect_true(!same_address(bad));
    expect_true(same_mac("02:00:00:00:00:0f"));
    for (const char *bad : {"", "02:00:00:00:00", "02-00-00-00-00-0f",
                            "02:00:00:00:00:0g", "02:00:00:00:00:0f:1"})
        expect_true(!same_mac(bad));
    expect_true(same_range("80") && same_range("1-65535"));
    for (const char *bad : {"", "-", "1-", "-1", "2-1", "65536", "1-2-3", "x"})
        expect_true(!same_range(bad));
}

#define expect_usage(...)                                            \
    do {                                                             \
        expect_int(vrctl_run("dhost", __VA_ARGS__), 2);              \
        expect_text(out(), "");                                      \
        expect_true(has(err(), "vrctl: ") && has(err(), "Usage: ")); \
    } while (0)

void usage(void **) {
    expect_usage("add", "10.0.0.1");
    expect_usage("add", "10.0.0.1", "lead", "1");
    expect_usage("add", "10.0.0.1", "own");
    expect_usage("add", "10.0.0.1", "own", "1", "own", "2");
    expect_usage("add", "10.0.0.1", "own", "1", "what", "2");
    expect_usage("add", "10.0.0.1", "own", "1", "-j");
    expect_usage("del");
    expect_usage("del", "10.0.0.1", "dev", "eth0");
    expect_usage("show", "10.0.0.1", "ctx");
    expect_usage("lead", "10.0.0.1");
    expect_usage("member", "add", "10.0.0.1", "2");
    expect_usage("member", "add", "10.0.0.1", "2", "dev", "eth0");
    expect_usage("member", "del", "10.0.0.1");
    expect_usage("member", "del", "10.0.0.1", "2", "-j");
    expect_usage("member", "list", "10.0.0.1");
    expect_usage("port", "set", "10.0.0.1", "tcp", "80");
    expect_usage("port", "del", "10.0.0.1", "tcp");
    expect_usage("port", "del", "10.0.0.1", "tcp", "80", "-j");
    expect_usage("grant", "x");
    expect_usage("grant", "1", "allow");
    expect_usage("events", "x");
}

void bad_values(void **) {
    expect_int(vrctl_run("dhost", "add", "10.0.0", "own", "1"), 1);
    expect_text(err(), "vrctl: '10.0.0' is no IP address\n");
    expect_int(vrctl_run("dhost", "add", "10.0.0.1", "own", "0"), 1);
    expect_text(err(), "vrctl: '0' is no number of a node\n");
    expect_int(vrctl_run("dhost", "lead", "10.0.0.1", "1", "epoch", "0"), 1);
    expect_text(err(), "vrctl: '0' is no epoch\n");
    expect_int(
        vrctl_run("dhost", "add", "10.0.0.1", "own", "1", "handover", "x"), 1);
    expect_text(err(), "vrctl: 'x' is neither on nor off\n");
    expect_int(vrctl_run("dhost", "add", "10.0.0.1", "own", "1", "grants", "x"),
               1);
    expect_text(err(), "vrctl: 'x' is none of none, refuse, allow\n");
    expect_int(vrctl_run("dhost", "port", "set", "10.0.0.1", "xcp", "80", "1"),
               1);
    expect_text(err(), "vrctl: 'xcp' is no protocol\n");
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(no_module, setup, teardown),
        cmocka_unit_test(requests),
        cmocka_unit_test(refusal),
        cmocka_unit_test(shows_a_host),
        cmocka_unit_test(shows_ports),
        cmocka_unit_test(owners),
        cmocka_unit_test(shows_sockets),
        cmocka_unit_test(malformed),
        cmocka_unit_test(texts),
        cmocka_unit_test_setup_teardown(usage, setup, teardown),
        cmocka_unit_test_setup_teardown(bad_values, setup, teardown),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
