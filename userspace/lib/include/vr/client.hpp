// SPDX-License-Identifier: GPL-2.0
//
// The family "vrctx" of one network namespace, ready for requests.

#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "vr/netlink.hpp"
#include "vr/result.hpp"

namespace vr {

// Purpose: a generic netlink socket and the numbers the kernel gave the
// family. First argument of the typed calls.
// Threading: one thread at a time.
// Errors: open() fails with ENOENT on a kernel without contexts.
class Client {
  public:
    static Result<Client> open(std::unique_ptr<netlink::Socket> socket);
    // The same for the family "vr_dhost"; ENOENT without the module.
    static Result<Client> open_dhost(std::unique_ptr<netlink::Socket> socket);

    netlink::Socket &socket() const { return *socket_; }
    std::uint16_t family() const { return family_; }
    std::uint32_t events_group() const { return events_group_; }

  private:
    static Result<Client> open(std::unique_ptr<netlink::Socket> socket,
                               const std::string &name,
                               const std::string &events,
                               const std::string &attempt,
                               const std::string &absent);
    Client(std::unique_ptr<netlink::Socket> socket, std::uint16_t family,
           std::uint32_t events_group);

    std::unique_ptr<netlink::Socket> socket_;
    std::uint16_t family_;
    std::uint32_t events_group_;
};

}  // namespace vr
