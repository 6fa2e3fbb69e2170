// SPDX-License-Identifier: GPL-2.0
//
// vrd.toml(5).

#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/machine.hpp"
#include "vr/dhost.hpp"
#include "vr/dhost_event.hpp"
#include "vr/result.hpp"

namespace vrd {

struct Peer {
    std::uint32_t priority = 100;
    std::uint32_t votes = 1;
    std::optional<Slice> slice{};
};

struct Address {
    vr::dhost::Key key{};
    std::string device;
    std::map<Node, vr::dhost::Mac> lladdrs{};
};

struct Config {
    Node node = 0;  // 0: what corosync says
    std::string group = "vrctx";
    bool engine_quorum = false;
    std::uint64_t grace_ms = 10000;
    std::uint64_t fence_ms = 3000;
    std::uint32_t bind_ms = 5000;
    bool allow_alone = false;  // bind() without a daemon goes on
    std::map<Node, Peer> peers{};
    std::vector<Address> addresses{};
    std::set<Service> shared{};

    Setup setup() const;
};

// The errors name the line.
vr::Result<Config> parse_config(std::string_view text);
vr::Result<Config> read_config(const std::string &path);

Host host(const vr::dhost::Key &key);
// Those of the configuration whose port a socket has: one, or all of a context,
// or of all contexts; of one family or both
std::vector<Host> hosts(const Config &config, const vr::dhost::Event &event);

}  // namespace vrd
