// SPDX-License-Identifier: GPL-2.0
//
// From the command line to a command.

#pragma once

#include <cstdio>
#include <span>
#include <string>

#include "system.hpp"

namespace vrctl {

// The whole program, without the name it was called by; returns the exit
// status.
int run(System &system, std::FILE *out, std::FILE *err,
        std::span<const std::string> line);

}  // namespace vrctl
