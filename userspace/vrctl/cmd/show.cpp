// SPDX-License-Identifier: GPL-2.0

#include "cmd/all.hpp"
#include "record.hpp"
#include "vr/context.hpp"

namespace vrctl::cmd {
namespace {

vr::Result<std::vector<vr::Context>> read(vr::Client &client,
                                          const Args &args) {
    if (args.words.empty())
        return vr::list_contexts(client);
    auto ref = vr::Ref::parse(args.words[0]);
    if (!ref)
        return ref.error();
    auto context = vr::get_context(client, *ref);
    if (!context)
        return context.error();
    return std::vector{*context};
}

vr::Result<int> run(const Env &env, const Args &args) {
    auto client = env.client();
    if (!client)
        return client.error();
    auto contexts = read(*client, args);
    if (!contexts)
        return contexts.error();
    env.print(args, records(*contexts));
    return exit_ok;
}

}  // namespace

const Command show{
    .name = "show",
    .synopsis = "[CTX] [-j]",
    .summary = "show one context or all",
    .min_words = 0,
    .max_words = 1,
    .options = {&json_option, 1},
    .run = run,
};

}  // namespace vrctl::cmd
