// SPDX-License-Identifier: GPL-2.0

#include "guard.hpp"

#include <corosync/quorum.h>
#include <linux/netlink.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <iterator>

#include "clock.hpp"
#include "log.hpp"
#include "notify.hpp"
#include "signals.hpp"

namespace vrd {
namespace {

constexpr std::uint64_t again_ms = 100;  // until what is away is looked for

// The callback has no context.
Guarded *current = nullptr;

void on_quorum(quorum_handle_t, std::uint32_t quorate, quorum_ring_id,
               std::uint32_t, const std::uint32_t *) {
    current->quorum(quorate != 0);
}

void on_ring(quorum_handle_t, quorum_ring_id, std::uint32_t n,
             const std::uint32_t *nodes, std::uint32_t n_joined,
             const std::uint32_t *joined, std::uint32_t,
             const std::uint32_t *) {
    current->ring(std::set<Node>(nodes, nodes + n),
                  std::set<Node>(joined, joined + n_joined));
}

vr::Result<vr::Client> open_kernel() {
    auto socket = vr::netlink::open(NETLINK_GENERIC);
    if (!socket)
        return socket.error();
    return vr::Client::open_dhost(*std::move(socket));
}

// This node is not the lead any more. If it is the lead anew meanwhile, it is
// by a later epoch than the one after this.
vr::Result<void> step_down(vr::Client &client, vr::dhost::Key key) {
    auto host = vr::dhost::get_host(client, key);
    if (!host)
        return host.error();
    if (host->lead != host->own)
        return {};
    key.epoch = host->key.epoch.value_or(0) + 1;
    auto ok = vr::dhost::set_lead(client, key, 0);
    if (!ok && ok.error().code == ESTALE)
        return {};
    if (ok)
        warn("fenced", vr::dhost::text(key.address) +
                           ": not the lead any more: no cluster, or no daemon");
    return ok;
}

}  // namespace

// The configuration may be what is wrong, so the kernel is asked.
vr::Result<void> fence() {
    vr::Result<void> all;
    auto client = open_kernel();
    if (!client) {
        if (client.error().code == ENOENT)
            return {};  // the module is not there
        return client.error();
    }
    auto hosts = vr::dhost::list_hosts(*client);
    if (!hosts)
        return hosts.error();
    for (const vr::dhost::Host &host : *hosts) {
        if (host.lead != host.own)
            continue;
        vr::dhost::Key key = host.key;
        key.epoch.reset();
        auto ok = vr::dhost::set_lead(*client, key, 0);
        if (!ok && ok.error().code != ENOENT && all)
            all = ok;
    }
    return all;
}

vr::Result<void> fence(const Config &config) {
    vr::Result<void> all;
    auto client = open_kernel();
    if (!client)
        return client.error();
    for (const Address &address : config.addresses) {
        auto ok = step_down(*client, address.key);
        // nothing of it is here
        if (!ok && ok.error().code != ENOENT && all)
            all = ok;
    }
    return all;
}

// ---- what is known ----

void Guarded::daemon(bool there, std::uint64_t now_ms) {
    if (there_ && !there)
        away_since_ = now_ms;
    there_ = there;
    parted_ = parted_ && !there;
}

void Guarded::ring(const std::set<Node> &members,
                   const std::set<Node> &joined) {
    std::set<Node> stay;
    std::ranges::set_difference(members, joined,
                                std::inserter(stay, stay.end()));
    // Who has a quorum by another rule is known to corosync alone.
    bool enough = rules_.engine_quorum ? stay.size() * 2 > members.size()
                                       : majority(rules_, stay);
    if (!there_ && !enough)
        parted_ = true;
}

bool Guarded::may_lead(std::uint64_t now_ms) const {
    return quorate_ && !parted_ &&
           (there_ || now_ms < away_since_ + patience());
}

std::optional<std::uint64_t> Guarded::deadline() const {
    if (there_ || !quorate_ || parted_)
        return std::nullopt;
    return away_since_ + patience();
}

// ---- how it is known ----

Guard::Guard(const Config &config, std::string control)
    : config_(config),
      control_(std::move(control)),
      guarded_(config.setup().rules) {
    // It may have been there until a moment ago.
    guarded_.daemon(true, now_ms());
    guarded_.daemon(false, now_ms());
}

void Guard::connect() {
    quorum_model_v1_data_t model{QUORUM_MODEL_V1, on_quorum, on_ring};
    std::uint32_t type = 0;

    current = &guarded_;
    if (quorum_model_initialize(&quorum_, QUORUM_MODEL_V1,
                                reinterpret_cast<quorum_model_data_t *>(&model),
                                &type, nullptr) != CS_OK) {
        quorum_ = 0;
        return;
    }
    if (type != QUORUM_SET ||
        quorum_trackstart(quorum_, CS_TRACK_CURRENT | CS_TRACK_CHANGES) !=
            CS_OK ||
        quorum_fd_get(quorum_, &quorum_fd_) != CS_OK) {
        disconnect();
        return;
    }
    info("engine", "watching corosync");
    dispatch();
}

void Guard::disconnect() {
    if (quorum_)
        quorum_finalize(quorum_);
    quorum_ = 0;
    quorum_fd_ = -1;
    guarded_.quorum(false);
}

void Guard::dispatch() {
    cs_error_t error = quorum_dispatch(quorum_, CS_DISPATCH_ALL);
    if (error == CS_OK || error == CS_ERR_TRY_AGAIN)
        return;
    warn("engine-gone", std::string("corosync is gone: ") + cs_strerror(error));
    disconnect();
}

// It is there as long as it keeps a connection.
void Guard::find_daemon() {
    std::uint64_t now = now_ms();
    sockaddr_un at{};

    if (now < find_at_)
        return;
    find_at_ = now + again_ms;
    at.sun_family = AF_UNIX;
    if (control_.size() >= sizeof(at.sun_path))
        return;
    std::memcpy(at.sun_path, control_.data(), control_.size());
    vr::Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd ||
        ::connect(fd.get(), reinterpret_cast<sockaddr *>(&at), sizeof(at)) != 0)
        return;
    daemon_ = std::move(fd);
    guarded_.daemon(true, now);
}

