// SPDX-License-Identifier: GPL-2.0

#include "daemon.hpp"

#include <algorithm>
#include <cerrno>

#include "clock.hpp"
#include "log.hpp"
#include "notify.hpp"
#include "signals.hpp"

namespace vrd {
namespace {

constexpr std::uint64_t connect_ms = 200;  // until corosync is tried again
constexpr std::uint64_t unsent_ms = 2;     // it had no room
constexpr std::uint64_t drain_ms = 100;

std::set<std::string> devices(const Config &config) {
    std::set<std::string> names;
    for (const Address &address : config.addresses)
        names.insert(address.device);
    return names;
}

}  // namespace

Daemon::Daemon(const Config &config, Kernel kernel, Links links,
               Control control, vr::Fd signals)
    : config_(config),
      machine_(config.setup(), now_ms()),
      engine_(config.group),
      kernel_(std::move(kernel)),
      links_(std::move(links)),
      control_(std::move(control)),
      signals_(std::move(signals)),
      alive_ms_(watchdog_ms()) {}

vr::Result<std::unique_ptr<Daemon>> Daemon::open(const Config &config,
                                                 const std::string &control) {
    auto listener = Control::open(control);
    if (!listener)
        return listener.error();
    auto kernel = Kernel::open(config);
    if (!kernel)
        return kernel.error();
    auto links = Links::open(devices(config));
    if (!links)
        return links.error();

    auto signals = ending_signals();
    if (!signals)
        return signals.error();

    std::unique_ptr<Daemon> daemon(
        new Daemon(config, *std::move(kernel), *std::move(links),
                   *std::move(listener), *std::move(signals)));
    if (auto ok = daemon->kernel_.begin(daemon->machine_); !ok)
        return ok.error();
    return daemon;
}

// The engine may be down, or not up yet.
void Daemon::connect() {
    auto ok = engine_.connect(machine_);
    if (ok) {
        info("engine", "connected to corosync, group " + config_.group);
        complaint_.clear();
        return;
    }
    connect_at_ = now_ms() + connect_ms;
    if (ok.error().text() == complaint_)
        return;
    complaint_ = ok.error().text();
    warn("engine", complaint_);
}

int Daemon::timeout() const {
    std::uint64_t now = now_ms();
    std::uint64_t next = now + 60000;

    if (auto deadline = machine_.deadline())
        next = std::min(next, *deadline);
    if (auto deadline = kernel_.deadline())
        next = std::min(next, *deadline);
    if (!engine_.connected())
        next = std::min(next, connect_at_);
    if (unsent_)
        next = std::min(next, now + unsent_ms);
    if (control_.waits())
        next = std::min(next, now + drain_ms);
    if (alive_ms_)
        next = std::min(next, now + *alive_ms_ / 3);
    return next > now ? static_cast<int>(next - now) : 0;
}

vr::Result<void> Daemon::run() {
    notify("READY=1");
    info("start", "node " + std::to_string(config_.node) + " of " +
                      std::to_string(config_.peers.size()));
    while (!stop_) {
        if (!engine_.connected() && now_ms() >= connect_at_)
            connect();
        std::vector<pollfd> fds{{signals_.get(), POLLIN, 0},
                                {kernel_.fd(), POLLIN, 0},
                                {links_.fd(), POLLIN, 0},
                                {engine_.group_fd(), POLLIN, 0},
                                {engine_.quorum_fd(), POLLIN, 0}};
        control_.wait_for(fds);
        if (poll(fds.data(), fds.size(), timeout()) < 0 && errno != EINTR)
            return vr::Error{errno, "poll", {}};
        if (auto ok = input(fds); !ok)
            return ok;
        kernel_.time(machine_, now_ms());
        machine_.time(now_ms());
        outputs();
        control_.look(machine_, now_ms());
        unsent_ = engine_.flush();
        if (alive_ms_)
            notify("WATCHDOG=1");
    }
    notify("STOPPING=1");
    return {};
}

vr::Result<void> Daemon::input(std::span<const pollfd> fds) {
    if (fds[0].revents)
        stop_ = true;
    // What the cluster says first: it is what the others know already.
    if (fds[3].revents || fds[4].revents) {
        if (auto ok = engine_.dispatch(); !ok) {
            warn("engine", ok.error().text());
            engine_.disconnect();
            machine_.engine_lost();
        }
        outputs();
    }
    if (fds[1].revents)
        if (auto ok = kernel_.read(machine_, now_ms()); !ok)
            return ok;
    if (fds[2].revents) {
        if (auto ok = links_.read(); !ok)
            return ok;
        machine_.link(links_.up());
    }
    control_.happened(fds.subspan(5), machine_, now_ms());
    return {};
}

// ---- outputs ----

void Daemon::outputs() {
    for (;;) {
        std::vector<Output> all = machine_.take();
        if (all.empty())
            break;
        for (const Output &one : all)
            output(one);
    }
    flush_ports();
}

void Daemon::output(const Output &one) {
    if (const auto *send = std::get_if<Send>(&one)) {
        flush_ports();  // whoever hears of it may count on it
        engine_.send(send->message);
    } else if (const auto *answer = std::get_if<Answer>(&one)) {
        flush_ports();  // packets for it may come at once
        kernel_.answer(*answer);
    } else if (const auto *lead = std::get_if<SetLead>(&one)) {
        kernel_.set_lead(*lead, machine_);
    } else if (const auto *port = std::get_if<SetPort>(&one)) {
        ports_.push_back(*port);
    } else if (std::holds_alternative<ReplacePorts>(one)) {
        ports_.clear();
        replace_ = true;
    } else {
        const Note &note = std::get<Note>(one);
        log(note);
        control_.tell(note);
    }
}

void Daemon::flush_ports() {
    // what comes behind a replacement may not be in the database yet
    if (std::exchange(replace_, false))
        kernel_.replace_ports(machine_.database());
    kernel_.set_ports(ports_);
    ports_.clear();
}

}  // namespace vrd
