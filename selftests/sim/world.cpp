// SPDX-License-Identifier: GPL-2.0
//
// What happens, and what is done to the cluster.

#include "world.hpp"

#include <algorithm>
#include <cstdio>
#include <functional>

namespace sim {
namespace {

constexpr std::uint64_t bind_ms = 5000;
constexpr std::uint64_t grace_ms = 10000;
const std::set<vrd::Service> shared{{17, 53}, {6, 443}};

}  // namespace

World::World(std::uint64_t seed, bool verbose)
    : random_(seed), verbose_(verbose) {
    Node count = static_cast<Node>(2 + random_.below(4));
    engine_ = std::make_unique<Engine>(random_, count);
    rules_.grace_ms = grace_ms;
    for (Node node = 1; node <= count; node++) {
        rules_.votes[node] = 1;
        peers_.push_back(std::make_unique<Peer>());
    }
    // of both families, and the same bytes
    for (std::uint8_t family : {4, 6})
        hosts_.push_back({0, family, {10, 0, 0, 1}});
    for (std::uint16_t port = 80; port < 84; port++)
        services_.push_back({6, port});
    services_.insert(services_.end(), shared.begin(), shared.end());
    for (Node node = 1; node <= count; node++) {
        engine_->start(node);
        start_daemon(node);
    }
}

void World::say(Node node, const std::string &text) const {
    if (verbose_)
        std::printf("%8llu  node %u: %s\n",
                    static_cast<unsigned long long>(now_), node, text.c_str());
}

void World::violated(const std::string &text) const {
    throw Violation{text};
}

void World::run() {
    std::uint64_t steps = 500 + random_.below(1000);
    std::uint64_t trouble = 1 + random_.below(6);  // percent

    for (std::uint64_t i = 0; i < steps; i++) {
        if (random_.percent(trouble))
            fault();
        else if (random_.percent(15))
            work();
        else if (!step())
            now_ += random_.below(500);
        if (random_.percent(20))
            now_ += random_.below(50);
    }

    // A minority may stay away for good.
    std::set<Node> down;
    if (random_.percent(40))
        for (Node node = 1; node <= nodes(); node++)
            if ((down.size() + 1) * 2 < nodes() && random_.percent(40))
                down.insert(node);
    heal(down);
    settle("heal");
    // what is late now waits in vain, and daemons that are gone had their time
    for (int i = 0; i < 4; i++) {
        now_ += bind_ms + grace_ms;
        settle("time");
    }
    check_end(down);
    check_race(down);
    check_end(down);
}

// Until nothing happens any more
void World::settle(const char *what) {
    for (int i = 0; step(); i++)
        if (i > 200000)
            violated(std::string("no end of it after ") + what);
}

bool World::step() {
    std::vector<std::function<bool()>> order;
    order.emplace_back([&] { return engine_->step(); });
    for (Node node = 1; node <= nodes(); node++)
        order.emplace_back([&, node] { return step_daemon(node); });
    for (std::size_t i = order.size(); i > 1; i--)
        std::swap(order[i - 1], order[random_.below(i)]);
    return std::ranges::any_of(order, [](const auto &one) { return one(); });
}

// One input of one daemon, from any of the ways it hears by
bool World::step_daemon(Node node) {
    Peer &peer = at(node);

    if (!peer.powered || peer.frozen)
        return false;
    peer.kernel.expire(now_);
    if (!running(peer))
        return false;
    bool late = peer.machine->deadline() && *peer.machine->deadline() <= now_;
    if (!late && engine_->events(node).empty() &&
        engine_->quorum(node).empty() && peer.kernel.events.empty() &&
        !peer.kernel.lost)
        return false;
    input(node, peer);
    outputs(node);
    check_step(node);
    return true;
}

void World::input(Node node, Peer &peer) {
    auto &group = engine_->events(node);
    auto &quorum = engine_->quorum(node);
    auto &kernel = peer.kernel.events;
    vrd::Machine &machine = *peer.machine;

    for (;;) {
        switch (random_.below(4)) {
            case 0:
                if (group.empty())
                    continue;
                if (const auto *one =
                        std::get_if<Configuration>(&group.front()))
                    machine.configuration(one->members, one->left,
                                          one->ring_follows);
                else if (const auto *news =
                             std::get_if<RingNews>(&group.front()))
                    machine.ring(news->sequence, news->nodes);
                else
                    machine.delivered(std::get<Delivery>(group.front()).from,
                                      std::get<Delivery>(group.front()).bytes);
                group.pop_front();
                return;
            case 1:
                if (quorum.empty())
                    continue;
                machine.quorum(quorum.front());
                quorum.pop_front();
                return;
            case 2:
                if (peer.kernel.lost) {
                    peer.kernel.lost = false;
                    kernel.clear();
                    machine.sockets(peer.kernel.dump());
                    return;
                }
                if (kernel.empty())
                    continue;
                if (kernel.front().closed)
                    machine.closed(kernel.front().cookie);
                else
                    machine.bind(kernel.front().cookie, kernel.front().service,
                                 kernel.front().hosts);
                kernel.pop_front();
                return;
            default:
                if (!machine.deadline() || *machine.deadline() > now_)
                    continue;
                machine.time(now_);
                return;
        }
    }
}

void World::outputs(Node node) {
    if (at(node).machine)
        for (const vrd::Output &one : at(node).machine->take())
            output(node, one);
}

void World::output(Node node, const vrd::Output &output) {
    Peer &peer = at(node);

    if (const auto *send = std::get_if<vrd::Send>(&output)) {
        if (peer.attached)
            engine_->send(node, send->message);
    } else if (const auto *answer = std::get_if<vrd::Answer>(&output)) {
        bool waited = peer.kernel.answer(answer->cookie, answer->deny);
        say(node, std::string(answer->deny ? "deny " : "grant ") +
                      std::to_string(answer->cookie) +
                      (waited ? "" : ", too late"));
        if (waited && !answer->deny) {
            if (!peer.machine->serving())
                violated("node " + std::to_string(node) +
                         " grants outside of a primary view");
            check_owners(node);
            check_lead_knows(node, answer->cookie);
        }
    } else if (const auto *lead = std::get_if<vrd::SetLead>(&output)) {
        say(node, "kernel: lead " + std::to_string(lead->lead) + " epoch " +
                      std::to_string(lead->epoch));
        if (!peer.kernel.set_lead(lead->lead, lead->epoch))
            violated("node " + std::to_string(node) +
                     ": its kernel refuses epoch " +
                     std::to_string(lead->epoch));
        if (lead->lead == node) {
            auto [at, added] = leads_.try_emplace(lead->epoch, node);
            if (at->second != node)
                violated("two leads in epoch " + std::to_string(lead->epoch));
        }
    } else if (const auto *port = std::get_if<vrd::SetPort>(&output)) {
        check_flows_stay(node, *port);
        if (!port->owners.nodes.empty())
            peer.kernel.ports[port->key] = port->owners;
        else
            peer.kernel.ports.erase(port->key);
    } else if (std::holds_alternative<vrd::ReplacePorts>(output)) {
        peer.kernel.ports = peer.machine->database().all();
    } else {
        say(node, std::get<vrd::Note>(output).text);
    }
}

// ---- faults ----

void World::start_daemon(Node node) {
    Peer &peer = at(node);
    vrd::Setup setup;
    setup.self = node;
    setup.priority = 100 + node % 2;
    setup.rules = rules_;
    setup.shared = shared;

    say(node, "daemon starts");
    peer.paused = false;
    peer.machine = std::make_unique<vrd::Machine>(setup, now_);
    peer.machine->kernel_lead(peer.kernel.lead, peer.kernel.epoch);
    peer.kernel.heard = true;
    peer.kernel.lost = false;
    peer.kernel.events.clear();
    peer.machine->sockets(peer.kernel.dump());
    outputs(node);
    peer.attached = engine_->up(node);
    if (peer.attached)
        engine_->join(node);
}

void World::kill_daemon(Node node) {
    Peer &peer = at(node);
    say(node, "daemon dies");
    peer.machine.reset();
    peer.kernel.heard = false;
    peer.kernel.events.clear();
    engine_->leave(node);
    peer.attached = false;
}

// The engine dies under a daemon, or comes back.
void World::cut_engine(Node node) {
    Peer &peer = at(node);
    if (engine_->up(node)) {
        say(node, "engine dies");
        engine_->stop(node);
        peer.attached = false;
        if (peer.machine) {
            peer.machine->engine_lost();
            outputs(node);
        }
        return;
    }
    say(node, "engine starts");
    engine_->start(node);
    if (peer.machine) {
        engine_->join(node);
        peer.attached = true;
    }
}

void World::power(Node node, bool on) {
    Peer &peer = at(node);
    say(node, on ? "boots" : "crashes");
    if (on) {
        peer.powered = true;
        engine_->start(node);
        start_daemon(node);
        return;
    }
    engine_->stop(node);
    peer = {};
    peer.powered = false;
    seen_.erase(node);
}

void World::freeze(Node node, bool on) {
    say(node, on ? "freezes" : "thaws");
    at(node).frozen = on;
    engine_->freeze(node, on);
}

void World::partition() {
    std::map<Node, int> marks;
    std::string text;
    for (Node node = 1; node <= nodes(); node++) {
        marks[node] = static_cast<int>(random_.below(2 + random_.below(2)));
        text += std::to_string(marks[node]);
    }
    say(0, "partition " + text);
    engine_->connect(marks);
}

void World::fault() {
    Node node = static_cast<Node>(1 + random_.below(nodes()));
    Peer &peer = at(node);

    switch (random_.below(10)) {
        case 0:
        case 1:
            partition();
            return;
        case 2: {
            std::map<Node, int> marks;
            for (Node one = 1; one <= nodes(); one++)
                marks[one] = 0;
            say(0, "merge");
            engine_->connect(marks);
            return;
        }
        case 3:
            power(node, !peer.powered);
            return;
        case 4:
        case 5:
            if (!peer.powered || peer.frozen)
                return;
            if (peer.machine)
                kill_daemon(node);
            else
                start_daemon(node);
            return;
        case 6:
            if (peer.powered && !peer.frozen)
                cut_engine(node);
            return;
        case 7:
            if (peer.powered)
                freeze(node, !peer.frozen);
            return;
        case 8:
            if (peer.machine)
                peer.paused = !peer.paused;
            return;
        default:
            if (!running(peer))
                return;
            if (random_.percent(30)) {
                peer.kernel.lost = true;
                peer.kernel.events.clear();
                return;
            }
            if (random_.percent(50))
                peer.machine->drain(!peer.machine->standing().draining);
            else
                peer.machine->link(!peer.machine->standing().link);
            outputs(node);
    }
}

std::uint64_t World::client_bind(Node node, const vrd::Service &service,
                                 const std::vector<vrd::Host> &hosts) {
    std::uint64_t cookie = ++cookies_;
    std::string text;
    for (const vrd::Host &host : hosts)
        text += " " + vrd::text(vrd::Key{host, service.protocol, service.port});
    say(node, "bind " + std::to_string(cookie) + ":" + text);
    at(node).kernel.bind(cookie, service, hosts, now_ + bind_ms);
    return cookie;
}

// Programs bind and close.
void World::work() {
    Node node = static_cast<Node>(1 + random_.below(nodes()));
    Peer &peer = at(node);

    if (!peer.powered || peer.frozen)
        return;
    if (random_.percent(60)) {
        const auto &service = services_[random_.below(services_.size())];
        std::vector<vrd::Host> hosts = hosts_;
        if (random_.percent(75))
            hosts = {hosts_[random_.below(hosts_.size())]};
        client_bind(node, service, hosts);
        return;
    }
    if (peer.kernel.sockets.empty())
        return;
    auto one = peer.kernel.sockets.begin();
    std::advance(one, random_.below(peer.kernel.sockets.size()));
    say(node, "close " + std::to_string(one->first));
    peer.kernel.close(one->first);
}

// All is well again, except for nodes that stay down.
void World::heal(const std::set<Node> &down) {
    std::map<Node, int> marks;
    say(0, "heal");
    for (Node node = 1; node <= nodes(); node++) {
        Peer &peer = at(node);
        marks[node] = 0;
        if (down.contains(node)) {
            if (peer.frozen)
                freeze(node, false);
            if (peer.powered)
                power(node, false);
            continue;
        }
        if (!peer.powered)
            power(node, true);
        if (peer.frozen)
            freeze(node, false);
        if (!engine_->up(node))
            cut_engine(node);
        if (!peer.machine)
            start_daemon(node);
        peer.paused = false;
        peer.machine->drain(false);
        peer.machine->link(true);
        outputs(node);
    }
    engine_->connect(marks);
}

}  // namespace sim
