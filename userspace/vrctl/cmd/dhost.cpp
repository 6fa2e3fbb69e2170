// SPDX-License-Identifier: GPL-2.0

#include "dhost.hpp"

#include <charconv>

#include "cmd/all.hpp"

namespace vrctl::cmd {
namespace {

using vr::dhost::Key;

vr::Result<int> run_add(const Env &env, const Args &args) {
    static const char *const allowed[] = {"own",     "ctx",     "lead",
                                          "epoch",   "slice",   "grants",
                                          "timeout", "handover"};
    return dhost::request(
        env, dhost_add, args.words, 1, allowed,
        [&](const Key &key, const dhost::Extra &extra) -> vr::Result<int> {
            if (!extra.own)
                return env.usage(&dhost_add, "'own' is missing");
            vr::dhost::Host host{
                .key = key,
                .own = *extra.own,
                .lead = extra.lead.value_or(0),
                .slice = extra.slice,
                .grants = extra.grants.value_or(vr::dhost::Grants::none),
                .timeout = extra.timeout.value_or(0),
                .handover = extra.handover.value_or(true),
            };
            return dhost::change(env, [&](vr::Client &client) {
                return vr::dhost::add_host(client, host);
            });
        });
}

vr::Result<int> run_del(const Env &env, const Args &args) {
    return dhost::request(
        env, dhost_del, args.words, 1, dhost::key_words,
        [&](const Key &key, const dhost::Extra &) {
            return dhost::change(env, [&](vr::Client &client) {
                return vr::dhost::delete_host(client, key);
            });
        });
}

vr::Result<int> run_lead(const Env &env, const Args &args) {
    return dhost::request(
        env, dhost_lead, args.words, 2, dhost::key_words,
        [&](const Key &key, const dhost::Extra &) -> vr::Result<int> {
            std::uint32_t lead = 0;
            if (args.words[1] != "none") {
                auto node = dhost::parse_node(args.words[1]);
                if (!node)
                    return node.error();
                lead = *node;
            }
            return dhost::change(env, [&](vr::Client &client) {
                return vr::dhost::set_lead(client, key, lead);
            });
        });
}

vr::Result<std::vector<vr::dhost::Host>> one(vr::Client &client,
                                             const Key &key) {
    auto host = vr::dhost::get_host(client, key);
    if (!host)
        return host.error();
    return std::vector{*std::move(host)};
}

vr::Result<int> run_show(const Env &env, const Args &args) {
    if (!args.words.empty())
        return dhost::show(env, args, dhost_show, args.words, one);
    auto client = env.dhost_client();
    if (!client)
        return client.error();
    auto hosts = vr::dhost::list_hosts(*client);
    if (!hosts)
        return hosts.error();

    std::vector<Record> records;
    for (const vr::dhost::Host &host : *hosts)
        records.push_back(dhost::record(host));
    env.print(args, records);
    return exit_ok;
}

vr::Result<int> run_grant(const Env &env, const Args &args) {
    const std::string &word = args.words[0];
    std::uint64_t cookie = 0;
    auto [end, error] =
        std::from_chars(word.data(), word.data() + word.size(), cookie);
    if (error != std::errc() || end != word.data() + word.size() ||
        (args.words.size() > 1 && args.words[1] != "deny"))
        return env.usage(&dhost_grant, "a cookie, and deny or nothing");
    return dhost::change(env, [&](vr::Client &client) {
        return vr::dhost::grant(client, cookie, args.words.size() > 1);
    });
}

}  // namespace

const Command dhost_add{
    .name = "dhost add",
    .synopsis = "ADDR own N [ctx CTX] [lead N] ...",
    .summary = "make an address a distributed one",
    .min_words = 3,
    .max_words = 17,
    .options = {},
    .run = run_add,
};

const Command dhost_del{
    .name = "dhost del",
    .synopsis = "ADDR [ctx CTX] [epoch E]",
    .summary = "make it an ordinary one",
    .min_words = 1,
    .max_words = 5,
    .options = {},
    .run = run_del,
};

const Command dhost_show{
    .name = "dhost show",
    .synopsis = "[ADDR [ctx CTX]] [-j]",
    .summary = "show distributed addresses",
    .min_words = 0,
    .max_words = 3,
    .options = {&json_option, 1},
    .run = run_show,
};

const Command dhost_lead{
    .name = "dhost lead",
    .synopsis = "ADDR N|none [ctx CTX] [epoch E]",
    .summary = "say which node is the lead",
    .min_words = 2,
    .max_words = 6,
    .options = {},
    .run = run_lead,
};

const Command dhost_grant{
    .name = "dhost grant",
    .synopsis = "COOKIE [deny]",
    .summary = "answer a bind() that waits",
    .min_words = 1,
    .max_words = 2,
    .options = {},
    .run = run_grant,
};

}  // namespace vrctl::cmd
