// SPDX-License-Identifier: GPL-2.0

#include "cmd/all.hpp"
#include "vr/context.hpp"

namespace vrctl::cmd {
namespace {

vr::Result<int> run(const Env &env, const Args &args) {
    bool force = args.force;
    if (args.words.size() > 1) {
        if (args.words[1] != "force")
            return env.usage(&del, "'" + args.words[1] + "' is not 'force'");
        force = true;
    }

    auto ref = vr::Ref::parse(args.words[0]);
    if (!ref)
        return ref.error();
    auto client = env.client();
    if (!client)
        return client.error();
    if (auto ok = vr::delete_context(*client, *ref, force); !ok)
        return ok.error();
    return exit_ok;
}

constexpr Option options[] = {
    {"-f,--force", nullptr, "move the context's devices to context 0 first",
     &Args::force, nullptr},
};

}  // namespace

const Command del{
    .name = "del",
    .synopsis = "CTX [-f|force]",
    .summary = "delete a context",
    .min_words = 1,
    .max_words = 2,
    .options = options,
    .run = run,
};

}  // namespace vrctl::cmd
