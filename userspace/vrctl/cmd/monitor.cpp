// SPDX-License-Identifier: GPL-2.0

#include <cerrno>

#include "cmd/all.hpp"
#include "record.hpp"
#include "stop_signals.hpp"
#include "vr/event.hpp"

namespace vrctl::cmd {
namespace {

std::string line(const vr::Leak &leak) {
    return "leak " + leak.prefix.text() + " from " + std::to_string(leak.from) +
           " to " + std::to_string(leak.to) + "\n";
}

std::string line(const vr::Event &event) {
    std::string context = "ctx " + std::to_string(event.id) +
                          (event.name.empty() ? "" : " name " + event.name);
    switch (event.kind) {
        case vr::Event::Kind::context:
            return context + "\n";
        case vr::Event::Kind::context_deleted:
            return "deleted " + context + "\n";
        case vr::Event::Kind::device:
            return "dev " + event.ifname + " ifindex " +
                   std::to_string(event.ifindex) + " " + context + "\n";
        case vr::Event::Kind::leak:
            return line(event.leak);
        case vr::Event::Kind::leak_deleted:
            return "deleted " + line(event.leak);
        case vr::Event::Kind::lost:
            break;
    }
    return "events lost\n";
}

vr::Result<int> follow(const Env &env, const Args &args, vr::Events &events,
                       const StopSignals &stop) {
    for (;;) {
        auto more = stop.readable(events.fd(), "monitor");
        if (!more)
            return more.error();
        if (!*more)
            return exit_ok;

        auto got = events.read();
        if (!got)
            return got.error();
        for (const vr::Event &event : *got) {
            env.print(args.json ? to_json(record(event)) : line(event));
            if (auto ok = env.flush(); !ok)
                return ok.error();
        }
    }
}

vr::Result<int> run(const Env &env, const Args &args) {
    StopSignals stop;
    if (stop.fd() < 0)
        return vr::Error{errno, "monitor", {}};
    auto client = env.client();
    if (!client)
        return client.error();
    auto events = vr::Events::subscribe(*std::move(client));
    if (!events)
        return events.error();
    return follow(env, args, *events, stop);
}

}  // namespace

const Command monitor{
    .name = "monitor",
    .synopsis = "[-j]",
    .summary = "print changes as they happen",
    .min_words = 0,
    .max_words = 0,
    .options = {&json_option, 1},
    .run = run,
};

}  // namespace vrctl::cmd
