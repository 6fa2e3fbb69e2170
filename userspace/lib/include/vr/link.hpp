// SPDX-License-Identifier: GPL-2.0
//
// The little of rtnetlink that moving a device needs.

#pragma once

#include <string>

#include "vr/netlink.hpp"
#include "vr/result.hpp"

namespace vr {

struct Link {
    int ifindex = 0;
    std::string ifname;
    bool up = false;      // administratively
    bool master = false;  // part of a bridge, bond or the like
};

// `route` is a socket on NETLINK_ROUTE. ENODEV if there is no such device.
Result<Link> get_link(netlink::Socket &route, const std::string &ifname);
Result<void> set_link_up(netlink::Socket &route, const Link &link, bool up);

}  // namespace vr
