// SPDX-License-Identifier: GPL-2.0

#include <arpa/inet.h>

#include <cerrno>
#include <charconv>

#include "vr/dhost.hpp"
#include "vr/ref.hpp"

namespace vr::dhost {
namespace {

Error invalid(std::string_view text, const std::string &what) {
    return {EINVAL, {}, "'" + std::string(text) + "' is no " + what};
}

void put_hex(std::string &text, std::uint8_t byte) {
    static constexpr char digits[] = "0123456789abcdef";
    text += digits[byte >> 4];
    text += digits[byte & 15];
}

}  // namespace

Result<Ip> parse_ip(std::string_view text) {
    std::string whole(text);
    Ipv4 four{};
    if (inet_pton(AF_INET, whole.c_str(), four.data()) == 1)
        return Ip(four);
    Ipv6 six{};
    if (inet_pton(AF_INET6, whole.c_str(), six.data()) == 1)
        return Ip(six);
    return invalid(text, "IP address");
}

Result<Mac> parse_mac(std::string_view text) {
    Mac lladdr{};
    if (text.size() != 3 * lladdr.size() - 1)
        return invalid(text, "Ethernet address");
    for (std::size_t i = 0; i < lladdr.size(); i++) {
        const char *from = text.data() + 3 * i;
        auto [end, error] = std::from_chars(from, from + 2, lladdr[i], 16);
        if (error != std::errc() || end != from + 2 ||
            (i + 1 < lladdr.size() && from[2] != ':'))
            return invalid(text, "Ethernet address");
    }
    return lladdr;
}

Result<Range> parse_range(std::string_view text) {
    std::size_t dash = text.find('-');
    auto min = parse_number(text.substr(0, dash), UINT16_MAX);
    auto max = dash == text.npos
                   ? min
                   : parse_number(text.substr(dash + 1), UINT16_MAX);
    if (!min || !max || *max < *min)
        return invalid(text, "port or range of ports");
    return Range{static_cast<std::uint16_t>(*min),
                 static_cast<std::uint16_t>(*max)};
}

std::string text(const Ip &address) {
    char buffer[INET6_ADDRSTRLEN] = "";
    std::visit(
        [&](const auto &bytes) {
            inet_ntop(bytes.size() == Ipv4().size() ? AF_INET : AF_INET6,
                      bytes.data(), buffer, sizeof(buffer));
        },
        address);
    return buffer;
}

std::string text(const Mac &lladdr) {
    std::string out;
    for (std::uint8_t byte : lladdr) {
        if (!out.empty())
            out += ':';
        put_hex(out, byte);
    }
    return out;
}

std::string text(const Range &range) {
    std::string min = std::to_string(range.min);
    return range.min == range.max ? min : min + "-" + std::to_string(range.max);
}

}  // namespace vr::dhost
