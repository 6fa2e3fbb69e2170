// SPDX-License-Identifier: GPL-2.0

#include "sockets.hpp"

#include <algorithm>
#include <utility>

namespace vrd {

std::vector<Key> keys(const Socket &socket) {
    std::vector<Key> list;
    for (const Host &host : socket.hosts)
        list.push_back({host, socket.service.protocol, socket.service.port});
    return list;
}

void Sockets::add(std::uint64_t cookie, Socket socket) {
    remove(cookie);
    for (const Key &key : keys(socket))
        holders_[key].insert(cookie);
    sockets_.emplace(cookie, std::move(socket));
}

std::optional<Socket> Sockets::remove(std::uint64_t cookie) {
    auto at = sockets_.find(cookie);
    if (at == sockets_.end())
        return std::nullopt;
    Socket socket = std::move(at->second);
    sockets_.erase(at);
    for (const Key &key : keys(socket)) {
        auto holder = holders_.find(key);
        holder->second.erase(cookie);
        if (holder->second.empty())
            holders_.erase(holder);
    }
    return socket;
}

const Socket *Sockets::find(std::uint64_t cookie) const {
    auto at = sockets_.find(cookie);
    return at == sockets_.end() ? nullptr : &at->second;
}

void Sockets::answered(std::uint64_t cookie) {
    if (auto at = sockets_.find(cookie); at != sockets_.end())
        at->second.state = Socket::State::bound;
}

bool Sockets::settled(const Key &key) const {
    auto at = holders_.find(key);
    return at != holders_.end() &&
           std::ranges::any_of(at->second, [&](std::uint64_t cookie) {
               return sockets_.at(cookie).state == Socket::State::bound;
           });
}

}  // namespace vrd
