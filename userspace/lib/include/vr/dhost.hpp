// SPDX-License-Identifier: GPL-2.0
//
// Distributed hosts: addresses that several machines have. `client` is one
// that Client::open_dhost() made.

#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "vr/client.hpp"

namespace vr::dhost {

using Ipv4 = std::array<std::uint8_t, 4>;
using Ipv6 = std::array<std::uint8_t, 16>;
using Ip = std::variant<Ipv4, Ipv6>;
using Mac = std::array<std::uint8_t, 6>;

// Names a distributed address. The epoch, if it is there, must be the address's
// own, or a greater one in set_lead().
struct Key {
    Ip address{};
    std::uint32_t context = 0;
    std::optional<std::uint64_t> epoch{};
};

// Ports min to max, min included and max too
struct Range {
    std::uint16_t min = 0;
    std::uint16_t max = 0;
};

enum class Grants : std::uint32_t { none, refuse, allow };

struct Member {
    std::uint32_t node = 0;
    int ifindex = 0;     // 0 if the device is gone
    std::string ifname;  // for add_member() only
    Mac lladdr{};
    std::optional<Range> slice{};
};

struct Counters {
    std::uint64_t local = 0;
    std::uint64_t lead = 0;
    std::uint64_t handed_over = 0;
    std::uint64_t flooded = 0;
    std::uint64_t ignored = 0;
    std::uint64_t failed = 0;
    std::uint64_t from_member = 0;
    std::uint64_t fragments = 0;
    std::uint64_t arp_ignored = 0;
    std::uint64_t arp_silenced = 0;
    std::uint64_t spread = 0;
    std::uint64_t moved = 0;
};

struct Host {
    Key key{};
    std::uint32_t own = 0;
    std::uint32_t lead = 0;  // 0: none
    std::optional<Range> slice{};
    Grants grants = Grants::none;
    std::uint32_t timeout = 0;  // of a grant in ms; 0: the kernel's
    bool handover = true;       // the lead hands over
    std::uint32_t ports = 0;    // entries of the port map
    std::vector<Member> members{};
    Counters counters{};
};

// Of one node, or of owners that share it, in the order in which they got it
struct Port {
    std::uint8_t protocol = 0;
    std::uint16_t port = 0;
    std::uint32_t node = 0;
    std::vector<std::uint32_t> owners{};
};

Result<void> add_host(Client &client, const Host &host);
Result<void> delete_host(Client &client, const Key &key);
Result<void> set_lead(Client &client, const Key &key, std::uint32_t lead);
// What a bind() needs, and how long it waits for it (in ms; 0: as before).
Result<void> set_grants(Client &client, const Key &key, Grants grants,
                        std::uint32_t timeout);
Result<Host> get_host(Client &client, const Key &key);
Result<std::vector<Host>> list_hosts(Client &client);

Result<void> add_member(Client &client, const Key &key, const Member &member);
Result<void> delete_member(Client &client, const Key &key, std::uint32_t node);

Result<void> set_ports(Client &client, const Key &key, std::uint8_t protocol,
                       const Range &range, std::uint32_t node);
Result<void> share_ports(Client &client, const Key &key, std::uint8_t protocol,
                         const Range &range,
                         std::span<const std::uint32_t> owners);
Result<void> delete_ports(Client &client, const Key &key, std::uint8_t protocol,
                          const Range &range);
Result<std::vector<Port>> list_ports(Client &client, const Key &key);

// Lets a bind() go on that waits for a grant, or refuses it.
Result<void> grant(Client &client, std::uint64_t cookie, bool deny);

// "10.0.0.1" or "fd00::1", "02:00:00:00:00:01", "80" or "1000-1999"; EINVAL for
// others
Result<Ip> parse_ip(std::string_view text);
Result<Mac> parse_mac(std::string_view text);
Result<Range> parse_range(std::string_view text);
std::string text(const Ip &address);
std::string text(const Mac &lladdr);
std::string text(const Range &range);

}  // namespace vr::dhost
