// SPDX-License-Identifier: GPL-2.0
//
// Events of distributed hosts: sockets, binds that wait, addresses.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "vr/client.hpp"
#include "vr/dhost.hpp"

namespace vr::dhost {

struct Event {
    enum class Kind {
        socket,        // something happened to a socket: `what`
        bind,          // a bind() waits for its grant
        host,          // an address, its lead or a member was changed
        host_deleted,  //
        lost,          // the reader was too slow; nothing else is set
    };
    enum class What : std::uint32_t {
        bound,
        listening,
        child,
        connected,
        closed,
        accepted
    };

    Kind kind = Kind::lost;
    Key key{};  // 0.0.0.0: all IPv4 addresses of the context, ::: all of them
    bool v6only = false;  // but with this, all IPv6 addresses
    std::uint64_t sequence = 0;
    What what = What::bound;
    std::uint8_t protocol = 0;
    std::uint16_t port = 0;
    std::optional<Ip> peer{};
    std::uint16_t peer_port = 0;
    std::uint64_t cookie = 0;
    std::uint32_t pid = 0;
    std::uint32_t lead = 0;  // of a host
};

// "bound", ..., "accepted" of a socket; "bind", "host", "host-del", "lost"
const char *name(const Event &event);

// Purpose: reads the family's event group.
// Threading: one thread at a time.
// Errors: lost events are an Event, not an error.
class Events {
  public:
    // Everything that happens after this returned will be read.
    static Result<Events> subscribe(Client client);

    // Waits for one datagram. It can hold any number of events, none too.
    Result<std::vector<Event>> read();
    int fd() const { return client_.socket().fd(); }

  private:
    explicit Events(Client client);

    Client client_;
    std::vector<std::byte> buffer_;
};

// All sockets that have a port of a distributed address, as Kind::socket;
// events with a greater sequence number come after.
Result<std::vector<Event>> list_sockets(Client &client);

}  // namespace vr::dhost
