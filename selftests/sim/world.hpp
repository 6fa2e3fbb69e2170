// SPDX-License-Identifier: GPL-2.0
//
// A cluster of state machines over the models of engine and kernel, and what
// has to hold in it.

#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/machine.hpp"
#include "engine.hpp"
#include "kernel.hpp"
#include "random.hpp"

namespace sim {

// What must not be; the text says what.
struct Violation {
    std::string text;
};

// Purpose: one run.
// Threading: one thread.
// Errors: throws Violation.
class World {
  public:
    World(std::uint64_t seed, bool verbose);
    void run();

  private:
    struct Peer {
        Kernel kernel;
        std::unique_ptr<vrd::Machine> machine;  // none: no daemon
        bool powered = true;
        bool frozen = false;    // the whole node
        bool paused = false;    // its daemon
        bool attached = false;  // the daemon to the engine
    };

    // what happens by itself
    bool step();
    bool step_daemon(Node node);
    void input(Node node, Peer &peer);
    void outputs(Node node);
    void output(Node node, const vrd::Output &output);
    void settle(const char *what);

    // what is done to it
    void fault();
    void work();
    void start_daemon(Node node);
    void kill_daemon(Node node);
    void cut_engine(Node node);
    void power(Node node, bool on);
    void freeze(Node node, bool on);
    void partition();
    void heal(const std::set<Node> &down);
    std::uint64_t client_bind(Node node, const vrd::Service &service,
                              const std::vector<vrd::Host> &hosts);

    // what has to hold: world_check.cpp
    void check_step(Node node);
    void check_owners(Node node);
    void check_flows_stay(Node node, const vrd::SetPort &port);
    void check_lead_knows(Node node, std::uint64_t cookie);
    void check_end(const std::set<Node> &down);
    void check_race(const std::set<Node> &down);
    [[noreturn]] void violated(const std::string &text) const;
    void say(Node node, const std::string &text) const;

    Peer &at(Node node) { return *peers_[node - 1]; }
    Node nodes() const { return static_cast<Node>(peers_.size()); }
    bool running(const Peer &peer) const {
        return peer.machine && peer.powered && !peer.frozen && !peer.paused;
    }

    Random random_;
    bool verbose_;
    std::uint64_t now_ = 1000;
    std::uint64_t cookies_ = 0;
    std::vector<std::unique_ptr<Peer>> peers_;
    std::unique_ptr<Engine> engine_;
    vrd::Rules rules_;
    std::vector<vrd::Host> hosts_;
    std::vector<vrd::Service> services_;

    std::map<std::uint64_t, Node> leads_;  // by epoch: whose kernel was it
    std::map<std::uint64_t, Node> views_;  // by epoch: lead
    std::map<vrd::Version, std::uint64_t> versions_;  // digest of each
    std::map<Node, vrd::Version> seen_;
};

}  // namespace sim
