// SPDX-License-Identifier: GPL-2.0
//
// The state machine of vrd on a real corosync, without a kernel: what both take
// on this machine, where nothing is emulated. One process a node; see
// ../cluster/tools/native.sh.
//
//   vrd_rig NODE NODES COUNT    COUNT: how many ports it asks for, one after
//                               the other, with a bare message after each
//
// Prints, all times in milliseconds
//
//   serving PORTS MS      it has the database, so long after it began
// with COUNT
//   burst PORTS MS        so many are granted that were asked for at once
//   median BIND MESSAGE   of the COUNT
//   held PORTS            which it keeps, of many addresses
// and
//   lead NODE MS          how long after the configuration of corosync that
//                         needed another lead

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "core/machine.hpp"
#include "daemon/engine.hpp"

namespace {

using vrd::Machine;

double now() {
    using namespace std::chrono;
    return duration<double, std::milli>(steady_clock::now().time_since_epoch())
        .count();
}

// A group of its own: what nothing that is ordered can be faster than
class Bare {
  public:
    void open() {
        cpg_callbacks_t callbacks{on_message, on_configuration};
        check(cpg_initialize(&handle_, &callbacks));
        cpg_name name{};
        name.length = 4;
        std::memcpy(name.value, "bare", 4);
        check(cpg_join(handle_, &name));
        check(cpg_fd_get(handle_, &fd_));
    }

    void hear() { cpg_dispatch(handle_, CS_DISPATCH_ALL); }

    double message() {
        char data[64]{};
        iovec part{data, sizeof(data)};
        double began = now();
        int want = seen_ + 1;
        while (cpg_mcast_joined(handle_, CPG_TYPE_AGREED, &part, 1) ==
               CS_ERR_TRY_AGAIN)
            usleep(100);
        while (seen_ < want) {
            pollfd one{fd_, POLLIN, 0};
            poll(&one, 1, -1);
            hear();
        }
        return now() - began;
    }

  private:
    static void check(cs_error_t error) {
        if (error == CS_OK)
            return;
        std::fprintf(stderr, "corosync: %s\n", cs_strerror(error));
        std::exit(1);
    }
    static void on_message(cpg_handle_t, const cpg_name *, std::uint32_t,
                           std::uint32_t, void *, std::size_t) {
        seen_++;
    }
    static void on_configuration(cpg_handle_t, const cpg_name *,
                                 const cpg_address *, std::size_t,
                                 const cpg_address *, std::size_t,
                                 const cpg_address *, std::size_t) {}

    static inline int seen_ = 0;
    cpg_handle_t handle_ = 0;
    int fd_ = -1;
};

// What the daemon does, without a kernel and without whoever asks
class Rig {
  public:
    Rig(vrd::Setup setup, std::size_t nodes)
        : machine_(std::move(setup), time()), engine_("rig"), nodes_(nodes) {
        machine_.link(true);
        while (!engine_.connect(machine_))
            usleep(50000);
    }

    std::size_t ports() const { return machine_.database().size(); }

    bool ready() const {
        return machine_.serving() && machine_.view().synced.size() == nodes_;
    }

    void step(int ms) {
        pollfd fds[] = {{engine_.group_fd(), POLLIN, 0},
                        {engine_.quorum_fd(), POLLIN, 0}};
        poll(fds, 2, unsent_ ? 2 : ms);
        if (fds[0].revents || fds[1].revents) {
            double began = now();
            bool before = machine_.phase() == Machine::Phase::exchange;
            if (!engine_.dispatch())
                std::exit(0);
            if (!before && machine_.phase() == Machine::Phase::exchange)
                configured_ = began;
        }
        machine_.time(time());
        outputs();
        unsent_ = engine_.flush();
    }

    void steps(double ms) {
        for (double end = now() + ms; now() < end;)
            step(5);
    }

    // As many sockets bind as many ports at once, of each of some addresses;
    // until all are answered
    double bind(std::uint16_t first, int count, int addresses = 1) {
        std::vector<vrd::Host> hosts;
        for (int i = 1; i <= addresses; i++)
            hosts.push_back({0, 4, {10, 0, 0, static_cast<std::uint8_t>(i)}});
        double began = now();
        answers_ = 0;
        refused_ = 0;
        for (int i = 0; i < count; i++) {
            auto port = static_cast<std::uint16_t>(first + i);
            machine_.bind(port, {6, port}, hosts);
            if (i % 64 == 63)
                outputs();  // the daemon's reads are no longer
        }
        outputs();
        while (answers_ < count)
            step(100);
        double took = now() - began;
        if (refused_) {
            std::fprintf(stderr, "%d of %d refused\n", refused_, count);
            std::exit(1);
        }
        return took;
    }

    void close(std::uint16_t first, int count) {
        for (int i = 0; i < count; i++)
            machine_.closed(static_cast<std::uint16_t>(first + i));
        outputs();
    }

  private:
    static std::uint64_t time() { return static_cast<std::uint64_t>(now()); }

    void outputs() {
        for (std::vector<vrd::Output> all; !(all = machine_.take()).empty();)
            for (const vrd::Output &one : all) {
                if (const auto *send = std::get_if<vrd::Send>(&one))
                    engine_.send(send->message);
                else if (const auto *answer = std::get_if<vrd::Answer>(&one)) {
                    answers_++;
                    refused_ += answer->deny;
                } else if (const auto *lead = std::get_if<vrd::SetLead>(&one))
                    std::printf("lead %u %.2f\n", lead->lead,
                                now() - configured_);
            }
    }

    Machine machine_;
    vrd::Engine engine_;
    std::size_t nodes_;
    bool unsent_ = false;
    int answers_ = 0;
    int refused_ = 0;
    double configured_ = 0;
};

constexpr int burst = 20000;
constexpr int held = 2000;
constexpr int addresses = 50;

double median(std::vector<double> &all) {
    std::ranges::sort(all);
    return all[all.size() / 2];
}

}  // namespace

int main(int argc, char **argv) {
    if (argc != 4)
        return 2;
    auto self = static_cast<vrd::Node>(std::atoi(argv[1]));
    auto nodes = static_cast<vrd::Node>(std::atoi(argv[2]));
    int count = std::atoi(argv[3]);
    std::setvbuf(stdout, nullptr, _IOLBF, 0);

    vrd::Setup setup;
    setup.self = self;
    for (vrd::Node node = 1; node <= nodes; node++)
        setup.rules.votes[node] = 1;
    double began = now();
    Rig rig(setup, nodes);
    while (!rig.ready())
        rig.step(100);
    std::printf("serving %zu %.2f\n", rig.ports(), now() - began);

    if (count) {
        Bare bare;
        std::vector<double> binds;
        std::vector<double> messages;
        bare.open();
        rig.steps(500);
        for (int i = 0; i < count; i++) {
            auto port = static_cast<std::uint16_t>(5000 + i);
            binds.push_back(rig.bind(port, 1));
            rig.close(port, 1);
            rig.steps(20);
            messages.push_back(bare.message());
            rig.steps(20);
        }
        std::printf("burst %d %.2f\n", burst, rig.bind(10000, burst));
        rig.close(10000, burst);
        std::printf("median %.2f %.2f\n", median(binds), median(messages));
        rig.bind(40000, held, addresses);
        while (rig.ports() != static_cast<std::size_t>(held * addresses))
            rig.step(100);
        std::printf("held %d\n", held * addresses);
    }
    for (;;)
        rig.step(1000);
}
