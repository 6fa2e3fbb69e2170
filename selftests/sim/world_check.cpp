// SPDX-License-Identifier: GPL-2.0
//
// What has to hold, always and in the end.

#include <algorithm>

#include "world.hpp"

namespace sim {
namespace {

std::uint64_t digest(const vrd::Database &database) {
    std::uint64_t sum = 14695981039346656037u;
    auto mix = [&](std::uint64_t value) {
        sum = (sum ^ value) * 1099511628211;
    };
    for (const vrd::Entry &entry : database.entries()) {
        mix(entry.key.host.family);
        mix(entry.key.protocol);
        mix(entry.key.port);
        mix(entry.node);
        mix(entry.shared);
    }
    return sum;
}

std::string name(Node node) {
    return "node " + std::to_string(node);
}

}  // namespace

void World::check_step(Node node) {
    const vrd::Machine &machine = *at(node).machine;

    if (machine.phase() == vrd::Machine::Phase::active) {
        if (machine.view().members.size() * 2 <= nodes())
            violated(name(node) + " is active without a majority");
        auto [at, added] =
            views_.try_emplace(machine.view().epoch, machine.view().lead);
        if (at->second != machine.view().lead)
            violated("two opinions who the lead of epoch " +
                     std::to_string(machine.view().epoch) + " is");
    }
    if (machine.phase() == vrd::Machine::Phase::inactive &&
        at(node).kernel.lead == node)
        violated(name(node) + " is lead without a quorum");
    if (!machine.serving())
        return;
    vrd::Version &seen = seen_[node];
    if (seen == machine.version())
        return;
    seen = machine.version();
    auto [at, added] = versions_.try_emplace(seen, digest(machine.database()));
    if (at->second != digest(machine.database()))
        violated(name(node) + ": the same version is another database");
}

// No other node of the view has an exclusive port that this one has.
void World::check_owners(Node node) {
    const vrd::Machine &mine = *at(node).machine;

    for (Node other = 1; other <= nodes(); other++) {
        const Peer &peer = at(other);
        if (other == node || !peer.machine || !peer.powered ||
            !peer.machine->serving() ||
            peer.machine->view().base != mine.view().base)
            continue;
        for (const vrd::Key &key : mine.database().of(node))
            if (!mine.setup().shared.contains({key.protocol, key.port}) &&
                at(node).kernel.holds(key) && peer.kernel.holds(key) &&
                peer.machine->database().has(key, other))
                violated(name(node) + " and " + name(other) + " both have " +
                         vrd::text(key));
    }
}

// The kernel finds the flows of owners that stay: who comes is the last one,
// who goes leaves the order of the others.
void World::check_flows_stay(Node node, const vrd::SetPort &port) {
    auto at = this->at(node).kernel.ports.find(port.key);
    if (at == this->at(node).kernel.ports.end())
        return;
    std::vector<Node> stay = at->second.nodes;
    const std::vector<Node> &now = port.owners.nodes;
    std::erase_if(stay,
                  [&](Node one) { return !std::ranges::count(now, one); });
    if (!std::equal(stay.begin(), stay.end(), now.begin(),
                    now.begin() + static_cast<std::ptrdiff_t>(stay.size())))
        violated(name(node) + " puts the owners of " + vrd::text(port.key) +
                 " in another order: " + vrd::text(at->second.nodes) +
                 " were " + vrd::text(now));
    if (now.size() > 1 && !port.owners.shared)
        violated(name(node) + " gives several nodes " + vrd::text(port.key));
}

// A program may tell a client of its port now: the lead hands over.
void World::check_lead_knows(Node node, std::uint64_t cookie) {
    const vrd::View &view = at(node).machine->view();
    const Peer &lead = at(view.lead);

    // one that is just becoming it, or gets the database, may be late
    if (view.epoch != view.base || !view.synced.contains(view.lead) ||
        !lead.machine || !lead.powered || !lead.machine->serving() ||
        lead.machine->view().base != view.base ||
        lead.machine->view().epoch != view.base)
        return;
    const Kernel::Bound &bound = at(node).kernel.sockets.at(cookie);
    for (const vrd::Host &host : bound.hosts)
        if (!lead.kernel.ports.contains(
                {host, bound.service.protocol, bound.service.port}))
            violated(name(node) + " has a port that the lead does not know");
}

// After all has come to rest
void World::check_end(const std::set<Node> &down) {
    const vrd::Machine *first = nullptr;

    for (Node node = 1; node <= nodes(); node++) {
        const Peer &peer = at(node);
        if (down.contains(node))
            continue;
        if (!peer.machine->serving())
            violated(name(node) + " does not serve in the end");
        if (peer.kernel.waiting())
            violated(name(node) + ": a bind() is never answered");
        if (!first)
            first = peer.machine.get();
        const vrd::View &view = peer.machine->view();
        if (view.lead != first->view().lead ||
            view.epoch != first->view().epoch)
            violated(name(node) + " has another lead in the end");
        if (view.synced.size() != nodes() - down.size() ||
            !view.limbo.empty() || down.contains(view.lead))
            violated(name(node) + " sees another cluster than there is");
        if (peer.kernel.lead != view.lead || peer.kernel.epoch != view.epoch)
            violated(name(node) + ": its kernel has another lead");
        if (!(peer.machine->database() == first->database()))
            violated(name(node) + " has another database in the end");

        for (const vrd::Entry &entry : peer.machine->database().entries())
            if (down.contains(entry.node) ||
                !at(entry.node).kernel.holds(entry.key))
                violated(name(entry.node) + " was not released " +
                         vrd::text(entry.key));
        if (peer.kernel.ports != peer.machine->database().all())
            violated(name(node) + ": its kernel has another port map");
        for (const auto &[cookie, socket] : peer.kernel.sockets)
            for (const vrd::Host &host : socket.hosts) {
                vrd::Key key{host, socket.service.protocol,
                             socket.service.port};
                if (!peer.machine->database().has(key, node) &&
                    !peer.machine->conflicts().contains(key))
                    violated(name(node) + " lost " + vrd::text(key));
            }
    }
}

// All bind the same port at once: one gets it, all others are refused, and
// nobody waits for a timeout.
void World::check_race(const std::set<Node> &down) {
    vrd::Service service{6, 99};
    std::map<Node, std::uint64_t> before;

    for (Node node = 1; node <= nodes(); node++) {
        if (down.contains(node))
            continue;
        before[node] = at(node).kernel.granted;
        client_bind(node, service, hosts_);
    }
    settle("race");
    std::uint64_t granted = 0;
    for (const auto &[node, count] : before) {
        granted += at(node).kernel.granted - count;
        if (at(node).kernel.waiting())
            violated(name(node) + ": a bind() is not answered");
    }
    if (granted != 1)
        violated(std::to_string(granted) + " nodes got the same port");
}

}  // namespace sim
