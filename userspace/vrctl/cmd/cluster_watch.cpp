// SPDX-License-Identifier: GPL-2.0

#include <cerrno>

#include "cluster.hpp"
#include "cmd/all.hpp"
#include "stop_signals.hpp"

namespace vrctl::cmd {
namespace {

vr::Result<void> print(const Env &env, const Args &args,
                       const std::string &line) {
    static constexpr const char *keys[] = {"event", "text"};
    if (args.json) {
        env.print(line + "\n");
        return env.flush();
    }
    auto records = cluster::records(line, keys);
    if (!records)
        return records.error();
    for (const Record &record : *records)
        env.print(std::get<std::string>(record[0].value) + ": " +
                  std::get<std::string>(record[1].value) + "\n");
    return env.flush();
}

vr::Result<int> run(const Env &env, const Args &args) {
    StopSignals stop;
    if (stop.fd() < 0)
        return vr::Error{errno, "cluster watch", {}};
    auto connection = cluster::Connection::ask(args, "watch");
    if (!connection)
        return connection.error();
    for (;;) {
        auto more = stop.readable(connection->fd(), "cluster watch");
        if (!more)
            return more.error();
        if (!*more)
            return exit_ok;
        do {
            auto line = connection->line();
            if (!line)
                return line.error();
            if (!*line)
                return vr::Error{ECONNRESET, "cluster watch", "vrd ended"};
            if (auto ok = print(env, args, **line); !ok)
                return ok.error();
        } while (connection->more());
    }
}

}  // namespace

const Command cluster_watch{
    .name = "cluster watch",
    .synopsis = "[-j]",
    .summary = "print changes of the cluster as they happen",
    .min_words = 0,
    .max_words = 0,
    .options = cluster::options,
    .run = run,
};

}  // namespace vrctl::cmd
