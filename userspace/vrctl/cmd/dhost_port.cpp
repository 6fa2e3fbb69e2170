// SPDX-License-Identifier: GPL-2.0

#include "cmd/all.hpp"
#include "dhost.hpp"

namespace vrctl::cmd {
namespace {

vr::Result<int> change(const Env &env, std::span<const std::string> words,
                       bool set) {
    static const char *const allowed[] = {"ctx", "epoch"};
    std::size_t fixed = set ? 4 : 3;
    if (words.size() < fixed)
        return env.usage(&dhost_port, "something is missing");
    std::span rest = words.subspan(fixed);
    if (auto why = dhost::misuse(rest, allowed); !why.empty())
        return env.usage(&dhost_port, why);
    auto extra = dhost::parse_extra(env, rest);
    if (!extra)
        return extra.error();
    auto key = dhost::parse_key(words[0], *extra);
    if (!key)
        return key.error();
    auto protocol = dhost::parse_protocol(words[1]);
    if (!protocol)
        return protocol.error();
    auto range = vr::dhost::parse_range(words[2]);
    if (!range)
        return range.error();
    std::uint32_t node = 0;
    if (set) {
        auto parsed = dhost::parse_node(words[3]);
        if (!parsed)
            return parsed.error();
        node = *parsed;
    }
    auto client = env.dhost_client();
    if (!client)
        return client.error();
    auto ok = set ? vr::dhost::set_ports(*client, *key, *protocol, *range, node)
                  : vr::dhost::delete_ports(*client, *key, *protocol, *range);
    if (!ok)
        return ok.error();
    return exit_ok;
}

vr::Result<int> show(const Env &env, const Args &args,
                     std::span<const std::string> words) {
    static const char *const allowed[] = {"ctx"};
    std::span rest = words.subspan(1);
    if (auto why = dhost::misuse(rest, allowed); !why.empty())
        return env.usage(&dhost_port, why);
    auto extra = dhost::parse_extra(env, rest);
    if (!extra)
        return extra.error();
    auto key = dhost::parse_key(words[0], *extra);
    if (!key)
        return key.error();
    auto client = env.dhost_client();
    if (!client)
        return client.error();
    auto ports = vr::dhost::list_ports(*client, *key);
    if (!ports)
        return ports.error();

    std::vector<Record> records;
    for (const vr::dhost::Port &port : *ports)
        records.push_back(dhost::record(port));
    env.print(args, records);
    return exit_ok;
}

vr::Result<int> run(const Env &env, const Args &args) {
    std::span words = std::span(args.words).subspan(1);

    if (args.words[0] == "show")
        return show(env, args, words);
    if (args.json)
        return env.usage(&dhost_port, "only show has something to print");
    if (args.words[0] == "set" || args.words[0] == "del")
        return change(env, words, args.words[0] == "set");
    return env.usage(&dhost_port, "set, del or show");
}

}  // namespace

const Command dhost_port{
    .name = "dhost port",
    .synopsis = "set|del|show ADDR [PROTO PORT [N]] [-j]",
    .summary = "which node has which port",
    .min_words = 2,
    .max_words = 9,
    .options = {&json_option, 1},
    .run = run,
};

}  // namespace vrctl::cmd
