// SPDX-License-Identifier: GPL-2.0
//
// What "vrctl cluster init" and "join" know of a cluster, and the files that
// follow from it.

#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "system.hpp"
#include "vr/dhost.hpp"
#include "vr/result.hpp"

namespace vrctl::plan {

struct Node {
    std::uint32_t id = 0;
    vr::dhost::Ip ring{};  // where corosync talks
    vr::dhost::Mac lladdr{};
    std::uint32_t priority = 100;
    std::uint32_t votes = 1;
    std::optional<vr::dhost::Range> slice{};
};

struct Plan {
    vr::dhost::Ip address{};
    std::uint32_t context = 0;
    std::string device;
    std::uint32_t token = 400;  // ms; the others go on after 2.2 times that
    std::vector<Node> nodes{};
};

// What is wrong with the words as words, empty if nothing is: that is wrong
// usage. Values are looked at by parse().
std::string misuse(std::span<const std::string> words);
// "ADDR dev DEV ... node ID ring ADDR lladdr MAC ..."; refuses what cannot be
// a cluster.
vr::Result<Plan> parse(std::span<const std::string> words);

// Which of the nodes is this machine? Refuses if none is, or if its device is
// not what the others would be told.
vr::Result<std::uint32_t> find_self(const Plan &plan,
                                    std::span<const Interface> here);

std::string corosync_conf(const Plan &plan);
std::string vrd_toml(const Plan &plan);

// What goes from the node where the cluster was made to the others: the words,
// and the key by which nodes know each other.
struct Bundle {
    std::vector<std::string> words;
    std::string key;
};

std::string to_json(const Bundle &bundle);
vr::Result<Bundle> from_json(std::string_view text);

}  // namespace vrctl::plan
