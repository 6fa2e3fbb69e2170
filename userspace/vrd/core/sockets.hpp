// SPDX-License-Identifier: GPL-2.0
//
// Sockets of this node that have ports of distributed addresses.

#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "types.hpp"

namespace vrd {

struct Socket {
    enum class State {
        bound,    // has its port
        waiting,  // in bind(), until it is answered
        unsure,   // found: one of the two
    };

    State state = State::bound;
    Service service{};
    std::vector<Host> hosts{};  // whose port it has
};

// Purpose: which ports this node needs, and for which sockets.
// Threading: plain data.
// Errors: none.
class Sockets {
  public:
    void add(std::uint64_t cookie, Socket socket);
    // The socket that is no more, if it was known
    std::optional<Socket> remove(std::uint64_t cookie);
    const Socket *find(std::uint64_t cookie) const;
    void answered(std::uint64_t cookie);

    bool any(const Key &key) const { return holders_.contains(key); }
    // Has one that is not about to be answered?
    bool settled(const Key &key) const;
    const std::map<std::uint64_t, Socket> &all() const { return sockets_; }
    const std::map<Key, std::set<std::uint64_t>> &holders() const {
        return holders_;
    }

  private:
    std::map<std::uint64_t, Socket> sockets_;
    std::map<Key, std::set<std::uint64_t>> holders_;
};

std::vector<Key> keys(const Socket &socket);

}  // namespace vrd
