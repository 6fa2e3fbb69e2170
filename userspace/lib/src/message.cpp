// SPDX-License-Identifier: GPL-2.0

#include "message.hpp"

#include <libmnl/libmnl.h>
#include <linux/genetlink.h>

#include <algorithm>
#include <string>

namespace vr::netlink {

Message::Message(std::uint16_t type) {
    mnl_nlmsg_put_header(buffer_.data())->nlmsg_type = type;
}

Message Message::generic(std::uint16_t family, std::uint8_t command) {
    Message message(family);
    auto *genl =
        static_cast<genlmsghdr *>(message.put_header(sizeof(genlmsghdr)));
    genl->cmd = command;
    genl->version = 1;
    return message;
}

void *Message::put_header(std::size_t size) {
    return mnl_nlmsg_put_extra_header(header(), size);
}

bool Message::put_body(std::span<const std::byte> body) {
    if (body.size() > buffer_.size() - NLMSG_HDRLEN)
        return false;
    std::ranges::copy(body, buffer_.begin() + NLMSG_HDRLEN);
    header()->nlmsg_len = NLMSG_LENGTH(body.size());
    return true;
}

Message &Message::put(std::uint16_t type, std::span<const std::byte> value) {
    if (!mnl_attr_put_check(header(), buffer_.size(), type, value.size(),
                            value.data()))
        overflow_ = true;
    return *this;
}

Message &Message::put_u8(std::uint16_t type, std::uint8_t value) {
    return put(type, std::as_bytes(std::span(&value, 1)));
}

Message &Message::put_u16(std::uint16_t type, std::uint16_t value) {
    return put(type, std::as_bytes(std::span(&value, 1)));
}

Message &Message::put_u64(std::uint16_t type, std::uint64_t value) {
    return put(type, std::as_bytes(std::span(&value, 1)));
}

Message &Message::put_u32(std::uint16_t type, std::uint32_t value) {
    if (!mnl_attr_put_u32_check(header(), buffer_.size(), type, value))
        overflow_ = true;
    return *this;
}

Message &Message::put_string(std::uint16_t type, std::string_view value) {
    if (!mnl_attr_put_strz_check(header(), buffer_.size(), type,
                                 std::string(value).c_str()))
        overflow_ = true;
    return *this;
}

Message &Message::put_flag(std::uint16_t type) {
    if (!mnl_attr_put_check(header(), buffer_.size(), type, 0, nullptr))
        overflow_ = true;
    return *this;
}

nlmsghdr *Message::header() {
    return reinterpret_cast<nlmsghdr *>(buffer_.data());
}

std::span<const std::byte> Message::bytes() {
    return std::span(buffer_).first(header()->nlmsg_len);
}

}  // namespace vr::netlink
