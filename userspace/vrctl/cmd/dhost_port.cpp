// SPDX-License-Identifier: GPL-2.0

#include "cmd/all.hpp"
#include "dhost.hpp"

namespace vrctl::cmd {
namespace {

using vr::dhost::Key;

vr::Result<int> change(const Env &env, std::span<const std::string> words,
                       bool set) {
    return dhost::request(
        env, dhost_port, words, set ? 4 : 3, dhost::key_words,
        [&](const Key &key, const dhost::Extra &) -> vr::Result<int> {
            auto protocol = dhost::parse_protocol(words[1]);
            if (!protocol)
                return protocol.error();
            auto range = vr::dhost::parse_range(words[2]);
            if (!range)
                return range.error();
            if (!set)
                return dhost::change(env, [&](vr::Client &client) {
                    return vr::dhost::delete_ports(client, key, *protocol,
                                                   *range);
                });
            auto nodes = dhost::parse_nodes(words[3]);
            if (!nodes)
                return nodes.error();
            return dhost::change(env, [&](vr::Client &client) {
                return nodes->size() == 1
                           ? vr::dhost::set_ports(client, key, *protocol,
                                                  *range, nodes->front())
                           : vr::dhost::share_ports(client, key, *protocol,
                                                    *range, *nodes);
            });
        });
}

vr::Result<int> run(const Env &env, const Args &args) {
    std::span words = std::span(args.words).subspan(1);

    if (args.words[0] == "show")
        return dhost::show(env, args, dhost_port, words, vr::dhost::list_ports);
    if (args.json)
        return env.usage(&dhost_port, "only show has something to print");
    if (args.words[0] == "set" || args.words[0] == "del")
        return change(env, words, args.words[0] == "set");
    return env.usage(&dhost_port, "set, del or show");
}

}  // namespace

const Command dhost_port{
    .name = "dhost port",
    .synopsis = "set|del|show ADDR [PROTO PORT [N[,N]...]] [-j]",
    .summary = "which nodes have which port",
    .min_words = 2,
    .max_words = 9,
    .options = {&json_option, 1},
    .run = run,
};

}  // namespace vrctl::cmd
