// SPDX-License-Identifier: GPL-2.0
//
// What the cluster is about: nodes, distributed addresses, ports.

#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

namespace vrd {

// Number of a node, as corosync and vr_dhost have it; 0 is nobody
using Node = std::uint32_t;

// A distributed address: the context, and 4 or 16 bytes
struct Host {
    std::uint32_t context = 0;
    std::uint8_t family = 4;  // 4 or 6
    std::array<std::uint8_t, 16> address{};

    auto operator<=>(const Host &) const = default;
};

// A port of an address
struct Key {
    Host host{};
    std::uint8_t protocol = 0;
    std::uint16_t port = 0;

    auto operator<=>(const Key &) const = default;
};

// A port, whatever the address
struct Service {
    std::uint8_t protocol = 0;
    std::uint16_t port = 0;

    auto operator<=>(const Service &) const = default;
};

// Who has a port: one node, or those that share it, in the order in which they
// got it
struct Owners {
    bool shared = false;
    std::vector<Node> nodes{};

    bool operator==(const Owners &) const = default;
};

std::string text(const Host &host);
std::string text(const Key &key);
std::string text(const std::vector<Node> &nodes);
std::string text(const std::set<Node> &nodes);
// Without the context
std::string address(const Host &host);

}  // namespace vrd
