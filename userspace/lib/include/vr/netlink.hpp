// SPDX-License-Identifier: GPL-2.0
//
// The way to the kernel.
//
// Everything libvr asks of the kernel is a netlink datagram, so this is the
// one place where tests put something else in the kernel's place. A Socket
// moves datagrams and knows nothing of their content. Above it (inside the
// library) there are
//
// - transactions: a request with NLM_F_ACK, its replies, and the ack. An ack
//   that refuses carries an errno and mostly a text (extended ack), which
//   become Error::code and Error::why.
//
// - dumps: a request with NLM_F_DUMP, any number of datagrams with messages,
//   the end mark. When the kernel says that what it lists changed meanwhile
//   (NLM_F_DUMP_INTR), the dump is repeated, so a list is always one that
//   was true at some moment.
//
// - events: after join(), datagrams come unasked. A reader that is too slow
//   loses some: receive() then fails with ENOBUFS, once, and goes on.
//
// Replies are found by sequence number; whatever else arrives in between (the
// rest of a dump that was given up) is skipped.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "vr/result.hpp"

namespace vr::netlink {

// Purpose: moves datagrams between one process and the kernel.
// Threading: one thread at a time.
// Errors: those of the system calls. receive() gives ENOBUFS for lost events
// and EMSGSIZE for a datagram larger than the buffer.
class Socket {
  public:
    Socket() = default;
    Socket(const Socket &) = delete;
    Socket &operator=(const Socket &) = delete;
    virtual ~Socket() = default;

    virtual Result<void> send(std::span<const std::byte> datagram) = 0;
    virtual Result<std::size_t> receive(std::span<std::byte> buffer) = 0;
    virtual Result<void> join(std::uint32_t group) = 0;
    virtual int fd() const = 0;  // for poll()

    // Never 0, which is the sequence number of events.
    std::uint32_t next_sequence();

  private:
    std::uint32_t sequence_ = 0;
};

// A real one; bus is NETLINK_GENERIC, NETLINK_ROUTE, ... Closed on exec.
Result<std::unique_ptr<Socket>> open(int bus);

}  // namespace vr::netlink
