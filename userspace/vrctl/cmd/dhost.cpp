// SPDX-License-Identifier: GPL-2.0

#include "dhost.hpp"

#include <charconv>

#include "cmd/all.hpp"

namespace vrctl::cmd {
namespace {

vr::Result<int> run_add(const Env &env, const Args &args) {
    static const char *const allowed[] = {"own",   "ctx",    "lead",   "epoch",
                                          "slice", "grants", "timeout"};
    std::span rest = std::span(args.words).subspan(1);
    if (auto why = dhost::misuse(rest, allowed); !why.empty())
        return env.usage(&dhost_add, why);
    auto extra = dhost::parse_extra(env, rest);
    if (!extra)
        return extra.error();
    auto key = dhost::parse_key(args.words[0], *extra);
    if (!key)
        return key.error();
    if (!extra->own)
        return env.usage(&dhost_add, "'own' is missing");
    auto client = env.dhost_client();
    if (!client)
        return client.error();

    vr::dhost::Host host{
        .key = *key,
        .own = *extra->own,
        .lead = extra->lead.value_or(0),
        .slice = extra->slice,
        .grants = extra->grants.value_or(vr::dhost::Grants::none),
        .timeout = extra->timeout.value_or(0),
    };
    if (auto ok = vr::dhost::add_host(*client, host); !ok)
        return ok.error();
    return exit_ok;
}

constexpr const char *key_words[] = {"ctx", "epoch"};

// ADDR and what follows the fixed words
vr::Result<vr::dhost::Key> key_of(const Env &env, const Args &args,
                                  std::size_t fixed) {
    auto extra = dhost::parse_extra(env, std::span(args.words).subspan(fixed));
    if (!extra)
        return extra.error();
    return dhost::parse_key(args.words[0], *extra);
}

std::string misuse(const Args &args, std::size_t fixed) {
    return dhost::misuse(std::span(args.words).subspan(fixed), key_words);
}

vr::Result<int> run_del(const Env &env, const Args &args) {
    if (auto why = misuse(args, 1); !why.empty())
        return env.usage(&dhost_del, why);
    auto key = key_of(env, args, 1);
    if (!key)
        return key.error();
    auto client = env.dhost_client();
    if (!client)
        return client.error();
    if (auto ok = vr::dhost::delete_host(*client, *key); !ok)
        return ok.error();
    return exit_ok;
}

vr::Result<int> run_lead(const Env &env, const Args &args) {
    if (auto why = misuse(args, 2); !why.empty())
        return env.usage(&dhost_lead, why);
    auto key = key_of(env, args, 2);
    if (!key)
        return key.error();
    std::uint32_t lead = 0;
    if (args.words[1] != "none") {
        auto node = dhost::parse_node(args.words[1]);
        if (!node)
            return node.error();
        lead = *node;
    }
    auto client = env.dhost_client();
    if (!client)
        return client.error();
    if (auto ok = vr::dhost::set_lead(*client, *key, lead); !ok)
        return ok.error();
    return exit_ok;
}

vr::Result<std::vector<vr::dhost::Host>> read_hosts(
    vr::Client &client, const std::optional<vr::dhost::Key> &key) {
    if (!key)
        return vr::dhost::list_hosts(client);
    auto one = vr::dhost::get_host(client, *key);
    if (!one)
        return one.error();
    return std::vector{*std::move(one)};
}

vr::Result<int> run_show(const Env &env, const Args &args) {
    std::optional<vr::dhost::Key> key;
    if (!args.words.empty()) {
        if (auto why = misuse(args, 1); !why.empty())
            return env.usage(&dhost_show, why);
        auto one = key_of(env, args, 1);
        if (!one)
            return one.error();
        key = *one;
    }
    auto client = env.dhost_client();
    if (!client)
        return client.error();
    auto hosts = read_hosts(*client, key);
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
    auto client = env.dhost_client();
    if (!client)
        return client.error();
    if (auto ok = vr::dhost::grant(*client, cookie, args.words.size() > 1); !ok)
        return ok.error();
    return exit_ok;
}

}  // namespace

const Command dhost_add{
    .name = "dhost add",
    .synopsis = "ADDR own N [ctx CTX] [lead N] ...",
    .summary = "make an address a distributed one",
    .min_words = 3,
    .max_words = 15,
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
