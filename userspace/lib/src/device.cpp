// SPDX-License-Identifier: GPL-2.0

#include "vr/device.hpp"

#include "codec.hpp"

namespace vr {
namespace {

Result<Device> decode(const netlink::Attrs &attrs) {
    auto ok = attrs.require(
        {VRCTX_A_CTX_IFINDEX, VRCTX_A_CTX_IFNAME, VRCTX_A_CTX_ID});
    if (!ok)
        return ok.error();
    return Device{
        .ifindex = static_cast<int>(attrs.u32(VRCTX_A_CTX_IFINDEX)),
        .ifname = attrs.string(VRCTX_A_CTX_IFNAME),
        .id = attrs.u32(VRCTX_A_CTX_ID),
        .name = codec::context_name(attrs),
    };
}

}  // namespace

Result<Device> get_device(Client &client, const std::string &ifname) {
    netlink::Message message = codec::command(client, VRCTX_CMD_DEV_GET);
    message.put_string(VRCTX_A_CTX_IFNAME, ifname);
    return codec::during(codec::get<Device>(client, message, decode),
                         "show device " + ifname);
}

Result<std::vector<Device>> list_devices(Client &client,
                                         const std::optional<Ref> &ref) {
    if (!ref)
        return codec::during(
            codec::list<Device>(
                client, codec::command(client, VRCTX_CMD_DEV_GET), decode),
            "list devices");
    return codec::during(
        codec::list<Device>(
            client, codec::command(client, VRCTX_CMD_DEV_GET, *ref), decode),
        "list devices of context " + ref->text());
}

Result<void> set_device(Client &client, const std::string &ifname,
                        const Ref &ref) {
    netlink::Message message = codec::command(client, VRCTX_CMD_DEV_SET, ref);
    message.put_string(VRCTX_A_CTX_IFNAME, ifname);
    return codec::during(netlink::request(client.socket(), message),
                         "move " + ifname + " to context " + ref.text());
}

}  // namespace vr
