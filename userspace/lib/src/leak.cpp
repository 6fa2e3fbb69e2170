// SPDX-License-Identifier: GPL-2.0

#include "leak.hpp"

#include <arpa/inet.h>

#include <cstring>

#include "codec.hpp"

namespace vr {
namespace {

constexpr std::size_t size4 = 4;
constexpr std::size_t size6 = 16;

int family_of(std::size_t size) {
    return size == size4 ? AF_INET : AF_INET6;
}

Error not_a_prefix(std::string_view text) {
    return {EINVAL, "'" + std::string(text) + "'", "not a prefix"};
}

void put_ref(netlink::Message &message, const Ref &ref, std::uint16_t number,
             std::uint16_t name) {
    if (ref.by_name())
        message.put_string(name, ref.name);
    else
        message.put_u32(number, ref.id);
}

netlink::Message about(const Client &client, std::uint8_t command,
                       const Ref &from, const Prefix &prefix) {
    netlink::Message message = codec::command(client, command);
    put_ref(message, from, VRCTX_A_LEAK_FROM, VRCTX_A_LEAK_FROM_NAME);
    message.put(VRCTX_A_LEAK_PREFIX, prefix.address);
    message.put_u8(VRCTX_A_LEAK_PREFIX_LEN, prefix.length);
    return message;
}

std::string name_of(const netlink::Attrs &attrs, std::uint16_t number,
                    std::uint16_t name) {
    return attrs.u32(number) == 0 ? default_name : attrs.string(name);
}

}  // namespace

std::string Prefix::text() const {
    char buffer[INET6_ADDRSTRLEN] = "?";
    inet_ntop(family_of(address.size()), address.data(), buffer,
              sizeof(buffer));
    return std::string(buffer) + "/" + std::to_string(length);
}

Result<Prefix> Prefix::parse(std::string_view text) {
    std::size_t slash = text.find('/');
    std::string address(text.substr(0, slash));
    Prefix prefix;

    prefix.address.resize(address.find(':') == address.npos ? size4 : size6);
    if (inet_pton(family_of(prefix.address.size()), address.c_str(),
                  prefix.address.data()) != 1)
        return not_a_prefix(text);
    auto bits = static_cast<std::uint32_t>(prefix.address.size() * 8);
    if (slash != text.npos) {
        auto length = parse_number(text.substr(slash + 1), bits);
        if (!length)
            return not_a_prefix(text);
        bits = *length;
    }
    prefix.length = static_cast<std::uint8_t>(bits);
    return prefix;
}

std::span<const netlink::Kind> codec::leak_kinds() {
    using netlink::Kind;
    static constexpr auto kinds = [] {
        std::array<Kind, VRCTX_A_LEAK_MAX + 1> table{};
        table[VRCTX_A_LEAK_FROM] = table[VRCTX_A_LEAK_TO] = Kind::u32;
        table[VRCTX_A_LEAK_FROM_NAME] = Kind::string;
        table[VRCTX_A_LEAK_TO_NAME] = Kind::string;
        table[VRCTX_A_LEAK_PREFIX_LEN] = Kind::u8;
        table[VRCTX_A_LEAK_PACKETS] = Kind::u64;
        table[VRCTX_A_LEAK_BYTES] = Kind::u64;
        return table;
    }();
    return kinds;
}

Result<Leak> codec::decode_leak(const netlink::Attrs &attrs) {
    auto ok = attrs.require({VRCTX_A_LEAK_FROM, VRCTX_A_LEAK_TO,
                             VRCTX_A_LEAK_PREFIX, VRCTX_A_LEAK_PREFIX_LEN});
    if (!ok)
        return ok.error();

    auto address = attrs.payload(VRCTX_A_LEAK_PREFIX);
    if (address.size() != size4 && address.size() != size6)
        return Error{EBADMSG, {}, "malformed reply: no address"};
    return Leak{
        .from = attrs.u32(VRCTX_A_LEAK_FROM),
        .from_name = name_of(attrs, VRCTX_A_LEAK_FROM, VRCTX_A_LEAK_FROM_NAME),
        .to = attrs.u32(VRCTX_A_LEAK_TO),
        .to_name = name_of(attrs, VRCTX_A_LEAK_TO, VRCTX_A_LEAK_TO_NAME),
        .prefix = {{address.begin(), address.end()},
                   attrs.u8(VRCTX_A_LEAK_PREFIX_LEN)},
        .packets = attrs.u64(VRCTX_A_LEAK_PACKETS),
        .bytes = attrs.u64(VRCTX_A_LEAK_BYTES),
    };
}

Result<void> add_leak(Client &client, const Ref &from, const Prefix &prefix,
                      const Ref &to) {
    netlink::Message message = about(client, VRCTX_CMD_LEAK_NEW, from, prefix);
    put_ref(message, to, VRCTX_A_LEAK_TO, VRCTX_A_LEAK_TO_NAME);
    return codec::during(netlink::request(client.socket(), message),
                         "leak " + prefix.text() + " from context " +
                             from.text() + " to " + to.text());
}

Result<void> delete_leak(Client &client, const Ref &from,
                         const Prefix &prefix) {
    netlink::Message message = about(client, VRCTX_CMD_LEAK_DEL, from, prefix);
    return codec::during(
        netlink::request(client.socket(), message),
        "end leak " + prefix.text() + " from context " + from.text());
}

Result<std::vector<Leak>> list_leaks(Client &client) {
    return codec::during(
        codec::list<Leak>(client, codec::command(client, VRCTX_CMD_LEAK_GET),
                          codec::decode_leak, codec::leak_kinds()),
        "list leaks");
}

}  // namespace vr
