// SPDX-License-Identifier: GPL-2.0
//
// One record, two ways to print it.

#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <variant>
#include <vector>

namespace vrctl {

// The key names the field in JSON and, in capitals, heads its column. A field
// without a value is null in JSON and "-" in text.
struct Field {
    const char *key;
    std::variant<std::monostate, std::uint64_t, std::string> value;
};

using Record = std::vector<Field>;

// A table with a heading; nothing at all for an empty list.
std::string to_text(std::span<const Record> records);
// One array on one line
std::string to_json(std::span<const Record> records);
// One object on one line
std::string to_json(const Record &record);

}  // namespace vrctl
