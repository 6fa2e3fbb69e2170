// SPDX-License-Identifier: GPL-2.0
//
// What looks after the kernel while the daemon is away. Without it a node whose
// daemon has ended would go on as the lead when its cluster has ended, too, and
// another node is the lead.

#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>

#include "config.hpp"
#include "vr/client.hpp"
#include "vr/fd.hpp"
#include "vr/result.hpp"

namespace vrd {

// Not the lead any more: of all addresses that the kernel has, whatever the
// epoch; or of those of the configuration, unless it is so anew meanwhile. The
// first error, after all were tried.
vr::Result<void> fence();
vr::Result<void> fence(const Config &config);

// May this node's kernel be the lead, as far as that can be known without the
// daemon? A state machine without inputs and outputs.
class Guarded {
  public:
    explicit Guarded(Rules rules) : rules_(std::move(rules)) {}

    void quorum(bool quorate) { quorate_ = quorate; }
    // A ring of corosync's, and who comes to it from another one. Those who
    // stay have been with this node all the time. Where they are too few, the
    // others may have gone on without it, with a lead of theirs, before this
    // machine knew that time went by: it was stopped.
    void ring(const std::set<Node> &members, const std::set<Node> &joined);
    void daemon(bool there, std::uint64_t now_ms);
    bool daemon() const { return there_; }
    bool may_lead(std::uint64_t now_ms) const;
    // When may_lead() changes by itself
    std::optional<std::uint64_t> deadline() const;

  private:
    // The others take the ports of a daemon that is away for all of it.
    std::uint64_t patience() const {
        return rules_.grace_ms - rules_.grace_ms / 10;
    }

    Rules rules_;
    bool quorate_ = false;
    bool there_ = false;
    bool parted_ = false;  // from a majority, since the daemon is away
    std::uint64_t away_since_ = 0;
};

// Purpose: a process of its own that asks corosync and the daemon whether they
// are there, and makes the kernel stop when it has to.
// Threading: one thread, one object.
// Errors: run() returns the one that ends it. Without corosync it goes on.
class Guard {
  public:
    // The configuration is not copied.
    Guard(const Config &config, std::string control);
    Guard(const Guard &) = delete;
    Guard &operator=(const Guard &) = delete;
    ~Guard() { disconnect(); }

    // Until SIGTERM or SIGINT
    vr::Result<void> run();

  private:
    void connect();
    void disconnect();
    void dispatch();
    void find_daemon();
    void look();
    int timeout() const;

    const Config &config_;
    std::string control_;
    Guarded guarded_;
    std::uint64_t quorum_ = 0;  // corosync's handle
    int quorum_fd_ = -1;
    vr::Fd daemon_;
    std::uint64_t find_at_ = 0;
    bool fenced_ = false;  // and may not be the lead since
};

}  // namespace vrd
