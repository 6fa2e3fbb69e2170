// SPDX-License-Identifier: GPL-2.0
//
// The state machine of vrd on a real corosync, without a kernel: what both take
// on this machine, where nothing is emulated. One process a node; see
// ../cluster/tools/native.sh.
//
//   vrd_rig NODE NODES COUNT    COUNT: how many ports it asks for, one after
//                               the other, with a bare message after each
//
// Prints "serving", "median BIND MESSAGE" in milliseconds, and "lead NODE MS":
// how long after the configuration of corosync that needed another lead.

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

    double bind(std::uint16_t port) {
        vrd::Host host{0, 4, {10, 0, 0, 1}};
        double began = now();
        granted_ = false;
        machine_.bind(port, {6, port}, {host});
        outputs();
        while (!granted_)
            step(100);
        double took = now() - began;
        machine_.closed(port);
        outputs();
        return took;
    }

  private:
    static std::uint64_t time() { return static_cast<std::uint64_t>(now()); }

    void outputs() {
        for (std::vector<vrd::Output> all; !(all = machine_.take()).empty();)
            for (const vrd::Output &one : all) {
                if (const auto *send = std::get_if<vrd::Send>(&one))
                    engine_.send(send->message);
                else if (std::holds_alternative<vrd::Answer>(one))
                    granted_ = true;
                else if (const auto *lead = std::get_if<vrd::SetLead>(&one))
                    std::printf("lead %u %.2f\n", lead->lead,
                                now() - configured_);
            }
    }

    Machine machine_;
    vrd::Engine engine_;
    std::size_t nodes_;
    bool unsent_ = false;
    bool granted_ = false;
    double configured_ = 0;
};

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
    Rig rig(setup, nodes);
    while (!rig.ready())
        rig.step(100);
    std::puts("serving");

    if (count) {
        Bare bare;
        std::vector<double> binds;
        std::vector<double> messages;
        bare.open();
        rig.steps(500);
        for (int i = 0; i < count; i++) {
            binds.push_back(rig.bind(static_cast<std::uint16_t>(5000 + i)));
            rig.steps(20);  // the port is given back
            messages.push_back(bare.message());
            rig.steps(20);
        }
        std::printf("median %.2f %.2f\n", median(binds), median(messages));
    }
    for (;;)
        rig.step(1000);
}
