// SPDX-License-Identifier: GPL-2.0

#include "engine.hpp"

#include <algorithm>
#include <functional>

namespace sim {

Engine::Engine(Random &random, Node nodes) : random_(random), members_(nodes) {}

// ---- what is done to it ----

void Engine::connect(const std::map<Node, int> &marks) {
    for (const auto &[node, mark] : marks)
        at(node).mark = mark;
    broke();
}

void Engine::start(Node node) {
    at(node).up = true;
    broke();
}

void Engine::stop(Node node) {
    Member &member = at(node);
    std::uint64_t stored = member.stored;
    int mark = member.mark;
    member = {};
    member.stored = stored;
    member.mark = mark;
    broke();
}

void Engine::freeze(Node node, bool on) {
    at(node).frozen = on;
    broke();
}

void Engine::join(Node node) {
    Member &member = at(node);
    member.process = ++processes_;
    member.joined = false;
    member.events.clear();
    member.quorum.clear();
    // a process that asks is told
    if (member.ring)
        member.quorum.push_back(member.ring->nodes.size() * 2 >
                                members_.size());
    member.unsent.push_back({Item::Kind::join, node, member.process, {}});
}

void Engine::leave(Node node) {
    Member &member = at(node);
    if (!member.process)
        return;
    member.unsent.push_back({Item::Kind::leave, node, member.process, {}});
    member.process = 0;
    member.joined = false;
    member.events.clear();
    member.quorum.clear();
}

void Engine::send(Node node, vrd::wire::Bytes bytes) {
    Member &member = at(node);
    if (member.up && member.process)
        member.unsent.push_back(
            {Item::Kind::message, node, member.process, std::move(bytes)});
}

// ---- what happens by itself ----

bool Engine::reaches(Node one, Node other) const {
    const Member &a = at(one);
    const Member &b = at(other);
    return a.up && b.up && !a.frozen && !b.frozen && a.mark == b.mark;
}

// No ring goes on that lost somebody or that has to take somebody in.
void Engine::broke() {
    dirty_ = true;
    for (Member &member : members_)
        if (member.ring)
            member.ring->broken = true;
}

bool Engine::step() {
    std::vector<std::function<void()>> can;

    if (dirty_)
        can.emplace_back([&] { reform(); });
    for (Node node = 1; node <= members_.size(); node++) {
        Member &member = at(node);
        if (!member.up || member.frozen || !member.ring || member.ring->broken)
            continue;
        if (!member.unsent.empty())
            can.emplace_back([&member] {
                member.ring->log.push_back(std::move(member.unsent.front()));
                member.unsent.pop_front();
            });
        if (member.got < member.ring->log.size())
            can.emplace_back([&member, node, this] {
                Item item = member.ring->log[member.got++];
                get(node, item);
            });
    }
    if (can.empty())
        return false;
    can[random_.below(can.size())]();
    return true;
}

std::set<Node> Engine::names(const Member &member) const {
    std::set<Node> nodes;
    for (const auto &[node, process] : member.group)
        nodes.insert(node);
    return nodes;
}

// One item reaches one node.
void Engine::get(Node node, const Item &item) {
    Member &member = at(node);
    auto process = member.group.find(item.node);
    bool known =
        process != member.group.end() && process->second == item.process;

    switch (item.kind) {
        case Item::Kind::message:
            if (member.joined && known)
                member.events.push_back(Delivery{item.node, item.bytes});
            return;
        case Item::Kind::join: {
            // or a later one of the node is known already
            if (process != member.group.end() &&
                process->second >= item.process)
                return;
            member.group[item.node] = item.process;
            bool own = item.node == node && item.process == member.process;
            member.joined = member.joined || own;
            if (!member.joined)
                return;
            // a new one is told of the ring, before or after
            bool before = own && random_.percent(50);
            RingNews ring{member.ring->sequence, member.ring->nodes};
            if (before)
                member.events.push_back(ring);
            member.events.push_back(Configuration{names(member), {}, false});
            if (own && !before)
                member.events.push_back(ring);
            return;
        }
        case Item::Kind::leave:
            if (!known)
                return;
            member.group.erase(process);
            if (member.joined)
                member.events.push_back(
                    Configuration{names(member), {{item.node, true}}, false});
    }
}

// Those of a broken ring who stay together get the same of what is left.
void Engine::recover(const Ring &ring, const std::set<Node> &part) {
    std::size_t seen = 0;
    std::vector<std::size_t> all;
    bool gap = false;

    for (Node node : part)
        seen = std::max(seen, at(node).got);
    for (std::size_t i = 0; i < ring.log.size(); i++) {
        bool own = part.contains(ring.log[i].node);
        if (i >= seen && !own && (gap || random_.percent(50))) {
            gap = true;
            continue;
        }
        all.push_back(i);
    }
    for (Node node : part) {
        Member &member = at(node);
        for (std::size_t i : all)
            if (i >= member.got) {
                Item item = ring.log[i];
                get(node, item);
            }
    }
}

void Engine::reform() {
    dirty_ = false;
    std::set<Node> rest;
    for (Node node = 1; node <= members_.size(); node++)
        if (at(node).up && !at(node).frozen)
            rest.insert(node);
    while (!rest.empty()) {
        std::set<Node> nodes;
        for (Node node : rest)
            if (reaches(*rest.begin(), node))
                nodes.insert(node);
        for (Node node : nodes)
            rest.erase(node);
        form(nodes);
    }
}

void Engine::form(const std::set<Node> &nodes) {
    auto ring = std::make_shared<Ring>();
    ring->nodes = nodes;

    std::set<Node> open = nodes;
    while (!open.empty()) {
        std::shared_ptr<Ring> old = at(*open.begin()).ring;
        std::set<Node> part;
        for (Node node : open)
            if (at(node).ring == old)
                part.insert(node);
        for (Node node : part)
            open.erase(node);
        if (old)
            recover(*old, part);
    }
    std::map<Node, std::uint64_t> group;
    for (Node node : nodes) {
        ring->sequence = std::max(ring->sequence, at(node).stored + 4);
        if (at(node).process)
            group[node] = at(node).process;
    }
    for (Node node : nodes) {
        Member &member = at(node);
        member.stored = ring->sequence;
        member.ring = ring;
        member.got = 0;
        synchronize(node, group, nodes);
        if (member.process)
            member.quorum.push_back(nodes.size() * 2 > members_.size());
    }
}

// First those who are gone, then those who came, then the ring
void Engine::synchronize(Node node, const std::map<Node, std::uint64_t> &group,
                         const std::set<Node> &nodes) {
    Member &member = at(node);
    Configuration gone;
    bool came = false;

    for (const auto &[other, process] : member.group) {
        auto now = group.find(other);
        if (now != group.end() && now->second == process)
            gone.members.insert(other);
        else
            gone.left.push_back({other, nodes.contains(other)});
    }
    for (const auto &[other, process] : group)
        came = came || !gone.members.contains(other);
    bool was = member.joined;
    member.group = group;
    member.joined = member.process != 0;
    if (!member.joined)
        return;
    for (const auto &one : gone.left)
        gone.ring_follows = gone.ring_follows || !one.daemon_only;
    if (was && !gone.left.empty())
        member.events.push_back(gone);
    if (!was || came)
        member.events.push_back(Configuration{names(member), {}, true});
    member.events.push_back(RingNews{member.ring->sequence, nodes});
}

}  // namespace sim
