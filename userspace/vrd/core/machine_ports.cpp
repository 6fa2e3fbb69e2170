// SPDX-License-Identifier: GPL-2.0
//
// Ports: what this node's sockets need is asked for, and what the cluster said
// is done.

#include <algorithm>

#include "machine.hpp"
#include "mutation.hpp"

namespace vrd {
namespace {

void mix(std::uint64_t &hash, std::uint64_t value) {
    hash = (hash ^ value) * 0x9e3779b97f4a7c15;
    hash ^= hash >> 29;
}

void mix(std::uint64_t &hash, const Operation &one) {
    mix(hash, static_cast<std::uint64_t>(one.kind) << 24 |
                  std::uint64_t{one.service.protocol} << 16 | one.service.port);
    for (const Host &host : one.hosts) {
        mix(hash, std::uint64_t{host.context} << 8 | host.family);
        for (std::uint8_t byte : host.address)
            mix(hash, byte);
    }
}

std::vector<Key> keys(const Operation &one) {
    return keys(Socket{{}, one.service, one.hosts});
}

}  // namespace

// ---- the database ----

void Machine::take(Node from, const Batch &batch) {
    if (from == setup_.self)
        if (auto own = in_flight(batch.number); own != in_flight_.end())
            own->delivered = true;
    propose(from, batch);
}

void Machine::take(Node from, const Expire &expire) {
    propose(from, expire);
}

void Machine::propose(Node from, Message message) {
    if (!view_.synced.contains(from))
        return;
    proposals_.emplace_back(from, std::move(message));
    const auto *batch = std::get_if<Batch>(&proposals_.back().second);
    if (batch && view_.lead == setup_.self && complete_db_ &&
        !broken(Mutation::late_lead))
        expect(from, *batch);
    if (broken(Mutation::no_acks))
        decide_until(decided_ + 1);
    acknowledge();
}

// The lead will be asked for a port as soon as its owner knows that it has it:
// its kernel hears of it before it is decided.
void Machine::expect(Node from, const Batch &batch) {
    for (const Operation &one : batch.operations) {
        if (one.kind == Operation::Kind::release)
            continue;
        for (const Key &key : keys(one)) {
            std::deque<Expected> &next = expected_[key];
            next.push_back({from, one.kind == Operation::Kind::claim_shared});
            if (next.size() == 1 && !database_.owner(key))
                changed(key, told(key));
        }
    }
}

// Of a node that becomes the lead, or gets the database as one
void Machine::expect_all() {
    expected_.clear();
    if (view_.lead != setup_.self || !complete_db_ ||
        broken(Mutation::late_lead))
        return;
    for (const auto &[from, message] : proposals_)
        if (const auto *batch = std::get_if<Batch>(&message))
            expect(from, *batch);
}

// What the kernel was told, if it was told of what is expected
Owners Machine::told(const Key &key) const {
    const Owners &owners = database_.owners(key);
    auto at = expected_.find(key);
    if (!owners.nodes.empty() || at == expected_.end())
        return owners;
    const Expected &first = at->second.front();
    return {first.shared, {first.node}};
}

// Decided, one way or the other: the next one may be whose turn it is.
void Machine::unexpect(Node from, const Operation &operation,
                       const std::vector<Owners> &before) {
    std::size_t i = 0;
    for (const Key &key : keys(operation)) {
        auto at = expected_.find(key);
        const Owners &had = before[i++];
        if (at == expected_.end())
            continue;
        std::deque<Expected> &next = at->second;
        auto own = std::ranges::find(next, from, &Expected::node);
        if (operation.kind != Operation::Kind::release && own != next.end())
            next.erase(own);
        if (next.empty())
            expected_.erase(at);
        if (Owners now = told(key); now != had)
            changed(key, now);
    }
}

// One at a time; it says how many there are by now.
void Machine::acknowledge() {
    std::uint64_t all = forgotten_ + proposals_.size();

    if (!complete_db_ || !view_.synced.contains(setup_.self) ||
        ack_in_flight_ || ack_ == all)
        return;
    ack_ = all;
    ack_in_flight_ = true;
    send(Ack{view_.base, ack_});
}

void Machine::take(Node from, const Ack &ack) {
    if (ack.base != view_.base || !view_.synced.contains(from))
        return;
    acks_[from] = ack.count;
    if (from == setup_.self) {
        ack_in_flight_ = false;
        acknowledge();
    }
    decide_until(std::min(decided(setup_.rules, view_, acks_),
                          forgotten_ + proposals_.size()));
}

// What is about nodes is done at once by all, with or without the database,
// so that all elect the same lead.
void Machine::decide_until(std::uint64_t count) {
    for (; decided_ < count; decided_++) {
        const auto &message = proposals_[decided_ - forgotten_].second;
        const auto *expire = std::get_if<Expire>(&message);
        if (!expire || !view_.limbo.erase(expire->node))
            continue;
        limbo_until_.erase(expire->node);
        note(Note::Level::warning, "expired",
             "node " + std::to_string(expire->node) +
                 " lost its ports: its daemon is gone",
             {{"node", expire->node}});
        reelect();
    }
    commit();
}

// Apply what is decided, as soon as there is a database to apply it to.
void Machine::commit() {
    if (!complete_db_)
        return;
    while (forgotten_ < decided_) {
        auto [from, message] = std::move(proposals_.front());
        proposals_.pop_front();
        forgotten_++;
        apply(from, message);
    }
}

void Machine::apply(Node from, const Message &message) {
    if (const auto *batch = std::get_if<Batch>(&message)) {
        apply(from, *batch);
        return;
    }
    Node node = std::get<Expire>(message).node;
    version_.sequence++;
    mix(version_.hash, node);
    database_.retain(
        [&](Node one) { return one != node; },
        [&](const Key &key, const Owners &) { changed(key, told(key)); });
    for (const Key &key : std::set<Key>(conflicts_))
        settle(key);
    flush();
}

void Machine::apply(Node from, const Batch &batch) {
    std::vector<bool> results;
    std::vector<Key> touched;

    version_.sequence++;
    mix(version_.hash, from);
    for (const Operation &one : batch.operations) {
        mix(version_.hash, one);
        std::vector<Owners> before;
        for (const Key &key : keys(one))
            before.push_back(told(key));
        results.push_back(
            database_.apply(from, one, [&](const Key &key, const Owners &now) {
                if (!expected_.contains(key))
                    changed(key, now);
            }));
        unexpect(from, one, before);
        // others may have waited for it
        if (one.kind == Operation::Kind::release && from != setup_.self)
            for (const Key &key : keys(one))
                touched.push_back(key);
    }
    auto own = from == setup_.self ? in_flight(batch.number) : in_flight_.end();
    if (own != in_flight_.end()) {
        std::vector<Pending> asked = std::move(own->asked);
        in_flight_.erase(own);
        for (const Pending &one : asked)
            count(one.operation, -1);
        own_results(asked, results);
    }
    for (const Key &key : touched)
        settle(key);
    flush();
}

// What became of what this node asked
void Machine::own_results(const std::vector<Pending> &asked,
                          const std::vector<bool> &results) {
    for (std::size_t i = 0; i < asked.size() && i < results.size(); i++) {
        const Socket *socket = sockets_.find(asked[i].cookie);
        if (asked[i].cookie && socket && socket->state != Socket::State::bound)
            answer(asked[i].cookie, !results[i]);
    }
    for (const Pending &one : asked)
        for (const Key &key : keys(one.operation))
            settle(key);
}

// The kernel's port map follows, once it is what the database was.
void Machine::changed(const Key &key, const Owners &owners) {
    if (mapped_)
        outputs_.emplace_back(SetPort{key, owners});
}

// ---- this node's ports ----

// Compare what there is with what is needed, after a view or a transfer.
void Machine::rebuild() {
    outbox_.clear();
    pending_.clear();
    std::set<std::uint64_t> asked;
    for (const InFlight &batch : in_flight_)
        for (const Pending &one : batch.asked) {
            count(one.operation, 1);
            asked.insert(one.cookie);
        }
    std::vector<std::uint64_t> open;
    for (const auto &[cookie, socket] : sockets_.all())
        if (socket.state != Socket::State::bound && !asked.contains(cookie))
            open.push_back(cookie);
    for (std::uint64_t cookie : open)
        ask(cookie);
    for (const auto &[key, cookies] : sockets_.holders())
        settle(key);
    for (const Key &key : database_.of(setup_.self))
        settle(key);
}

Operation::Kind Machine::claim_kind(const Service &service) const {
    return setup_.shared.contains(service) ? Operation::Kind::claim_shared
                                           : Operation::Kind::claim;
}

// For a bind() that waits
void Machine::ask(std::uint64_t cookie) {
    const Socket socket = *sockets_.find(cookie);
    Operation::Kind kind = claim_kind(socket.service);
    bool shared = kind == Operation::Kind::claim_shared;
    bool ours = true;

    if (broken(Mutation::grant_early)) {
        answer(cookie, false);
        for (const Key &key : vrd::keys(socket))
            settle(key);
        return;
    }
    for (const Key &key : vrd::keys(socket)) {
        if (!database_.may_have(key, setup_.self, shared)) {
            answer(cookie, true);
            return;
        }
        ours =
            ours && database_.has(key, setup_.self) && !pending_.contains(key);
    }
    if (ours)
        answer(cookie, false);
    else
        push(kind, socket, cookie);
}

void Machine::answer(std::uint64_t cookie, bool deny) {
    outputs_.emplace_back(Answer{cookie, deny});
    const Socket *socket = sockets_.find(cookie);
    if (deny && socket->state == Socket::State::waiting)
        sockets_.remove(cookie);
    else
        sockets_.answered(cookie);
}

// Ask for the port if there are sockets, give it back if there are none.
void Machine::settle(const Key &key) {
    if (!serving() || !view_.synced.contains(setup_.self) ||
        pending_.contains(key))
        return;
    Socket one{{}, {key.protocol, key.port}, {key.host}};
    Operation::Kind kind = claim_kind(one.service);

    if (database_.has(key, setup_.self)) {
        conflicts_.erase(key);
        if (!sockets_.any(key))
            push(Operation::Kind::release, one, 0);
        return;
    }
    if (!sockets_.settled(key))
        return;
    if (database_.may_have(key, setup_.self,
                           kind == Operation::Kind::claim_shared)) {
        conflicts_.erase(key);
        push(kind, one, 0);
    } else if (conflicts_.insert(key).second) {
        note(Note::Level::warning, "conflict",
             text(key) + " is bound here, but is node " +
                 std::to_string(database_.owner(key)) + "'s: it gets nothing",
             {{"address", address(key.host)},
              {"ctx", key.host.context},
              {"protocol", key.protocol},
              {"port", key.port},
              {"node", database_.owner(key)}});
    }
}

void Machine::push(Operation::Kind kind, const Socket &socket,
                   std::uint64_t cookie) {
    outbox_.push_back({{kind, socket.service, socket.hosts}, cookie});
    count(outbox_.back().operation, 1);
}

void Machine::count(const Operation &operation, int by) {
    for (const Key &key : keys(operation))
        if ((pending_[key] += by) <= 0)
            pending_.erase(key);
}

std::deque<Machine::InFlight>::iterator Machine::in_flight(
    std::uint64_t number) {
    return std::ranges::find(in_flight_, number, &InFlight::number);
}

// A few batches at a time: what comes while these are on their way makes the
// next one, the larger the more there is to do.
void Machine::flush() {
    constexpr std::size_t hosts_max = 65536;
    constexpr std::size_t in_flight_max = 4;

    while (serving() && view_.synced.contains(setup_.self) &&
           in_flight_.size() < in_flight_max && !outbox_.empty()) {
        Batch batch{++batch_, {}};
        std::size_t hosts = 0;
        for (const Pending &one : outbox_) {
            hosts += one.operation.hosts.size();
            if (batch.operations.size() == batch_operations ||
                (hosts > hosts_max && !batch.operations.empty()))
                break;
            batch.operations.push_back(one.operation);
        }
        auto end = outbox_.begin() +
                   static_cast<std::ptrdiff_t>(batch.operations.size());
        in_flight_.push_back(
            {batch.number, std::vector<Pending>(outbox_.begin(), end)});
        outbox_.erase(outbox_.begin(), end);
        send(batch);
    }
}

}  // namespace vrd
