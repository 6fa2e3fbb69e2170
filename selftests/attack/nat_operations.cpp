// SPDX-License-Identifier: GPL-2.0
//
// Hosts that translate addresses and ports, what answers the packets that they
// translated, and what they know of connections and sockets.

#include <linux/inet_diag.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/sock_diag.h>

#include <algorithm>
#include <cstring>

#include "nat.hpp"
#include "settings.hpp"
#include "tag.hpp"
#include "world.hpp"

namespace attack {

namespace {

// ---- rules ----

std::string port_text(std::uint16_t port) {
    return std::to_string(port);
}

// "10.0.0.1:5001", "[2001:db8::1]:5001", without the port if it is 0
std::string target(const Addr &addr, std::uint16_t port) {
    std::string text = addr.text();
    if (!port)
        return text;
    if (addr.family == AF_INET6)
        text = "[" + text + "]";
    return text + ":" + port_text(port);
}

// What of a host a rule leads to: itself, a neighbour, who is behind it
Addr some_host(Turn &turn) {
    unsigned what = turn.random().below(3);
    return what == 0   ? turn.local(turn.device())
           : what == 1 ? turn.peer(turn.device())
                       : turn.far();
}

// Which packets; ports: can a port be translated?
std::string match(Turn &turn, bool source, bool &ports) {
    Random &random = turn.random();
    static const char *const protocols[] = {"udp ", "udp ", "tcp ", "tcp ",
                                            "meta l4proto { tcp, udp } th "};
    std::string echo = turn.world().six() ? "icmpv6 type echo-request counter "
                                          : "icmp type echo-request counter ";
    std::string protocol = random.pick(protocols);
    bool theirs = random.percent(50);
    std::uint16_t port =
        theirs == source ? turn.peer_port() : turn.local_port();
    std::string where = theirs == source ? "sport " : "dport ";
    if (!source)
        where = "dport ";
    ports = !random.percent(15);
    if (!ports)
        return echo;
    // A segment that is repeated may count again
    return protocol + where + port_text(port) +
           (protocol == "udp " ? " counter " : " ");
}

// A chain and a rule of it
std::pair<std::string, std::string> rule(Turn &turn) {
    Random &random = turn.random();
    static const char *const chains[] = {"pre",  "pre",  "pre", "post",
                                         "post", "post", "out", "in"};
    std::string chain = random.pick(chains);
    bool source = chain == "post" || chain == "in";
    bool ports = false;
    std::string text;
    unsigned device = turn.device();
    std::string name = "\"" + turn.pair().a->devices[device].name + "\" ";
    if (chain == "post" && random.percent(30))
        text = "oifname " + name;
    if (chain == "pre" && random.percent(30))
        text = "iifname " + name;
    text += match(turn, source, ports);
    Addr addr = some_host(turn);
    std::uint16_t port = !ports || random.percent(60) ? std::uint16_t(0)
                         : source                     ? random.pick(nat_ports)
                                                      : turn.local_port();
    // One port, or the one that it had: else which one is chance
    std::string only = port ? " to :" + port_text(port) : "";
    bool own = random.percent(50);
    if (chain == "post" && own)
        text += "masquerade" + only;
    else if (source)
        text += "snat to " + target(addr, port);
    else if (own)
        text += "redirect" + only;
    else
        text += "dnat to " + target(addr, port);
    return {chain, text};
}

void translation(Turn &turn) {
    if (!turn.world().translates())
        return;
    Random &random = turn.random();
    Host *hosts[] = {turn.pair().a.get(), turn.pair().b.get()};
    unsigned what = random.below(10);
    if (what < 7) {
        auto [chain, text] = rule(turn);
        turn.say(-1, chain + ": " + text);
        for (Host *host : hosts)
            host->rules->add(chain, text);
    } else if (what < 8) {
        for (Host *host : hosts)
            host->rules->flush();
    } else {
        turn.both([](Host &host) { return host.rules->list(); });
    }
}

// ---- answers ----

// What a host sent as a datagram or an echo request is answered by whoever it
// went to; or that of another host is, which has the same addresses and ports
void answer(Turn &turn) {
    World &world = turn.world();
    std::optional<Sent> about = turn.sent();
    if (!about)
        return;
    unsigned device = about->device;
    std::size_t size = std::min<std::size_t>(turn.size(), 1200);
    bool six = world.six();
    std::uint16_t type = six ? 0x86dd : 0x0800;
    turn.inject(device, [&](Host &host) -> std::string {
        const std::string &sent = turn.sent_by(host, *about);
        std::size_t addrs = six ? 8 : 12, length = six ? 16 : 4;
        if (sent.size() < 48 || sent[0] >> 4 != (six ? 6 : 4) ||
            (!six && get16(sent, 6) & 0x3fff))
            return {};
        Ip ip;
        ip.src.family = ip.dst.family = world.family();
        for (std::size_t i = 0; i < length; i++) {
            ip.dst.bytes[i] = static_cast<std::uint8_t>(sent[addrs + i]);
            ip.src.bytes[i] =
                static_cast<std::uint8_t>(sent[addrs + length + i]);
        }
        ip.proto = static_cast<std::uint8_t>(sent[six ? 6 : 9]);
        std::size_t head = six ? 40 : (sent[0] & 15) * 4u;
        std::string data = turn.payload(host, size), bytes;
        if (ip.proto == IPPROTO_UDP)
            bytes = udp(ip, get16(sent, head + 2), get16(sent, head), data);
        else if (ip.proto == icmp_of(world.family()) &&
                 sent[head] == static_cast<char>(six ? 128 : 8))
            bytes = icmp(ip, six ? 129 : 0, 0, get32(sent, head + 4), data);
        else
            return {};
        return frame(host.devices[device].mac, world.peer_mac(device, 9), type,
                     bytes);
    });
}

// ---- what is known of connections and sockets ----

std::string sorted(std::vector<std::string> rows) {
    std::sort(rows.begin(), rows.end());
    std::string text;
    for (const std::string &row : rows)
        text += row;
    return text;
}

std::string number(std::string_view value) {
    std::uint64_t out = 0;
    for (char c : value)
        out = out << 8 | static_cast<std::uint8_t>(c);
    return std::to_string(out);
}

std::string tuple_text(const Host &host, std::string_view tuple) {
    std::string_view addrs = nested(tuple, CTA_TUPLE_IP);
    std::string_view proto = nested(tuple, CTA_TUPLE_PROTO);
    std::string text;
    for (int type :
         {CTA_IP_V4_SRC, CTA_IP_V4_DST, CTA_IP_V6_SRC, CTA_IP_V6_DST}) {
        std::string_view value = nested(addrs, type);
        if (value.empty())
            continue;
        Addr addr;
        addr.family = value.size() == 4 ? AF_INET : AF_INET6;
        std::memcpy(addr.bytes.data(), value.data(),
                    std::min(value.size(), addr.bytes.size()));
        text += " " + addr.text();
    }
    text += " proto " + number(nested(proto, CTA_PROTO_NUM));
    for (int type : {CTA_PROTO_SRC_PORT, CTA_PROTO_DST_PORT, CTA_PROTO_ICMP_ID,
                     CTA_PROTO_ICMPV6_ID}) {
        std::string_view value = nested(proto, type);
        if (value.size() == 2)
            text += " " + port_text(host.canon.known_port(get16(value, 0)));
    }
    for (int type : {CTA_PROTO_ICMP_TYPE, CTA_PROTO_ICMPV6_TYPE})
        text += " " + number(nested(proto, type));
    return text;
}

std::string connections_text(Host &host, int family) {
    host.place.enter();
    if (!host.filter)
        host.filter = std::make_unique<Netlink>(NETLINK_NETFILTER);
    nfgenmsg head = {};
    head.nfgen_family = static_cast<std::uint8_t>(family);
    Message message(NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET, NLM_F_DUMP);
    message.head(head);
    std::vector<std::string> replies, rows;
    std::string text = errno_text(host.filter->ask(message, &replies));
    for (std::string &reply : replies) {
        host.canon.data(reply);
        auto value = [&](int type) {
            return attribute(reply, sizeof(nfgenmsg), type);
        };
        // Timers report memberships
        std::string_view proto = nested(
            nested(value(CTA_TUPLE_ORIG), CTA_TUPLE_PROTO), CTA_PROTO_NUM);
        if (number(proto) == std::to_string(IPPROTO_IGMP))
            continue;
        std::string_view tcp = nested(value(CTA_PROTOINFO), CTA_PROTOINFO_TCP);
        std::string row = "\n" + tuple_text(host, value(CTA_TUPLE_ORIG)) +
                          " back" + tuple_text(host, value(CTA_TUPLE_REPLY)) +
                          " status " + number(value(CTA_STATUS));
        if (!tcp.empty())
            row += " state " + number(nested(tcp, CTA_PROTOINFO_TCP_STATE));
        else  // a segment that is repeated counts again
            for (int way : {CTA_COUNTERS_ORIG, CTA_COUNTERS_REPLY})
                for (int type : {CTA_COUNTERS_PACKETS, CTA_COUNTERS_BYTES})
                    row += " " + number(nested(value(way), type));
        rows.push_back(row);
    }
    return text + sorted(rows);
}

std::string sockets_text(Host &host, int family, int protocol) {
    host.place.enter();
    if (!host.diag)
        host.diag = std::make_unique<Netlink>(NETLINK_SOCK_DIAG);
    // None that a timer may have ended
    enum { established = 1, close_wait = 8, closed = 7, listening = 10 };
    inet_diag_req_v2 head = {};
    head.sdiag_family = static_cast<std::uint8_t>(family);
    head.sdiag_protocol = static_cast<std::uint8_t>(protocol);
    head.idiag_states =
        1u << established | 1u << close_wait | 1u << closed | 1u << listening;
    Message message(SOCK_DIAG_BY_FAMILY, NLM_F_DUMP);
    message.head(head);
    std::vector<std::string> replies, rows;
    std::string text = errno_text(host.diag->ask(message, &replies));
    for (std::string &reply : replies) {
        host.canon.data(reply);
        inet_diag_msg one;
        if (reply.size() < NLMSG_HDRLEN + sizeof(one))
            continue;
        std::memcpy(&one, reply.data() + NLMSG_HDRLEN, sizeof(one));
        std::string row = "\nstate " + std::to_string(one.idiag_state);
        Addr addr;
        addr.family = family;
        for (const auto *bytes : {one.id.idiag_src, one.id.idiag_dst}) {
            std::memcpy(addr.bytes.data(), bytes, addr.size());
            row += " " + addr.text();
        }
        for (std::uint16_t port : {one.id.idiag_sport, one.id.idiag_dport})
            row += " " + port_text(host.canon.known_port(ntohs(port)));
        row += " on " + std::to_string(one.id.idiag_if) + " queues " +
               std::to_string(one.idiag_rqueue) + " " +
               std::to_string(one.idiag_wqueue);
        rows.push_back(row);
    }
    return text + sorted(rows);
}

void states(Turn &turn) {
    // Context 0 sees all of the namespace, as it is to
    if (!turn.pair().a->place.ctx)
        return;
    unsigned what = turn.random().below(4);
    if (what < 2 && !turn.world().translates())
        what += 2;
    turn.say(-1, what < 2    ? "connections"
                 : what == 2 ? "sockets of TCP"
                             : "sockets of UDP");
    turn.both(
        [&](Host &host) {
            int family = turn.world().family();
            return what < 2
                       ? connections_text(host, family)
                       : sockets_text(host, family,
                                      what == 2 ? IPPROTO_TCP : IPPROTO_UDP);
        },
        // What a device leaves behind that goes down, a worker takes away
        [](const std::string &) { return true; });
}

}  // namespace

const std::vector<Operation> nat_operations = {
    {"translation", 3, translation},
    {"answer", 4, answer},
    {"states", 2, states},
};

}  // namespace attack
