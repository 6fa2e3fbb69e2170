// SPDX-License-Identifier: GPL-2.0
//
// One line a thing, on standard error. Under systemd each has a level, which
// the journal understands.

#pragma once

#include <string>

#include "core/machine.hpp"

namespace vrd {

// Below that nothing is said.
void log_from(Note::Level level);
void log(Note::Level level, const std::string &text);

inline void info(const std::string &text) {
    log(Note::Level::info, text);
}

inline void warn(const std::string &text) {
    log(Note::Level::warning, text);
}

}  // namespace vrd
