// SPDX-License-Identifier: GPL-2.0

#include "cluster.hpp"
#include "cmd/all.hpp"

namespace vrctl::cmd {
namespace {

vr::Result<int> run(const Env &env, const Args &args) {
    bool off = !args.words.empty() && args.words[0] == "off";
    if (!args.words.empty() && !off)
        return env.usage(&cluster_drain, "off, or nothing");
    auto done = cluster::answer(args, off ? "drain off" : "drain on");
    if (!done)
        return done.error().during("drain this node");
    return exit_ok;
}

}  // namespace

const Command cluster_drain{
    .name = "cluster drain",
    .synopsis = "[off]",
    .summary = "let another node be the lead, until off",
    .min_words = 0,
    .max_words = 1,
    .options = {&cluster::socket_option, 1},
    .run = run,
};

}  // namespace vrctl::cmd
