// SPDX-License-Identifier: GPL-2.0
//
// The daemon without its inputs and outputs.
//
// Inputs are calls, outputs are collected for take(). What all members get in
// the same order (configurations and messages) leads all to the same view and
// the same database; only what concerns this node's own kernel differs.
//
// A configuration of the engine becomes a view when the hellos of all its
// members were delivered. In a primary view operations on ports are proposals
// when they are delivered, and are done when so many members have said that
// they know them that any later primary view has one of these: a partition can
// cut off a node between the two, never after. Outside of a primary view they
// are dropped, and their senders, who see that too, ask again.

#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "database.hpp"
#include "message.hpp"
#include "sockets.hpp"
#include "view.hpp"

namespace vrd {

struct Slice {
    std::uint16_t min = 0;
    std::uint16_t max = 0;
};

struct Setup {
    Node self = 0;
    std::uint32_t priority = 100;
    Rules rules{};
    std::set<Service> shared{};
    std::map<Node, Slice> slices{};
    // A kernel that is found acting as lead goes on for so long without a view
    std::uint64_t fence_ms = 3000;
};

// ---- outputs ----

struct Send {
    wire::Bytes message;
};

// Of a bind() that waits; none may, and then it is nothing.
struct Answer {
    std::uint64_t cookie;
    bool deny;
};

struct SetLead {
    Node lead;  // 0: none
    std::uint64_t epoch;
};

struct SetPort {
    Key key;
    Owners owners;  // none: nobody's
};

// The kernel's port maps are to be what the database is.
struct ReplacePorts {};

// Something to be told
struct Note {
    enum class Level { debug, info, warning };
    using Value = std::variant<std::uint64_t, std::string>;
    using Fields = std::vector<std::pair<const char *, Value>>;
    Level level;
    const char *name;  // what happened, one of vrd.8's: for programs
    std::string text;  // for people
    Fields fields{};
};

using Output = std::variant<Send, Answer, SetLead, SetPort, ReplacePorts, Note>;

// ---- the machine ----

// Purpose: one node's part of the cluster.
// Threading: one thread.
// Errors: what cannot be is a Note and otherwise ignored.
class Machine {
  public:
    enum class Phase {
        detached,  // no engine
        exchange,  // waiting for hellos
        inactive,  // a view without a quorum
        active,    // a primary view
    };

    struct Gone {
        Node node = 0;
        bool daemon_only = false;  // the node is there still
    };

    Machine(Setup setup, std::uint64_t now_ms);

    // The engine: one call per event, in its order.
    // `ring_follows`: nodes came or went, so ring() will be called next. It is
    // called for the first time before or after the first configuration.
    void configuration(const std::set<Node> &members,
                       std::span<const Gone> left, bool ring_follows);
    void ring(std::uint64_t sequence, const std::set<Node> &nodes);
    void delivered(Node from, std::span<const std::byte> bytes);
    void quorum(bool quorate);
    void engine_lost();

    // The kernel
    void bind(std::uint64_t cookie, const Service &service,
              const std::vector<Host> &hosts);
    void socket(std::uint64_t cookie, const Service &service,
                const std::vector<Host> &hosts);
    void closed(std::uint64_t cookie);
    // All there are; what was missed is found out.
    void sockets(const std::map<std::uint64_t, Socket> &all);
    void kernel_lead(Node lead, std::uint64_t epoch);

    // Others
    void link(bool up);
    void drain(bool on);
    void time(std::uint64_t now_ms);
    std::optional<std::uint64_t> deadline() const;

    std::vector<Output> take() { return std::exchange(outputs_, {}); }

    Phase phase() const { return phase_; }
    // Has it the database of a primary view?
    bool serving() const { return phase_ == Phase::active && complete_db_; }
    const View &view() const { return view_; }
    const std::set<Node> &members() const { return members_; }
    const Database &database() const { return database_; }
    const Version &version() const { return version_; }
    const Sockets &sockets() const { return sockets_; }
    const Setup &setup() const { return setup_; }
    const Standing &standing() const { return standing_; }
    const std::set<Key> &conflicts() const { return conflicts_; }
    bool quorate() const { return quorate_; }
    // What the kernel was told
    Node told_lead() const { return kernel_lead_; }
    std::uint64_t told_epoch() const { return kernel_epoch_; }

