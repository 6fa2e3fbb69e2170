// SPDX-License-Identifier: GPL-2.0

#include "link.hpp"

#include <linux/if.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

namespace vrd {
namespace {

constexpr std::size_t buffer_size = 65536;

// Name of the device that the message is about
std::string name(const nlmsghdr *message) {
    const auto *attr = IFLA_RTA(NLMSG_DATA(message));
    auto left = IFLA_PAYLOAD(message);
    for (; RTA_OK(attr, left); attr = RTA_NEXT(attr, left))
        if (attr->rta_type == IFLA_IFNAME)
            return {static_cast<const char *>(RTA_DATA(attr)),
                    strnlen(static_cast<const char *>(RTA_DATA(attr)),
                            RTA_PAYLOAD(attr))};
    return {};
}

}  // namespace

vr::Result<Links> Links::open(std::set<std::string> devices) {
    auto socket = vr::netlink::open(NETLINK_ROUTE);
    if (!socket)
        return socket.error();
    if (auto ok = (*socket)->join(RTNLGRP_LINK); !ok)
        return ok.error();
    Links links(*std::move(socket), std::move(devices));
    if (auto ok = links.list(); !ok)
        return ok.error();
    return links;
}

// The answers are read like events.
vr::Result<void> Links::list() {
    struct {
        nlmsghdr header;
        ifinfomsg info;
    } request{};
    request.header.nlmsg_len = sizeof(request);
    request.header.nlmsg_type = RTM_GETLINK;
    request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    request.header.nlmsg_seq = socket_->next_sequence();
    return socket_->send(std::as_bytes(std::span(&request, 1)));
}

vr::Result<void> Links::read() {
    std::vector<std::byte> buffer(buffer_size);
    auto size = socket_->receive(buffer);
    if (!size && size.error().code == ENOBUFS)
        return list();
    if (!size)
        return size.error();

    auto left = static_cast<unsigned>(*size);
    for (auto *message = reinterpret_cast<nlmsghdr *>(buffer.data());
         NLMSG_OK(message, left); message = NLMSG_NEXT(message, left)) {
        if (message->nlmsg_type != RTM_NEWLINK &&
            message->nlmsg_type != RTM_DELLINK)
            continue;
        const auto *info = static_cast<const ifinfomsg *>(NLMSG_DATA(message));
        std::string device = name(message);
        auto [known, added] = names_.try_emplace(info->ifi_index, device);
        up_.erase(known->second);
        known->second = device;
        if (message->nlmsg_type == RTM_DELLINK)
            names_.erase(known);
        else if ((info->ifi_flags & IFF_UP) && (info->ifi_flags & IFF_LOWER_UP))
            up_.insert(device);
    }
    return {};
}

bool Links::up() const {
    return std::ranges::all_of(devices_, [&](const std::string &device) {
        return up_.contains(device);
    });
}

}  // namespace vrd
