// SPDX-License-Identifier: GPL-2.0
//
// Changes as they happen.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "vr/client.hpp"
#include "vr/leak.hpp"

namespace vr {

struct Event {
    enum class Kind {
        context,          // created or renamed
        context_deleted,  //
        device,           // moved into the context
        leak,             // made; only that is set
        leak_deleted,     // the same
        lost,             // the reader was too slow; nothing else is set
    };

    Kind kind = Kind::lost;
    std::uint32_t id = 0;
    std::string name;
    int ifindex = 0;
    std::string ifname;
    Leak leak{};
};

// Purpose: reads the family's event group.
// Threading: one thread at a time.
// Errors: lost events are an Event, not an error.
class Events {
  public:
    // Everything that changes after this returned will be read.
    static Result<Events> subscribe(Client client);

    // Waits for one datagram. It can hold any number of events, none too.
    Result<std::vector<Event>> read();
    int fd() const { return client_.socket().fd(); }

  private:
    explicit Events(Client client);

    Client client_;
    std::vector<std::byte> buffer_;
};

}  // namespace vr
