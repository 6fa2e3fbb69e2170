// SPDX-License-Identifier: GPL-2.0
//
// Generic netlink: from the name of a family to its numbers.

#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "vr/netlink.hpp"
#include "vr/result.hpp"

namespace vr::netlink {

struct Family {
    std::uint16_t id = 0;
    std::map<std::string, std::uint32_t> groups;
};

// ENOENT if the kernel has no such family.
Result<Family> resolve(Socket &socket, const std::string &name);

}  // namespace vr::netlink