  private:
    struct Pending {
        Operation operation;
        std::uint64_t cookie = 0;  // of the bind() that waits, or 0
    };

    struct InFlight {
        std::uint64_t number = 0;
        std::vector<Pending> asked;
        bool delivered = false;  // and not decided
    };

    struct Expected {
        Node node = 0;
        bool shared = false;
    };

    // machine.cpp: inputs
    void send(const Message &message);
    void note(Note::Level level, const char *name, std::string text,
              Note::Fields fields = {});
    Node coordinator() const;

    // machine_view.cpp: from a configuration to a view
    void exchange();
    void say_hello();
    void take_hello(Node from, const Hello &hello);
    void activate();
    void activate_primary(const View &before);
    void reelect();
    void lead_changed();
    void note_lead();
    void tell_kernel(Node lead, std::uint64_t epoch);
    void fence();
    void send_snapshot();
    void take(Node from, const Snapshot &snapshot);
    void take(Node from, const Synced &synced);
    void take(Node from, const Status &status);
    void take(Node from, const LeadUp &up);
    void dropped(Node from, const Message &message);

    // machine_ports.cpp: ports of this node's sockets, and the database
    void take(Node from, const Batch &batch);
    void take(Node from, const Expire &expire);
    void take(Node from, const Ack &ack);
    void propose(Node from, Message message);
    void acknowledge();
    void decide_until(std::uint64_t count);
    void expect(Node from, const Batch &batch);
    void expect_all();
    Owners told(const Key &key) const;
    void unexpect(Node from, const Operation &operation,
                  const std::vector<Owners> &before);
    void commit();
    void apply(Node from, const Message &message);
    void apply(Node from, const Batch &batch);
    void own_results(const std::vector<Pending> &asked,
                     const std::vector<bool> &results);
    void rebuild();
    void ask(std::uint64_t cookie);
    void answer(std::uint64_t cookie, bool deny);
    void settle(const Key &key);
    void push(Operation::Kind kind, const Socket &socket, std::uint64_t cookie);
    void flush();
    std::deque<InFlight>::iterator in_flight(std::uint64_t number);
    void count(const Operation &operation, int by);
    Operation::Kind claim_kind(const Service &service) const;
    void changed(const Key &key, const Owners &owners);

    Setup setup_;
    std::uint64_t now_ = 0;
    std::vector<Output> outputs_;

    Phase phase_ = Phase::detached;
    std::set<Node> members_;
    std::uint64_t ring_ = 0;
    std::set<Node> ring_nodes_;
    bool awaiting_ring_ = false;
    bool quorate_ = false;
    Standing standing_;

    std::map<Node, Hello> hellos_;
    bool complete_ = false;     // all were there; the next one begins anew
    std::uint64_t hello_ = 0;   // number of the last one sent
    bool outstanding_ = false;  // and it was not delivered yet
    View view_;                 // the last one
    std::uint64_t epoch_ = 0;   // greatest known
    std::map<Node, std::uint64_t> limbo_until_;

    Node kernel_lead_ = 0;
    std::uint64_t kernel_epoch_ = 0;
    bool stepping_down_ = false;  // lead until the new one is
    std::optional<std::uint64_t> fence_at_;

    Database database_;
    Version version_;
    bool complete_db_ = false;  // of the view
    bool mapped_ = false;       // the kernel's port maps follow it
    Database incoming_;
    std::uint32_t next_part_ = 0;

    // Since the view began: those not applied yet. forgotten_ were before.
    std::deque<std::pair<Node, Message>> proposals_;
    std::uint64_t forgotten_ = 0;
    std::uint64_t decided_ = 0;  // so many of all are to be applied
    std::map<Node, std::uint64_t> acks_;
    std::uint64_t ack_ = 0;  // the last one sent
    bool ack_in_flight_ = false;
    // On the lead: who claims a port, in this order, and is not decided
    std::map<Key, std::deque<Expected>> expected_;

    Sockets sockets_;
    std::set<Key> conflicts_;  // a socket here, another owner
    std::vector<Pending> outbox_;
    std::deque<InFlight> in_flight_;
    std::uint64_t batch_ = 0;
    std::map<Key, int> pending_;  // how often in the two above
};

}  // namespace vrd
