// SPDX-License-Identifier: GPL-2.0

#include "genl.hpp"

#include <libmnl/libmnl.h>
#include <linux/genetlink.h>

#include "attrs.hpp"
#include "exchange.hpp"

namespace vr::netlink {
namespace {

constexpr auto family_kinds = [] {
    std::array<Kind, CTRL_ATTR_MCAST_GROUPS + 1> kinds{};
    kinds[CTRL_ATTR_FAMILY_ID] = Kind::u16;
    return kinds;
}();

constexpr auto group_kinds = [] {
    std::array<Kind, CTRL_ATTR_MCAST_GRP_ID + 1> kinds{};
    kinds[CTRL_ATTR_MCAST_GRP_NAME] = Kind::string;
    kinds[CTRL_ATTR_MCAST_GRP_ID] = Kind::u32;
    return kinds;
}();

Result<void> add_group(Family &family, const nlattr *attr) {
    auto group = Attrs::parse(
        {static_cast<const std::byte *>(mnl_attr_get_payload(attr)),
         mnl_attr_get_payload_len(attr)},
        group_kinds);
    if (!group)
        return group.error();
    auto ok =
        group->require({CTRL_ATTR_MCAST_GRP_NAME, CTRL_ATTR_MCAST_GRP_ID});
    if (ok)
        family.groups[group->string(CTRL_ATTR_MCAST_GRP_NAME)] =
            group->u32(CTRL_ATTR_MCAST_GRP_ID);
    return ok;
}

Result<void> decode(Family &family, const nlmsghdr &message) {
    auto attrs = Attrs::of(message, GENL_HDRLEN, family_kinds);
    if (!attrs)
        return attrs.error();
    if (auto ok = attrs->require({CTRL_ATTR_FAMILY_ID}); !ok)
        return ok;
    family.id = attrs->u16(CTRL_ATTR_FAMILY_ID);

    auto groups = attrs->payload(CTRL_ATTR_MCAST_GROUPS);
    const auto *data = reinterpret_cast<const nlattr *>(groups.data());
    const nlattr *attr = nullptr;
    mnl_attr_for_each_payload(data, groups.size()) {
        if (auto ok = add_group(family, attr); !ok)
            return ok;
    }
    return {};
}

}  // namespace

Result<Family> resolve(Socket &socket, const std::string &name) {
    Message message = Message::generic(GENL_ID_CTRL, CTRL_CMD_GETFAMILY);
    message.put_string(CTRL_ATTR_FAMILY_NAME, name);

    Family family;
    auto ok = request(socket, message, [&](const nlmsghdr &reply) {
        return decode(family, reply);
    });
    if (!ok)
        return ok.error();
    return family;
}

}  // namespace vr::netlink
