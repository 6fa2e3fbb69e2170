// SPDX-License-Identifier: GPL-2.0

#include "vr/client.hpp"

#include <linux/vr_dhost.h>

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
    return open(std::move(socket), VRCTX_FAMILY_NAME, VRCTX_MCGRP_EVENTS,
                "find the kernel's contexts",
                "this kernel has none (CONFIG_NET_VRCTX)");
}

Result<Client> Client::open_dhost(std::unique_ptr<netlink::Socket> socket) {
    return open(std::move(socket), VR_DHOST_FAMILY_NAME, VR_DHOST_MCGRP_EVENTS,
                "find distributed hosts", "the module vr_dhost is not loaded");
}

Result<Client> Client::open(std::unique_ptr<netlink::Socket> socket,
                            const std::string &name, const std::string &events,
                            const std::string &attempt,
                            const std::string &absent) {
    auto family = netlink::resolve(*socket, name);
    if (!family && family.error().code == ENOENT)
        return Error{ENOENT, attempt, absent};
    if (!family)
        return family.error().during(attempt);

    auto group = family->groups.find(events);
    if (group == family->groups.end())
        return Error{EBADMSG, attempt, "the family has no group for events"};
    return Client(std::move(socket), family->id, group->second);
}

}  // namespace vr
