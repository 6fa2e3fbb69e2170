// SPDX-License-Identifier: GPL-2.0
//
// What the wire does to a host: whatever somebody may send, and in particular
// what is another host's, as all of them have the same addresses and ports.

#include <linux/if_ether.h>

#include <algorithm>
#include <cstdlib>

#include "settings.hpp"
#include "tag.hpp"
#include "world.hpp"

namespace attack {

namespace {

std::uint16_t ether_type(const World &world) {
    return world.six() ? ETH_P_IPV6 : ETH_P_IP;
}

// A frame to the host from a neighbour
std::string wrap(Turn &turn, const Host &host, unsigned device, const Addr &dst,
                 const std::string &packet) {
    Mac to = dst.multicast() ? group_mac(dst) : host.devices[device].mac;
    if (dst.family == AF_INET && dst.bytes[3] == 255)
        to.fill(0xff);
    return frame(to, turn.world().peer_mac(device, 9), ether_type(turn.world()),
                 packet);
}

void send(Turn &turn, unsigned device, const Addr &dst,
          const std::function<std::string(Host &)> &make) {
    turn.inject(device, [&](Host &host) {
        std::string packet = make(host);
        return packet.empty() ? packet : wrap(turn, host, device, dst, packet);
    });
}

// From a neighbour or somebody behind it, to the host or through it
Ip addresses(Turn &turn, unsigned device) {
    Random &random = turn.random();
    Ip ip;
    ip.src = random.percent(80) ? turn.peer(device) : turn.far();
    if (random.percent(4))
        ip.src = turn.any_addr();
    ip.dst = random.percent(75)   ? turn.local(device)
             : random.percent(40) ? turn.local(turn.device())
             : random.percent(50) ? turn.far()
                                  : turn.any_addr();
    if (turn.world().translates() && random.percent(35))
        ip.dst = turn.peer(turn.device());
    ip.ttl = random.percent(90)
                 ? 64
                 : static_cast<std::uint8_t>(1 + random.below(2));
    ip.df = random.percent(50);
    ip.tos = random.percent(90) ? 0 : 0x10;
    ip.id = static_cast<std::uint16_t>(1 + random.below(4));
    return ip;
}

// A port of the host: one that sockets are bound to, or that it chose
std::uint16_t port_name(Turn &turn) {
    return turn.random().percent(85)
               ? turn.local_port()
               : static_cast<std::uint16_t>(first_auto_port +
                                            turn.random().below(8));
}

void datagram(Turn &turn) {
    unsigned device = turn.device();
    Ip ip = addresses(turn, device);
    std::uint16_t sport = turn.peer_port(), dport = port_name(turn);
    std::size_t size = turn.size();
    size = std::min<std::size_t>(size, 1200);
    bool broken = turn.random().percent(3);
    send(turn, device, ip.dst, [&](Host &host) {
        std::string packet = udp(ip, sport, host.canon.real_port(dport),
                                 turn.payload(host, size));
        if (broken)
            packet.back() = static_cast<char>(packet.back() ^ 1);
        return packet;
    });
}

void group_datagram(Turn &turn) {
    unsigned device = turn.device();
    Ip ip = addresses(turn, device);
    ip.src = turn.peer(device);
    ip.dst = turn.random().percent(80) || turn.world().six()
                 ? turn.group()
                 : turn.world().local(device, 255);
    std::uint16_t sport = turn.peer_port(), dport = turn.local_port();
    send(turn, device, ip.dst, [&](Host &host) {
        return udp(ip, sport, dport, turn.payload(host, 64));
    });
}

void echo(Turn &turn) {
    unsigned device = turn.device();
    Ip ip = addresses(turn, device);
    bool reply = turn.random().percent(30);
    std::uint32_t ident =
        (1 + turn.random().below(4)) << 16 | turn.random().below(4);
    std::size_t size = std::min<std::size_t>(turn.size(), 1200);
    bool six = turn.world().six();
    std::uint8_t type = six ? reply ? 129 : 128 : reply ? 0 : 8;
    send(turn, device, ip.dst, [&](Host &host) {
        return icmp(ip, type, 0, ident, turn.payload(host, size));
    });
}

void protocol(Turn &turn) {
    if (!turn.world().odd_protocols())
        return;
    unsigned device = turn.device();
    Ip ip = addresses(turn, device);
    ip.proto = turn.random().percent(70) ? 253 : 254;
    send(turn, device, ip.dst,
         [&](Host &host) { return packet(ip, turn.payload(host, 64)); });
}

// ---- TCP ----

Flow *some_flow(Turn &turn) {
    auto &flows = turn.pair().flows;
    return flows.empty() ? nullptr : &flows[turn.random().below(flows.size())];
}

// A segment of the flow as its peer would send it; off, if it is wrong by that
void segment(Turn &turn, const Flow &flow, std::uint8_t flags,
             std::uint32_t seq, std::uint32_t ack, std::size_t size,
             bool synced = true) {
    Ip ip;
    ip.src = flow.peer;
    ip.dst = flow.host;
    std::string key =
        flow_key(flow.host.view(), flow.peer.view(), flow.hport, flow.pport);
    send(turn, flow.device, ip.dst, [&](Host &host) -> std::string {
        std::uint32_t isn = 0;
        if (synced && !host.canon.isn(key, isn))
            return {};
        Tcp head = {host.canon.real_port(flow.pport),
                    host.canon.real_port(flow.hport), seq, isn + ack, flags};
        if (flags & tcp_syn)
            host.canon.begun(flow_key(flow.peer.view(), flow.host.view(),
                                      flow.pport, flow.hport),
                             seq);
        if (flags & tcp_syn)
            head.options = std::string("\2\4\5\260", 4);
        return tcp(ip, head, turn.payload(host, size));
    });
}

void handshake(Turn &turn) {
    Random &random = turn.random();
    Flow flow = {};
    flow.device = turn.device();
    flow.host = turn.local(flow.device);
    if (turn.world().translates() && random.percent(35))
        flow.host = turn.peer(turn.device());
    flow.peer =
        random.percent(90) ? turn.world().local(flow.device, 9) : turn.far();
    flow.hport = turn.local_port();
    flow.pport = turn.peer_port();
    flow.seq = random.below(1u << 30);
    auto &flows = turn.pair().flows;
    std::erase_if(flows, [&](const Flow &one) {
        return one.host == flow.host && one.peer == flow.peer &&
               one.hport == flow.hport && one.pport == flow.pport;
    });
    flows.push_back(flow);
    if (flows.size() > 16)
        flows.erase(flows.begin());
    segment(turn, flow, tcp_syn, flow.seq, 0, 0, false);
    // Most go on at once
    bool more = random.percent(80);
    turn.world().settle();
    for (Flow &one : flows) {
        if (one.host != flow.host || one.peer != flow.peer ||
            one.hport != flow.hport || one.pport != flow.pport)
            continue;
        one.seq++;
        if (one.ack && more)
            segment(turn, one, tcp_ack, one.seq, one.ack, 0);
        return;
    }
}

// What the peer of a connection would do next
void converse(Turn &turn) {
    Flow *flow = some_flow(turn);
    if (!flow)
        return;
    Random &random = turn.random();
    unsigned what = random.below(10);
    std::size_t size = 16u << random.below(4);
    if (flow->active && what < 6 && flow->ack == 1) {
        segment(turn, *flow, tcp_syn | tcp_ack, flow->seq, flow->ack, 0);
        flow->seq++;
        flow->active = false;
        return;
    }
    if (what < 6) {
        segment(turn, *flow, tcp_ack | tcp_psh, flow->seq, flow->ack, size);
        flow->seq += static_cast<std::uint32_t>(size);
    } else if (what < 8) {
        segment(turn, *flow, tcp_ack, flow->seq, flow->ack, 0);
    } else if (what < 9) {
        segment(turn, *flow, tcp_fin | tcp_ack, flow->seq, flow->ack, 0);
        flow->seq++;
    } else {
        segment(turn, *flow, tcp_rst | tcp_ack, flow->seq, flow->ack, 0);
    }
}

// What somebody would do who wants to harm a connection. In another host it is
// the same connection, with other numbers.
void forge(Turn &turn) {
    Flow *flow = some_flow(turn);
    if (!flow)
        return;
    Random &random = turn.random();
    static const std::uint8_t flags[] = {
        tcp_rst, tcp_rst | tcp_ack, tcp_syn,          tcp_fin | tcp_ack,
        tcp_ack, tcp_ack | tcp_psh, tcp_syn | tcp_ack};
    static const std::int32_t offsets[] = {0,    0,     1,      -1,
                                           1000, 70000, -70000, 0x40000000};
    std::uint8_t flag = random.pick(flags);
    std::size_t size = random.percent(30) ? 32 : 0;
    std::int32_t off = random.pick(offsets);
    // Data that begins elsewhere must not cut a tag; a SYN has a number, too
    if (size || flag & tcp_syn)
        off &= ~15;
    if (flag & tcp_syn)
        off--;
    segment(turn, *flow, flag, flow->seq + static_cast<std::uint32_t>(off),
            flow->ack + static_cast<std::uint32_t>(random.pick(offsets)), size);
}

// The connection of another host, with its numbers, in this one
void foreign_flow(Turn &turn) {
    auto &pairs = turn.world().pairs();
    Pair &other = pairs[turn.random().below(pairs.size())];
    if (other.flows.empty() || &other == &turn.pair())
        return;
    const Flow flow = other.flows[turn.random().below(other.flows.size())];
    std::string key =
        flow_key(flow.host.view(), flow.peer.view(), flow.hport, flow.pport);
    static const std::uint8_t flags[] = {tcp_rst, tcp_ack | tcp_psh,
                                         tcp_fin | tcp_ack, tcp_ack};
    std::uint8_t flag = turn.random().pick(flags);
    // A cookie that one namespace made is good in all others, in another
    // context it is not: contexts are stricter
    if (turn.world().cookies())
        flag = tcp_rst;
    // By chance the numbers are near those of a connection here
    auto near = [&](const Host &host, const Host &theirs) {
        std::uint32_t mine, isn;
        return host.canon.isn(key, mine) && theirs.canon.isn(key, isn) &&
               std::abs(static_cast<std::int32_t>(mine - isn)) < 1 << 20;
    };
    if (near(*turn.pair().a, *other.a) || near(*turn.pair().b, *other.b))
        return;
    // Who tracks connections wants to know what comes later
    auto later = [&](const Host &host, const Host &theirs) {
        std::uint32_t mine, isn;
        return host.canon.isn(key, mine) && theirs.canon.isn(key, isn) &&
               static_cast<std::int32_t>(mine - isn) > 0;
    };
    if (turn.world().translates() &&
        later(*turn.pair().a, *other.a) != later(*turn.pair().b, *other.b))
        return;
    Ip ip;
    ip.src = flow.peer;
    ip.dst = flow.host;
    send(turn, flow.device, ip.dst, [&](Host &host) -> std::string {
        const Host &theirs = &host == turn.pair().a.get() ? *other.a : *other.b;
        std::uint32_t isn;
        if (!theirs.canon.isn(key, isn))
            return {};
        return tcp(ip,
                   {theirs.canon.real_port(flow.pport),
                    theirs.canon.real_port(flow.hport), flow.seq,
                    isn + flow.ack, flag},
                   turn.payload(host, flag & tcp_psh ? 32 : 0));
    });
}

// ---- errors about what was sent ----

void error(Turn &turn) {
    Random &random = turn.random();
    World &world = turn.world();
    std::optional<Sent> about = turn.sent();
    if (!about)
        return;
    unsigned device = about->device;
    struct Choice {
        std::uint8_t type, code;
    };
    static const Choice choices4[] = {{3, 0},  {3, 1},  {3, 2}, {3, 3},
                                      {3, 4},  {3, 4},  {3, 4}, {3, 10},
                                      {11, 0}, {12, 0}, {5, 1}, {5, 1}};
    static const Choice choices6[] = {{1, 0},   {1, 3},  {1, 4}, {2, 0},
                                      {2, 0},   {2, 0},  {3, 0}, {4, 1},
                                      {137, 0}, {137, 0}};
    Choice choice = world.six() ? random.pick(choices6) : random.pick(choices4);
    static const unsigned mtus4[] = {576, 1000, 1200, 68},
                          mtus6[] = {1284, 1300, 1200};
    unsigned mtu = world.six() ? random.pick(mtus6) : random.pick(mtus4);
    Addr router = world.local(device, random.percent(70) ? 9 : 10);
    Addr better = world.local(device, random.percent(70) ? 10 : 11);
    Ip ip;
    ip.src = router;
    ip.ttl = 255;
    bool redirect = choice.type == (world.six() ? 137 : 5);
    turn.inject(device, [&](Host &host) -> std::string {
        std::string quote = turn.sent_by(host, *about);
        retag(host.canon.owner(), quote);
        std::size_t size = world.six() ? 16 : 4, at = world.six() ? 8 : 12;
        if (quote.size() < at + 2 * size ||
            quote[0] >> 4 != (world.six() ? 6 : 4))
            return {};
        ip.dst.family = world.family();
        Addr about;
        about.family = world.family();
        for (std::size_t i = 0; i < size; i++) {
            ip.dst.bytes[i] = static_cast<std::uint8_t>(quote[at + i]);
            about.bytes[i] = static_cast<std::uint8_t>(quote[at + size + i]);
        }
        quote.resize(
            std::min<std::size_t>(quote.size(), world.six() ? 104 : 84));
        std::uint32_t rest = 0;
        if (redirect && !world.six())
            rest = get32(better.view(), 0);
        else if (choice.type == (world.six() ? 2 : 3) &&
                 (world.six() || choice.code == 4))
            rest = mtu;
        if (redirect && world.six())
            quote = std::string(better.view()) + std::string(about.view());
        return wrap(turn, host, device, ip.dst,
                    icmp(ip, choice.type, choice.code, rest, quote));
    });
}

// ---- fragments ----

void pieces(Turn &turn) {
    Random &random = turn.random();
    unsigned device = turn.device();
    Ip ip = addresses(turn, device);
    ip.ttl = 64;
    ip.df = false;
    if (random.percent(70))
        ip.dst = turn.world().local(device);
    std::size_t size = 256u + 16u * random.below(150);
    std::size_t cut = 8u * (8 + random.below(60));
    std::size_t overlap = random.percent(15) ? 8u * random.below(4) : 0;
    bool ping = random.percent(40);
    std::uint16_t sport = turn.peer_port(), dport = turn.local_port();
    std::uint64_t order = random.next();
    bool later = random.percent(40), leave = random.percent(15);
    Host *hosts[] = {turn.pair().a.get(), turn.pair().b.get()};
    for (unsigned i = 0; i < 2; i++) {
        Host &host = *hosts[i];
        std::string data = turn.payload(host, size);
        std::string whole =
            ping ? icmp(ip, turn.world().six() ? 128 : 8, 0, 0x10001, data)
                 : udp(ip, sport, dport, data);
        std::vector<std::string> parts = fragments(ip, whole, cut, overlap);
        Random dice(order);
        for (std::size_t j = parts.size(); j > 1; j--)
            std::swap(parts[j - 1], parts[dice.below(j)]);
        if (leave)
            parts.pop_back();
        for (std::string &part : parts)
            part = wrap(turn, host, device, ip.dst, part);
        if (later) {
            // so that those of several datagrams and hosts are interleaved
            turn.pair().waiting[i].emplace_back(device, std::move(parts));
            continue;
        }
        for (const std::string &part : parts)
            host.inject(device, part);
    }
}

void next_piece(Turn &turn) {
    auto &waiting = turn.pair().waiting;
    if (waiting[0].empty())
        return;
    std::size_t which = turn.random().below(waiting[0].size());
    std::size_t count = 1 + turn.random().below(4);
    Host *hosts[] = {turn.pair().a.get(), turn.pair().b.get()};
    for (unsigned i = 0; i < 2; i++) {
        auto &[device, parts] = waiting[i][which];
        for (std::size_t j = 0; j < count && !parts.empty(); j++) {
            hosts[i]->inject(device, parts.back());
            parts.pop_back();
        }
        if (parts.empty())
            waiting[i].erase(waiting[i].begin() +
                             static_cast<std::ptrdiff_t>(which));
    }
}

// ---- neighbours ----

void arp_message(Turn &turn) {
    World &world = turn.world();
    Random &random = turn.random();
    unsigned device = turn.device();
    Addr src = random.percent(85) ? turn.peer(device) : turn.any_addr();
    Addr dst = random.percent(85) ? turn.local(device) : turn.any_addr();
    if (random.percent(10))
        dst = src;
    // One address for each: if it changes twice, the time in between matters
    Mac mac = world.peer_mac(device, 20u + src.bytes[src.size() - 1] % 16),
        none = {};
    bool reply = random.percent(40);
    turn.inject(device, [&](Host &host) {
        Mac own = host.devices[device].mac;
        if (!world.six())
            return frame(own, mac, ETH_P_ARP,
                         arp(reply ? 2 : 1, mac, src, reply ? own : none, dst));
        Ip ip;
        ip.src = src;
        ip.dst = dst;
        ip.ttl = 255;
        std::string body(reply ? src.view() : dst.view());
        body += reply ? '\2' : '\1';
        body += '\1';
        body.append(reinterpret_cast<const char *>(mac.data()), mac.size());
        return frame(
            own, mac, ETH_P_IPV6,
            icmp(ip, reply ? 136 : 135, 0, reply ? 0x60000000 : 0, body));
    });
}

// ---- anything ----

void mutate(Turn &turn) {
    if (!turn.world().odd_protocols())
        return;
    Random &random = turn.random();
    unsigned device = turn.device();
    Ip ip = addresses(turn, device);
    std::uint16_t sport = turn.peer_port(), dport = turn.local_port();
    if (random.percent(20))
        ip.options = turn.world().six() ? std::string("\x11\0\5\2\0\0\1\0", 8)
                                        : std::string("\x94\4\0\0", 4);
    unsigned at = random.below(turn.world().six() ? 48 : 28);
    unsigned bit = 1u << random.below(8);
    bool fix = random.percent(80);
    send(turn, device, ip.dst, [&](Host &host) {
        std::string bytes = udp(ip, sport, dport, turn.payload(host, 64));
        bytes[at] = static_cast<char>(bytes[at] ^ bit);
        if (fix && !turn.world().six()) {
            std::size_t head = std::clamp<std::size_t>(
                (static_cast<std::uint8_t>(bytes[0]) & 15) * 4u, 20,
                bytes.size());
            set16(bytes, 10, 0);
            set16(bytes, 10, checksum(std::string_view(bytes).substr(0, head)));
        }
        return bytes;
    });
}

// What a host of the world sent, to another one. But no TCP, whose numbers
// would not compare; foreign_flow() does that.
void reflect(Turn &turn) {
    Random &random = turn.random();
    auto &pairs = turn.world().pairs();
    Pair &from = pairs[random.below(pairs.size())];
    if (from.a->history.empty())
        return;
    Sent sent{&from, random.below(from.a->history.size()), turn.device()};
    unsigned device = sent.device;
    turn.inject(device, [&](Host &host) {
        std::string bytes = turn.sent_by(host, sent);
        std::size_t proto = turn.world().six() ? 6 : 9;
        if (bytes.size() > proto && bytes[proto] == IPPROTO_TCP)
            return std::string();
        retag(host.canon.owner(), bytes);
        return frame(host.devices[device].mac, turn.world().peer_mac(device, 9),
                     ether_type(turn.world()), bytes);
    });
}

}  // namespace

const std::vector<Operation> packet_operations = {
    {"datagram", 14, datagram},  {"datagram to a group", 6, group_datagram},
    {"echo", 6, echo},           {"protocol", 2, protocol},
    {"handshake", 8, handshake}, {"converse", 12, converse},
    {"forge", 6, forge},         {"foreign flow", 5, foreign_flow},
    {"error", 8, error},         {"fragments", 7, pieces},
    {"fragment", 5, next_piece}, {"neighbour", 4, arp_message},
    {"mutate", 5, mutate},       {"reflect", 3, reflect},
};

}  // namespace attack
