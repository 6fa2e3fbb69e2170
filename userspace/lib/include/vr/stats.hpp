// SPDX-License-Identifier: GPL-2.0
//
// Packet counters of contexts.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "vr/client.hpp"
#include "vr/ref.hpp"

namespace vr {

struct Stats {
    std::uint32_t id = 0;
    std::string name;
    std::uint64_t rx_packets = 0;
    std::uint64_t tx_packets = 0;
    std::uint64_t fwd_packets = 0;
    std::uint64_t no_route = 0;
    std::uint64_t wrong_ctx = 0;
};

Result<Stats> get_stats(Client &client, const Ref &ref);
Result<std::vector<Stats>> list_stats(Client &client);

}  // namespace vr
