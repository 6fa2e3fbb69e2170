// SPDX-License-Identifier: GPL-2.0
//
// The signals that end a daemon, as a descriptor.

#pragma once

#include "vr/fd.hpp"
#include "vr/result.hpp"

namespace vrd {

// SIGTERM and SIGINT are blocked, and make it readable.
vr::Result<vr::Fd> ending_signals();

}  // namespace vrd
