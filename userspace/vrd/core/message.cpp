// SPDX-License-Identifier: GPL-2.0

#include "message.hpp"

#include <algorithm>
#include <map>

namespace vrd {
namespace {

using wire::Reader;
using wire::Writer;

constexpr std::size_t host_size = 4 + 1 + 16;
constexpr std::size_t operation_size = 1 + 1 + 2 + 2;
constexpr std::size_t entry_size = 1 + 1 + 2 + 2 + 4;

enum Flag : std::uint8_t {
    flag_quorate = 1,
    flag_link = 2,
    flag_draining = 4,
    flag_leading = 8,
    flag_all = 15,
};

// Purpose: addresses of a message, each written once; others have its number.
// Threading: plain data.
// Errors: a number that there is not spoils the reader.
class Hosts {
  public:
    std::uint16_t number(const Host &host) {
        auto [at, added] = numbers_.try_emplace(
            host, static_cast<std::uint16_t>(list_.size()));
        if (added)
            list_.push_back(host);
        return at->second;
    }
    void put(Writer &out) const {
        out.put(static_cast<std::uint16_t>(list_.size()));
        for (const Host &host : list_) {
            out.put(host.context);
            out.put(host.family);
            out.put(std::span<const std::uint8_t>(host.address));
        }
    }
    void get(Reader &in) {
        list_.resize(in.count<std::uint16_t>(host_size));
        for (Host &host : list_) {
            host.context = in.get<std::uint32_t>();
            host.family = in.get<std::uint8_t>();
            in.get(std::span<std::uint8_t>(host.address));
            if (host.family != 4 && host.family != 6)
                in.spoil();
        }
    }
    Host find(Reader &in) const {
        std::size_t number = in.get<std::uint16_t>();
        if (number < list_.size())
            return list_[number];
        in.spoil();
        return {};
    }

