// SPDX-License-Identifier: GPL-2.0
//
// What requests and events of distributed hosts have in common.

#pragma once

#include "attrs.hpp"
#include "exchange.hpp"
#include "message.hpp"
#include "vr/dhost.hpp"

namespace vr::dhost {

Result<netlink::Attrs> attributes(const nlmsghdr &message);
// Address, context and epoch; EBADMSG if there is no address
Result<Key> decode_key(const netlink::Attrs &attrs);
Result<Ip> decode_address(std::span<const std::byte> payload);

}  // namespace vr::dhost
