// SPDX-License-Identifier: GPL-2.0

#include "dhost.hpp"

#include <linux/vr_dhost.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <limits>

#include "vr/context.hpp"

namespace vrctl::dhost {
namespace {

using vr::dhost::Event;
using vr::dhost::Grants;

vr::Result<std::uint64_t> parse_epoch(const std::string &word) {
    std::uint64_t epoch = 0;
    auto [end, error] =
        std::from_chars(word.data(), word.data() + word.size(), epoch);
    if (error != std::errc() || end != word.data() + word.size() || epoch == 0)
        return invalid("'" + word + "' is no epoch");
    return epoch;
}

vr::Result<Grants> parse_grants(const std::string &word) {
    if (word == "none")
        return Grants::none;
    if (word == "refuse")
        return Grants::refuse;
    if (word == "allow")
        return Grants::allow;
    return invalid("'" + word + "' is none of none, refuse, allow");
}

vr::Result<bool> parse_switch(const std::string &word) {
    if (word == "on" || word == "off")
        return word == "on";
    return invalid("'" + word + "' is neither on nor off");
}

// A number as it is, a name as the kernel knows it
vr::Result<std::uint32_t> parse_context(const Env &env,
                                        const std::string &word) {
    auto ref = vr::Ref::parse(word);
    if (!ref)
        return ref.error();
    if (!ref->by_name())
        return ref->id;
    auto client = env.client();
    if (!client)
        return client.error();
    auto context = vr::get_context(*client, *ref);
    if (!context)
        return context.error();
    return context->id;
}

vr::Result<void> parse_pair(const Env &env, Extra &extra,
                            const std::string &key, const std::string &value) {
    constexpr auto u32_max = std::numeric_limits<std::uint32_t>::max();

    if (key == "ctx")
        return store(extra.context, parse_context(env, value));
    if (key == "epoch")
        return store(extra.epoch, parse_epoch(value));
    if (key == "own")
        return store(extra.own, parse_node(value));
    if (key == "lead")
        return store(extra.lead, vr::parse_number(value, VR_DHOST_NODE_MAX));
    if (key == "timeout")
        return store(extra.timeout, vr::parse_number(value, u32_max));
    if (key == "slice")
        return store(extra.slice, vr::dhost::parse_range(value));
    if (key == "grants")
        return store(extra.grants, parse_grants(value));
    if (key == "handover")
        return store(extra.handover, parse_switch(value));
    if (key == "lladdr")
        return store(extra.lladdr, vr::dhost::parse_mac(value));
    extra.dev = value;
    return {};
}

Field number(const char *key, std::uint64_t value) {
    return {key, value};
}

Field text(const char *key, const std::string &value) {
    return {key, value};
}

Field slice(const std::optional<vr::dhost::Range> &range) {
    if (!range)
        return {"slice", std::monostate()};
    return text("slice", vr::dhost::text(*range));
}

const char *grants_name(Grants grants) {
    switch (grants) {
        case Grants::none:
            return "none";
        case Grants::refuse:
            return "refuse";
        case Grants::allow:
            break;
    }
    return "allow";
}

vr::Result<Extra> parse_extra(const Env &env,
                              std::span<const std::string> words) {
    Extra extra;
    for (std::size_t i = 0; i + 1 < words.size(); i += 2)
        if (auto ok = parse_pair(env, extra, words[i], words[i + 1]); !ok)
            return ok.error();
    return extra;
}

}  // namespace

std::string misuse(std::span<const std::string> words,
                   std::span<const char *const> allowed) {
    for (std::size_t i = 0; i < words.size(); i += 2) {
        const std::string &key = words[i];
        if (std::find(allowed.begin(), allowed.end(), key) == allowed.end())
            return "'" + key + "' is not known here";
        if (i + 1 == words.size())
            return "'" + key + "' lacks its value";
        for (std::size_t j = 0; j < i; j += 2)
            if (words[j] == key)
                return "'" + key + "' comes twice";
    }
    return {};
}

vr::Result<int> request(
    const Env &env, const Command &command, std::span<const std::string> words,
    std::size_t fixed, std::span<const char *const> allowed,
    const std::function<vr::Result<int>(const vr::dhost::Key &, const Extra &)>
        &act) {
    if (words.size() < fixed)
        return env.usage(&command, "something is missing");
    std::span rest = words.subspan(fixed);
    if (auto why = misuse(rest, allowed); !why.empty())
        return env.usage(&command, why);
    auto extra = parse_extra(env, rest);
    if (!extra)
        return extra.error();
    auto address = vr::dhost::parse_ip(words[0]);
    if (!address)
        return address.error();
    return act({*address, extra->context, extra->epoch}, *extra);
}

vr::Result<int> change(
    const Env &env, const std::function<vr::Result<void>(vr::Client &)> &act) {
    auto client = env.dhost_client();
    if (!client)
        return client.error();
    if (auto ok = act(*client); !ok)
        return ok.error();
    return exit_ok;
}

vr::Result<std::uint32_t> parse_node(const std::string &word) {
    auto node = vr::parse_number(word, VR_DHOST_NODE_MAX);
    if (!node || *node == 0)
        return invalid("'" + word + "' is no number of a node");
    return node;
}

vr::Result<std::vector<std::uint32_t>> parse_nodes(const std::string &word) {
    std::vector<std::uint32_t> nodes;
    for (std::size_t at = 0; at <= word.size();) {
        std::size_t end = std::min(word.find(',', at), word.size());
        auto node = parse_node(word.substr(at, end - at));
        if (!node)
            return node.error();
        nodes.push_back(*node);
        at = end + 1;
    }
    return nodes;
}

vr::Result<std::uint8_t> parse_protocol(const std::string &word) {
    if (word == "tcp")
        return std::uint8_t{6};
    if (word == "udp")
        return std::uint8_t{17};
    auto protocol = vr::parse_number(word, 255);
    if (!protocol)
        return invalid("'" + word + "' is no protocol");
    return static_cast<std::uint8_t>(*protocol);
}

std::string protocol_name(std::uint8_t protocol) {
    return protocol == 6    ? "tcp"
           : protocol == 17 ? "udp"
                            : std::to_string(protocol);
}

Record record(const vr::dhost::Host &host) {
    const vr::dhost::Counters &counters = host.counters;
    return {
        text("address", vr::dhost::text(host.key.address)),
        number("ctx", host.key.context),
        number("own", host.own),
        number("lead", host.lead),
        number("epoch", host.key.epoch.value_or(0)),
        slice(host.slice),
        text("grants", grants_name(host.grants)),
        number("timeout", host.timeout),
        text("handover", host.handover ? "on" : "off"),
        number("members", host.members.size()),
        number("ports", host.ports),
        number("local", counters.local),
        number("as_lead", counters.lead),
        number("handed_over", counters.handed_over),
        number("flooded", counters.flooded),
        number("ignored", counters.ignored),
        number("failed", counters.failed),
        number("from_member", counters.from_member),
        number("fragments", counters.fragments),
        number("arp_ignored", counters.arp_ignored),
        number("arp_silenced", counters.arp_silenced),
        number("spread", counters.spread),
        number("moved", counters.moved),
    };
}

Record record(const vr::dhost::Member &member) {
    return {
        number("node", member.node),
        number("ifindex", static_cast<std::uint64_t>(member.ifindex)),
        text("lladdr", vr::dhost::text(member.lladdr)),
        slice(member.slice),
    };
}

Record record(const vr::dhost::Port &port) {
    std::string owners;
    for (std::uint32_t owner : port.owners)
        owners += (owners.empty() ? "" : ",") + std::to_string(owner);
    return {
        text("protocol", protocol_name(port.protocol)),
        number("port", port.port),
        port.node ? number("node", port.node) : Field{"node", std::monostate()},
        owners.empty() ? Field{"owners", std::monostate()}
                       : text("owners", owners),
    };
}

Record record(const Event &event) {
    Record out{text("event", vr::dhost::name(event))};

    if (event.kind == Event::Kind::lost)
        return out;
    out.push_back(text("address", vr::dhost::text(event.key.address)));
    out.push_back(number("ctx", event.key.context));
    if (event.kind == Event::Kind::host ||
        event.kind == Event::Kind::host_deleted) {
        out.push_back(number("lead", event.lead));
        out.push_back(number("epoch", event.key.epoch.value_or(0)));
        return out;
    }
    out.push_back(event.v6only ? number("v6only", 1)
                               : Field{"v6only", std::monostate()});
    out.push_back(text("protocol", protocol_name(event.protocol)));
    out.push_back(number("port", event.port));
    out.push_back(event.peer ? text("peer", vr::dhost::text(*event.peer))
                             : Field{"peer", std::monostate()});
    out.push_back(number("peer_port", event.peer_port));
    out.push_back(number("cookie", event.cookie));
    out.push_back(number("pid", event.pid));
    out.push_back(number("seq", event.sequence));
    return out;
}

}  // namespace vrctl::dhost
