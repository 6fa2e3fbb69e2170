// SPDX-License-Identifier: GPL-2.0

#include "vr/context.hpp"

#include "codec.hpp"

namespace vr {
namespace {

std::optional<std::uint32_t> optional_u32(const netlink::Attrs &attrs,
                                          std::uint16_t type) {
    if (!attrs.has(type))
        return std::nullopt;
    return attrs.u32(type);
}

Result<Context> decode(const netlink::Attrs &attrs) {
    if (auto ok = attrs.require({VRCTX_A_CTX_ID}); !ok)
        return ok.error();
    return Context{
        .id = attrs.u32(VRCTX_A_CTX_ID),
        .name = codec::context_name(attrs),
        .table = attrs.u32(VRCTX_A_CTX_TABLE),
        .devices = attrs.u32(VRCTX_A_CTX_DEVICES),
        .sockets = optional_u32(attrs, VRCTX_A_CTX_SOCKETS),
        .tasks = optional_u32(attrs, VRCTX_A_CTX_TASKS),
    };
}

}  // namespace

Result<Context> create_context(Client &client, std::optional<std::uint32_t> id,
                               const std::string &name) {
    netlink::Message message = codec::command(client, VRCTX_CMD_CTX_NEW);
    if (id)
        message.put_u32(VRCTX_A_CTX_ID, *id);
    if (!name.empty())
        message.put_string(VRCTX_A_CTX_NAME, name);

    std::string attempt = "create context";
    if (!name.empty())
        attempt += " " + name;
    if (id)
        attempt += " " + std::to_string(*id);
    return codec::during(codec::get<Context>(client, message, decode), attempt);
}

Result<void> delete_context(Client &client, const Ref &ref, bool force) {
    netlink::Message message = codec::command(client, VRCTX_CMD_CTX_DEL, ref);
    if (force)
        message.put_flag(VRCTX_A_CTX_FORCE);
    return codec::during(netlink::request(client.socket(), message),
                         "delete context " + ref.text());
}

Result<void> rename_context(Client &client, const Ref &ref,
                            const std::string &name) {
    std::string attempt = "rename context " + ref.text();
    Ref number = ref;

    // The request's name is the new one, so the old one must be a number.
    if (ref.by_name()) {
        auto found = get_context(client, ref);
        if (!found)
            return found.error().during(attempt);
        number = Ref::number(found->id);
    }

    netlink::Message message =
        codec::command(client, VRCTX_CMD_CTX_SET, number);
    message.put_string(VRCTX_A_CTX_NAME, name);
    return codec::during(netlink::request(client.socket(), message), attempt);
}

Result<Context> get_context(Client &client, const Ref &ref) {
    return codec::during(
        codec::get<Context>(
            client, codec::command(client, VRCTX_CMD_CTX_GET, ref), decode),
        "show context " + ref.text());
}

Result<std::vector<Context>> list_contexts(Client &client) {
    return codec::during(
        codec::list<Context>(client, codec::command(client, VRCTX_CMD_CTX_GET),
                             decode),
        "list contexts");
}

}  // namespace vr