// Once is enough: only a daemon makes it the lead again, and knows why.
void Guard::look() {
    bool may = guarded_.may_lead(now_ms());
    if (!may && !fenced_)
        if (auto ok = fence(config_); !ok)
            warn("kernel", ok.error().text());
    fenced_ = !may;
}

int Guard::timeout() const {
    std::uint64_t now = now_ms();
    std::uint64_t next = now + 60000;
    if (!quorum_ || !daemon_)
        next = now + again_ms;
    if (auto at = guarded_.deadline(); at && *at > now)
        next = std::min(next, *at);
    return static_cast<int>(next - now);
}

vr::Result<void> Guard::run() {
    auto signals = ending_signals();
    if (!signals)
        return signals.error();
    notify("READY=1");

    for (;;) {
        if (!daemon_)
            find_daemon();
        if (!quorum_)
            connect();
        look();
        std::array<pollfd, 3> fds{{{signals->get(), POLLIN, 0},
                                   {quorum_fd_, POLLIN, 0},
                                   {daemon_.get(), POLLIN, 0}}};
        if (poll(fds.data(), fds.size(), timeout()) < 0 && errno != EINTR)
            return vr::Error{errno, "poll", {}};
        if (fds[0].revents)
            break;
        if (fds[1].revents)
            dispatch();
        if (fds[2].revents) {
            // it says nothing unasked
            daemon_ = vr::Fd();
            guarded_.daemon(false, now_ms());
        }
    }
    // Nobody is left who would know.
    notify("STOPPING=1");
    if (!guarded_.daemon())
        return fence(config_);
    return {};
}

}  // namespace vrd
