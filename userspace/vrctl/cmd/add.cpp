// SPDX-License-Identifier: GPL-2.0

#include <optional>

#include "cmd/all.hpp"
#include "vr/abi.hpp"
#include "vr/context.hpp"

namespace vrctl::cmd {
namespace {

// "NAME", "NAME id N" or "id N"
vr::Result<int> run(const Env &env, const Args &args) {
    std::span<const std::string> words = args.words;
    bool named = words.size() != 2;
    std::span<const std::string> tail = words.subspan(named ? 1 : 0);
    if ((!tail.empty() && tail[0] != "id") ||
        (words.size() == 1 && words[0] == "id"))
        return env.usage(&add, "'id N' is expected");

    std::string name;
    if (named) {
        auto parsed = vr::parse_new_name(words[0]);
        if (!parsed)
            return parsed.error();
        name = *parsed;
    }
    std::optional<std::uint32_t> id;
    if (!tail.empty()) {
        auto number = vr::parse_number(tail[1], VRCTX_ID_MAX);
        if (!number)
            return number.error();
        id = *number;
    }

    auto client = env.client();
    if (!client)
        return client.error();
    auto created = vr::create_context(*client, id, name);
    if (!created)
        return created.error();
    return exit_ok;
}

}  // namespace

const Command add{
    .name = "add",
    .synopsis = "NAME [id N] | id N",
    .summary = "create a context",
    .min_words = 1,
    .max_words = 3,
    .options = {},
    .run = run,
};

}  // namespace vrctl::cmd
