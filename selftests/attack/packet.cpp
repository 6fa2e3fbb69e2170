// SPDX-License-Identifier: GPL-2.0

#include "packet.hpp"

#include <arpa/inet.h>
#include <linux/if_ether.h>

#include <algorithm>
#include <cstring>

namespace attack {

Addr Addr::v4(unsigned a, unsigned b, unsigned c, unsigned d) {
    Addr addr;
    addr.bytes = {static_cast<std::uint8_t>(a), static_cast<std::uint8_t>(b),
                  static_cast<std::uint8_t>(c), static_cast<std::uint8_t>(d)};
    return addr;
}

Addr Addr::v6(unsigned b, unsigned c, unsigned d) {
    Addr addr = parse("2001:db8::");
    addr.bytes[5] = static_cast<std::uint8_t>(b);
    addr.bytes[7] = static_cast<std::uint8_t>(c);
    addr.bytes[15] = static_cast<std::uint8_t>(d);
    return addr;
}

Addr Addr::parse(const char *text) {
    Addr addr;
    addr.family = std::strchr(text, ':') ? AF_INET6 : AF_INET;
    inet_pton(addr.family, text, addr.bytes.data());
    return addr;
}

bool Addr::multicast() const {
    return family == AF_INET ? (bytes[0] & 0xf0) == 0xe0 : bytes[0] == 0xff;
}

std::string Addr::text() const {
    char out[INET6_ADDRSTRLEN] = "";
    inet_ntop(family, bytes.data(), out, sizeof(out));
    return out;
}

Name::Name(const Addr &addr, std::uint16_t port, std::uint32_t scope) {
    if (addr.family == AF_INET) {
        sockaddr_in name = {};
        name.sin_family = AF_INET;
        name.sin_port = htons(port);
        std::memcpy(&name.sin_addr, addr.bytes.data(), 4);
        std::memcpy(&storage, &name, size = sizeof(name));
    } else {
        sockaddr_in6 name = {};
        name.sin6_family = AF_INET6;
        name.sin6_port = htons(port);
        name.sin6_scope_id = scope;
        std::memcpy(&name.sin6_addr, addr.bytes.data(), 16);
        std::memcpy(&storage, &name, size = sizeof(name));
    }
}

std::uint8_t icmp_of(int family) {
    return family == AF_INET ? static_cast<std::uint8_t>(IPPROTO_ICMP)
                             : static_cast<std::uint8_t>(IPPROTO_ICMPV6);
}

std::uint16_t get16(std::string_view bytes, std::size_t at) {
    return static_cast<std::uint16_t>(static_cast<std::uint8_t>(bytes[at])
                                          << 8 |
                                      static_cast<std::uint8_t>(bytes[at + 1]));
}

std::uint32_t get32(std::string_view bytes, std::size_t at) {
    return static_cast<std::uint32_t>(get16(bytes, at)) << 16 |
           get16(bytes, at + 2);
}

void set16(std::string &bytes, std::size_t at, std::uint16_t value) {
    bytes[at] = static_cast<char>(value >> 8);
    bytes[at + 1] = static_cast<char>(value);
}

void set32(std::string &bytes, std::size_t at, std::uint32_t value) {
    set16(bytes, at, static_cast<std::uint16_t>(value >> 16));
    set16(bytes, at + 2, static_cast<std::uint16_t>(value));
}

namespace {

// Nothing folded yet
std::uint64_t sum_of(std::string_view bytes) {
    std::uint64_t sum = 0;
    std::size_t at = 0;
    for (; at + 4 <= bytes.size(); at += 4) {
        std::uint32_t word;
        std::memcpy(&word, bytes.data() + at, sizeof(word));
        sum += word;
    }
    std::uint32_t rest = 0;
    std::memcpy(&rest, bytes.data() + at, bytes.size() - at);
    return sum + rest;
}

std::uint16_t fold(std::uint64_t sum) {
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<std::uint16_t>(sum);
}

std::string bytes16(std::uint16_t value) {
    std::string out(2, '\0');
    set16(out, 0, value);
    return out;
}

// Sets the checksum at a place of an upper layer
void seal(const Ip &ip, std::string &upper, std::size_t at,
          std::uint8_t proto) {
    bool none = proto == IPPROTO_ICMP;
    std::uint16_t sum =
        checksum(upper, none ? 0 : pseudo(ip.src, ip.dst, proto, upper.size()));
    if (proto == IPPROTO_UDP && !sum)
        sum = 0xffff;
    set16(upper, at, sum);
}

}  // namespace

// In host order of what the network order gives, as the folded sum has that
std::uint16_t checksum(std::string_view bytes, std::uint32_t sum) {
    return static_cast<std::uint16_t>(
        ~ntohs(fold(sum_of(bytes) + htons(fold(sum)))));
}

std::uint32_t pseudo(const Addr &src, const Addr &dst, std::uint8_t proto,
                     std::size_t size) {
    return ntohs(fold(sum_of(src.view()) + sum_of(dst.view()))) + proto +
           static_cast<std::uint32_t>(size);
}

std::string packet(const Ip &ip, std::string_view payload) {
    std::string out;
    if (ip.src.family == AF_INET) {
        std::size_t head = 20 + ip.options.size();
        out.assign(20, '\0');
        out[0] = static_cast<char>(0x40 | head / 4);
        out[1] = static_cast<char>(ip.tos);
        set16(out, 2, static_cast<std::uint16_t>(head + payload.size()));
        set16(out, 4, ip.id);
        set16(out, 6, ip.df ? 0x4000 : 0);
        out[8] = static_cast<char>(ip.ttl);
        out[9] = static_cast<char>(ip.proto);
        out.replace(12, 4, ip.src.view());
        out.replace(16, 4, ip.dst.view());
        out += ip.options;
        set16(out, 10, checksum(out));
    } else {
        out.assign(8, '\0');
        out[0] = static_cast<char>(0x60 | ip.tos >> 4);
        out[1] = static_cast<char>(ip.tos << 4);
        set16(out, 4,
              static_cast<std::uint16_t>(ip.options.size() + payload.size()));
        out[6] = static_cast<char>(ip.options.empty() ? ip.proto : ip.first);
        out[7] = static_cast<char>(ip.ttl);
        out += ip.src.view();
        out += ip.dst.view();
        out += ip.options;
    }
    out += payload;
    return out;
}

std::string udp(const Ip &ip, std::uint16_t sport, std::uint16_t dport,
                std::string_view data) {
    std::string upper = bytes16(sport) + bytes16(dport) +
                        bytes16(static_cast<std::uint16_t>(8 + data.size())) +
                        bytes16(0);
    upper += data;
    seal(ip, upper, 6, IPPROTO_UDP);
    return packet(ip, upper);
}

std::string tcp(const Ip &ip, const Tcp &segment, std::string_view data) {
    std::string upper(20, '\0');
    set16(upper, 0, segment.sport);
    set16(upper, 2, segment.dport);
    set32(upper, 4, segment.seq);
    set32(upper, 8, segment.ack);
    upper[12] = static_cast<char>((20 + segment.options.size()) / 4 << 4);
    upper[13] = static_cast<char>(segment.flags);
    set16(upper, 14, segment.window);
    upper += segment.options;
    upper += data;
    Ip head = ip;
    head.proto = IPPROTO_TCP;
    seal(head, upper, 16, IPPROTO_TCP);
    return packet(head, upper);
}

std::string icmp(const Ip &ip, std::uint8_t type, std::uint8_t code,
                 std::uint32_t rest, std::string_view data) {
    std::string upper(8, '\0');
    upper[0] = static_cast<char>(type);
    upper[1] = static_cast<char>(code);
    set32(upper, 4, rest);
    upper += data;
    Ip head = ip;
    head.proto = icmp_of(ip.src.family);
    seal(head, upper, 2, head.proto);
    return packet(head, upper);
}

std::vector<std::string> fragments(const Ip &ip, std::string_view whole,
                                   std::size_t cut, std::size_t overlap) {
    bool six = ip.src.family == AF_INET6;
    std::string_view payload = whole.substr(six ? 40 : 20);
    auto proto = static_cast<std::uint8_t>(whole[six ? 6 : 9]);
    std::vector<std::string> out;

    for (std::size_t at = 0; at < payload.size(); at += cut) {
        std::size_t start = at && at > overlap ? at - overlap : at;
        std::size_t end = std::min(at + cut, payload.size());
        std::string_view part = payload.substr(start, end - start);
        bool more = end < payload.size();
        Ip head = ip;
        head.proto = proto;
        if (six) {
            std::string ext(8, '\0');
            ext[0] = static_cast<char>(proto);
            set16(ext, 2, static_cast<std::uint16_t>(start | more));
            set32(ext, 4, ip.id);
            head.options = ext;
            head.first = IPPROTO_FRAGMENT;
            out.push_back(packet(head, part));
            continue;
        }
        std::string one = packet(head, part);
        set16(one, 6,
              static_cast<std::uint16_t>((more ? 0x2000 : 0) | start / 8));
        set16(one, 10, 0);
        set16(one, 10, checksum(std::string_view(one).substr(0, 20)));
        out.push_back(one);
    }
    return out;
}

namespace {

void put(std::string &out, const Mac &mac) {
    out.append(reinterpret_cast<const char *>(mac.data()), mac.size());
}

}  // namespace

std::string arp(std::uint16_t op, const Mac &mac, const Addr &src,
                const Mac &target, const Addr &dst) {
    std::string out = bytes16(1) + bytes16(ETH_P_IP);
    out += '\6';
    out += '\4';
    out += bytes16(op);
    put(out, mac);
    out += src.view();
    put(out, target);
    out += dst.view();
    return out;
}

std::string frame(const Mac &dst, const Mac &src, std::uint16_t type,
                  std::string_view payload) {
    std::string out;
    out.reserve(14 + payload.size());
    put(out, dst);
    put(out, src);
    out += bytes16(type);
    out += payload;
    return out;
}

Mac group_mac(const Addr &group) {
    const auto &b = group.bytes;
    if (group.family == AF_INET)
        return {1, 0, 0x5e, static_cast<std::uint8_t>(b[1] & 0x7f), b[2], b[3]};
    return {0x33, 0x33, b[12], b[13], b[14], b[15]};
}

}  // namespace attack
