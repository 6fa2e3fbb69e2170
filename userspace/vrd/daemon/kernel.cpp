// SPDX-License-Identifier: GPL-2.0

#include "kernel.hpp"

#include <linux/netlink.h>

#include <algorithm>
#include <cerrno>

#include "log.hpp"

namespace vrd {
namespace {

using vr::dhost::Event;

constexpr std::uint64_t held_ms = 200;

bool same(const std::optional<Slice> &one,
          const std::optional<vr::dhost::Range> &other) {
    return one ? other && one->min == other->min && one->max == other->max
               : !other;
}

std::optional<vr::dhost::Range> range(const std::optional<Slice> &slice) {
    if (!slice)
        return std::nullopt;
    return vr::dhost::Range{slice->min, slice->max};
}

Owners owners(const vr::dhost::Port &port) {
    return port.node ? Owners{false, {port.node}} : Owners{true, port.owners};
}

}  // namespace

Kernel::Kernel(const Config &config, vr::Client client,
               vr::dhost::Events events)
    : config_(config), client_(std::move(client)), events_(std::move(events)) {}

vr::Result<Kernel> Kernel::open(const Config &config) {
    auto socket = vr::netlink::open(NETLINK_GENERIC);
    auto other = vr::netlink::open(NETLINK_GENERIC);
    if (!socket || !other)
        return (socket ? other : socket).error();
    auto client = vr::Client::open_dhost(*std::move(socket));
    if (!client)
        return client.error();
    auto listener = vr::Client::open_dhost(*std::move(other));
    if (!listener)
        return listener.error();
    auto events = vr::dhost::Events::subscribe(*std::move(listener));
    if (!events)
        return events.error();
    Kernel kernel(config, *std::move(client), *std::move(events));
    if (auto ok = kernel.setup(); !ok)
        return ok.error();
    return kernel;
}

// ---- addresses ----

vr::Result<void> Kernel::setup() {
    for (const Address &address : config_.addresses)
        if (auto ok = setup(address); !ok)
            return ok;
    return {};
}

vr::Result<void> Kernel::setup(const Address &address) {
    auto grants = config_.allow_alone ? vr::dhost::Grants::allow
                                      : vr::dhost::Grants::refuse;
    const Peer &self = config_.peers.at(config_.node);
    auto host = vr::dhost::get_host(client_, address.key);

    if (!host && host.error().code != ENOENT)
        return host.error();
    // What never changes has to be right.
    if (host && (host->own != config_.node || !same(self.slice, host->slice))) {
        warn("kernel",
             vr::dhost::text(address.key.address) +
                 " was another node's, or had another slice: made anew");
        if (auto ok = vr::dhost::delete_host(client_, address.key); !ok)
            return ok;
        host = vr::Error{ENOENT, {}, {}};
    }
    if (!host) {
        vr::dhost::Host fresh;
        fresh.key = address.key;
        fresh.own = config_.node;
        fresh.slice = range(self.slice);
        fresh.grants = grants;
        fresh.timeout = config_.bind_ms;
        if (auto ok = vr::dhost::add_host(client_, fresh); !ok)
            return ok;
        host = std::move(fresh);
    } else if (auto ok = vr::dhost::set_grants(client_, address.key, grants,
                                               config_.bind_ms);
               !ok) {
        return ok;
    }

    std::set<Node> there;
    for (const vr::dhost::Member &member : host->members) {
        auto peer = config_.peers.find(member.node);
        bool right = peer != config_.peers.end() && member.ifindex &&
                     same(peer->second.slice, member.slice) &&
                     address.lladdrs.at(member.node) == member.lladdr;
        if (right) {
            there.insert(member.node);
            continue;
        }
        // It cannot go while it is the lead.
        if (host->lead == member.node)
            if (auto ok = vr::dhost::set_lead(client_, address.key, 0); !ok)
                return ok;
        auto ok = vr::dhost::delete_member(client_, address.key, member.node);
        if (!ok)
            return ok;
    }
    for (const auto &[node, peer] : config_.peers) {
        if (node == config_.node || there.contains(node))
            continue;
        vr::dhost::Member member;
        member.node = node;
        member.ifname = address.device;
        member.lladdr = address.lladdrs.at(node);
        member.slice = range(peer.slice);
        auto ok = vr::dhost::add_member(client_, address.key, member);
        if (!ok)
            return ok;
    }
    return {};
}

const Address *Kernel::find(const Host &host) const {
    for (const Address &address : config_.addresses)
        if (vrd::host(address.key) == host)
            return &address;
    return nullptr;
}

// ---- events ----

vr::Result<void> Kernel::begin(Machine &machine) {
    Node lead = 0;
    std::uint64_t epoch = 0;
    for (const Address &address : config_.addresses) {
        auto host = vr::dhost::get_host(client_, address.key);
        if (!host)
            return host.error();
        epoch = std::max(epoch, host->key.epoch.value_or(0));
        if (lead != config_.node)
            lead = host->lead;
    }
    machine.kernel_lead(lead, epoch);
    return resynchronize(machine);
}

vr::Result<void> Kernel::resynchronize(Machine &machine) {
    auto sockets = vr::dhost::list_sockets(client_);
    if (!sockets)
        return sockets.error();
    std::map<std::uint64_t, Socket> all;
    for (const Event &event : *sockets)
        all[event.cookie] = {Socket::State::unsure,
                             {event.protocol, event.port},
                             hosts(config_, event)};
    held_.clear();
    machine.sockets(all);
    return {};
}

vr::Result<void> Kernel::read(Machine &machine, std::uint64_t now_ms) {
    auto events = events_.read();
    if (!events)
        return events.error();
    for (const Event &event : *events) {
        bool numbered = event.kind == Event::Kind::socket ||
                        event.kind == Event::Kind::bind;
        bool missing =
            numbered && sequence_ && event.sequence != *sequence_ + 1;
        if (numbered)
            sequence_ = event.sequence;
        if (event.kind == Event::Kind::lost || missing) {
            warn("kernel", "events of sockets were lost: listing all of them");
            if (auto ok = resynchronize(machine); !ok)
                return ok;
        }
        take(event, machine, now_ms);
    }
    return {};
}

void Kernel::take(const Event &event, Machine &machine, std::uint64_t now_ms) {
    Service service{event.protocol, event.port};
    bool bind = event.kind == Event::Kind::bind;

    if (bind || event.kind == Event::Kind::socket)
        log({Note::Level::debug, "kernel",
             std::string("kernel: ") + vr::dhost::name(event) + " " +
                 std::to_string(event.cookie) + " " +
                 vr::dhost::text(event.key.address) + " port " +
                 std::to_string(event.port)});
    switch (event.kind) {
        case Event::Kind::bind:
            held_.erase(event.cookie);
            machine.bind(event.cookie, service, hosts(config_, event));
            return;
        case Event::Kind::socket:
            held_.erase(event.cookie);
            if (event.what == Event::What::closed)
                machine.closed(event.cookie);
            else if (event.what == Event::What::bound)
                held_[event.cookie] = {event, now_ms + held_ms};
            else
                machine.socket(event.cookie, service, hosts(config_, event));
            return;
        case Event::Kind::host:
            if (find(host(event.key)))
                machine.kernel_lead(event.lead, event.key.epoch.value_or(0));
            return;
        case Event::Kind::host_deleted:
            if (find(host(event.key)))
                warn("kernel", vr::dhost::text(event.key.address) +
                                   " is no distributed address any more");
            return;
        case Event::Kind::lost:
            return;
    }
}

// A bind() that has to ask is told of twice, one right after the other: that
// it is bound, and that it waits.
void Kernel::time(Machine &machine, std::uint64_t now_ms) {
    std::erase_if(held_, [&](const auto &one) {
        const auto &[cookie, held] = one;
        if (now_ms < held.until_ms)
            return false;
        machine.socket(cookie, {held.event.protocol, held.event.port},
                       hosts(config_, held.event));
        return true;
    });
}

std::optional<std::uint64_t> Kernel::deadline() const {
    std::optional<std::uint64_t> next;
    for (const auto &[cookie, held] : held_)
        next = next ? std::min(*next, held.until_ms) : held.until_ms;
    return next;
}

// ---- what the machine says ----

void Kernel::answer(const Answer &answer) {
    auto ok = vr::dhost::grant(client_, answer.cookie, answer.deny);
    log({Note::Level::debug, "kernel",
         std::string(answer.deny ? "deny " : "grant ") +
             std::to_string(answer.cookie) +
             (ok ? "" : ": " + ok.error().text())});
    // too late, or it never waited
    if (!ok && ok.error().code != ENOENT)
        warn("kernel", ok.error().text());
}

void Kernel::set_lead(const SetLead &lead, Machine &machine) {
    for (const Address &address : config_.addresses) {
        vr::dhost::Key key = address.key;
        key.epoch = lead.epoch;
        auto ok = vr::dhost::set_lead(client_, key, lead.lead);
        if (ok)
            continue;
        warn("kernel", ok.error().text());
        if (ok.error().code != ESTALE)
            continue;
        auto host = vr::dhost::get_host(client_, address.key);
        if (host)
            machine.kernel_lead(host->lead, host->key.epoch.value_or(0));
    }
}

void Kernel::set_range(const Address &address, std::uint8_t protocol,
                       const vr::dhost::Range &range, const Owners &owners) {
    const vr::dhost::Key &key = address.key;
    bool nobody = owners.nodes.empty();
    auto ok = nobody ? vr::dhost::delete_ports(client_, key, protocol, range)
              : owners.shared ? vr::dhost::share_ports(client_, key, protocol,
                                                       range, owners.nodes)
                              : vr::dhost::set_ports(client_, key, protocol,
                                                     range, owners.nodes[0]);
    if (!ok && !(nobody && ok.error().code == ENOENT))
        warn("kernel", ok.error().text());
}

void Kernel::set_ports(std::span<const SetPort> ports) {
    for (std::size_t i = 0; i < ports.size();) {
        const SetPort &first = ports[i];
        vr::dhost::Range range{first.key.port, first.key.port};
        for (i++; i < ports.size(); i++) {
            const SetPort &next = ports[i];
            if (next.key.host != first.key.host ||
                next.key.protocol != first.key.protocol ||
                next.owners != first.owners || next.key.port != range.max + 1)
                break;
            range.max = next.key.port;
        }
        if (const Address *address = find(first.key.host))
            set_range(*address, first.key.protocol, range, first.owners);
    }
}

void Kernel::replace_ports(const Database &database) {
    std::map<Key, Owners> wanted = database.all();
    std::vector<SetPort> changes;

    for (const Address &address : config_.addresses) {
        auto ports = vr::dhost::list_ports(client_, address.key);
        if (!ports) {
            warn("kernel", ports.error().text());
            continue;
        }
        for (const vr::dhost::Port &port : *ports) {
            Key key{host(address.key), port.protocol, port.port};
            auto at = wanted.find(key);
            if (at == wanted.end())
                changes.push_back({key, {}});
            else if (at->second == owners(port))
                wanted.erase(at);
        }
    }
    for (const auto &[key, there] : wanted)
        changes.push_back({key, there});
    set_ports(changes);
}

}  // namespace vrd
