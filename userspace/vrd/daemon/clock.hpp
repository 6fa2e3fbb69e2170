// SPDX-License-Identifier: GPL-2.0

#pragma once

#include <chrono>
#include <cstdint>

namespace vrd {

// Of a clock that never jumps
inline std::uint64_t now_ms() {
    using namespace std::chrono;
    return static_cast<std::uint64_t>(
        duration_cast<milliseconds>(steady_clock::now().time_since_epoch())
            .count());
}

}  // namespace vrd
