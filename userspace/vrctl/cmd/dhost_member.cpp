// SPDX-License-Identifier: GPL-2.0

#include "cmd/all.hpp"
#include "dhost.hpp"

namespace vrctl::cmd {
namespace {

vr::Result<int> add(const Env &env, std::span<const std::string> words) {
    static const char *const allowed[] = {"dev", "lladdr", "slice", "ctx",
                                          "epoch"};
    if (words.size() < 2)
        return env.usage(&dhost_member, "something is missing");
    std::span rest = words.subspan(2);
    if (auto why = dhost::misuse(rest, allowed); !why.empty())
        return env.usage(&dhost_member, why);
    auto extra = dhost::parse_extra(env, rest);
    if (!extra)
        return extra.error();
    auto key = dhost::parse_key(words[0], *extra);
    if (!key)
        return key.error();
    auto node = dhost::parse_node(words[1]);
    if (!node)
        return node.error();
    if (extra->dev.empty() || !extra->lladdr)
        return env.usage(&dhost_member, "'dev' and 'lladdr' are needed");
    auto client = env.dhost_client();
    if (!client)
        return client.error();

    vr::dhost::Member member{
        .node = *node,
        .ifname = extra->dev,
        .lladdr = *extra->lladdr,
        .slice = extra->slice,
    };
    if (auto ok = vr::dhost::add_member(*client, *key, member); !ok)
        return ok.error();
    return exit_ok;
}

vr::Result<int> del(const Env &env, std::span<const std::string> words) {
    static const char *const allowed[] = {"ctx", "epoch"};
    if (words.size() < 2)
        return env.usage(&dhost_member, "something is missing");
    std::span rest = words.subspan(2);
    if (auto why = dhost::misuse(rest, allowed); !why.empty())
        return env.usage(&dhost_member, why);
    auto extra = dhost::parse_extra(env, rest);
    if (!extra)
        return extra.error();
    auto key = dhost::parse_key(words[0], *extra);
    if (!key)
        return key.error();
    auto node = dhost::parse_node(words[1]);
    if (!node)
        return node.error();
    auto client = env.dhost_client();
    if (!client)
        return client.error();
    if (auto ok = vr::dhost::delete_member(*client, *key, *node); !ok)
        return ok.error();
    return exit_ok;
}

vr::Result<int> show(const Env &env, const Args &args,
                     std::span<const std::string> words) {
    static const char *const allowed[] = {"ctx"};
    std::span rest = words.subspan(1);
    if (auto why = dhost::misuse(rest, allowed); !why.empty())
        return env.usage(&dhost_member, why);
    auto extra = dhost::parse_extra(env, rest);
    if (!extra)
        return extra.error();
    auto key = dhost::parse_key(words[0], *extra);
    if (!key)
        return key.error();
    auto client = env.dhost_client();
    if (!client)
        return client.error();
    auto host = vr::dhost::get_host(*client, *key);
    if (!host)
        return host.error();

    std::vector<Record> records;
    for (const vr::dhost::Member &member : host->members)
        records.push_back(dhost::record(member));
    env.print(args, records);
    return exit_ok;
}

vr::Result<int> run(const Env &env, const Args &args) {
    std::span words = std::span(args.words).subspan(1);

    if (args.words[0] == "show")
        return show(env, args, words);
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
