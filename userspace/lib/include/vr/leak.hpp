// SPDX-License-Identifier: GPL-2.0
//
// Route leaks: the packets of one context for a prefix go on in another.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "vr/client.hpp"
#include "vr/ref.hpp"

namespace vr {

// Purpose: an IPv4 or IPv6 prefix.
// Threading: plain data.
// Errors: parse() says EINVAL; an address alone is a prefix of full length.
// Host bits are the kernel's to refuse.
struct Prefix {
    std::vector<std::byte> address;  // 4 or 16 bytes
    std::uint8_t length = 0;

    std::string text() const;  // what parse() reads
    static Result<Prefix> parse(std::string_view text);
};

struct Leak {
    std::uint32_t from = 0;
    std::string from_name;  // "default" for 0, empty for an unnamed one
    std::uint32_t to = 0;
    std::string to_name;
    Prefix prefix;
    std::uint64_t packets = 0;
    std::uint64_t bytes = 0;
};

Result<void> add_leak(Client &client, const Ref &from, const Prefix &prefix,
                      const Ref &to);
Result<void> delete_leak(Client &client, const Ref &from, const Prefix &prefix);
Result<std::vector<Leak>> list_leaks(Client &client);

}  // namespace vr
