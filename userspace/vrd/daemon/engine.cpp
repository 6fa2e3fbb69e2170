// SPDX-License-Identifier: GPL-2.0

#include "engine.hpp"

#include <corosync/cmap.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "log.hpp"

namespace vrd {
namespace {

// The callbacks of quorum have no context.
Engine *current = nullptr;

vr::Error failed(const char *what, cs_error_t error) {
    return {ENOTCONN, what, cs_strerror(error)};
}

}  // namespace

vr::Result<Node> Engine::own_number() {
    cmap_handle_t map = 0;
    cs_error_t error = cmap_initialize(&map);
    if (error != CS_OK)
        return failed("ask corosync", error);
    std::uint32_t node = 0;
    error = cmap_get_uint32(map, "runtime.votequorum.this_node_id", &node);
    cmap_finalize(map);
    if (error != CS_OK || !node)
        return failed("ask corosync for the number of this node", error);
    return node;
}

vr::Result<void> Engine::connect(Machine &machine) {
    disconnect();
    machine_ = &machine;
    current = this;

    cpg_model_v1_data_t model{};
    model.model = CPG_MODEL_V1;
    model.cpg_deliver_fn = on_message;
    model.cpg_confchg_fn = on_configuration;
    model.cpg_totem_confchg_fn = on_ring;
    model.flags = CPG_MODEL_V1_DELIVER_INITIAL_TOTEM_CONF;
    cs_error_t error = cpg_model_initialize(
        &cpg_, CPG_MODEL_V1, reinterpret_cast<cpg_model_data_t *>(&model),
        this);
    if (error != CS_OK) {
        cpg_ = 0;
        return failed("connect to corosync", error);
    }
    quorum_callbacks_t callbacks{on_quorum};
    std::uint32_t type = 0;
    error = quorum_initialize(&quorum_, &callbacks, &type);
    if (error != CS_OK) {
        quorum_ = 0;
        disconnect();
        return failed("connect to corosync's quorum service", error);
    }
    if (type != QUORUM_SET) {
        disconnect();
        return vr::Error{EINVAL, "connect to corosync's quorum service",
                         "it has no quorum provider (corosync_votequorum)"};
    }
    if (auto ok = join(); !ok) {
        disconnect();
        return ok;
    }
    connected_ = true;
    return {};
}

vr::Result<void> Engine::join() {
    cpg_name name{};
    name.length = static_cast<std::uint32_t>(group_.size());
    std::memcpy(name.value, group_.data(), group_.size());
    cs_error_t error = cpg_join(cpg_, &name);
    if (error == CS_OK)
        error = quorum_trackstart(quorum_, CS_TRACK_CURRENT | CS_TRACK_CHANGES);
    if (error == CS_OK)
        error = cpg_fd_get(cpg_, &group_fd_);
    if (error == CS_OK)
        error = quorum_fd_get(quorum_, &quorum_fd_);
    if (error != CS_OK)
        return failed("join the group", error);
    return {};
}

void Engine::disconnect() {
    connected_ = false;
    if (cpg_)
        cpg_finalize(cpg_);
    if (quorum_)
        quorum_finalize(quorum_);
    cpg_ = 0;
    quorum_ = 0;
    group_fd_ = quorum_fd_ = -1;
    processes_.clear();
    unsent_.clear();
}

vr::Result<void> Engine::dispatch() {
    cs_error_t error = quorum_dispatch(quorum_, CS_DISPATCH_ALL);
    if (error == CS_OK || error == CS_ERR_TRY_AGAIN)
        error = cpg_dispatch(cpg_, CS_DISPATCH_ALL);
    if (error != CS_OK && error != CS_ERR_TRY_AGAIN)
        return failed("hear from corosync", error);
    return {};
}

void Engine::send(wire::Bytes message) {
    if (!connected_)
        return;
    unsent_.push_back(std::move(message));
    flush();
}

bool Engine::flush() {
    while (connected_ && !unsent_.empty()) {
        iovec part{unsent_.front().data(), unsent_.front().size()};
        cs_error_t error = cpg_mcast_joined(cpg_, CPG_TYPE_AGREED, &part, 1);
        if (error == CS_ERR_TRY_AGAIN)
            return true;
        if (error != CS_OK) {
            // dispatch() will see that, too
            warn("engine", std::string("cannot send: ") + cs_strerror(error));
            return true;
        }
        unsent_.pop_front();
    }
    return false;
}

// ---- what it says ----

void Engine::on_message(cpg_handle_t, const cpg_name *, std::uint32_t node,
                        std::uint32_t pid, void *data, std::size_t size) {
    auto process = current->processes_.find(node);
    // of a process that is gone, or not there yet
    if (process == current->processes_.end() || process->second != pid)
        return;
    current->machine_->delivered(
        node, std::span(static_cast<const std::byte *>(data), size));
}

void Engine::on_configuration(cpg_handle_t, const cpg_name *,
                              const cpg_address *members, std::size_t n,
                              const cpg_address *left, std::size_t n_left,
                              const cpg_address *joined, std::size_t n_joined) {
    bool nodes_changed = false;
    std::set<Node> now;
    std::vector<Machine::Gone> gone;

    current->processes_.clear();
    for (const cpg_address &one : std::span(members, n)) {
        current->processes_[one.nodeid] = one.pid;
        now.insert(one.nodeid);
    }
    for (const cpg_address &one : std::span(left, n_left)) {
        bool down = one.reason == CPG_REASON_NODEDOWN;
        gone.push_back({one.nodeid, !down});
        nodes_changed = nodes_changed || down;
    }
    for (const cpg_address &one : std::span(joined, n_joined))
        nodes_changed = nodes_changed || one.reason == CPG_REASON_NODEUP;
    log({Note::Level::debug, "engine",
         "corosync: group of nodes " + text(now) +
             (nodes_changed ? ", a ring follows" : "")});
    current->machine_->configuration(now, gone, nodes_changed);
}

void Engine::on_ring(cpg_handle_t, cpg_ring_id ring, std::uint32_t n,
                     const std::uint32_t *nodes) {
    log({Note::Level::debug, "engine",
         "corosync: ring " + std::to_string(ring.seq) + " of nodes " +
             text(std::vector<Node>(nodes, nodes + n))});
    current->machine_->ring(ring.seq, std::set<Node>(nodes, nodes + n));
}

void Engine::on_quorum(quorum_handle_t, std::uint32_t quorate, std::uint64_t,
                       std::uint32_t, std::uint32_t *) {
    log({Note::Level::debug, "engine",
         std::string("corosync: ") + (quorate ? "quorum" : "no quorum")});
    current->machine_->quorum(quorate != 0);
}

}  // namespace vrd
