// SPDX-License-Identifier: GPL-2.0

#include "notify.hpp"

#include <systemd/sd-daemon.h>

namespace vrd {

void notify(const std::string &state) {
    sd_notify(0, state.c_str());
}

std::optional<std::uint64_t> watchdog_ms() {
    std::uint64_t usec = 0;
    if (sd_watchdog_enabled(0, &usec) <= 0 || usec < 1000)
        return std::nullopt;
    return usec / 1000;
}

}  // namespace vrd
