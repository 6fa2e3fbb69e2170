// SPDX-License-Identifier: GPL-2.0
//
// Payloads that say whose they are.
//
// All that is sent consists of tags of 16 bytes: a magic number, the owner
// and its complement, which operation, and which part of it. Whatever shows a
// tag of another owner leaked. With the complement, checksums do not depend on
// the owner. Packets are only cut at multiples of 8 bytes, so that magic and
// owner stay together.

#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>

namespace attack {

// A tag where it must not be
struct Leak : std::runtime_error {
    using std::runtime_error::runtime_error;
};

constexpr std::size_t tag_size = 16;

std::string tagged(std::uint16_t owner, std::uint32_t op, std::size_t size);

// Replaces the owner of all tags by 0, which makes what two owners see
// comparable. Throws Leak if one is not of the owner.
void untag(std::uint16_t owner, std::string &bytes);

// Replaces the owner of all tags, whoever it was.
void retag(std::uint16_t owner, std::string &bytes);

}  // namespace attack
