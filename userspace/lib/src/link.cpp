// SPDX-License-Identifier: GPL-2.0

#include "vr/link.hpp"

// <net/if.h> and <linux/if.h> do not go together everywhere.
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include <cerrno>
#include <optional>

#include "attrs.hpp"
#include "codec.hpp"
#include "exchange.hpp"

namespace vr {
namespace {

constexpr auto link_kinds = [] {
    std::array<netlink::Kind, IFLA_MASTER + 1> kinds{};
    kinds[IFLA_IFNAME] = netlink::Kind::string;
    kinds[IFLA_MASTER] = netlink::Kind::u32;
    return kinds;
}();

Result<Link> decode(const nlmsghdr &message) {
    auto attrs = netlink::Attrs::of(message, sizeof(ifinfomsg), link_kinds);
    if (!attrs)
        return attrs.error();
    if (auto ok = attrs->require({IFLA_IFNAME}); !ok)
        return ok.error();

    const auto *info = static_cast<const ifinfomsg *>(NLMSG_DATA(&message));
    return Link{info->ifi_index, attrs->string(IFLA_IFNAME),
                (info->ifi_flags & IFF_UP) != 0, attrs->has(IFLA_MASTER)};
}

}  // namespace

Result<Link> get_link(netlink::Socket &route, const std::string &ifname) {
    std::string attempt = "find device " + ifname;
    netlink::Message message(RTM_GETLINK);
    message.put_header(sizeof(ifinfomsg));
    message.put_string(ifname.size() < IFNAMSIZ ? IFLA_IFNAME : IFLA_ALT_IFNAME,
                       ifname);
    message.put_u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);

    std::optional<Link> link;
    auto ok = netlink::request(route, message,
                               [&](const nlmsghdr &reply) -> Result<void> {
                                   auto got = decode(reply);
                                   if (!got)
                                       return got.error();
                                   link = *std::move(got);
                                   return {};
                               });
    if (!ok)
        return ok.error().during(attempt);
    if (!link)
        return Error{EBADMSG, attempt, "malformed reply: empty"};
    return *std::move(link);
}

Result<void> set_link_up(netlink::Socket &route, const Link &link, bool up) {
    netlink::Message message(RTM_SETLINK);
    auto *info =
        static_cast<ifinfomsg *>(message.put_header(sizeof(ifinfomsg)));
    info->ifi_index = link.ifindex;
    info->ifi_flags = up ? IFF_UP : 0;
    info->ifi_change = IFF_UP;
    return codec::during(netlink::request(route, message),
                         (up ? "bring up " : "take down ") + link.ifname);
}

}  // namespace vr
