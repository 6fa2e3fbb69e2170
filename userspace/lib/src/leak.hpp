// SPDX-License-Identifier: GPL-2.0
//
// What the messages about a leak hold, for replies and events.

#pragma once

#include "attrs.hpp"
#include "vr/leak.hpp"

namespace vr::codec {

std::span<const netlink::Kind> leak_kinds();
Result<Leak> decode_leak(const netlink::Attrs &attrs);

}  // namespace vr::codec
