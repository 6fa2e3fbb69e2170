// SPDX-License-Identifier: GPL-2.0

#include "vr/stats.hpp"

#include "cmd/all.hpp"
#include "record.hpp"

namespace vrctl::cmd {
namespace {

vr::Result<std::vector<vr::Stats>> read(vr::Client &client, const Args &args) {
    if (args.words.empty())
        return vr::list_stats(client);
    auto ref = vr::Ref::parse(args.words[0]);
    if (!ref)
        return ref.error();
    auto one = vr::get_stats(client, *ref);
    if (!one)
        return one.error();
    return std::vector{*one};
}

vr::Result<int> run(const Env &env, const Args &args) {
    auto client = env.client();
    if (!client)
        return client.error();
    auto counters = read(*client, args);
    if (!counters)
        return counters.error();
    env.print(args, records(*counters));
    return exit_ok;
}

}  // namespace

const Command stats{
    .name = "stats",
    .synopsis = "[CTX] [-j]",
    .summary = "show packet counters",
    .min_words = 0,
    .max_words = 1,
    .options = {&json_option, 1},
    .run = run,
};

}  // namespace vrctl::cmd
