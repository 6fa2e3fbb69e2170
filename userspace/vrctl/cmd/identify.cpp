// SPDX-License-Identifier: GPL-2.0

#include <unistd.h>

#include <cstdint>

#include "cmd/all.hpp"
#include "record.hpp"
#include "vr/task.hpp"

namespace vrctl::cmd {
namespace {

vr::Result<vr::Task> read(const Env &env, const Args &args) {
    if (args.words.empty()) {
        auto own = env.system.current();
        if (!own)
            return own.error();
        return vr::Task{static_cast<std::uint32_t>(getpid()), own->id,
                        own->name};
    }
    auto pid = vr::parse_number(args.words[0], INT32_MAX);
    if (!pid)
        return pid.error();
    auto client = env.client();
    if (!client)
        return client.error();
    return vr::get_task(*client, *pid);
}

// The text is that of /proc/PID/vrctx.
vr::Result<int> run(const Env &env, const Args &args) {
    auto task = read(env, args);
    if (!task)
        return task.error();
    if (args.json)
        env.print(args, records(std::vector{*task}));
    else
        env.print(std::to_string(task->id) + " " +
                  (task->name.empty() ? "-" : task->name) + "\n");
    return exit_ok;
}

}  // namespace

const Command identify{
    .name = "identify",
    .synopsis = "[PID] [-j]",
    .summary = "show the context of a task, or the own",
    .min_words = 0,
    .max_words = 1,
    .options = {&json_option, 1},
    .run = run,
};

}  // namespace vrctl::cmd
