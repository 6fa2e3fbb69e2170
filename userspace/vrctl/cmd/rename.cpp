// SPDX-License-Identifier: GPL-2.0

#include "cmd/all.hpp"
#include "vr/context.hpp"

namespace vrctl::cmd {
namespace {

vr::Result<int> run(const Env &env, const Args &args) {
    auto ref = vr::Ref::parse(args.words[0]);
    if (!ref)
        return ref.error();
    auto name = vr::parse_new_name(args.words[1]);
    if (!name)
        return name.error();
    auto client = env.client();
    if (!client)
        return client.error();
    if (auto ok = vr::rename_context(*client, *ref, *name); !ok)
        return ok.error();
    return exit_ok;
}

}  // namespace

const Command rename{
    .name = "rename",
    .synopsis = "CTX NEW",
    .summary = "give a context another name",
    .min_words = 2,
    .max_words = 2,
    .options = {},
    .run = run,
};

}  // namespace vrctl::cmd
