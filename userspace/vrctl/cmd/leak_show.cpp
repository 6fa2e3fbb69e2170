// SPDX-License-Identifier: GPL-2.0

#include "cmd/all.hpp"
#include "record.hpp"
#include "vr/leak.hpp"

namespace vrctl::cmd {
namespace {

vr::Result<int> run(const Env &env, const Args &args) {
    auto client = env.client();
    if (!client)
        return client.error();
    auto leaks = vr::list_leaks(*client);
    if (!leaks)
        return leaks.error();
    env.print(args, records(*leaks));
    return exit_ok;
}

}  // namespace

const Command leak_show{
    .name = "leak show",
    .synopsis = "[-j]",
    .summary = "show leaks and what passed them",
    .min_words = 0,
    .max_words = 0,
    .options = {&json_option, 1},
    .run = run,
};

}  // namespace vrctl::cmd
