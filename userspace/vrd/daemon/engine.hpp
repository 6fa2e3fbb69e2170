// SPDX-License-Identifier: GPL-2.0
//
// corosync: groups of processes (CPG), quorum.

#pragma once

#include <corosync/cpg.h>
#include <corosync/quorum.h>

#include <deque>
#include <map>
#include <set>
#include <string>

#include "core/machine.hpp"
#include "vr/result.hpp"

namespace vrd {

// Purpose: the machine's engine. What comes from it goes to the machine, which
// is told when it is gone.
// Threading: one thread.
// Errors: connect() says why not; later ones end the connection.
class Engine {
  public:
    explicit Engine(std::string group) : group_(std::move(group)) {}
    Engine(const Engine &) = delete;
    Engine &operator=(const Engine &) = delete;
    ~Engine() { disconnect(); }

    // Then the machine hears of the first configuration by dispatch().
    vr::Result<void> connect(Machine &machine);
    void disconnect();
    bool connected() const { return connected_; }
    // What corosync calls this node
    static vr::Result<Node> own_number();

    int group_fd() const { return group_fd_; }
    int quorum_fd() const { return quorum_fd_; }
    // Fails when the engine is gone.
    vr::Result<void> dispatch();
    void send(wire::Bytes message);
    // What could not be sent yet; true: there still is some
    bool flush();

  private:
    static void on_message(cpg_handle_t handle, const cpg_name *group,
                           std::uint32_t node, std::uint32_t pid, void *data,
                           std::size_t size);
    static void on_configuration(cpg_handle_t handle, const cpg_name *group,
                                 const cpg_address *members, std::size_t n,
                                 const cpg_address *left, std::size_t n_left,
                                 const cpg_address *joined,
                                 std::size_t n_joined);
    static void on_ring(cpg_handle_t handle, cpg_ring_id ring, std::uint32_t n,
                        const std::uint32_t *nodes);
    static void on_quorum(quorum_handle_t handle, std::uint32_t quorate,
                          std::uint64_t ring, std::uint32_t n,
                          std::uint32_t *nodes);
    vr::Result<void> join();

    std::string group_;
    Machine *machine_ = nullptr;
    bool connected_ = false;
    cpg_handle_t cpg_ = 0;
    quorum_handle_t quorum_ = 0;
    int group_fd_ = -1;
    int quorum_fd_ = -1;
    std::map<Node, std::uint32_t> processes_;
    std::deque<wire::Bytes> unsent_;
};

}  // namespace vrd
