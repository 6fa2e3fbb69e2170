// SPDX-License-Identifier: GPL-2.0

#include "cmd/all.hpp"
#include "vr/leak.hpp"

namespace vrctl::cmd {
namespace {

vr::Result<int> run(const Env &env, const Args &args) {
    auto from = vr::Ref::parse(args.words[0]);
    if (!from)
        return from.error();
    auto prefix = vr::Prefix::parse(args.words[1]);
    if (!prefix)
        return prefix.error();
    auto to = vr::Ref::parse(args.words[2]);
    if (!to)
        return to.error();
    auto client = env.client();
    if (!client)
        return client.error();
    if (auto ok = vr::add_leak(*client, *from, *prefix, *to); !ok)
        return ok.error();
    return exit_ok;
}

}  // namespace

const Command leak_add{
    .name = "leak add",
    .synopsis = "FROM PREFIX TO",
    .summary = "let packets go on in another context",
    .min_words = 3,
    .max_words = 3,
    .options = {},
    .run = run,
};

}  // namespace vrctl::cmd
