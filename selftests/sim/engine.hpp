// SPDX-License-Identifier: GPL-2.0
//
// A model of corosync: rings, totally ordered messages, groups of processes,
// quorum.
//
// What it may do, it does (extended virtual synchrony): members get messages
// at different times; when a ring breaks, those who stay together have got the
// same messages, but each part other ones: a message that only one part has,
// and behind a gap those of the part's own members; what was not sent yet is
// sent in the next ring; news of quorum come by another way than messages.
//
// What it never does: another order, a message twice, none to its own sender,
// the number of a ring twice.

#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <variant>
#include <vector>

#include "core/machine.hpp"
#include "random.hpp"

namespace sim {

using vrd::Node;

struct Configuration {
    std::set<Node> members;
    std::vector<vrd::Machine::Gone> left;
    bool ring_follows = false;
};

struct RingNews {
    std::uint64_t sequence = 0;
    std::set<Node> nodes;
};

struct Delivery {
    Node from = 0;
    vrd::wire::Bytes bytes;
};

using GroupEvent = std::variant<Configuration, RingNews, Delivery>;

// Purpose: all engines and the network between them.
// Threading: one thread.
// Errors: none; what is not up does nothing.
class Engine {
  public:
    Engine(Random &random, Node nodes);

    // The network: nodes with the same mark reach each other.
    void connect(const std::map<Node, int> &marks);
    void start(Node node);
    void stop(Node node);  // the engine's process, or the whole node
    void freeze(Node node, bool on);
    bool up(Node node) const { return at(node).up; }

    // A process joins, goes, sends.
    void join(Node node);
    void leave(Node node);
    void send(Node node, vrd::wire::Bytes bytes);

    // One thing that can happen now; false: nothing can.
    bool step();

    std::deque<GroupEvent> &events(Node node) { return at(node).events; }
    std::deque<bool> &quorum(Node node) { return at(node).quorum; }

  private:
    struct Item {
        enum class Kind { message, join, leave };
        Kind kind;
        Node node;
        std::uint64_t process;
        vrd::wire::Bytes bytes;
    };
    struct Ring {
        std::uint64_t sequence = 0;
        std::set<Node> nodes;
        std::vector<Item> log;
        bool broken = false;
    };
    struct Member {
        bool up = false;
        bool frozen = false;
        int mark = 0;
        std::uint64_t stored = 0;  // greatest number of a ring, on disk
        std::shared_ptr<Ring> ring;
        std::size_t got = 0;  // of the ring's log
        std::deque<Item> unsent;
        std::uint64_t process = 0;            // that wants to be in the group
        bool joined = false;                  // and is, here
        std::map<Node, std::uint64_t> group;  // process of each node
        std::deque<GroupEvent> events;
        std::deque<bool> quorum;
    };

    Member &at(Node node) { return members_[node - 1]; }
    const Member &at(Node node) const { return members_[node - 1]; }
    std::set<Node> names(const Member &member) const;
    bool reaches(Node one, Node other) const;
    void broke();
    void reform();
    void get(Node node, const Item &item);
    void recover(const Ring &ring, const std::set<Node> &part);
    void form(const std::set<Node> &nodes);
    void synchronize(Node node, const std::map<Node, std::uint64_t> &group,
                     const std::set<Node> &nodes);

    Random &random_;
    std::vector<Member> members_;
    std::uint64_t processes_ = 0;
    bool dirty_ = false;  // rings are not what the network is
};

}  // namespace sim
