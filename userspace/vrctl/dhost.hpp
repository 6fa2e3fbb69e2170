// SPDX-License-Identifier: GPL-2.0
//
// The words of the commands for distributed hosts, and what they print.

#pragma once

#include <cerrno>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "command.hpp"
#include "vr/dhost.hpp"
#include "vr/dhost_event.hpp"

namespace vrctl::dhost {

// What a word says is none of what it may be
inline vr::Error invalid(const std::string &why) {
    return {EINVAL, {}, why};
}

// Sets `to`, unless there is nothing to set it to
template <typename T, typename Parsed>
vr::Result<void> store(T &to, vr::Result<Parsed> parsed) {
    if (!parsed)
        return parsed.error();
    to = *std::move(parsed);
    return {};
}

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
    std::optional<bool> handover;
    std::optional<vr::dhost::Mac> lladdr;
    std::string dev;
};

// What may follow in most commands
inline constexpr const char *key_words[] = {"ctx", "epoch"};

// What is wrong with pairs, empty if nothing is: that is wrong usage
std::string misuse(std::span<const std::string> words,
                   std::span<const char *const> allowed);
// Calls `act` with what the words say: an address, what else there is up to
// `fixed` words, and then pairs of which only those `allowed` may come. Wrong
// usage ends here.
vr::Result<int> request(
    const Env &env, const Command &command, std::span<const std::string> words,
    std::size_t fixed, std::span<const char *const> allowed,
    const std::function<vr::Result<int>(const vr::dhost::Key &, const Extra &)>
        &act);
// Calls `act` with the kernel: it changes something there.
vr::Result<int> change(
    const Env &env, const std::function<vr::Result<void>(vr::Client &)> &act);
vr::Result<std::uint32_t> parse_node(const std::string &word);
// "1", or "1,2,3"
vr::Result<std::vector<std::uint32_t>> parse_nodes(const std::string &word);
vr::Result<std::uint8_t> parse_protocol(const std::string &word);

std::string protocol_name(std::uint8_t protocol);

Record record(const vr::dhost::Host &host);
Record record(const vr::dhost::Member &member);
Record record(const vr::dhost::Port &port);
Record record(const vr::dhost::Event &event);

// "show ADDR [ctx CTX]": prints what `list` finds out about the address.
template <typename List>
vr::Result<int> show(const Env &env, const Args &args, const Command &command,
                     std::span<const std::string> words, List list) {
    return request(
        env, command, words, 1, std::span(key_words).first(1),
        [&](const vr::dhost::Key &key, const Extra &) -> vr::Result<int> {
            auto client = env.dhost_client();
            if (!client)
                return client.error();
            auto values = list(*client, key);
            if (!values)
                return values.error();

            std::vector<Record> records;
            for (const auto &value : *values)
                records.push_back(record(value));
            env.print(args, records);
            return exit_ok;
        });
}

}  // namespace vrctl::dhost
