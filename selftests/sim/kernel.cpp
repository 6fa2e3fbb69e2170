// SPDX-License-Identifier: GPL-2.0

#include "kernel.hpp"

#include <algorithm>

namespace sim {

void Kernel::bind(std::uint64_t cookie, const vrd::Service &service,
                  std::vector<vrd::Host> hosts, std::uint64_t until) {
    if (!heard) {
        refused++;
        return;
    }
    events.push_back({false, cookie, service, hosts});
    sockets[cookie] = {service, std::move(hosts), true, until};
}

void Kernel::close(std::uint64_t cookie) {
    if (!sockets.erase(cookie))
        return;
    if (heard)
        events.push_back({true, cookie, {}, {}});
}

bool Kernel::answer(std::uint64_t cookie, bool deny) {
    auto at = sockets.find(cookie);
    if (at == sockets.end() || !at->second.waiting)
        return false;
    at->second.waiting = false;
    (deny ? refused : granted)++;
    if (deny)
        close(cookie);
    return true;
}

bool Kernel::set_lead(Node node, std::uint64_t number) {
    if (number == epoch && node == lead)
        return true;
    if (number <= epoch)
        return false;
    epoch = number;
    lead = node;
    return true;
}

void Kernel::expire(std::uint64_t now) {
    std::vector<std::uint64_t> late;
    for (const auto &[cookie, socket] : sockets)
        if (socket.waiting && now >= socket.until)
            late.push_back(cookie);
    for (std::uint64_t cookie : late) {
        timed_out++;
        close(cookie);
    }
}

std::size_t Kernel::waiting() const {
    return static_cast<std::size_t>(std::ranges::count_if(
        sockets, [](const auto &one) { return one.second.waiting; }));
}

bool Kernel::holds(const vrd::Key &key) const {
    return std::ranges::any_of(sockets, [&](const auto &one) {
        const Bound &bound = one.second;
        return !bound.waiting &&
               bound.service == vrd::Service{key.protocol, key.port} &&
               std::ranges::count(bound.hosts, key.host);
    });
}

std::map<std::uint64_t, vrd::Socket> Kernel::dump() const {
    std::map<std::uint64_t, vrd::Socket> all;
    for (const auto &[cookie, bound] : sockets)
        all[cookie] = {vrd::Socket::State::unsure, bound.service, bound.hosts};
    return all;
}

}  // namespace sim
