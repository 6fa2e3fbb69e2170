// SPDX-License-Identifier: GPL-2.0
//
// Can clients reach this node? The carriers of the devices of its addresses.

#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>

#include "vr/netlink.hpp"
#include "vr/result.hpp"

namespace vrd {

// Purpose: follows rtnetlink.
// Threading: one thread.
// Errors: those of the socket; a device that there is not is down.
class Links {
  public:
    static vr::Result<Links> open(std::set<std::string> devices);

    int fd() const { return socket_->fd(); }
    // One datagram of events, or of the first list
    vr::Result<void> read();
    // All of them are up and have a carrier.
    bool up() const;

  private:
    Links(std::unique_ptr<vr::netlink::Socket> socket,
          std::set<std::string> devices)
        : socket_(std::move(socket)), devices_(std::move(devices)) {}
    vr::Result<void> list();

    std::unique_ptr<vr::netlink::Socket> socket_;
    std::set<std::string> devices_;
    std::map<int, std::string> names_;
    std::set<std::string> up_;
};

}  // namespace vrd
