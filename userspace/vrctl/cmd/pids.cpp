// SPDX-License-Identifier: GPL-2.0

#include "cmd/all.hpp"
#include "record.hpp"
#include "vr/task.hpp"

namespace vrctl::cmd {
namespace {

vr::Result<int> run(const Env &env, const Args &args) {
    auto ref = vr::Ref::parse(args.words[0]);
    if (!ref)
        return ref.error();
    auto client = env.client();
    if (!client)
        return client.error();
    auto tasks = vr::list_tasks(*client, *ref);
    if (!tasks)
        return tasks.error();

    if (args.json) {
        env.print(args, records(*tasks));
        return exit_ok;
    }
    for (const vr::Task &task : *tasks)
        env.print(std::to_string(task.pid) + "\n");
    return exit_ok;
}

}  // namespace

const Command pids{
    .name = "pids",
    .synopsis = "CTX [-j]",
    .summary = "list the tasks in a context",
    .min_words = 1,
    .max_words = 1,
    .options = {&json_option, 1},
    .run = run,
};

}  // namespace vrctl::cmd
