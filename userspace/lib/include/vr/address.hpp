// SPDX-License-Identifier: GPL-2.0
//
// IPv6 addresses that a device loses when it is taken down, for those who take
// it down only for a moment. (IPv4 addresses stay.)

#pragma once

#include <cstddef>
#include <vector>

#include "vr/netlink.hpp"
#include "vr/result.hpp"

namespace vr {

// One address as the kernel described it: struct ifaddrmsg and attributes
using Address = std::vector<std::byte>;

// The addresses of the device that somebody gave it. Those it makes itself
// (link-local, from router advertisements, temporary) are not among them.
// `route` is a socket on NETLINK_ROUTE.
Result<std::vector<Address>> static_addresses6(netlink::Socket &route,
                                               int ifindex);

// Gives the device the address again, with flags and lifetimes; fine if it has
// it already.
Result<void> restore_address(netlink::Socket &route, const Address &address);

}  // namespace vr
