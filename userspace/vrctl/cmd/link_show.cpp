// SPDX-License-Identifier: GPL-2.0

#include "cmd/all.hpp"
#include "record.hpp"
#include "vr/device.hpp"

namespace vrctl::cmd {
namespace {

vr::Result<std::vector<vr::Device>> read(vr::Client &client, const Args &args) {
    if (args.words.empty())
        return vr::list_devices(client, std::nullopt);
    if (args.words.size() == 2) {
        auto ref = vr::Ref::parse(args.words[1]);
        if (!ref)
            return ref.error();
        return vr::list_devices(client, *ref);
    }
    auto device = vr::get_device(client, args.words[0]);
    if (!device)
        return device.error();
    return std::vector{*device};
}

vr::Result<int> run(const Env &env, const Args &args) {
    // "ctx" alone is more likely a forgotten word than a device.
    if (args.words.size() == 1 && args.words[0] == "ctx")
        return env.usage(&link_show, "something is missing");
    if (args.words.size() == 2 && args.words[0] != "ctx")
        return env.usage(&link_show, "'" + args.words[0] + "' is not 'ctx'");

    auto client = env.client();
    if (!client)
        return client.error();
    auto devices = read(*client, args);
    if (!devices)
        return devices.error();
    env.print(args, records(*devices));
    return exit_ok;
}

}  // namespace

const Command link_show{
    .name = "link show",
    .synopsis = "[DEV | ctx CTX] [-j]",
    .summary = "show which device is in which context",
    .min_words = 0,
    .max_words = 2,
    .options = {&json_option, 1},
    .run = run,
};

}  // namespace vrctl::cmd
