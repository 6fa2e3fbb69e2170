// SPDX-License-Identifier: GPL-2.0
//
// What looks after the kernel while the daemon is away. Without it a node whose
// daemon has ended would go on as the lead when its cluster has ended, too, and
// another node is the lead.

#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "config.hpp"
#include "vr/client.hpp"
#include "vr/fd.hpp"
#include "vr/result.hpp"

namespace vrd {

// No lead of these addresses, whatever the epoch; this node alone may be it if
// `own`. The first error, after all were tried.
vr::Result<void> fence(const Config &config, bool own);

// May this node's kernel be the lead, as far as that can be known without the
// daemon? A state machine without inputs and outputs.
class Guarded {
  public:
    // The others take the ports of a daemon that is away for so long.
    explicit Guarded(std::uint64_t grace_ms) : grace_ms_(grace_ms) {}

    void quorum(bool quorate) { quorate_ = quorate; }
    void daemon(bool there, std::uint64_t now_ms);
    bool daemon() const { return there_; }
    bool may_lead(std::uint64_t now_ms) const;
    // When may_lead() changes by itself
    std::optional<std::uint64_t> deadline() const;

  private:
    std::uint64_t patience() const { return grace_ms_ - grace_ms_ / 10; }

    std::uint64_t grace_ms_;
    bool quorate_ = false;
    bool there_ = false;
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