  private:
    std::map<Host, std::uint16_t> numbers_;
    std::vector<Host> list_;
};

void put(Writer &out, const std::vector<Node> &nodes) {
    out.put(static_cast<std::uint8_t>(nodes.size()));
    for (Node node : nodes)
        out.put(node);
}

// In ascending order, each once
std::vector<Node> get_nodes(Reader &in) {
    std::vector<Node> nodes(in.count<std::uint8_t>(sizeof(Node)));
    for (Node &node : nodes)
        node = in.get<Node>();
    if (nodes.size() > nodes_max ||
        std::adjacent_find(nodes.begin(), nodes.end(),
                           std::greater_equal<>()) != nodes.end() ||
        std::count(nodes.begin(), nodes.end(), 0))
        in.spoil();
    return nodes;
}

std::uint8_t flags(const Standing &standing) {
    return static_cast<std::uint8_t>((standing.link ? flag_link : 0) |
                                     (standing.draining ? flag_draining : 0));
}

Standing get_standing(Reader &in, std::uint8_t bits) {
    if (bits & ~flag_all)
        in.spoil();
    return {in.get<std::uint32_t>(), (bits & flag_link) != 0,
            (bits & flag_draining) != 0};
}

void put(Writer &out, const Hello &hello) {
    out.put(hello.number);
    out.put(hello.ring);
    out.put(static_cast<std::uint8_t>(flags(hello.standing) |
                                      (hello.quorate ? flag_quorate : 0) |
                                      (hello.leading ? flag_leading : 0)));
    out.put(hello.standing.priority);
    out.put(hello.version.base);
    out.put(hello.version.sequence);
    out.put(hello.version.hash);
    out.put(hello.epoch);
    out.put(hello.lead);
    put(out, hello.members);
    put(out, hello.limbo);
}

void get(Reader &in, Hello &hello) {
    hello.number = in.get<std::uint64_t>();
    hello.ring = in.get<std::uint64_t>();
    auto bits = in.get<std::uint8_t>();
    hello.quorate = (bits & flag_quorate) != 0;
    hello.leading = (bits & flag_leading) != 0;
    hello.standing = get_standing(in, bits);
    hello.version.base = in.get<std::uint64_t>();
    hello.version.sequence = in.get<std::uint64_t>();
    hello.version.hash = in.get<std::uint64_t>();
    hello.epoch = in.get<std::uint64_t>();
    hello.lead = in.get<Node>();
    hello.members = get_nodes(in);
    hello.limbo = get_nodes(in);
}

void put(Writer &out, const Batch &batch) {
    Hosts hosts;
    Writer body;
    for (const Operation &one : batch.operations) {
        body.put(static_cast<std::uint8_t>(one.kind));
        body.put(one.service.protocol);
        body.put(one.service.port);
        body.put(static_cast<std::uint16_t>(one.hosts.size()));
        for (const Host &host : one.hosts)
            body.put(hosts.number(host));
    }
    out.put(batch.number);
    hosts.put(out);
    out.put(static_cast<std::uint32_t>(batch.operations.size()));
    for (std::byte one : body.take())
        out.put(static_cast<std::uint8_t>(one));
}

void get(Reader &in, Batch &batch) {
    Hosts hosts;
    batch.number = in.get<std::uint64_t>();
    hosts.get(in);
    batch.operations.resize(in.count<std::uint32_t>(operation_size));
    for (Operation &one : batch.operations) {
        auto kind = in.get<std::uint8_t>();
        if (kind > static_cast<std::uint8_t>(Operation::Kind::release))
            in.spoil();
        one.kind = static_cast<Operation::Kind>(kind);
        one.service.protocol = in.get<std::uint8_t>();
        one.service.port = in.get<std::uint16_t>();
        one.hosts.resize(in.count<std::uint16_t>(sizeof(std::uint16_t)));
        for (Host &host : one.hosts)
            host = hosts.find(in);
        if (one.hosts.empty())
            in.spoil();
    }
}

void put(Writer &out, const Snapshot &snapshot) {
    Hosts hosts;
    for (const Entry &entry : snapshot.entries)
        hosts.number(entry.key.host);
    out.put(snapshot.base);
    out.put(snapshot.part);
    out.put(static_cast<std::uint8_t>(snapshot.last));
    hosts.put(out);
    out.put(static_cast<std::uint32_t>(snapshot.entries.size()));
    for (const Entry &entry : snapshot.entries) {
        out.put(static_cast<std::uint8_t>(entry.shared));
        out.put(entry.key.protocol);
        out.put(entry.key.port);
        out.put(hosts.number(entry.key.host));
        out.put(entry.node);
    }
}

void get(Reader &in, Snapshot &snapshot) {
    Hosts hosts;
    snapshot.base = in.get<std::uint64_t>();
    snapshot.part = in.get<std::uint32_t>();
    snapshot.last = in.get<std::uint8_t>() != 0;
    hosts.get(in);
    snapshot.entries.resize(in.count<std::uint32_t>(entry_size));
    for (Entry &entry : snapshot.entries) {
        entry.shared = in.get<std::uint8_t>() != 0;
        entry.key.protocol = in.get<std::uint8_t>();
        entry.key.port = in.get<std::uint16_t>();
        entry.key.host = hosts.find(in);
        entry.node = in.get<Node>();
        if (!entry.node)
            in.spoil();
    }
}

void put(Writer &out, const Synced &synced) {
    out.put(synced.base);
}

void get(Reader &in, Synced &synced) {
    synced.base = in.get<std::uint64_t>();
}

void put(Writer &out, const Status &status) {
    out.put(flags(status.standing));
    out.put(status.standing.priority);
}

void get(Reader &in, Status &status) {
    auto bits = in.get<std::uint8_t>();
    status.standing = get_standing(in, bits);
}

void put(Writer &out, const Expire &expire) {
    out.put(expire.node);
}

void get(Reader &in, Expire &expire) {
    expire.node = in.get<Node>();
}

void put(Writer &out, const LeadUp &up) {
    out.put(up.epoch);
}

void get(Reader &in, LeadUp &up) {
    up.epoch = in.get<std::uint64_t>();
}

void put(Writer &, const Reopen &) {}

void get(Reader &, Reopen &) {}

void put(Writer &out, const Ack &ack) {
    out.put(ack.base);
    out.put(ack.count);
}

void get(Reader &in, Ack &ack) {
    ack.base = in.get<std::uint64_t>();
    ack.count = in.get<std::uint64_t>();
}

// The alternative of that number, read from the rest
template <std::size_t... I>
std::optional<Message> decode_as(std::size_t type, Reader &in,
                                 std::index_sequence<I...>) {
    std::optional<Message> message;
    auto one = [&]<std::size_t N>(std::integral_constant<std::size_t, N>) {
        std::variant_alternative_t<N, Message> value;
        get(in, value);
        if (in.done())
            message = std::move(value);
    };
    ((type == I ? one(std::integral_constant<std::size_t, I>()) : void()), ...);
    return message;
}

}  // namespace

wire::Bytes encode(const Message &message) {
    Writer out;
    out.put(wire_magic);
    out.put(wire_version);
    out.put(static_cast<std::uint8_t>(message.index()));
    out.put(std::uint16_t{0});
    std::visit([&](const auto &one) { put(out, one); }, message);
    return out.take();
}

std::optional<Message> decode(std::span<const std::byte> bytes) {
    if (bytes.size() > message_max)
        return std::nullopt;
    Reader in(bytes);
    if (in.get<std::uint32_t>() != wire_magic ||
        in.get<std::uint8_t>() != wire_version)
        return std::nullopt;
    auto type = in.get<std::uint8_t>();
    if (in.get<std::uint16_t>() != 0)
        return std::nullopt;
    return decode_as(type, in,
                     std::make_index_sequence<std::variant_size_v<Message>>());
}

}  // namespace vrd
