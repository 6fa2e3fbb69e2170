// SPDX-License-Identifier: GPL-2.0

#include <cerrno>

#include "cmd/all.hpp"
#include "dhost.hpp"
#include "stop_signals.hpp"

namespace vrctl::cmd {
namespace {

// "bound address 10.0.0.1 ctx 0 protocol tcp port 80 ..."
std::string line(const Record &record) {
    std::string out;
    for (const Field &field : record) {
        if (std::holds_alternative<std::monostate>(field.value))
            continue;
        if (!out.empty())
            out += std::string(" ") + field.key + " ";
        if (const auto *text = std::get_if<std::string>(&field.value))
            out += *text;
        else
            out += std::to_string(std::get<std::uint64_t>(field.value));
    }
    return out + "\n";
}

vr::Result<void> print(const Env &env, const Args &args,
                       std::span<const vr::dhost::Event> events) {
    for (const vr::dhost::Event &event : events) {
        Record record = dhost::record(event);
        env.print(args.json ? to_json(record) : line(record));
        if (auto ok = env.flush(); !ok)
            return ok;
    }
    return {};
}

vr::Result<int> follow(const Env &env, const Args &args,
                       vr::dhost::Events &events, const StopSignals &stop) {
    for (;;) {
        auto more = stop.readable(events.fd(), "dhost events");
        if (!more)
            return more.error();
        if (!*more)
            return exit_ok;

        auto got = events.read();
        if (!got)
            return got.error();
        if (auto ok = print(env, args, *got); !ok)
            return ok.error();
    }
}

vr::Result<int> run(const Env &env, const Args &args) {
    StopSignals stop;
    if (stop.fd() < 0)
        return vr::Error{errno, "dhost events", {}};
    auto client = env.dhost_client();
    if (!client)
        return client.error();
    auto events = vr::dhost::Events::subscribe(*std::move(client));
    if (!events)
        return events.error();

    // What there is already comes first.
    auto lister = env.dhost_client();
    if (!lister)
        return lister.error();
    auto sockets = vr::dhost::list_sockets(*lister);
    if (!sockets)
        return sockets.error();
    if (auto ok = print(env, args, *sockets); !ok)
        return ok.error();
    return follow(env, args, *events, stop);
}

}  // namespace

const Command dhost_events{
    .name = "dhost events",
    .synopsis = "[-j]",
    .summary = "print sockets, and what happens to them",
    .min_words = 0,
    .max_words = 0,
    .options = {&json_option, 1},
    .run = run,
};

}  // namespace vrctl::cmd
