// SPDX-License-Identifier: GPL-2.0
//
// From a configuration of the engine to a view: hellos, lead, transfer of the
// database.

#include <algorithm>

#include "machine.hpp"
#include "mutation.hpp"

namespace vrd {

// Begin to collect hellos. From now on nothing is applied, so that what our
// hello says stays true.
void Machine::exchange() {
    phase_ = Phase::exchange;
    hellos_.clear();
    complete_ = false;
    incoming_.clear();
    proposals_.clear();
    forgotten_ = decided_ = ack_ = 0;
    acks_.clear();
    ack_in_flight_ = false;
    for (const auto &[key, nodes] : std::exchange(expected_, {}))
        changed(key, database_.owners(key));
    if (!broken(Mutation::drop_batch))
        std::erase_if(in_flight_,
                      [](const InFlight &one) { return one.delivered; });
}

void Machine::say_hello() {
    Hello hello;
    hello.number = ++hello_;
    hello.ring = ring_;
    hello.members.assign(members_.begin(), members_.end());
    hello.quorate = quorate_;
    hello.standing = standing_;
    hello.version = version_;
    hello.epoch = epoch_;
    hello.lead = view_.lead;
    hello.leading = kernel_lead_ == setup_.self;
    for (Node node : view_.limbo)
        if (!members_.contains(node))
            hello.limbo.push_back(node);
    outstanding_ = true;
    send(hello);
}

void Machine::take_hello(Node from, const Hello &hello) {
    if (from == setup_.self && hello.number == hello_)
        outstanding_ = false;
    note(Note::Level::debug, "hello",
         "hello " + std::to_string(hello.number) + " of node " +
             std::to_string(from) + ": ring " + std::to_string(hello.ring) +
             ", members " + text(hello.members) +
             (hello.quorate ? "" : ", no quorum"));
    // of an earlier configuration
    if (!std::ranges::equal(hello.members, members_))
        return;

    if (complete_) {
        // Somebody had to say it again; it waits for the others' ones.
        bool waits = outstanding_ || from == setup_.self;
        exchange();
        if (!waits && !awaiting_ring_)
            say_hello();
    }
    hellos_[from] = hello;
    if (hellos_.size() != members_.size() ||
        std::ranges::any_of(hellos_, [&](const auto &one) {
            return one.second.ring != hello.ring;
        }))
        return;
    complete_ = true;
    // To the others we are in the view, but with what we said before: they
    // will hear, and begin anew.
    if (!outstanding_ && !awaiting_ring_)
        activate();
}

void Machine::activate() {
    View before = std::move(view_);

    view_ = decide(setup_.rules, hellos_);
    epoch_ = std::max(epoch_, view_.epoch);
    stepping_down_ = false;
    complete_db_ = false;
    limbo_until_.clear();
    if (!view_.primary) {
        phase_ = Phase::inactive;
        view_.lead = before.lead;
        view_.limbo = before.limbo;
        fence();
        std::erase_if(view_.limbo,
                      [&](Node node) { return members_.contains(node); });
        std::string nodes = text(members_);
        note(Note::Level::warning, "no-quorum",
             "view without a quorum: nodes " + nodes, {{"members", nodes}});
        return;
    }
    phase_ = Phase::active;
    fence_at_.reset();
    activate_primary(before);
}

void Machine::activate_primary(const View &before) {
    bool synced = view_.synced.contains(setup_.self);

    std::string nodes = text(members_);
    note(Note::Level::info, "view",
         "view " + std::to_string(view_.base) + ": nodes " + nodes + ", lead " +
             std::to_string(view_.lead) +
             (synced ? "" : ", database from " + std::to_string(view_.source)),
         {{"view", view_.base}, {"members", nodes}, {"lead", view_.lead}});
    if (before.lead != view_.lead)
        note_lead();
    for (Node node : view_.limbo)
        limbo_until_[node] = now_ + setup_.rules.grace_ms;
    // First of all: clients wait for it.
    lead_changed();

    if (synced) {
        bool fresh = version_.base == 0;
        if (fresh)
            database_.clear();  // that of others, as new, is another one
        database_.retain(
            [&](Node node) {
                return view_.members.contains(node) ||
                       view_.limbo.contains(node) ||
                       broken(Mutation::keep_ports);
            },
            [&](const Key &key, const Owners &now) { changed(key, now); });
        version_ = view_.version;
        complete_db_ = true;
        if (!mapped_ || fresh)
            outputs_.emplace_back(ReplacePorts{});
        mapped_ = true;
        if (view_.source == setup_.self &&
            view_.synced.size() != view_.members.size())
            send_snapshot();
        rebuild();
    } else {
        version_ = {};
        next_part_ = 0;
    }
    if (view_.members.at(setup_.self) != standing_)
        send(Status{standing_});
    flush();
    time(now_);
}

// ---- lead ----

// After whatever counts for the election has changed
void Machine::reelect() {
    bool away = view_.limbo.contains(view_.lead) ||
                (view_.members.contains(view_.lead) &&
                 !view_.synced.contains(view_.lead));
    Node best = away ? view_.lead : elect(setup_.rules, view_);
    if (best == view_.lead)
        return;
    view_.lead = best;
    if (!broken(Mutation::same_epoch))
        view_.epoch = next_epoch(setup_.rules, view_.epoch, view_.ring, best);
    epoch_ = std::max(epoch_, view_.epoch);
    note_lead();
    lead_changed();
}

void Machine::note_lead() {
    note(Note::Level::info, "lead", "lead is " + std::to_string(view_.lead),
         {{"lead", view_.lead}, {"epoch", view_.epoch}});
}

// The new one first, then the old one: what is on its way to the old one is
// still handed over.
void Machine::lead_changed() {
    stepping_down_ = false;
    if (view_.lead == setup_.self) {
        expect_all();
        tell_kernel(view_.lead, view_.epoch);
        send(LeadUp{view_.epoch});
    } else if (kernel_lead_ == setup_.self &&
               view_.members.contains(view_.lead)) {
        stepping_down_ = true;
    } else {
        tell_kernel(view_.lead, view_.epoch);
    }
}

void Machine::take(Node from, const LeadUp &up) {
    if (from != view_.lead || up.epoch != view_.epoch || !stepping_down_)
        return;
    stepping_down_ = false;
    tell_kernel(view_.lead, view_.epoch);
}

void Machine::tell_kernel(Node lead, std::uint64_t epoch) {
    if (lead == kernel_lead_ && epoch == kernel_epoch_)
        return;
    kernel_lead_ = lead;
    kernel_epoch_ = epoch;
    outputs_.emplace_back(SetLead{lead, epoch});
}

// Not the lead any more, as far as this node can say. The epoch is used up.
void Machine::fence() {
    stepping_down_ = false;
    if (kernel_lead_ != setup_.self || broken(Mutation::no_fence))
        return;
    epoch_ = std::max(epoch_, kernel_epoch_) + 1;
    note(Note::Level::warning, "fenced", "not the lead any more: no quorum",
         {{"epoch", epoch_}});
    tell_kernel(0, epoch_);
}

void Machine::take(Node from, const Status &status) {
    view_.members[from] = status.standing;
    reelect();
}

// ---- transfer ----

void Machine::send_snapshot() {
    std::vector<Entry> entries = database_.entries();
    Snapshot part{view_.base, 0, false, {}};

    for (std::size_t at = 0; !part.last; at += snapshot_entries, part.part++) {
        std::size_t end = std::min(at + snapshot_entries, entries.size());
        part.entries.assign(entries.begin() + static_cast<std::ptrdiff_t>(at),
                            entries.begin() + static_cast<std::ptrdiff_t>(end));
        part.last = end == entries.size();
        send(part);
    }
}

void Machine::take(Node from, const Snapshot &snapshot) {
    if (complete_db_ || from != view_.source || snapshot.base != view_.base ||
        snapshot.part != next_part_)
        return;
    next_part_++;
    for (const Entry &entry : snapshot.entries)
        incoming_.add(entry);
    if (!snapshot.last)
        return;

    database_ = std::exchange(incoming_, {});
    version_ = view_.version;
    complete_db_ = true;
    outputs_.emplace_back(ReplacePorts{});
    mapped_ = true;
    if (broken(Mutation::forget_buffer))
        while (forgotten_ < decided_) {
            proposals_.pop_front();
            forgotten_++;
        }
    commit();
    expect_all();
    note(Note::Level::info, "database",
         "got the database, " + std::to_string(database_.size()) + " ports",
         {{"ports", database_.size()}});
    send(Synced{view_.base});
}

void Machine::take(Node from, const Synced &synced) {
    if (synced.base != view_.base || !view_.members.contains(from))
        return;
    view_.synced.insert(from);
    reelect();
    if (from == setup_.self) {
        acknowledge();
        rebuild();
        flush();
    }
}

// Outside of a primary view
void Machine::dropped(Node from, const Message &message) {
    const auto *batch = std::get_if<Batch>(&message);
    if (from != setup_.self || !batch || broken(Mutation::drop_batch))
        return;
    if (auto own = in_flight(batch->number); own != in_flight_.end())
        in_flight_.erase(own);
}

}  // namespace vrd
