// SPDX-License-Identifier: GPL-2.0
//
// What systemd wants to hear: sd_notify(3), sd_watchdog_enabled(3).

#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace vrd {

// Nothing happens where nobody asked to be told.
void notify(const std::string &state);
// Milliseconds within which it wants a sign of life
std::optional<std::uint64_t> watchdog_ms();

}  // namespace vrd
