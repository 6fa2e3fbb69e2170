// SPDX-License-Identifier: GPL-2.0
//
// The only source of chance: the same seed gives the same run everywhere.

#pragma once

#include <cstddef>
#include <cstdint>

namespace attack {

// Purpose: splitmix64. What an operation draws depends on the seed and on its
// number alone, so that it stays what it is if others are left out.
// Threading: plain data.
// Errors: none.
class Random {
  public:
    explicit Random(std::uint64_t seed, std::uint64_t number = 0)
        : state_(seed * 0xd1342543de82ef95 + number * 0xaf251af3b0f025b5) {
        next();
    }

    std::uint64_t next() {
        std::uint64_t z = (state_ += 0x9e3779b97f4a7c15);
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return z ^ (z >> 31);
    }
    // 0 to n - 1
    unsigned below(std::uint64_t n) {
        return static_cast<unsigned>((next() >> 11) % n);
    }
    bool percent(unsigned chance) { return below(100) < chance; }

    template <typename T, std::size_t n>
    const T &pick(const T (&from)[n]) {
        return from[below(n)];
    }

  private:
    std::uint64_t state_;
};

}  // namespace attack
