// SPDX-License-Identifier: GPL-2.0
//
// vr_dhost of this node.

#pragma once

#include <map>
#include <optional>
#include <span>
#include <vector>

#include "config.hpp"
#include "core/machine.hpp"
#include "vr/client.hpp"
#include "vr/dhost.hpp"
#include "vr/dhost_event.hpp"
#include "vr/result.hpp"

namespace vrd {

// Purpose: addresses, members, lead, port maps and binds in the kernel.
// Threading: one thread.
// Errors: setup() and read() are for the caller to give up; what the machine
// asks for and is refused is logged, or told to the machine.
class Kernel {
  public:
    // Makes the addresses that are not there, adds and corrects members. What
    // a former daemon left is kept: its lead, its port map. The configuration
    // is not copied.
    static vr::Result<Kernel> open(const Config &config);

    // The machine hears what there is already.
    vr::Result<void> begin(Machine &machine);
    int fd() const { return events_.fd(); }
    // One datagram of events
    vr::Result<void> read(Machine &machine, std::uint64_t now_ms);
    // Sockets that have a port and did not ask for it; when to look again
    void time(Machine &machine, std::uint64_t now_ms);
    std::optional<std::uint64_t> deadline() const;

    void answer(const Answer &answer);
    void set_lead(const SetLead &lead, Machine &machine);
    // Neighbours of one owner become one request.
    void set_ports(std::span<const SetPort> ports);
    void replace_ports(const Database &database);

  private:
    Kernel(const Config &config, vr::Client client, vr::dhost::Events events);

    vr::Result<void> setup();
    vr::Result<void> setup(const Address &address);
    vr::Result<void> resynchronize(Machine &machine);
    void take(const vr::dhost::Event &event, Machine &machine,
              std::uint64_t now_ms);
    const Address *find(const Host &host) const;
    void set_range(const Address &address, std::uint8_t protocol,
                   const vr::dhost::Range &range, const Owners &owners);

    const Config &config_;
    vr::Client client_;
    vr::dhost::Events events_;
    std::optional<std::uint64_t> sequence_;  // of the last event
    // By cookie: bound, and the question for it may follow
    struct Held {
        vr::dhost::Event event;
        std::uint64_t until_ms;
    };
    std::map<std::uint64_t, Held> held_;
};

}  // namespace vrd
