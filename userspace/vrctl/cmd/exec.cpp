// SPDX-License-Identifier: GPL-2.0

#include <cerrno>
#include <optional>

#include "cmd/all.hpp"

namespace vrctl::cmd {
namespace {

vr::Result<int> run(const Env &env, const Args &args) {
    auto ref = vr::Ref::parse(args.words[0]);
    if (!ref)
        return ref.error();

    // ORDER: the user database may be on the network, so it is asked from
    // here; entering needs CAP_NET_ADMIN, so it comes before the drop.
    std::optional<User> user;
    if (!args.user.empty()) {
        auto found = env.system.find_user(args.user);
        if (!found)
            return found.error();
        user = *found;
    }
    if (auto ok = env.system.enter(*ref); !ok)
        return ok.error();
    if (user) {
        if (auto ok = env.system.become(*user); !ok)
            return ok.error();
    }

    int code = env.system.exec(args.launch);
    env.fail({code, "exec " + args.launch[0], {}});
    return code == ENOENT ? exit_not_found : exit_not_executable;
}

constexpr Option options[] = {
    {"-u,--user", "USER", "become this user, without any capability", nullptr,
     &Args::user},
};

}  // namespace

const Command exec{
    .name = "exec",
    .synopsis = "CTX [-u USER] [--] CMD...",
    .summary = "run a program in a context",
    .min_words = 1,
    .max_words = 1,
    .options = options,
    .run = run,
    .launches = true,
};

}  // namespace vrctl::cmd
