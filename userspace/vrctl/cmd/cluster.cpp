// SPDX-License-Identifier: GPL-2.0

#include "cluster.hpp"

#include "cmd/all.hpp"

namespace vrctl::cmd {
namespace {

using Keys = std::span<const char *const>;

vr::Result<int> show(const Env &env, const Args &args, const char *request,
                     Keys keys) {
    auto line = cluster::answer(args, request);
    if (!line)
        return line.error();
    if (args.json) {
        env.print(*line + "\n");
        return exit_ok;
    }
    auto records = cluster::records(*line, keys);
    if (!records)
        return records.error();
    env.print(args, *records);
    return exit_ok;
}

vr::Result<int> run_status(const Env &env, const Args &args) {
    static constexpr const char *keys[] = {
        "node",  "state", "quorate",  "members", "nodes",     "lead",
        "epoch", "ports", "database", "sockets", "conflicts", "draining"};
    return show(env, args, "status", keys);
}

vr::Result<int> run_members(const Env &env, const Args &args) {
    static constexpr const char *keys[] = {
        "node", "state", "lead", "votes", "priority", "link", "draining"};
    return show(env, args, "members", keys);
}

vr::Result<int> run_ports(const Env &env, const Args &args) {
    static constexpr const char *keys[] = {"address", "ctx",  "protocol",
                                           "port",    "node", "shared"};
    return show(env, args, "ports", keys);
}

vr::Result<int> run_lead(const Env &env, const Args &args) {
    static constexpr const char *keys[] = {"lead", "epoch", "this"};
    return show(env, args, "lead", keys);
}

}  // namespace

const Command cluster_status{
    .name = "cluster status",
    .synopsis = "[-j]",
    .summary = "show how this node sees the cluster",
    .min_words = 0,
    .max_words = 0,
    .options = cluster::options,
    .run = run_status,
};

const Command cluster_members{
    .name = "cluster members",
    .synopsis = "[-j]",
    .summary = "show the nodes",
    .min_words = 0,
    .max_words = 0,
    .options = cluster::options,
    .run = run_members,
};

const Command cluster_ports{
    .name = "cluster ports",
    .synopsis = "[-j]",
    .summary = "show which node has which port",
    .min_words = 0,
    .max_words = 0,
    .options = cluster::options,
    .run = run_ports,
};

const Command cluster_lead{
    .name = "cluster lead",
    .synopsis = "[-j]",
    .summary = "show which node is the lead",
    .min_words = 0,
    .max_words = 0,
    .options = cluster::options,
    .run = run_lead,
};

}  // namespace vrctl::cmd
