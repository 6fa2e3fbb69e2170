// SPDX-License-Identifier: GPL-2.0
//
// Transactions and dumps over a Socket; see vr/netlink.hpp.

#pragma once

#include <linux/netlink.h>

#include <cstddef>
#include <functional>
#include <span>

#include "message.hpp"
#include "vr/netlink.hpp"
#include "vr/result.hpp"

namespace vr::netlink {

// Called with each message; its failure is the failure of the whole.
using Visitor = std::function<Result<void>(const nlmsghdr &)>;

// Largest datagram the kernel makes for a reader, dumps included, is 32 KiB.
inline constexpr std::size_t buffer_size = 65536;

// EBADMSG if the datagram ends inside a message.
Result<void> each_message(std::span<const std::byte> datagram,
                          const Visitor &visit);

// Sends, visits the replies, returns the kernel's verdict.
Result<void> request(Socket &socket, Message &message,
                     const Visitor &visit = {});

// As request(), for a list. `restart` is called before each attempt, to
// forget what an interrupted one delivered. EAGAIN if there is no quiet
// moment.
Result<void> dump(Socket &socket, Message &message, const Visitor &visit,
                  const std::function<void()> &restart);

}  // namespace vr::netlink
