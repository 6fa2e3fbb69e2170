// SPDX-License-Identifier: GPL-2.0

#include "cmd/all.hpp"
#include "dhost.hpp"

namespace vrctl::cmd {
namespace {

using vr::dhost::Key;

vr::Result<int> add(const Env &env, std::span<const std::string> words) {
    static const char *const allowed[] = {"dev", "lladdr", "slice", "ctx",
                                          "epoch"};
    return dhost::request(
        env, dhost_member, words, 2, allowed,
        [&](const Key &key, const dhost::Extra &extra) -> vr::Result<int> {
            auto node = dhost::parse_node(words[1]);
            if (!node)
                return node.error();
            if (extra.dev.empty() || !extra.lladdr)
                return env.usage(&dhost_member,
                                 "'dev' and 'lladdr' are needed");
            vr::dhost::Member member{
                .node = *node,
                .ifname = extra.dev,
                .lladdr = *extra.lladdr,
                .slice = extra.slice,
            };
            return dhost::change(env, [&](vr::Client &client) {
                return vr::dhost::add_member(client, key, member);
            });
        });
}

vr::Result<int> del(const Env &env, std::span<const std::string> words) {
    return dhost::request(
        env, dhost_member, words, 2, dhost::key_words,
        [&](const Key &key, const dhost::Extra &) -> vr::Result<int> {
            auto node = dhost::parse_node(words[1]);
            if (!node)
                return node.error();
            return dhost::change(env, [&](vr::Client &client) {
                return vr::dhost::delete_member(client, key, *node);
            });
        });
}

vr::Result<std::vector<vr::dhost::Member>> list(vr::Client &client,
                                                const Key &key) {
    auto host = vr::dhost::get_host(client, key);
    if (!host)
        return host.error();
    return std::move(host->members);
}

vr::Result<int> run(const Env &env, const Args &args) {
    std::span words = std::span(args.words).subspan(1);

    if (args.words[0] == "show")
        return dhost::show(env, args, dhost_member, words, list);
    if (args.json)
        return env.usage(&dhost_member, "only show has something to print");
    if (args.words[0] == "add")
        return add(env, words);
    if (args.words[0] == "del")
        return del(env, words);
    return env.usage(&dhost_member, "add, del or show");
}

}  // namespace

const Command dhost_member{
    .name = "dhost member",
    .synopsis = "add|del|show ADDR [N ...] [-j]",
    .summary = "the nodes of an address",
    .min_words = 2,
    .max_words = 13,
    .options = {&json_option, 1},
    .run = run,
};

}  // namespace vrctl::cmd
