// SPDX-License-Identifier: GPL-2.0
//
// A model of vr_dhost on one node: sockets, binds that wait, lead, port map.

#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "core/machine.hpp"

namespace sim {

using vrd::Node;

struct KernelEvent {
    bool closed = false;  // or a bind() that waits
    std::uint64_t cookie = 0;
    vrd::Service service{};
    std::vector<vrd::Host> hosts{};
};

struct Kernel {
    struct Bound {
        vrd::Service service{};
        std::vector<vrd::Host> hosts{};
        bool waiting = false;
        std::uint64_t until = 0;
    };

    Node lead = 0;
    std::uint64_t epoch = 0;
    std::map<vrd::Key, vrd::Owners> ports{};
    std::map<std::uint64_t, Bound> sockets{};
    bool heard = false;  // somebody listens to events
    bool lost = false;   // and was too slow
    std::deque<KernelEvent> events{};
    // what the programs saw
    std::uint64_t granted = 0;
    std::uint64_t refused = 0;
    std::uint64_t timed_out = 0;

    void bind(std::uint64_t cookie, const vrd::Service &service,
              std::vector<vrd::Host> hosts, std::uint64_t until);
    void close(std::uint64_t cookie);
    // Does one wait for it?
    bool answer(std::uint64_t cookie, bool deny);
    // False: refused as stale
    bool set_lead(Node node, std::uint64_t number);
    void expire(std::uint64_t now);
    std::size_t waiting() const;
    bool holds(const vrd::Key &key) const;  // a socket that does not wait
    std::map<std::uint64_t, vrd::Socket> dump() const;
};

}  // namespace sim
