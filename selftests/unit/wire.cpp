// SPDX-License-Identifier: GPL-2.0

#include "wire.hpp"

#include <linux/netlink.h>

#include <cstring>

namespace wire {
namespace {

template <typename T>
Bytes bytes_of(T value) {
    Bytes bytes(sizeof(value));
    std::memcpy(bytes.data(), &value, sizeof(value));
    return bytes;
}

template <typename T>
T read(const Bytes &bytes, std::size_t at) {
    T value{};
    if (at + sizeof(value) <= bytes.size())
        std::memcpy(&value, bytes.data() + at, sizeof(value));
    return value;
}

std::size_t align(std::size_t size) {
    return (size + 3) & ~std::size_t{3};
}

}  // namespace

Bytes raw(std::initializer_list<int> values) {
    Bytes bytes;
    for (int value : values)
        bytes.push_back(static_cast<std::byte>(value));
    return bytes;
}

Bytes u16(std::uint16_t value) {
    return bytes_of(value);
}

Bytes u32(std::uint32_t value) {
    return bytes_of(value);
}

Bytes u64(std::uint64_t value) {
    return bytes_of(value);
}

Bytes text(const std::string &value) {
    Bytes bytes(value.size() + 1);
    std::memcpy(bytes.data(), value.c_str(), bytes.size());
    return bytes;
}

Bytes operator+(Bytes left, const Bytes &right) {
    left.insert(left.end(), right.begin(), right.end());
    return left;
}

Bytes attr(std::uint16_t type, const Bytes &payload) {
    Bytes bytes = u16(static_cast<std::uint16_t>(4 + payload.size())) +
                  u16(type) + payload;
    bytes.resize(align(bytes.size()));
    return bytes;
}

Bytes message(std::uint16_t type, std::uint16_t flags, std::uint32_t sequence,
              const Bytes &body) {
    return u32(static_cast<std::uint32_t>(16 + body.size())) + u16(type) +
           u16(flags) + u32(sequence) + u32(0) + body;
}

Bytes genl(std::uint8_t command, const Bytes &attributes) {
    return raw({command, 1, 0, 0}) + attributes;
}

Bytes ack(std::uint32_t sequence, int error, const std::string &why) {
    std::uint16_t flags = NLM_F_CAPPED;
    // Only the header of the request comes back, with its length as it was.
    Bytes body = u32(static_cast<std::uint32_t>(error)) + u32(64) + u16(0) +
                 u16(0) + u32(sequence) + u32(0);
    if (!why.empty()) {
        flags |= NLM_F_ACK_TLVS;
        body = body + attr(NLMSGERR_ATTR_MSG, text(why));
    }
    return message(NLMSG_ERROR, flags, sequence, body);
}

Bytes done(std::uint32_t sequence, std::uint16_t flags, int error,
           const std::string &why) {
    Bytes body = u32(static_cast<std::uint32_t>(error));
    if (!why.empty()) {
        flags |= NLM_F_ACK_TLVS;
        body = body + attr(NLMSGERR_ATTR_MSG, text(why));
    }
    return message(NLMSG_DONE, NLM_F_MULTI | flags, sequence, body);
}

std::uint32_t Request::number(std::uint16_t attr) const {
    auto found = attrs.find(attr);
    return found == attrs.end() ? 0 : read<std::uint32_t>(found->second, 0);
}

std::string Request::string(std::uint16_t attr) const {
    auto found = attrs.find(attr);
    if (found == attrs.end() || found->second.empty())
        return {};
    return reinterpret_cast<const char *>(found->second.data());
}

Request parse(const Bytes &datagram, std::size_t fixed) {
    Request request;
    request.type = read<std::uint16_t>(datagram, 4);
    request.flags = read<std::uint16_t>(datagram, 6);
    request.sequence = read<std::uint32_t>(datagram, 8);
    request.command = read<std::uint8_t>(datagram, 16);
    request.fixed.assign(
        datagram.begin() + 16,
        datagram.begin() + 16 + static_cast<std::ptrdiff_t>(fixed));

    for (std::size_t at = 16 + fixed; at + 4 <= datagram.size();) {
        auto size = read<std::uint16_t>(datagram, at);
        auto type = read<std::uint16_t>(datagram, at + 2);
        if (size < 4 || at + size > datagram.size())
            break;
        auto begin = datagram.begin() + static_cast<std::ptrdiff_t>(at);
        request.attrs[type] = Bytes(begin + 4, begin + size);
        at += align(size);
    }
    return request;
}

}  // namespace wire
