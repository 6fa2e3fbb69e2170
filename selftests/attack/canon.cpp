// SPDX-License-Identifier: GPL-2.0

#include "canon.hpp"

#include <linux/if_ether.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>

#include "packet.hpp"
#include "tag.hpp"

namespace attack {

namespace {

std::uint8_t byte(std::string_view bytes, std::size_t at) {
    return static_cast<std::uint8_t>(bytes[at]);
}

// Is the checksum right? bytes from the upper header on, addrs before it
bool sealed(std::string_view bytes, std::size_t at, std::size_t addrs,
            std::uint8_t proto) {
    std::string_view part = bytes.substr(at);
    if (proto == IPPROTO_ICMP)
        return !checksum(part);
    std::size_t size =
        byte(bytes, addrs == 12 ? 0 : addrs - 8) >> 4 == 4 ? 4 : 16;
    Addr src, dst;
    src.family = dst.family = size == 4 ? AF_INET : AF_INET6;
    for (std::size_t i = 0; i < size; i++) {
        src.bytes[i] = byte(bytes, addrs + i);
        dst.bytes[i] = byte(bytes, addrs + size + i);
    }
    return !checksum(part, pseudo(src, dst, proto, part.size()));
}

// Where the checksum of a protocol is in its header, or 0
std::size_t sum_at(std::uint8_t proto) {
    switch (proto) {
        case IPPROTO_TCP:
            return 16;
        case IPPROTO_UDP:
            return 6;
        case IPPROTO_ICMP:
        case IPPROTO_ICMPV6:
            return 2;
        default:
            return 0;
    }
}

bool has_ports(std::uint8_t proto) {
    return proto == IPPROTO_TCP || proto == IPPROTO_UDP;
}

}  // namespace

std::string flow_key(std::string_view src, std::string_view dst,
                     std::uint16_t sport, std::uint16_t dport) {
    std::string key;
    key.reserve(36);
    key += src;
    key += dst;
    key += static_cast<char>(sport >> 8);
    key += static_cast<char>(sport);
    key += static_cast<char>(dport >> 8);
    key += static_cast<char>(dport);
    return key;
}

void Canon::chosen(std::uint16_t real) {
    names_.erase(real);
    port(real);
}

bool Canon::automatic(std::uint16_t real) const {
    if (real >= first_auto_port || !translates_)
        return real >= first_auto_port;
    auto among = [&](const auto &ports) {
        return std::find(std::begin(ports), std::end(ports), real) !=
               std::end(ports);
    };
    return real >= first_auto_ident && !among(host_ports) &&
           !among(peer_ports) && !among(nat_ports);
}

std::uint16_t Canon::known_port(std::uint16_t real) const {
    if (!automatic(real))
        return real;
    auto at = names_.find(real);
    return at == names_.end() ? 1 : at->second;
}

std::uint16_t Canon::port(std::uint16_t real) {
    if (!automatic(real))
        return real;
    auto name = static_cast<std::uint16_t>(first_auto_port + reals_.size());
    auto [at, fresh] = names_.emplace(real, name);
    if (fresh)
        reals_.push_back(real);
    return at->second;
}

std::uint16_t Canon::real_port(std::uint16_t name) const {
    if (name < first_auto_port ||
        static_cast<std::size_t>(name - first_auto_port) >= reals_.size())
        return name;
    return reals_[name - first_auto_port];
}

bool Canon::isn(const std::string &flow, std::uint32_t &value) const {
    auto at = isns_.find(flow);
    if (at == isns_.end())
        return false;
    value = at->second.back();
    return true;
}

bool Canon::isn_near(const std::string &flow, std::uint32_t seq,
                     std::uint32_t &value) const {
    // More than what is forged lies beside it, less than what is between two
    // connections: numbers of the same flow begin by the clock
    constexpr int most = 1 << 17;
    auto at = isns_.find(flow);
    if (at == isns_.end())
        return false;
    // Behind an unresolved neighbour a segment can wait for long
    for (auto one = at->second.rbegin(); one != at->second.rend(); ++one) {
        if (std::abs(static_cast<std::int32_t>(seq - *one)) < most) {
            value = *one;
            return true;
        }
    }
    return false;
}

void Canon::untag(std::string &bytes) const {
    attack::untag(owner_, bytes);
}

void Canon::ports(std::string &bytes, std::size_t at) {
    if (bytes.size() < at + 4)
        return;
    set16(bytes, at, port(get16(bytes, at)));
    set16(bytes, at + 2, port(get16(bytes, at + 2)));
}

bool Canon::frame(std::string &bytes, View &view) {
    if (bytes.size() < 14)
        return true;
    std::uint16_t type = get16(bytes, 12);
    if (type != ETH_P_IP && type != ETH_P_IPV6) {
        untag(bytes);
        return true;
    }
    std::string payload = bytes.substr(14);
    bool compare = packet(payload, view);
    bytes.replace(14, std::string::npos, payload);
    return compare;
}

bool Canon::packet(std::string &bytes, View &view) {
    untag(bytes);
    if (bytes.size() < 20)
        return true;
    if (byte(bytes, 0) >> 4 == 4) {
        std::size_t head = (byte(bytes, 0) & 15) * 4;
        std::uint8_t proto = byte(bytes, 9);
        if (proto == IPPROTO_IGMP)
            return false;
        if (head < 20 || bytes.size() < head)
            return true;
        bool fine =
            view.partial || !checksum(std::string_view(bytes).substr(0, head));
        set16(bytes, 4, 0);
        set16(bytes, 10, fine);
        bool fragment = get16(bytes, 6) & 0x3fff;
        if (get16(bytes, 6) & 0x1fff)
            return true;
        return upper(bytes, view, proto, head, 12, !fragment);
    }
    if (byte(bytes, 0) >> 4 != 6 || bytes.size() < 40)
        return true;
    bytes[1] = static_cast<char>(byte(bytes, 1) & 0xf0);
    set16(bytes, 2, 0);
    std::uint8_t proto = byte(bytes, 6);
    std::size_t at = 40;
    bool whole = true;
    while (bytes.size() >= at + 8) {
        if (proto == IPPROTO_FRAGMENT) {
            set32(bytes, at + 4, 0);
            whole = false;
            if (get16(bytes, at + 2) & 0xfff8)
                return true;
            proto = byte(bytes, at);
            at += 8;
        } else if (proto == IPPROTO_HOPOPTS || proto == IPPROTO_DSTOPTS ||
                   proto == IPPROTO_ROUTING) {
            proto = byte(bytes, at);
            at += 8 + byte(bytes, at + 1) * 8u;
        } else {
            break;
        }
    }
    if (bytes.size() < at + 4)
        return true;
    return upper(bytes, view, proto, at, 8, whole);
}

bool Canon::upper(std::string &bytes, View &view, std::uint8_t proto,
                  std::size_t at, std::size_t addrs, bool whole) {
    std::size_t sum = sum_at(proto);
    if (sum && bytes.size() >= at + sum + 2) {
        bool none = proto == IPPROTO_UDP && !get16(bytes, at + sum);
        bool fine =
            view.partial || !whole || none || sealed(bytes, at, addrs, proto);
        set16(bytes, at + sum, none ? 2 : fine);
    }
    if (has_ports(proto))
        ports(bytes, at);
    if (proto == IPPROTO_TCP && bytes.size() >= at + 20 && whole)
        return segment(bytes, view, at, addrs);
    if (proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6)
        return icmp(bytes, at, proto);
    return true;
}

bool Canon::segment(std::string &bytes, View &view, std::size_t at,
                    std::size_t addrs) {
    std::size_t size = addrs == 12 ? 4 : 16;
    std::string_view all = bytes;
    std::string_view src = all.substr(addrs, size);
    std::string_view dst = all.substr(addrs + size, size);
    std::uint16_t sport = get16(bytes, at), dport = get16(bytes, at + 2);
    std::string key = flow_key(src, dst, sport, dport);
    std::uint32_t seq = get32(bytes, at + 4);
    std::uint8_t flags = byte(bytes, at + 13);
    std::size_t head = (byte(bytes, at + 12) >> 4) * 4;
    std::size_t length =
        bytes.size() > at + head ? bytes.size() - at - head : 0;

    if (flags & tcp_syn) {
        auto &isns = isns_[key];
        if (isns.empty() || isns.back() != seq)
            isns.push_back(seq);
        if (!view.next.emplace(key + std::to_string(seq), 1).second)
            return false;
    }
    std::uint32_t isn = 0;
    bool known = isn_near(key, seq, isn);
    std::uint32_t rel = known ? seq - isn : 0;
    // An RST that answers an acknowledgement has its number, and that may be
    // one of another host's connection
    bool echoed = (flags & (tcp_rst | tcp_ack)) == tcp_rst;
    set32(bytes, at + 4, echoed ? 0 : rel);
    std::uint32_t ack = get32(bytes, at + 8);
    if (view.partial) {
        set32(bytes, at + 8, 0);
    } else if (flags & tcp_ack || ack) {
        // Where there is no acknowledgement, what is forged may have a number.
        // That may be far from all that there was, or of another connection:
        // it belongs to none.
        std::uint32_t other;
        std::string back = flow_key(dst, src, dport, sport);
        set32(bytes, at + 8,
              isn_near(back, ack, other) ? ack - other : ~std::uint32_t(0));
    }
    set16(bytes, at + 14, get16(bytes, at + 14) != 0);
    if (flags & (tcp_syn | tcp_rst))
        return true;
    std::uint32_t end =
        rel + static_cast<std::uint32_t>(length) + ((flags & tcp_fin) != 0);
    if (end == rel)
        return false;
    if (!known)
        return true;
    auto [next, fresh] = view.next.emplace(key + std::to_string(isn), end);
    if (!fresh && static_cast<std::int32_t>(end - next->second) <= 0)
        return false;
    next->second = end;
    return true;
}

bool Canon::icmp(std::string &bytes, std::size_t at, std::uint8_t proto) {
    if (bytes.size() < at + 8)
        return true;
    std::uint8_t type = byte(bytes, at);
    bool four = proto == IPPROTO_ICMP;
    if (translates_ && (type == (four ? 0 : 128) || type == (four ? 8 : 129)))
        set16(bytes, at + 4, port(get16(bytes, at + 4)));
    if (four) {
        if (type == 3 || type == 5 || type == 11 || type == 12)
            quote(bytes, at + 8);
        return true;
    }
    // MLD reports and router solicitations leave by timers
    if (type == 131 || type == 132 || type == 143 || type == 133)
        return false;
    if (type < 128)
        quote(bytes, at + 8);
    return true;
}

// A packet in an ICMP error: its sender's checksums and sequence numbers are
// those of one host
void Canon::quote(std::string &bytes, std::size_t at) {
    if (bytes.size() < at + 20)
        return;
    std::uint8_t proto;
    std::size_t next;
    if (byte(bytes, at) >> 4 == 4) {
        proto = byte(bytes, at + 9);
        next = at + (byte(bytes, at) & 15) * 4u;
        set16(bytes, at + 4, 0);
        set16(bytes, at + 10, 0);
        if (get16(bytes, at + 6) & 0x1fff)
            return;
    } else {
        if (bytes.size() < at + 40)
            return;
        bytes[at + 1] = static_cast<char>(byte(bytes, at + 1) & 0xf0);
        set16(bytes, at + 2, 0);
        proto = byte(bytes, at + 6);
        next = at + 40;
        if (proto == IPPROTO_FRAGMENT && bytes.size() >= next + 8) {
            set32(bytes, next + 4, 0);
            if (get16(bytes, next + 2) & 0xfff8)
                return;
            proto = byte(bytes, next);
            next += 8;
        }
    }
    quoted(bytes, proto, next);
    // an error about an error, as the wire may send one
    if (proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6)
        icmp(bytes, next, proto);
}

void Canon::quoted(std::string &bytes, std::uint8_t proto, std::size_t at) {
    std::size_t sum = sum_at(proto);
    if (has_ports(proto))
        ports(bytes, at);
    if (sum && bytes.size() >= at + sum + 2)
        set16(bytes, at + sum, 0);
    if (proto != IPPROTO_TCP)
        return;
    for (std::size_t i = at + 4; i < at + 12 && i < bytes.size(); i++)
        bytes[i] = 0;
}

bool asks(std::string_view packet, std::uint16_t type) {
    if (type == ETH_P_ARP)
        return packet.size() >= 8 && get16(packet, 6) == 1;
    return type == ETH_P_IPV6 && packet.size() > 40 &&
           byte(packet, 6) == IPPROTO_ICMPV6 && byte(packet, 40) == 135;
}

std::string escape(std::string_view bytes) {
    static const char digits[] = "0123456789abcdef";
    std::string out;
    for (char c : bytes) {
        if (c > ' ' && c < 127 && c != '\\') {
            out += c;
        } else {
            out += '\\';
            out += digits[static_cast<std::uint8_t>(c) >> 4];
            out += digits[c & 15];
        }
    }
    return out;
}

std::string describe(std::string_view bytes, bool ethernet) {
    std::string text;
    std::size_t at = 0;
    if (ethernet && bytes.size() >= 14) {
        std::uint16_t type = get16(bytes, 12);
        at = 14;
        if (type != ETH_P_IP && type != ETH_P_IPV6)
            return "frame of type " + std::to_string(type) + " " +
                   escape(bytes);
    }
    std::string_view ip = bytes.substr(at);
    if (ip.size() >= 20 && byte(ip, 0) >> 4 == 4) {
        Addr src, dst;
        for (std::size_t i = 0; i < 4; i++) {
            src.bytes[i] = byte(ip, 12 + i);
            dst.bytes[i] = byte(ip, 16 + i);
        }
        std::size_t head = (byte(ip, 0) & 15) * 4u;
        text = src.text() + " > " + dst.text() + " proto " +
               std::to_string(byte(ip, 9)) + " ttl " +
               std::to_string(byte(ip, 8)) + " frag " +
               std::to_string(get16(ip, 6));
        if (has_ports(byte(ip, 9)) && ip.size() >= head + 4)
            text += " ports " + std::to_string(get16(ip, head)) + " " +
                    std::to_string(get16(ip, head + 2));
    }
    return text + " size " + std::to_string(bytes.size()) + " " +
           escape(bytes.substr(0, 200));
}

}  // namespace attack
