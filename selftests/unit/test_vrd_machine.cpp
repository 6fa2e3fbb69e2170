// SPDX-License-Identifier: GPL-2.0
//
// One state machine at a time and what it says; the simulator has the rest.

#include "core/machine.hpp"

#include <algorithm>
#include <memory>

#include "cmocka.hpp"

namespace {

using vrd::Machine;
using vrd::Node;

constexpr vrd::Host host{0, 4, {10, 0, 0, 1}};
constexpr vrd::Host six{0, 6, {10, 0, 0, 1}};

// Machines on a bus that delivers all of it to all at once.
struct Bus {
    std::map<Node, std::unique_ptr<Machine>> machines;
    std::map<Node, std::string> log;  // what each told its kernel
    std::set<Node> present;
    std::uint64_t now = 1000;
    std::uint64_t ring = 4;
    std::size_t largest = 0;

    explicit Bus(Node nodes) {
        for (Node node = 1; node <= nodes; node++) {
            vrd::Setup setup;
            setup.self = node;
            for (Node one = 1; one <= nodes; one++)
                setup.rules.votes[one] = 1;
            setup.slices = {{1, {20000, 20999}}, {2, {21000, 21999}}};
            setup.shared = {{17, 53}};
            machines[node] = std::make_unique<Machine>(setup, now);
        }
    }
    Machine &at(Node node) { return *machines.at(node); }

