// SPDX-License-Identifier: GPL-2.0
//
// Many command lines from a file.

#pragma once

#include <functional>
#include <span>
#include <string>

#include "command.hpp"

namespace vrctl {

// Runs one command line, returns its exit status.
using RunLine = std::function<int(std::span<const std::string>)>;

// Each line of the file ("-": standard input) is a command line without
// "vrctl"; words are separated by blanks, what follows '#' is a comment. Ends
// at the first line that fails, unless told to go on, and says which it was.
// Returns the status of the first that failed.
int run_batch(const Env &env, const std::string &path, bool go_on,
              const RunLine &run);

}  // namespace vrctl
