// SPDX-License-Identifier: GPL-2.0
//
// Building one netlink request.

#pragma once

#include <linux/netlink.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace vr::netlink {

// Purpose: header, family header and attributes in one buffer.
// Threading: plain data.
// Errors: what does not fit is left out and overflow() says so; the request
// is then refused with EMSGSIZE instead of being sent.
class Message {
  public:
    explicit Message(std::uint16_t type);
    static Message generic(std::uint16_t family, std::uint8_t command);

    // Fixed part of a classic family, zeroed; before any attribute.
    void *put_header(std::size_t size);
    // All that follows the header, as another message had it; false if it does
    // not fit.
    bool put_body(std::span<const std::byte> body);
    Message &put(std::uint16_t type, std::span<const std::byte> value);
    Message &put_u8(std::uint16_t type, std::uint8_t value);
    Message &put_u16(std::uint16_t type, std::uint16_t value);
    Message &put_u64(std::uint16_t type, std::uint64_t value);
    Message &put_u32(std::uint16_t type, std::uint32_t value);
    Message &put_string(std::uint16_t type, std::string_view value);
    Message &put_flag(std::uint16_t type);

    nlmsghdr *header();
    std::span<const std::byte> bytes();
    bool overflow() const { return overflow_; }

  private:
    // Device names come from the command line and have no limit here.
    alignas(nlmsghdr) std::array<std::byte, 1024> buffer_{};
    bool overflow_ = false;
};

}  // namespace vr::netlink
