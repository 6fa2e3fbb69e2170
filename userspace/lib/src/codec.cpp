// SPDX-License-Identifier: GPL-2.0

#include "codec.hpp"

#include <linux/genetlink.h>

namespace vr::codec {
namespace {

using netlink::Kind;

constexpr auto of_context = [] {
    std::array<Kind, VRCTX_A_CTX_MAX + 1> table{};
    for (int type : {VRCTX_A_CTX_ID, VRCTX_A_CTX_TABLE, VRCTX_A_CTX_DEVICES,
                     VRCTX_A_CTX_SOCKETS, VRCTX_A_CTX_TASKS,
                     VRCTX_A_CTX_IFINDEX, VRCTX_A_CTX_PID})
        table[type] = Kind::u32;
    for (int type :
         {VRCTX_A_CTX_RX_PACKETS, VRCTX_A_CTX_TX_PACKETS,
          VRCTX_A_CTX_FWD_PACKETS, VRCTX_A_CTX_NO_ROUTE, VRCTX_A_CTX_WRONG_CTX})
        table[type] = Kind::u64;
    for (int type : {VRCTX_A_CTX_NAME, VRCTX_A_CTX_IFNAME})
        table[type] = Kind::string;
    return table;
}();

}  // namespace

netlink::Message command(const Client &client, std::uint8_t number) {
    return netlink::Message::generic(client.family(), number);
}

netlink::Message command(const Client &client, std::uint8_t number,
                         const Ref &ref) {
    netlink::Message message = command(client, number);
    if (ref.by_name())
        message.put_string(VRCTX_A_CTX_NAME, ref.name);
    else
        message.put_u32(VRCTX_A_CTX_ID, ref.id);
    return message;
}

std::span<const Kind> context_kinds() {
    return of_context;
}

Result<netlink::Attrs> attributes(const nlmsghdr &message,
                                  std::span<const Kind> kinds) {
    return netlink::Attrs::of(message, GENL_HDRLEN, kinds);
}

std::string context_name(const netlink::Attrs &attrs) {
    if (attrs.u32(VRCTX_A_CTX_ID) == 0)
        return default_name;
    return attrs.string(VRCTX_A_CTX_NAME);
}

}  // namespace vr::codec
