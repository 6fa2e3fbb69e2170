// SPDX-License-Identifier: GPL-2.0
//
// One line a thing, on standard error; under systemd an entry of the journal,
// with fields.

#pragma once

#include <string>

#include "core/machine.hpp"

namespace vrd {

// Below that nothing is said.
void log_from(Note::Level level);
void log(const Note &note);

inline void info(const char *name, const std::string &text) {
    log({Note::Level::info, name, text});
}

inline void warn(const char *name, const std::string &text) {
    log({Note::Level::warning, name, text});
}

}  // namespace vrd
