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

#include "clock.hpp"
#include "log.hpp"
#include "notify.hpp"
#include "signals.hpp"

namespace vrd {
namespace {

constexpr std::uint64_t again_ms = 100;  // until what is away is looked for

// The callback has no context.
Guarded *current = nullptr;

void on_quorum(quorum_handle_t, std::uint32_t quorate, std::uint64_t,
               std::uint32_t, std::uint32_t *) {
    current->quorum(quorate != 0);
}

vr::Result<void> fence(vr::Client &client, const Address &address, bool own) {
    vr::dhost::Key key = address.key;
    if (own) {
        auto host = vr::dhost::get_host(client, key);
        if (!host)
            return host.error();
        if (host->lead != host->own)
            return {};
        // If it is the lead anew meanwhile, it is by a later one.
        key.epoch = host->key.epoch.value_or(0) + 1;
    }
    auto ok = vr::dhost::set_lead(client, key, 0);
    if (!ok && own && ok.error().code == ESTALE)
        return {};
    if (ok && own)
        warn(vr::dhost::text(key.address) +
             ": not the lead any more: no cluster, or no daemon");
    return ok;
}

}  // namespace

vr::Result<void> fence(const Config &config, bool own) {
    vr::Result<void> all;
    auto socket = vr::netlink::open(NETLINK_GENERIC);
    if (!socket)
        return socket.error();
    auto client = vr::Client::open_dhost(*std::move(socket));
    if (!client)
        return client.error();
    for (const Address &address : config.addresses) {
        auto ok = fence(*client, address, own);
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
}

bool Guarded::may_lead(std::uint64_t now_ms) const {
    return quorate_ && (there_ || now_ms < away_since_ + patience());
}

std::optional<std::uint64_t> Guarded::deadline() const {
    if (there_ || !quorate_)
        return std::nullopt;
    return away_since_ + patience();
}

// ---- how it is known ----

Guard::Guard(const Config &config, std::string control)
    : config_(config), control_(std::move(control)), guarded_(config.grace_ms) {
    // It may have been there until a moment ago.
    guarded_.daemon(true, now_ms());
    guarded_.daemon(false, now_ms());
}

void Guard::connect() {
    quorum_callbacks_t callbacks{on_quorum};
    std::uint32_t type = 0;

    current = &guarded_;
    if (quorum_initialize(&quorum_, &callbacks, &type) != CS_OK) {
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
    info("watching corosync");
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
    warn(std::string("corosync is gone: ") + cs_strerror(error));
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
        if (auto ok = fence(config_, true); !ok)
            warn(ok.error().text());
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
        return fence(config_, true);
    return {};
}

}  // namespace vrd
