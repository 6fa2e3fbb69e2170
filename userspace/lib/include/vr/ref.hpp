// SPDX-License-Identifier: GPL-2.0
//
// How a user says which context is meant: by number or by name.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "vr/result.hpp"

namespace vr {

// Purpose: names one context. All digits is a number, "default" is number 0,
// everything else is a name.
// Threading: plain data.
// Errors: parse() says ERANGE for numbers that are too large and EINVAL for
// what cannot be a name.
struct Ref {
    std::uint32_t id = 0;  // counts if name is empty
    std::string name;

    bool by_name() const { return !name.empty(); }
    bool matches(std::uint32_t other_id, std::string_view other_name) const;
    std::string text() const;  // what parse() reads

    static Ref number(std::uint32_t id) { return {id, {}}; }
    static Result<Ref> parse(std::string_view text);
};

// A decimal number of at most `max`; signs and blanks are refused.
Result<std::uint32_t> parse_number(std::string_view text, std::uint32_t max);

// A name for a new context: as in Ref, but neither a number nor "default".
Result<std::string> parse_new_name(std::string_view text);

}  // namespace vr
