// SPDX-License-Identifier: GPL-2.0

#include "vr/client.hpp"

#include <cerrno>

#include "genl.hpp"
#include "vr/abi.hpp"

namespace vr {

Client::Client(std::unique_ptr<netlink::Socket> socket, std::uint16_t family,
               std::uint32_t events_group)
    : socket_(std::move(socket)),
      family_(family),
      events_group_(events_group) {}

Result<Client> Client::open(std::unique_ptr<netlink::Socket> socket) {
    static const char attempt[] = "find the kernel's contexts";

    auto family = netlink::resolve(*socket, VRCTX_FAMILY_NAME);
    if (!family && family.error().code == ENOENT)
        return Error{ENOENT, attempt,
                     "this kernel has none (CONFIG_NET_VRCTX)"};
    if (!family)
        return family.error().during(attempt);

    auto group = family->groups.find(VRCTX_MCGRP_EVENTS);
    if (group == family->groups.end())
        return Error{EBADMSG, attempt, "the family has no group for events"};
    return Client(std::move(socket), family->id, group->second);
}

}  // namespace vr
