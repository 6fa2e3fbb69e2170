// SPDX-License-Identifier: GPL-2.0

#include "vr/address.hpp"

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <span>
#include <utility>

#include "attrs.hpp"
#include "codec.hpp"
#include "exchange.hpp"

namespace vr {
namespace {

// A u8, which the table of kinds does not know; absent with old kernels.
constexpr auto address_kinds = [] {
    std::array<netlink::Kind, IFA_PROTO + 1> kinds{};
    kinds[IFA_FLAGS] = netlink::Kind::u32;
    return kinds;
}();

// Did somebody give the device the address (not the kernel itself)?
Result<bool> is_static(const nlmsghdr &message, const ifaddrmsg &info) {
    auto attrs = netlink::Attrs::of(message, sizeof(ifaddrmsg), address_kinds);
    if (!attrs)
        return attrs.error();
    std::uint32_t flags =
        attrs->has(IFA_FLAGS) ? attrs->u32(IFA_FLAGS) : info.ifa_flags;
    auto proto = attrs->payload(IFA_PROTO);
    bool by_kernel = !proto.empty() && proto[0] != std::byte{0} &&
                     proto[0] <= std::byte{IFAPROT_KERNEL_LL};
    return !by_kernel && (flags & IFA_F_TEMPORARY) == 0;
}

}  // namespace

Result<std::vector<Address>> static_addresses6(netlink::Socket &route,
                                               int ifindex) {
    netlink::Message message(RTM_GETADDR);
    auto *filter =
        static_cast<ifaddrmsg *>(message.put_header(sizeof(ifaddrmsg)));
    filter->ifa_family = AF_INET6;

    std::vector<Address> found;
    auto ok = netlink::dump(
        route, message,
        [&](const nlmsghdr &reply) -> Result<void> {
            if (reply.nlmsg_len < NLMSG_LENGTH(sizeof(ifaddrmsg)))
                return Error{EBADMSG, {}, "malformed reply: too short"};
            const auto *info =
                static_cast<const ifaddrmsg *>(NLMSG_DATA(&reply));
            if (static_cast<int>(info->ifa_index) != ifindex ||
                info->ifa_family != AF_INET6)
                return {};
            auto wanted = is_static(reply, *info);
            if (!wanted)
                return wanted.error();
            if (*wanted) {
                auto body = std::as_bytes(std::span(&reply, 1)).data();
                found.emplace_back(body + NLMSG_HDRLEN, body + reply.nlmsg_len);
            }
            return {};
        },
        [&] { found.clear(); });
    if (!ok)
        return ok.error().during("list IPv6 addresses");
    return found;
}

Result<void> restore_address(netlink::Socket &route, const Address &address) {
    netlink::Message message(RTM_NEWADDR);
    if (!message.put_body(address))
        return Error{EMSGSIZE, "restore an IPv6 address", {}};
    auto ok = netlink::request(route, message);
    if (!ok && ok.error().code == EEXIST)
        return {};
    return codec::during(std::move(ok), "restore an IPv6 address");
}

}  // namespace vr
