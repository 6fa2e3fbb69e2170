// SPDX-License-Identifier: GPL-2.0
//
// The words of the commands for distributed hosts, and what they print.

#pragma once

#include <optional>
#include <span>
#include <string>

#include "command.hpp"
#include "vr/dhost.hpp"
#include "vr/dhost_event.hpp"

namespace vrctl::dhost {

// Pairs of a keyword and its value, in any order, each once. What a command
// does not take is refused.
struct Extra {
    std::uint32_t context = 0;
    std::optional<std::uint64_t> epoch;
    std::optional<std::uint32_t> own;
    std::optional<std::uint32_t> lead;
    std::optional<std::uint32_t> timeout;
    std::optional<vr::dhost::Range> slice;
    std::optional<vr::dhost::Grants> grants;
    std::optional<vr::dhost::Mac> lladdr;
    std::string dev;
};

vr::Result<Extra> parse_extra(const Env &env,
                              std::span<const std::string> words);
// What is wrong with the keywords, empty if nothing is: that is wrong usage.
std::string misuse(std::span<const std::string> words,
                   std::span<const char *const> allowed);
// The address in the first word, in the context and epoch of `extra`
vr::Result<vr::dhost::Key> parse_key(const std::string &word,
                                     const Extra &extra);
vr::Result<std::uint32_t> parse_node(const std::string &word);
vr::Result<std::uint8_t> parse_protocol(const std::string &word);

std::string protocol_name(std::uint8_t protocol);

Record record(const vr::dhost::Host &host);
Record record(const vr::dhost::Member &member);
Record record(const vr::dhost::Port &port);
Record record(const vr::dhost::Event &event);

}  // namespace vrctl::dhost
