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
    auto client = env.client();
    if (!client)
        return client.error();
    if (auto ok = vr::delete_leak(*client, *from, *prefix); !ok)
        return ok.error();
    return exit_ok;
}

}  // namespace

const Command leak_del{
    .name = "leak del",
    .synopsis = "FROM PREFIX",
    .summary = "end that",
    .min_words = 2,
    .max_words = 2,
    .options = {},
    .run = run,
};

}  // namespace vrctl::cmd
