// SPDX-License-Identifier: GPL-2.0
//
// The context of the calling thread, by way of procfs.

#pragma once

#include <cstdint>
#include <string>

#include "vr/ref.hpp"
#include "vr/result.hpp"

namespace vr {

struct Membership {
    std::uint32_t id = 0;
    std::string name;  // "default" for 0, empty for an unnamed one
};

inline constexpr char own_vrctx[] = "/proc/thread-self/vrctx";

// Sockets made from now on, and children, are in the context. Sockets that
// exist stay where they are.
Result<void> enter_context(const Ref &ref, const char *path = own_vrctx);
Result<Membership> current_context(const char *path = own_vrctx);

}  // namespace vr
