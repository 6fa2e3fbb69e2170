// SPDX-License-Identifier: GPL-2.0
//
// The only source of chance: the same seed gives the same run everywhere.

#pragma once

#include <cstdint>

namespace sim {

// Purpose: splitmix64.
// Threading: plain data.
// Errors: none.
class Random {
  public:
    explicit Random(std::uint64_t seed) : state_(seed) {}

    std::uint64_t next() {
        std::uint64_t z = (state_ += 0x9e3779b97f4a7c15);
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return z ^ (z >> 31);
    }
    // 0 to n - 1
    std::uint64_t below(std::uint64_t n) { return next() % n; }
    bool percent(std::uint64_t chance) { return below(100) < chance; }

  private:
    std::uint64_t state_;
};

}  // namespace sim
