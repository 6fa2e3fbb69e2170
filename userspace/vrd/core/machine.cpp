// SPDX-License-Identifier: GPL-2.0
//
// Inputs of the machine.

#include "machine.hpp"

#include <algorithm>

#include "mutation.hpp"

namespace vrd {

Machine::Machine(Setup setup, std::uint64_t now_ms)
    : setup_(std::move(setup)), now_(now_ms) {
    standing_.priority = setup_.priority;
}

void Machine::send(const Message &message) {
    outputs_.emplace_back(Send{encode(message)});
}

void Machine::note(Note::Level level, const char *name, std::string text,
                   Note::Fields fields) {
    outputs_.emplace_back(
        Note{level, name, std::move(text), std::move(fields)});
}

// Who says what somebody has to
Node Machine::coordinator() const {
    return view_.synced.empty() ? 0 : *view_.synced.begin();
}

// ---- engine ----

void Machine::configuration(const std::set<Node> &members,
                            std::span<const Gone> left, bool ring_follows) {
    bool was_member = phase_ != Phase::detached;

    members_ = members;
    for (const Gone &gone : left) {
        if (!gone.daemon_only)
            view_.limbo.erase(gone.node);
        else if (view_.members.contains(gone.node))
            view_.limbo.insert(gone.node);
    }
    if (!members_.contains(setup_.self)) {
        // It is not for us to know why, but we are out.
        engine_lost();
        return;
    }
    if (!was_member)
        view_.limbo.clear();
    // There is no need to wait for what others say.
    if (!setup_.rules.engine_quorum && !majority(setup_.rules, members_))
        fence();
    awaiting_ring_ = awaiting_ring_ || ring_follows || ring_ == 0;
    exchange();
    if (!awaiting_ring_)
        say_hello();
}

void Machine::ring(std::uint64_t sequence, const std::set<Node> &nodes) {
    bool news = awaiting_ring_ || sequence != ring_;

    ring_ = sequence;
    ring_nodes_ = nodes;
    awaiting_ring_ = false;
    if (news && phase_ == Phase::exchange)
        say_hello();
    time(now_);
}

void Machine::quorum(bool quorate) {
    if (quorate == quorate_)
        return;
    quorate_ = quorate;
    if (phase_ == Phase::detached)
        return;
    if (!quorate) {
        fence();
        // Nothing is applied from now on, until our next hello was heard.
        phase_ = Phase::exchange;
        hello_++;
        outstanding_ = true;
    }
    send(Reopen{});
}

void Machine::engine_lost() {
    if (phase_ != Phase::detached)
        note(Note::Level::warning, "engine-gone", "the cluster engine is gone");
    fence();
    phase_ = Phase::detached;
    members_.clear();
    hellos_.clear();
    complete_ = false;
    outstanding_ = false;
    awaiting_ring_ = false;
    ring_ = 0;
    quorate_ = false;
    // what was sent may be lost with it
    in_flight_.clear();
    outbox_.clear();
    pending_.clear();
}

void Machine::delivered(Node from, std::span<const std::byte> bytes) {
    auto message = decode(bytes);
    if (!message) {
        note(Note::Level::warning, "bad-message",
             "node " + std::to_string(from) + " sent what is no message",
             {{"node", from}});
        return;
    }
    if (phase_ == Phase::detached || !members_.contains(from))
        return;
    if (const auto *hello = std::get_if<Hello>(&*message)) {
        take_hello(from, *hello);
        return;
    }
    if (std::holds_alternative<Reopen>(*message)) {
        exchange();
        if (!awaiting_ring_)
            say_hello();
        return;
    }
    if (phase_ != Phase::active) {
        dropped(from, *message);
        return;
    }
    std::visit(
        [&](const auto &one) {
            using T = std::decay_t<decltype(one)>;
            if constexpr (!std::is_same_v<T, Hello> &&
                          !std::is_same_v<T, Reopen>)
                take(from, one);
        },
        *message);
}

// ---- kernel ----

void Machine::bind(std::uint64_t cookie, const Service &service,
                   const std::vector<Host> &hosts) {
    if (hosts.empty()) {
        outputs_.emplace_back(Answer{cookie, false});
        return;
    }
    for (const auto &[node, slice] : setup_.slices)
        if (node != setup_.self && service.port >= slice.min &&
            service.port <= slice.max) {
            outputs_.emplace_back(Answer{cookie, true});
            return;
        }
    sockets_.add(cookie, {Socket::State::waiting, service, hosts});
    if (serving() && view_.synced.contains(setup_.self)) {
        ask(cookie);
        flush();
    }
}

void Machine::socket(std::uint64_t cookie, const Service &service,
                     const std::vector<Host> &hosts) {
    // Its state does not matter, once it has its port.
    if (hosts.empty() || sockets_.find(cookie))
        return;
    auto own = setup_.slices.find(setup_.self);
    if (own != setup_.slices.end() && service.port >= own->second.min &&
        service.port <= own->second.max)
        return;
    Socket one{Socket::State::bound, service, hosts};
    sockets_.add(cookie, one);
    for (const Key &key : keys(one))
        settle(key);
    flush();
}

void Machine::closed(std::uint64_t cookie) {
    auto gone = sockets_.remove(cookie);
    if (!gone)
        return;
    for (const Key &key : keys(*gone)) {
        if (!sockets_.any(key))
            conflicts_.erase(key);
        if (!broken(Mutation::forget_release))
            settle(key);
    }
    flush();
}

void Machine::sockets(const std::map<std::uint64_t, Socket> &all) {
    std::vector<std::uint64_t> gone;
    for (const auto &[cookie, socket] : sockets_.all())
        if (!all.contains(cookie))
            gone.push_back(cookie);
    for (std::uint64_t cookie : gone)
        closed(cookie);
    for (const auto &[cookie, socket] : all) {
        if (sockets_.find(cookie) || socket.hosts.empty())
            continue;
        // It may be in bind(), and its question was lost.
        sockets_.add(cookie,
                     {Socket::State::unsure, socket.service, socket.hosts});
        if (serving() && view_.synced.contains(setup_.self))
            ask(cookie);
    }
    flush();
}

void Machine::kernel_lead(Node lead, std::uint64_t epoch) {
    if (epoch <= kernel_epoch_)
        return;
    kernel_epoch_ = epoch;
    kernel_lead_ = lead;
    epoch_ = std::max(epoch_, epoch);
    if (phase_ == Phase::detached) {
        if (lead == setup_.self)
            fence_at_ = now_ + setup_.fence_ms;
        return;
    }
    // Somebody else gave it a later one: the cluster has to get past that.
    send(Reopen{});
}

// ---- others ----

void Machine::link(bool up) {
    if (up == standing_.link)
        return;
    standing_.link = up;
    if (phase_ == Phase::active)
        send(Status{standing_});
}

void Machine::drain(bool on) {
    if (on == standing_.draining)
        return;
    standing_.draining = on;
    if (phase_ == Phase::active)
        send(Status{standing_});
}

void Machine::time(std::uint64_t now_ms) {
    constexpr std::uint64_t again_ms = 1000;

    now_ = std::max(now_, now_ms);
    if (fence_at_ && now_ >= *fence_at_) {
        fence_at_.reset();
        if (phase_ != Phase::active)
            fence();
    }
    if (phase_ != Phase::active || coordinator() != setup_.self)
        return;
    for (Node node : view_.limbo) {
        std::uint64_t &until = limbo_until_[node];
        if (now_ < until && ring_nodes_.contains(node))
            continue;
        if (now_ < until && until - now_ <= again_ms)
            continue;  // said already
        until = now_ + again_ms;
        send(Expire{node});
    }
}

std::optional<std::uint64_t> Machine::deadline() const {
    std::optional<std::uint64_t> next = fence_at_;
    if (phase_ == Phase::active && coordinator() == setup_.self)
        for (Node node : view_.limbo)
            if (auto at = limbo_until_.find(node); at != limbo_until_.end())
                next = next ? std::min(*next, at->second) : at->second;
    return next;
}

}  // namespace vrd
