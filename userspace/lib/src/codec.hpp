// SPDX-License-Identifier: GPL-2.0
//
// What the typed calls have in common: the family's attributes and the two
// shapes of request.

#pragma once

#include <cerrno>
#include <optional>
#include <string>
#include <vector>

#include "attrs.hpp"
#include "exchange.hpp"
#include "message.hpp"
#include "vr/abi.hpp"
#include "vr/client.hpp"
#include "vr/ref.hpp"

namespace vr::codec {

netlink::Message command(const Client &client, std::uint8_t number);
netlink::Message command(const Client &client, std::uint8_t number,
                         const Ref &ref);
// Which attributes a message about a context, device or task has
std::span<const netlink::Kind> context_kinds();
Result<netlink::Attrs> attributes(
    const nlmsghdr &message,
    std::span<const netlink::Kind> kinds = context_kinds());
// Name of a context, whether the kernel sends one for it or not
std::string context_name(const netlink::Attrs &attrs);

template <typename T>
using Decode = Result<T> (*)(const netlink::Attrs &);

// A request that is answered with one T
template <typename T>
Result<T> get(Client &client, netlink::Message message, Decode<T> decode) {
    std::optional<T> value;
    auto ok = netlink::request(client.socket(), message,
                               [&](const nlmsghdr &reply) -> Result<void> {
                                   auto attrs = attributes(reply);
                                   if (!attrs)
                                       return attrs.error();
                                   auto item = decode(*attrs);
                                   if (!item)
                                       return item.error();
                                   value = *std::move(item);
                                   return {};
                               });
    if (!ok)
        return ok.error();
    if (!value)
        return Error{EBADMSG, {}, "malformed reply: empty"};
    return *std::move(value);
}

// A request that is answered with a list of T
template <typename T>
Result<std::vector<T>> list(
    Client &client, netlink::Message message, Decode<T> decode,
    std::span<const netlink::Kind> kinds = context_kinds()) {
    std::vector<T> values;
    auto ok = netlink::dump(
        client.socket(), message,
        [&](const nlmsghdr &reply) -> Result<void> {
            auto attrs = attributes(reply, kinds);
            if (!attrs)
                return attrs.error();
            auto item = decode(*attrs);
            if (!item)
                return item.error();
            values.push_back(*std::move(item));
            return {};
        },
        [&] { values.clear(); });
    if (!ok)
        return ok.error();
    return values;
}

// Adds to a failure what was attempted
template <typename T>
Result<T> during(Result<T> result, const std::string &attempt) {
    if (!result)
        return result.error().during(attempt);
    return result;
}

}  // namespace vr::codec