    void put(Node node, const vrd::Output &output,
             std::vector<std::pair<Node, vrd::wire::Bytes>> &sent) {
        std::string &text = log[node];
        if (const auto *send = std::get_if<vrd::Send>(&output)) {
            largest = std::max(largest, send->message.size());
            sent.emplace_back(node, send->message);
        } else if (const auto *answer = std::get_if<vrd::Answer>(&output)) {
            text += (answer->deny ? "deny " : "grant ") +
                    std::to_string(answer->cookie) + "; ";
        } else if (const auto *lead = std::get_if<vrd::SetLead>(&output)) {
            text += "lead " + std::to_string(lead->lead) + "; ";
        } else if (const auto *port = std::get_if<vrd::SetPort>(&output)) {
            text += (port->owners.shared ? "shared " : "port ") +
                    std::to_string(port->key.port) + "=" +
                    vrd::text(port->owners.nodes) + "; ";
        }
    }
    void run() {
        for (;;) {
            std::vector<std::pair<Node, vrd::wire::Bytes>> sent;
            for (auto &[node, machine] : machines)
                for (const vrd::Output &one : machine->take())
                    put(node, one, sent);
            if (sent.empty())
                return;
            for (const auto &[from, bytes] : sent)
                for (Node node : present)
                    at(node).delivered(from, bytes);
        }
    }
    // These are the members now; those who went died if `crashed`, or else
    // only their daemons.
    void members(std::set<Node> now_here, bool crashed = true) {
        std::vector<Machine::Gone> left;
        for (Node node : present)
            if (!now_here.contains(node))
                left.push_back({node, !crashed});
        std::set<Node> nodes = now_here;
        if (!crashed)
            for (Node node : present)
                nodes.insert(node);
        present = now_here;
        ring += crashed ? 4 : 0;
        for (Node node : present) {
            at(node).quorum(nodes.size() * 2 > machines.size());
            at(node).configuration(present, left, crashed);
            at(node).ring(ring, nodes);
        }
        run();
    }
    void bind(Node node, std::uint64_t cookie, std::uint16_t port,
              std::uint8_t protocol = 6) {
        at(node).bind(cookie, {protocol, port}, {host});
        run();
    }
    void time(std::uint64_t ms) {
        now += ms;
        for (Node node : present)
            at(node).time(now);
        run();
    }
};

Bus *bus;

int teardown(void **) {
    delete bus;
    bus = nullptr;
    return 0;
}

// All nodes are there, and what led to it is forgotten.
int three(void **) {
    bus = new Bus(3);
    bus->members({1, 2, 3});
    bus->log.clear();
    return 0;
}

int alone(void **) {
    bus = new Bus(3);
    return 0;
}

const char *log(Node node) {
    return bus->log[node].c_str();
}

Node owner(Node node, std::uint16_t port, std::uint8_t protocol = 6) {
    return bus->at(node).database().owner({host, protocol, port});
}

void first_view(void **) {
    bus->members({1, 2});
    expect_text(log(1), "lead 1; ");
    expect_text(log(2), "lead 1; ");
    expect_true(bus->at(1).serving());
}

void no_quorum(void **) {
    bus->members({1});
    expect_text(log(1), "");
    bus->bind(1, 7, 80);
    expect_text(log(1), "");
    bus->members({1, 2});
    expect_text(log(1), "lead 1; port 80=1; grant 7; ");
}

void grant_and_release(void **) {
    bus->bind(1, 7, 80);
    expect_text(log(1), "port 80=1; grant 7; ");
    expect_text(log(3), "port 80=1; ");
    bus->bind(2, 8, 80);
    expect_text(log(2), "port 80=1; deny 8; ");
    // a second socket of the same node needs nobody
    bus->bind(1, 9, 80);
    bus->at(1).closed(7);
    bus->run();
    expect_int(owner(2, 80), 1);
    bus->at(1).closed(9);
    bus->run();
    expect_int(owner(2, 80), 0);
    bus->bind(2, 10, 80);
    expect_int(owner(1, 80), 2);
}

void shared(void **) {
    bus->bind(2, 7, 53, 17);
    bus->bind(1, 8, 53, 17);
    expect_text(log(1), "shared 53=2; shared 53=2,1; grant 8; ");
    expect_text(log(2), "shared 53=2; grant 7; shared 53=2,1; ");
    // a port that is not in the list is no shared one
    bus->bind(1, 9, 53);
    bus->bind(2, 10, 53);
    expect_text(log(2),
                "shared 53=2; grant 7; shared 53=2,1; port 53=1; deny 10; ");
    bus->log.clear();
    bus->at(2).closed(7);
    bus->run();
    expect_text(log(3), "shared 53=1; ");
}

// Who owned it first stays the first, also to one who comes later.
void shared_order(void **) {
    bus->bind(3, 7, 53, 17);
    bus->bind(1, 8, 53, 17);
    bus->members({1, 3});
    bus->members({1, 2, 3});
    bus->bind(2, 9, 53, 17);
    expect_true(bus->at(2).database() == bus->at(1).database());
    expect_int(owner(2, 53, 17), 3);
    bus->log.clear();
    bus->members({1, 2});
    expect_text(log(2), "lead 1; shared 53=1,2; ");
}

// A node's slice is for nobody else.
void slices(void **) {
    bus->bind(3, 7, 20500);
    expect_text(log(3), "deny 7; ");
    bus->at(1).socket(8, {6, 20500}, {host});
    bus->run();
    expect_int(owner(1, 20500), 0);
}

void no_address_of_ours(void **) {
    bus->at(1).bind(7, {6, 80}, {});
    bus->run();
    expect_text(log(1), "grant 7; ");
}

// A socket that has its port without having asked
void unasked(void **) {
    bus->at(1).socket(7, {6, 80}, {host});
    bus->run();
    expect_int(owner(2, 80), 1);
    bus->at(2).socket(8, {6, 80}, {host});
    bus->run();
    expect_int(bus->at(2).conflicts().size(), 1);
    bus->at(1).closed(7);
    bus->run();
    expect_int(owner(1, 80), 2);
    expect_int(bus->at(2).conflicts().size(), 0);
}

void lead_dies(void **) {
    bus->bind(1, 7, 80);
    bus->bind(2, 8, 81);
    bus->log.clear();
    bus->members({2, 3});
    expect_text(log(2), "lead 2; port 80=none; ");
    expect_int(owner(3, 81), 2);
}

// Only the daemon of the lead is gone: its kernel goes on, its ports stay,
// until it had its time.
void daemon_dies(void **) {
    bus->bind(1, 7, 80);
    bus->log.clear();
    bus->members({2, 3}, false);
    expect_text(log(2), "lead 1; ");
    expect_int(owner(2, 80), 1);
    bus->bind(2, 8, 80);
    expect_text(log(2), "lead 1; deny 8; ");
    bus->time(9999);
    expect_int(owner(2, 80), 1);
    bus->time(1);
    expect_text(log(2), "lead 1; deny 8; lead 2; port 80=none; ");
}

bool daemon_returns() {
    bus->bind(1, 7, 80);
    bus->bind(1, 8, 81);
    std::uint64_t epoch = bus->at(1).told_epoch();
    bus->members({2, 3}, false);
    bus->machines[1] = std::make_unique<Machine>(bus->at(1).setup(), bus->now);
    bus->at(1).kernel_lead(1, epoch);
    // meanwhile 8 was closed, and 9 waits in bind()
    bus->at(1).sockets({{7, {vrd::Socket::State::unsure, {6, 80}, {host}}},
                        {9, {vrd::Socket::State::unsure, {6, 82}, {host}}}});
    bus->log.clear();
    // process by process, in the ring that there is
    bus->present = {1, 2, 3};
    for (Node node : bus->present) {
        bus->at(node).quorum(true);
        bus->at(node).configuration(bus->present, {}, node == 1);
        if (node == 1)
            bus->at(node).ring(bus->ring, bus->present);
    }
    bus->run();
    return true;
}

void daemon_comes_back(void **) {
    expect_true(daemon_returns());
    expect_int(bus->at(2).view().lead, 1);
    expect_int(owner(2, 80), 1);
    expect_int(owner(2, 81), 0);
    expect_int(owner(2, 82), 1);
    expect_text(log(1), "lead 1; grant 7; port 82=1; port 81=none; grant 9; ");
}

// The new lead is one before the old one stops.
void drain(void **) {
    bus->at(1).drain(true);
    bus->run();
    expect_text(log(2), "lead 2; ");
    expect_text(log(1), "lead 2; ");
    bus->log.clear();
    bus->at(1).drain(false);
    bus->run();
    expect_text(log(1), "lead 1; ");
}

bool old_lead_waits() {
    std::vector<std::pair<Node, vrd::wire::Bytes>> sent;
    bus->at(1).drain(true);
    for (const vrd::Output &one : bus->at(1).take())
        bus->put(1, one, sent);
    // all know that it drains; the new one's word is on its way
    for (const auto &[from, bytes] : sent)
        for (Node node : bus->present)
            bus->at(node).delivered(from, bytes);
    bool waits = bus->at(1).told_lead() == 1 && bus->at(1).view().lead == 2 &&
                 bus->at(2).told_lead() == 2;
    bus->run();
    return waits && bus->at(1).told_lead() == 2;
}

void handover(void **) {
    expect_true(old_lead_waits());
}

void cut_off(void **) {
    bus->at(1).engine_lost();
    bus->run();
    expect_text(log(1), "lead 0; ");
    expect_true(!bus->at(1).serving());
}

void link_down(void **) {
    bus->at(1).link(false);
    bus->run();
    expect_int(bus->at(3).told_lead(), 2);
}

// A daemon that finds its kernel acting as lead, and no cluster
void fenced_in_time(void **) {
    bus->at(2).kernel_lead(2, 99);
    bus->at(2).time(bus->now + 2999);
    bus->run();
    expect_text(log(2), "");
    bus->at(2).time(bus->now + 3000);
    bus->run();
    expect_text(log(2), "lead 0; ");
}

// The port of one family's address is not that of the other's; who wants both
// gets both or none.
void families(void **) {
    bus->bind(2, 1, 80);
    bus->at(3).bind(2, {6, 80}, {six});
    bus->run();
    expect_text(log(2), "port 80=2; grant 1; port 80=3; ");
    expect_text(log(3), "port 80=2; port 80=3; grant 2; ");
    bus->at(1).bind(3, {6, 80}, {host, six});
    bus->at(1).bind(4, {6, 81}, {host, six});
    bus->run();
    expect_int(bus->at(2).database().size(), 4);
    expect_int(bus->at(3).database().owner({six, 6, 81}), 1);
    expect_int(bus->at(3).database().owner({six, 6, 80}), 3);
    bus->at(1).closed(4);
    bus->run();
    expect_int(bus->at(2).database().size(), 2);
}

// Somebody gave the kernel a greater epoch: the cluster goes beyond.
bool epoch_overtakes() {
    std::uint64_t foreign = bus->at(1).told_epoch() + 100000;
    bus->at(3).kernel_lead(0, foreign);
    bus->run();
    for (Node node : {1, 2, 3})
        if (bus->at(node).told_epoch() <= foreign ||
            bus->at(node).told_lead() != 1)
            return false;
    return true;
}

void foreign_epoch(void **) {
    expect_true(epoch_overtakes());
}

void garbage(void **) {
    bus->at(1).delivered(2, {});
    bus->run();
    bus->bind(1, 7, 80);
    expect_text(log(1), "port 80=1; grant 7; ");
}

// 100,000 ports for one who comes; no message is too large.
bool large_transfer() {
    bus->members({1, 2});
    std::map<std::uint64_t, vrd::Socket> all;
    for (std::uint32_t i = 0; i < 100000; i++)
        all[i + 1] = {vrd::Socket::State::unsure,
                      {6, static_cast<std::uint16_t>(i % 50000)},
                      {{i / 50000, 4, {10, 0, 0, 1}}}};
    bus->at(1).sockets(all);
    bus->run();
    bus->members({1, 2, 3});
    return bus->at(3).serving() && bus->at(3).database().size() == 100000 &&
           bus->at(3).database() == bus->at(1).database() &&
           bus->largest <= vrd::message_max;
}

void transfer(void **) {
    expect_true(large_transfer());
}

#define with_three(name) cmocka_unit_test_setup_teardown(name, three, teardown)
#define with_none(name) cmocka_unit_test_setup_teardown(name, alone, teardown)

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        with_none(first_view),
        with_none(no_quorum),
        with_three(grant_and_release),
        with_three(shared),
        with_three(shared_order),
        with_three(slices),
        with_three(no_address_of_ours),
        with_three(unasked),
        with_three(lead_dies),
        with_three(daemon_dies),
        with_three(daemon_comes_back),
        with_three(drain),
        with_three(handover),
        with_three(cut_off),
        with_three(link_down),
        with_none(fenced_in_time),
        with_three(families),
        with_three(foreign_epoch),
        with_three(garbage),
        with_none(transfer),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
