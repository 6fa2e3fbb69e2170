// SPDX-License-Identifier: GPL-2.0

#include "vr/dhost.hpp"

#include <linux/genetlink.h>
#include <linux/vr_dhost.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "codec.hpp"
#include "dhost_codec.hpp"

namespace vr::dhost {
namespace {

using netlink::Attrs;
using netlink::Kind;
using netlink::Message;

constexpr auto kinds = [] {
    std::array<Kind, VR_DHOST_A_DHOST_MAX + 1> table{};
    for (int type :
         {VR_DHOST_A_DHOST_CONTEXT, VR_DHOST_A_DHOST_OWN, VR_DHOST_A_DHOST_LEAD,
          VR_DHOST_A_DHOST_NODE, VR_DHOST_A_DHOST_PORTS,
          VR_DHOST_A_DHOST_GRANTS, VR_DHOST_A_DHOST_TIMEOUT,
          VR_DHOST_A_DHOST_HANDOVER, VR_DHOST_A_DHOST_EVENT,
          VR_DHOST_A_DHOST_PID, VR_DHOST_A_DHOST_OWNER})
        table[type] = Kind::u32;
    for (int type : {VR_DHOST_A_DHOST_EPOCH, VR_DHOST_A_DHOST_SEQ,
                     VR_DHOST_A_DHOST_COOKIE})
        table[type] = Kind::u64;
    for (int type : {VR_DHOST_A_DHOST_SLICE_MIN, VR_DHOST_A_DHOST_SLICE_MAX,
                     VR_DHOST_A_DHOST_PORT, VR_DHOST_A_DHOST_PEER_PORT})
        table[type] = Kind::u16;
    table[VR_DHOST_A_DHOST_PROTOCOL] = Kind::u8;
    return table;
}();

constexpr auto member_kinds = [] {
    std::array<Kind, VR_DHOST_A_MEMBER_MAX + 1> table{};
    table[VR_DHOST_A_MEMBER_NODE] = Kind::u32;
    table[VR_DHOST_A_MEMBER_IFINDEX] = Kind::u32;
    table[VR_DHOST_A_MEMBER_SLICE_MIN] = Kind::u16;
    table[VR_DHOST_A_MEMBER_SLICE_MAX] = Kind::u16;
    return table;
}();

constexpr auto stats_kinds = [] {
    std::array<Kind, VR_DHOST_A_STATS_MAX + 1> table{};
    table.fill(Kind::u64);
    table[VR_DHOST_A_STATS_PAD] = Kind::any;
    return table;
}();

template <typename T>
Result<T> decode_bytes(std::span<const std::byte> payload) {
    T value{};
    if (payload.size() != value.size())
        return Error{EBADMSG, {}, "malformed reply: address of wrong size"};
    std::ranges::transform(payload, value.begin(), [](std::byte one) {
        return static_cast<std::uint8_t>(one);
    });
    return value;
}

template <typename T>
std::span<const std::byte> bytes(const T &value) {
    return std::as_bytes(std::span(value));
}

std::optional<Range> decode_slice(const Attrs &attrs, int min, int max) {
    if (!attrs.has(static_cast<std::uint16_t>(max)))
        return std::nullopt;
    return Range{attrs.u16(static_cast<std::uint16_t>(min)),
                 attrs.u16(static_cast<std::uint16_t>(max))};
}

Result<Member> decode_member(std::span<const std::byte> payload) {
    auto attrs = Attrs::parse(payload, member_kinds);
    if (!attrs)
        return attrs.error();
    auto ok =
        attrs->require({VR_DHOST_A_MEMBER_NODE, VR_DHOST_A_MEMBER_LLADDR});
    if (!ok)
        return ok.error();
    auto lladdr = decode_bytes<Mac>(attrs->payload(VR_DHOST_A_MEMBER_LLADDR));
    if (!lladdr)
        return lladdr.error();
    return Member{
        .node = attrs->u32(VR_DHOST_A_MEMBER_NODE),
        .ifindex = static_cast<int>(attrs->u32(VR_DHOST_A_MEMBER_IFINDEX)),
        .ifname = {},
        .lladdr = *lladdr,
        .slice = decode_slice(*attrs, VR_DHOST_A_MEMBER_SLICE_MIN,
                              VR_DHOST_A_MEMBER_SLICE_MAX),
    };
}

Result<Counters> decode_counters(std::span<const std::byte> payload) {
    auto attrs = Attrs::parse(payload, stats_kinds);
    if (!attrs)
        return attrs.error();
    return Counters{
        .local = attrs->u64(VR_DHOST_A_STATS_LOCAL),
        .lead = attrs->u64(VR_DHOST_A_STATS_LEAD),
        .handed_over = attrs->u64(VR_DHOST_A_STATS_HANDED_OVER),
        .flooded = attrs->u64(VR_DHOST_A_STATS_FLOODED),
        .ignored = attrs->u64(VR_DHOST_A_STATS_IGNORED),
        .failed = attrs->u64(VR_DHOST_A_STATS_FAILED),
        .from_member = attrs->u64(VR_DHOST_A_STATS_FROM_MEMBER),
        .fragments = attrs->u64(VR_DHOST_A_STATS_FRAGMENTS),
        .arp_ignored = attrs->u64(VR_DHOST_A_STATS_ARP_IGNORED),
        .arp_silenced = attrs->u64(VR_DHOST_A_STATS_ARP_SILENCED),
        .spread = attrs->u64(VR_DHOST_A_STATS_SPREAD),
        .moved = attrs->u64(VR_DHOST_A_STATS_MOVED),
    };
}

Result<Host> decode_host(const nlmsghdr &message) {
    auto attrs = attributes(message);
    if (!attrs)
        return attrs.error();
    auto ok = attrs->require({VR_DHOST_A_DHOST_OWN, VR_DHOST_A_DHOST_STATS});
    if (!ok)
        return ok.error();
    auto key = decode_key(*attrs);
    if (!key)
        return key.error();
    auto counters = decode_counters(attrs->payload(VR_DHOST_A_DHOST_STATS));
    if (!counters)
        return counters.error();

    Host host{
        .key = *key,
        .own = attrs->u32(VR_DHOST_A_DHOST_OWN),
        .lead = attrs->u32(VR_DHOST_A_DHOST_LEAD),
        .slice = decode_slice(*attrs, VR_DHOST_A_DHOST_SLICE_MIN,
                              VR_DHOST_A_DHOST_SLICE_MAX),
        .grants = static_cast<Grants>(attrs->u32(VR_DHOST_A_DHOST_GRANTS)),
        .timeout = attrs->u32(VR_DHOST_A_DHOST_TIMEOUT),
        .handover =
            attrs->u32(VR_DHOST_A_DHOST_HANDOVER) == VR_DHOST_HANDOVER_ON,
        .ports = attrs->u32(VR_DHOST_A_DHOST_PORTS),
        .counters = *counters,
    };
    auto each = netlink::each_attr(
        message, GENL_HDRLEN,
        [&](std::uint16_t type,
            std::span<const std::byte> payload) -> Result<void> {
            if (type != VR_DHOST_A_DHOST_MEMBER)
                return {};
            auto member = decode_member(payload);
            if (!member)
                return member.error();
            host.members.push_back(*std::move(member));
            return {};
        });
    if (!each)
        return each.error();
    return host;
}

Result<Port> decode_port(const nlmsghdr &message) {
    auto attrs = attributes(message);
    if (!attrs)
        return attrs.error();
    auto ok =
        attrs->require({VR_DHOST_A_DHOST_PROTOCOL, VR_DHOST_A_DHOST_PORT});
    if (ok && !attrs->has(VR_DHOST_A_DHOST_OWNER))
        ok = attrs->require({VR_DHOST_A_DHOST_NODE});
    if (!ok)
        return ok.error();
    Port port{attrs->u8(VR_DHOST_A_DHOST_PROTOCOL),
              attrs->u16(VR_DHOST_A_DHOST_PORT),
              attrs->u32(VR_DHOST_A_DHOST_NODE)};
    // their size was checked with the others'
    auto each = netlink::each_attr(
        message, GENL_HDRLEN,
        [&](std::uint16_t type,
            std::span<const std::byte> payload) -> Result<void> {
            std::uint32_t owner = 0;
            if (type != VR_DHOST_A_DHOST_OWNER)
                return {};
            std::memcpy(&owner, payload.data(), sizeof(owner));
            port.owners.push_back(owner);
            return {};
        });
    if (!each)
        return each.error();
    return port;
}

Message command(const Client &client, std::uint8_t number, const Key &key) {
    Message message = Message::generic(client.family(), number);
    std::visit(
        [&](const auto &address) {
            message.put(VR_DHOST_A_DHOST_ADDRESS, bytes(address));
        },
        key.address);
    message.put_u32(VR_DHOST_A_DHOST_CONTEXT, key.context);
    if (key.epoch)
        message.put_u64(VR_DHOST_A_DHOST_EPOCH, *key.epoch);
    return message;
}

void put_slice(Message &message, const std::optional<Range> &slice) {
    if (!slice)
        return;
    message.put_u16(VR_DHOST_A_DHOST_SLICE_MIN, slice->min);
    message.put_u16(VR_DHOST_A_DHOST_SLICE_MAX, slice->max);
}

void put_ports(Message &message, std::uint8_t protocol, const Range &range) {
    message.put_u8(VR_DHOST_A_DHOST_PROTOCOL, protocol);
    message.put_u16(VR_DHOST_A_DHOST_PORT, range.min);
    message.put_u16(VR_DHOST_A_DHOST_PORT_LAST, range.max);
}

Result<void> request(Client &client, Message &message,
                     const std::string &attempt) {
    return codec::during(netlink::request(client.socket(), message), attempt);
}

std::string about(const std::string &verb, const Key &key) {
    return verb + " " + text(key.address) +
           (key.context ? " in context " + std::to_string(key.context) : "");
}

}  // namespace

Result<Attrs> attributes(const nlmsghdr &message) {
    return Attrs::of(message, GENL_HDRLEN, kinds);
}

Result<Ip> decode_address(std::span<const std::byte> payload) {
    if (payload.size() == Ipv6().size()) {
        auto six = decode_bytes<Ipv6>(payload);
        if (!six)
            return six.error();
        return Ip(*six);
    }
    auto four = decode_bytes<Ipv4>(payload);
    if (!four)
        return four.error();
    return Ip(*four);
}

Result<Key> decode_key(const Attrs &attrs) {
    auto address = decode_address(attrs.payload(VR_DHOST_A_DHOST_ADDRESS));
    if (!address)
        return address.error();
    Key key{*address, attrs.u32(VR_DHOST_A_DHOST_CONTEXT)};
    if (attrs.has(VR_DHOST_A_DHOST_EPOCH))
        key.epoch = attrs.u64(VR_DHOST_A_DHOST_EPOCH);
    return key;
}

Result<void> add_host(Client &client, const Host &host) {
    Message message = command(client, VR_DHOST_CMD_HOST_NEW, host.key);
    message.put_u32(VR_DHOST_A_DHOST_OWN, host.own);
    message.put_u32(VR_DHOST_A_DHOST_LEAD, host.lead);
    put_slice(message, host.slice);
    message.put_u32(VR_DHOST_A_DHOST_GRANTS,
                    static_cast<std::uint32_t>(host.grants));
    if (host.timeout)
        message.put_u32(VR_DHOST_A_DHOST_TIMEOUT, host.timeout);
    if (!host.handover)
        message.put_u32(VR_DHOST_A_DHOST_HANDOVER, VR_DHOST_HANDOVER_OFF);
    return request(client, message, about("distribute", host.key));
}

Result<void> delete_host(Client &client, const Key &key) {
    Message message = command(client, VR_DHOST_CMD_HOST_DEL, key);
    return request(client, message, about("delete", key));
}

Result<void> set_lead(Client &client, const Key &key, std::uint32_t lead) {
    Message message = command(client, VR_DHOST_CMD_HOST_SET, key);
    message.put_u32(VR_DHOST_A_DHOST_LEAD, lead);
    return request(client, message, about("set the lead of", key));
}

Result<void> set_grants(Client &client, const Key &key, Grants grants,
                        std::uint32_t timeout) {
    Message message = command(client, VR_DHOST_CMD_HOST_SET, key);
    message.put_u32(VR_DHOST_A_DHOST_GRANTS,
                    static_cast<std::uint32_t>(grants));
    if (timeout)
        message.put_u32(VR_DHOST_A_DHOST_TIMEOUT, timeout);
    return request(client, message, about("set the grants of", key));
}

Result<Host> get_host(Client &client, const Key &key) {
    Message message = command(client, VR_DHOST_CMD_HOST_GET,
                              {key.address, key.context, std::nullopt});
    std::optional<Host> host;
    auto ok = netlink::request(client.socket(), message,
                               [&](const nlmsghdr &reply) -> Result<void> {
                                   auto one = decode_host(reply);
                                   if (!one)
                                       return one.error();
                                   host = *std::move(one);
                                   return {};
                               });
    if (ok && !host)
        ok = Error{EBADMSG, {}, "malformed reply: empty"};
    if (!ok)
        return ok.error().during(about("show", key));
    return *std::move(host);
}

Result<std::vector<Host>> list_hosts(Client &client) {
    Message message = Message::generic(client.family(), VR_DHOST_CMD_HOST_GET);
    std::vector<Host> hosts;
    auto ok = netlink::dump(
        client.socket(), message,
        [&](const nlmsghdr &reply) -> Result<void> {
            auto one = decode_host(reply);
            if (!one)
                return one.error();
            hosts.push_back(*std::move(one));
            return {};
        },
        [&] { hosts.clear(); });
    if (!ok)
        return ok.error().during("list distributed addresses");
    return hosts;
}

Result<void> add_member(Client &client, const Key &key, const Member &member) {
    Message message = command(client, VR_DHOST_CMD_MEMBER_NEW, key);
    message.put_u32(VR_DHOST_A_DHOST_NODE, member.node);
    message.put_string(VR_DHOST_A_DHOST_IFNAME, member.ifname);
    message.put(VR_DHOST_A_DHOST_LLADDR, bytes(member.lladdr));
    put_slice(message, member.slice);
    return request(
        client, message,
        about("add member " + std::to_string(member.node) + " of", key));
}

Result<void> delete_member(Client &client, const Key &key, std::uint32_t node) {
    Message message = command(client, VR_DHOST_CMD_MEMBER_DEL, key);
    message.put_u32(VR_DHOST_A_DHOST_NODE, node);
    return request(client, message,
                   about("delete member " + std::to_string(node) + " of", key));
}

Result<void> set_ports(Client &client, const Key &key, std::uint8_t protocol,
                       const Range &range, std::uint32_t node) {
    Message message = command(client, VR_DHOST_CMD_PORT_SET, key);
    put_ports(message, protocol, range);
    message.put_u32(VR_DHOST_A_DHOST_NODE, node);
    return request(client, message,
                   about("give port " + text(range) + " of", key));
}

Result<void> share_ports(Client &client, const Key &key, std::uint8_t protocol,
                         const Range &range,
                         std::span<const std::uint32_t> owners) {
    Message message = command(client, VR_DHOST_CMD_PORT_SET, key);
    put_ports(message, protocol, range);
    for (std::uint32_t owner : owners)
        message.put_u32(VR_DHOST_A_DHOST_OWNER, owner);
    return request(client, message,
                   about("share port " + text(range) + " of", key));
}

Result<void> delete_ports(Client &client, const Key &key, std::uint8_t protocol,
                          const Range &range) {
    Message message = command(client, VR_DHOST_CMD_PORT_DEL, key);
    put_ports(message, protocol, range);
    return request(client, message,
                   about("take port " + text(range) + " of", key));
}

Result<std::vector<Port>> list_ports(Client &client, const Key &key) {
    Message message = command(client, VR_DHOST_CMD_PORT_GET,
                              {key.address, key.context, std::nullopt});
    std::vector<Port> ports;
    auto ok = netlink::dump(
        client.socket(), message,
        [&](const nlmsghdr &reply) -> Result<void> {
            auto port = decode_port(reply);
            if (!port)
                return port.error();
            ports.push_back(*std::move(port));
            return {};
        },
        [&] { ports.clear(); });
    if (!ok)
        return ok.error().during(about("show the ports of", key));
    return ports;
}

Result<void> grant(Client &client, std::uint64_t cookie, bool deny) {
    Message message = Message::generic(client.family(), VR_DHOST_CMD_GRANT);
    message.put_u64(VR_DHOST_A_DHOST_COOKIE, cookie);
    if (deny)
        message.put_flag(VR_DHOST_A_DHOST_DENY);
    return request(client, message,
                   std::string(deny ? "deny" : "grant") + " the bind of " +
                       std::to_string(cookie));
}

}  // namespace vr::dhost
