// SPDX-License-Identifier: GPL-2.0
//
// What "vrctl cluster" talks to: a socket in the file system. One request a
// connection, a line; the answer is one line of JSON, or, for "watch", one a
// change until either side ends it. Only root can connect.

#pragma once

#include <poll.h>

#include <list>
#include <span>
#include <string>
#include <vector>

#include "core/machine.hpp"
#include "vr/fd.hpp"
#include "vr/result.hpp"

namespace vrd {

// Purpose: the listening socket and its clients.
// Threading: one thread.
// Errors: a client that does not read, or asks nonsense, is closed.
class Control {
  public:
    static constexpr char path[] = "/run/vrctx/vrd.sock";

    // Not more than that many at once
    static constexpr std::size_t clients_max = 64;
    // Nor more than that for one that watches and does not read
    static constexpr std::size_t watch_max = 1 << 20;

    static vr::Result<Control> open(const std::string &where);
    Control(Control &&) = default;
    Control(const Control &) = delete;
    Control &operator=(const Control &) = delete;

    // What to wait for, and then what happened
    void wait_for(std::vector<pollfd> &fds) const;
    void happened(std::span<const pollfd> fds, Machine &machine,
                  std::uint64_t now_ms);
    // Who waits for a lead to go may have waited long enough.
    void look(const Machine &machine, std::uint64_t now_ms);
    bool waits() const;
    void tell(const Note &note);

  private:
    struct Client {
        vr::Fd fd;
        std::string request{};
        std::string answer{};  // what is still to be sent
        bool last = false;     // and then it is over
        bool watches = false;
        std::uint64_t drains_until = 0;
        bool gone = false;
    };

    explicit Control(vr::Fd listener) : listener_(std::move(listener)) {}
    void accept(std::uint64_t now_ms);
    void read(Client &client, Machine &machine, std::uint64_t now_ms);
    void run(Client &client, Machine &machine, std::uint64_t now_ms);
    static void write(Client &client);
    static void answer(Client &client, const std::string &line,
                       bool last = true);

    vr::Fd listener_;
    std::uint64_t deaf_until_ = 0;  // there were no descriptors
    std::list<Client> clients_;
};

}  // namespace vrd
