// SPDX-License-Identifier: GPL-2.0

#include "attrs.hpp"

#include <libmnl/libmnl.h>

#include <algorithm>
#include <cerrno>

namespace vr::netlink {
namespace {

Error malformed(const std::string &why) {
    return {EBADMSG, {}, "malformed reply: " + why};
}

bool fits(const nlattr *attr, Kind kind) {
    std::size_t size = mnl_attr_get_payload_len(attr);
    const auto *data = static_cast<const char *>(mnl_attr_get_payload(attr));

    switch (kind) {
        case Kind::u8:
            return size == sizeof(std::uint8_t);
        case Kind::u16:
            return size == sizeof(std::uint16_t);
        case Kind::u32:
            return size == sizeof(std::uint32_t);
        case Kind::u64:
            return size == sizeof(std::uint64_t);
        case Kind::string:
            return size > 0 && data[size - 1] == '\0';
        case Kind::any:
            break;
    }
    return true;
}

}  // namespace

Result<Attrs> Attrs::parse(std::span<const std::byte> payload,
                           std::span<const Kind> kinds) {
    Attrs attrs;

    while (!payload.empty()) {
        const auto *attr = reinterpret_cast<const nlattr *>(payload.data());
        if (!mnl_attr_ok(attr, static_cast<int>(payload.size())))
            return malformed("attribute cut off");

        std::uint16_t type = mnl_attr_get_type(attr);
        if (type < kinds.size() && type < max_types) {
            if (!fits(attr, kinds[type]))
                return malformed("attribute " + std::to_string(type) +
                                 " has the wrong size");
            attrs.at_[type] = attr;
        }
        // The last one need not be padded.
        payload = payload.subspan(
            std::min<std::size_t>(MNL_ALIGN(attr->nla_len), payload.size()));
    }
    return attrs;
}

Result<Attrs> Attrs::of(const nlmsghdr &message, std::size_t fixed,
                        std::span<const Kind> kinds) {
    std::span payload(
        static_cast<const std::byte *>(mnl_nlmsg_get_payload(&message)),
        mnl_nlmsg_get_payload_len(&message));
    if (payload.size() < fixed)
        return malformed("header cut off");
    return parse(payload.subspan(
                     std::min<std::size_t>(MNL_ALIGN(fixed), payload.size())),
                 kinds);
}

Result<void> Attrs::require(std::initializer_list<std::uint16_t> types) const {
    for (std::uint16_t type : types)
        if (!has(type))
            return malformed("attribute " + std::to_string(type) + " missing");
    return {};
}

std::uint8_t Attrs::u8(std::uint16_t type) const {
    return has(type) ? mnl_attr_get_u8(at_[type]) : 0;
}

std::uint16_t Attrs::u16(std::uint16_t type) const {
    return has(type) ? mnl_attr_get_u16(at_[type]) : 0;
}

std::uint32_t Attrs::u32(std::uint16_t type) const {
    return has(type) ? mnl_attr_get_u32(at_[type]) : 0;
}

std::uint64_t Attrs::u64(std::uint16_t type) const {
    return has(type) ? mnl_attr_get_u64(at_[type]) : 0;
}

std::string Attrs::string(std::uint16_t type) const {
    return has(type) ? mnl_attr_get_str(at_[type]) : "";
}

std::span<const std::byte> Attrs::payload(std::uint16_t type) const {
    if (!has(type))
        return {};
    return {static_cast<const std::byte *>(mnl_attr_get_payload(at_[type])),
            mnl_attr_get_payload_len(at_[type])};
}

Result<void> each_attr(
    const nlmsghdr &message, std::size_t fixed,
    const std::function<Result<void>(std::uint16_t, std::span<const std::byte>)>
        &visit) {
    std::size_t size = mnl_nlmsg_get_payload_len(&message);
    if (size < MNL_ALIGN(fixed))
        return malformed("header cut off");
    const auto *data = static_cast<const nlattr *>(
        mnl_nlmsg_get_payload_offset(&message, MNL_ALIGN(fixed)));
    const nlattr *attr = nullptr;
    mnl_attr_for_each_payload(data, size - MNL_ALIGN(fixed)) {
        auto ok =
            visit(mnl_attr_get_type(attr),
                  {static_cast<const std::byte *>(mnl_attr_get_payload(attr)),
                   mnl_attr_get_payload_len(attr)});
        if (!ok)
            return ok;
    }
    return {};
}

}  // namespace vr::netlink
