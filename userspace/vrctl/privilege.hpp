// SPDX-License-Identifier: GPL-2.0
//
// Becoming an ordinary user, for good.

#pragma once

#include <string>

#include "system.hpp"

namespace vrctl {

// By name, or by number if it has an entry in the user database.
vr::Result<User> lookup_user(const std::string &name);

// Groups, ids, environment; no capability in any set, and none to be had
// again from set-user-id programs or file capabilities. EPERM for user id 0.
vr::Result<void> drop_to(const User &user);

}  // namespace vrctl
