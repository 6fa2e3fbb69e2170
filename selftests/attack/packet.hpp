// SPDX-License-Identifier: GPL-2.0
//
// Addresses, and packets by hand.

#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace attack {

// Purpose: an address of the family of a world.
// Threading: plain data.
// Errors: none.
struct Addr {
    int family = AF_INET;
    std::array<std::uint8_t, 16> bytes = {};

    static Addr v4(unsigned a, unsigned b, unsigned c, unsigned d);
    // 2001:db8:b:c::d
    static Addr v6(unsigned b, unsigned c, unsigned d);
    static Addr parse(const char *text);

    std::size_t size() const { return family == AF_INET ? 4 : 16; }
    std::string_view view() const {
        return {reinterpret_cast<const char *>(bytes.data()), size()};
    }
    bool multicast() const;
    std::string text() const;
    auto operator<=>(const Addr &) const = default;
};

// Purpose: what the system calls want.
// Threading: plain data.
// Errors: none.
struct Name {
    Name(const Addr &addr, std::uint16_t port, std::uint32_t scope = 0);
    const sockaddr *get() const {
        return reinterpret_cast<const sockaddr *>(&storage);
    }
    sockaddr_storage storage = {};
    socklen_t size;
};

using Mac = std::array<std::uint8_t, 6>;

// Purpose: the fields of an IP header that matter here.
// Threading: plain data.
// Errors: none.
struct Ip {
    Addr src, dst;
    std::uint8_t proto = IPPROTO_UDP;
    std::uint8_t ttl = 64;
    std::uint8_t tos = 0;
    std::uint16_t id = 0;
    bool df = false;
    // Options of IPv4, extension headers of IPv6 in front of proto
    std::string options = {};
    std::uint8_t first = 0;
};

constexpr std::uint8_t tcp_fin = 1, tcp_syn = 2, tcp_rst = 4, tcp_psh = 8,
                       tcp_ack = 16;

struct Tcp {
    std::uint16_t sport, dport;
    std::uint32_t seq, ack;
    std::uint8_t flags;
    std::uint16_t window = 65535;
    std::string options = {};
};

std::uint8_t icmp_of(int family);
std::uint16_t checksum(std::string_view bytes, std::uint32_t sum = 0);
// The part of a sum that is the pseudo header's
std::uint32_t pseudo(const Addr &src, const Addr &dst, std::uint8_t proto,
                     std::size_t size);

std::string packet(const Ip &ip, std::string_view payload);
std::string udp(const Ip &ip, std::uint16_t sport, std::uint16_t dport,
                std::string_view data);
std::string tcp(const Ip &ip, const Tcp &segment, std::string_view data);
// rest: the four bytes after the checksum
std::string icmp(const Ip &ip, std::uint8_t type, std::uint8_t code,
                 std::uint32_t rest, std::string_view data);
// Fragments of a packet, at multiples of eight bytes (cuts); overlap moves the
// start of each but the first to the front by so many
std::vector<std::string> fragments(const Ip &ip, std::string_view packet,
                                   std::size_t cut, std::size_t overlap);
std::string arp(std::uint16_t op, const Mac &mac, const Addr &src,
                const Mac &target, const Addr &dst);
std::string frame(const Mac &dst, const Mac &src, std::uint16_t type,
                  std::string_view payload);
Mac group_mac(const Addr &group);

std::uint16_t get16(std::string_view bytes, std::size_t at);
std::uint32_t get32(std::string_view bytes, std::size_t at);
void set16(std::string &bytes, std::size_t at, std::uint16_t value);
void set32(std::string &bytes, std::size_t at, std::uint32_t value);

}  // namespace attack
