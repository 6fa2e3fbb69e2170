// SPDX-License-Identifier: GPL-2.0
//
// Reading the attributes of one netlink message.

#pragma once

#include <linux/netlink.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <span>
#include <string>

#include "vr/result.hpp"

namespace vr::netlink {

enum class Kind : std::uint8_t { any, u8, u16, u32, u64, string };

// Purpose: attributes by type, sizes checked against a table of kinds.
// Threading: plain data; points into the message, must not outlive it.
// Errors: parse() says EBADMSG for a cut-off attribute and for one of the
// wrong size. Types beyond the table are ignored (a newer kernel), an absent
// attribute reads as 0 or "".
class Attrs {
  public:
    // `kinds` is indexed by attribute type.
    static Result<Attrs> parse(std::span<const std::byte> payload,
                               std::span<const Kind> kinds);
    // The attributes behind a message's fixed header of that size.
    static Result<Attrs> of(const nlmsghdr &message, std::size_t fixed,
                            std::span<const Kind> kinds);

    Result<void> require(std::initializer_list<std::uint16_t> types) const;
    bool has(std::uint16_t type) const { return at_[type] != nullptr; }
    std::uint8_t u8(std::uint16_t type) const;
    std::uint16_t u16(std::uint16_t type) const;
    std::uint32_t u32(std::uint16_t type) const;
    std::uint64_t u64(std::uint16_t type) const;
    std::string string(std::uint16_t type) const;
    std::span<const std::byte> payload(std::uint16_t type) const;

  private:
    static constexpr std::size_t max_types = 64;

    std::array<const nlattr *, max_types> at_{};
};

// For attributes that come more than once: calls `visit` with type and payload
// of each behind the fixed header. EBADMSG for one that is cut off.
Result<void> each_attr(
    const nlmsghdr &message, std::size_t fixed,
    const std::function<Result<void>(std::uint16_t, std::span<const std::byte>)>
        &visit);

}  // namespace vr::netlink
