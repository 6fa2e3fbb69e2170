// SPDX-License-Identifier: GPL-2.0

#include "vr/task.hpp"

#include "codec.hpp"

namespace vr {
namespace {

Result<Task> decode(const netlink::Attrs &attrs) {
    auto ok = attrs.require({VRCTX_A_CTX_PID, VRCTX_A_CTX_ID});
    if (!ok)
        return ok.error();
    return Task{
        .pid = attrs.u32(VRCTX_A_CTX_PID),
        .id = attrs.u32(VRCTX_A_CTX_ID),
        .name = codec::context_name(attrs),
    };
}

}  // namespace

Result<Task> get_task(Client &client, std::uint32_t pid) {
    netlink::Message message = codec::command(client, VRCTX_CMD_TASK_GET);
    message.put_u32(VRCTX_A_CTX_PID, pid);
    return codec::during(codec::get<Task>(client, message, decode),
                         "identify task " + std::to_string(pid));
}

Result<std::vector<Task>> list_tasks(Client &client,
                                     const std::optional<Ref> &ref) {
    if (!ref)
        return codec::during(
            codec::list<Task>(
                client, codec::command(client, VRCTX_CMD_TASK_GET), decode),
            "list tasks");
    return codec::during(
        codec::list<Task>(
            client, codec::command(client, VRCTX_CMD_TASK_GET, *ref), decode),
        "list tasks of context " + ref->text());
}

}  // namespace vr
