// SPDX-License-Identifier: GPL-2.0
//
// What vrctl does to the system it runs on, apart from printing.

#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "vr/dhost.hpp"
#include "vr/netlink.hpp"
#include "vr/proc.hpp"
#include "vr/ref.hpp"
#include "vr/result.hpp"

namespace vrctl {

struct User {
    std::string name;
    std::string home;
    std::string shell;
    uid_t uid = 0;
    gid_t gid = 0;
};

struct Interface {
    std::string name;
    std::optional<vr::dhost::Mac> lladdr{};
    std::vector<vr::dhost::Ip> addresses{};
};

// Purpose: the seam at which tests put another system in the place of this.
// Threading: one thread.
// Errors: as libvr; exec() returns an errno, if it returns.
class System {
  public:
    System() = default;
    System(const System &) = delete;
    System &operator=(const System &) = delete;
    virtual ~System() = default;

    // bus is NETLINK_GENERIC or NETLINK_ROUTE
    virtual vr::Result<std::unique_ptr<vr::netlink::Socket>> open(int bus) = 0;
    virtual vr::Result<vr::Membership> current() = 0;
    virtual vr::Result<void> enter(const vr::Ref &ref) = 0;
    virtual vr::Result<User> find_user(const std::string &name) = 0;
    virtual vr::Result<void> become(const User &user) = 0;
    virtual vr::Result<std::vector<Interface>> interfaces() = 0;
    virtual int exec(std::span<const std::string> command) = 0;
};

// This one
std::unique_ptr<System> real_system();

}  // namespace vrctl
