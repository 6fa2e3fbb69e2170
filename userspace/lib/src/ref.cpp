// SPDX-License-Identifier: GPL-2.0

#include "vr/ref.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>

#include "vr/abi.hpp"

namespace vr {
namespace {

// The C library's isdigit() and isalnum() follow the locale; names do not.
bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

bool is_name_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) ||
           c == '_' || c == '.' || c == '-';
}

Error refuse(int code, std::string_view text, const std::string &why) {
    return {code, "'" + std::string(text) + "'", why};
}

// What the kernel will say too, but the way through procfs has no texts.
Result<void> check_name(std::string_view text) {
    if (text.empty())
        return refuse(EINVAL, text, "a name cannot be empty");
    if (text.size() > VRCTX_NAME_MAX)
        return refuse(
            EINVAL, text,
            "a name has at most " + std::to_string(VRCTX_NAME_MAX) + " bytes");
    if (!std::all_of(text.begin(), text.end(), is_name_char))
        return refuse(EINVAL, text,
                      "a name consists of letters, digits, '_', '.' and '-'");
    return {};
}

bool is_number(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), is_digit);
}

}  // namespace

bool Ref::matches(std::uint32_t other_id, std::string_view other_name) const {
    return by_name() ? name == other_name : id == other_id;
}

std::string Ref::text() const {
    return by_name() ? name : std::to_string(id);
}

Result<Ref> Ref::parse(std::string_view text) {
    if (text == default_name)
        return number(0);
    if (is_number(text)) {
        auto id = parse_number(text, VRCTX_ID_MAX);
        if (!id)
            return id.error();
        return number(*id);
    }
    if (auto ok = check_name(text); !ok)
        return ok.error();
    return Ref{0, std::string(text)};
}

Result<std::uint32_t> parse_number(std::string_view text, std::uint32_t max) {
    if (!is_number(text))
        return refuse(EINVAL, text, "not a number");

    std::uint32_t value = 0;
    auto end = std::from_chars(text.data(), text.data() + text.size(), value);
    if (end.ec != std::errc{} || value > max)
        return refuse(ERANGE, text,
                      "the largest number is " + std::to_string(max));
    return value;
}

Result<std::string> parse_new_name(std::string_view text) {
    if (is_number(text))
        return refuse(EINVAL, text, "a name cannot be a number");
    // "-" is shown in the place of a missing name.
    if (text == default_name || text == "-")
        return refuse(EINVAL, text, "this name is reserved");
    if (auto ok = check_name(text); !ok)
        return ok.error();
    return std::string(text);
}

}  // namespace vr
