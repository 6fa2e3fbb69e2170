// SPDX-License-Identifier: GPL-2.0
//
// What follows from what all members said: a view. Pure functions, so that
// every member comes to the same one.

#pragma once

#include <map>
#include <set>
#include <vector>

#include "message.hpp"
#include "types.hpp"

namespace vrd {

// What all nodes of the cluster have to have the same of
struct Rules {
    std::map<Node, std::uint32_t> votes{};  // of all nodes there can be
    // The engine alone says whether there is a quorum (two nodes, a quorum
    // device). Else there must be more than half of all votes, too.
    bool engine_quorum = false;
    std::uint64_t grace_ms = 10000;  // for a daemon to come back
};

struct View {
    bool primary = false;  // has a quorum
    std::uint64_t ring = 0;
    std::uint64_t base = 0;   // epoch it began with
    std::uint64_t epoch = 0;  // of the lead
    Node lead = 0;
    Node source = 0;  // has the database, tells the others
    std::map<Node, Standing> members{};
    std::set<Node> synced{};  // have the database
    std::set<Node> limbo{};   // their daemons are gone, they are not
    Version version{};        // of the database
};

// Has the set of members what it takes?
bool majority(const Rules &rules, const std::set<Node> &members);

// How many of the proposals are known to enough of those that have the
// database: whatever happens, a later primary view knows them. The lead is one
// of these, so that who connects to a new port finds it.
std::uint64_t decided(const Rules &rules, const View &view,
                      const std::map<Node, std::uint64_t> &acks);

// The best of the members: has the database, does not drain, can be reached;
// then by priority; then the lowest number. One that the rules do not know is
// nobody's choice.
Node elect(const Rules &rules, const View &view);

// The least epoch above `epoch` in this ring with this lead. Its bits: ring,
// counter (16), place of the lead among all nodes (8): different leads cannot
// have the same one, whatever each of them missed. The ring, which grows for
// ever, makes up for what nodes forget.
std::uint64_t next_epoch(const Rules &rules, std::uint64_t epoch,
                         std::uint64_t ring, Node lead);

// Of the hellos of all members, which are in one ring. `lead` of a view that
// is not primary is 0.
View decide(const Rules &rules, const std::map<Node, Hello> &hellos);

}  // namespace vrd
