// SPDX-License-Identifier: GPL-2.0

#include "vr/event.hpp"

#include <linux/genetlink.h>

#include "codec.hpp"
#include "leak.hpp"

namespace vr {
namespace {

constexpr char attempt[] = "monitor";

Result<void> decode_leak(const nlmsghdr &message, Event event,
                         std::vector<Event> &events) {
    auto attrs = codec::attributes(message, codec::leak_kinds());
    if (!attrs)
        return attrs.error();
    auto leak = codec::decode_leak(*attrs);
    if (!leak)
        return leak.error();
    event.leak = *std::move(leak);
    events.push_back(std::move(event));
    return {};
}

Result<void> decode(const nlmsghdr &message, std::uint16_t family,
                    std::vector<Event> &events) {
    if (message.nlmsg_type != family)
        return {};
    // Of any kind: it must be whole
    if (auto whole = codec::attributes(message, {}); !whole)
        return whole.error();

    Event event;
    switch (static_cast<const genlmsghdr *>(NLMSG_DATA(&message))->cmd) {
        case VRCTX_CMD_CTX_NTF:
            event.kind = Event::Kind::context;
            break;
        case VRCTX_CMD_CTX_DEL_NTF:
            event.kind = Event::Kind::context_deleted;
            break;
        case VRCTX_CMD_DEV_NTF:
            event.kind = Event::Kind::device;
            break;
        case VRCTX_CMD_LEAK_NTF:
            event.kind = Event::Kind::leak;
            return decode_leak(message, std::move(event), events);
        case VRCTX_CMD_LEAK_DEL_NTF:
            event.kind = Event::Kind::leak_deleted;
            return decode_leak(message, std::move(event), events);
        default:
            return {};  // of a newer kernel
    }

    auto attrs = codec::attributes(message);
    if (!attrs)
        return attrs.error();
    auto ok = attrs->require({VRCTX_A_CTX_ID});
    if (ok && event.kind == Event::Kind::device)
        ok = attrs->require({VRCTX_A_CTX_IFINDEX, VRCTX_A_CTX_IFNAME});
    if (!ok)
        return ok;

    event.id = attrs->u32(VRCTX_A_CTX_ID);
    event.name = codec::context_name(*attrs);
    event.ifindex = static_cast<int>(attrs->u32(VRCTX_A_CTX_IFINDEX));
    event.ifname = attrs->string(VRCTX_A_CTX_IFNAME);
    events.push_back(std::move(event));
    return {};
}

}  // namespace

Events::Events(Client client)
    : client_(std::move(client)), buffer_(netlink::buffer_size) {}

Result<Events> Events::subscribe(Client client) {
    auto joined = client.socket().join(client.events_group());
    if (!joined)
        return joined.error().during(attempt);
    return Events(std::move(client));
}

Result<std::vector<Event>> Events::read() {
    std::vector<Event> events;
    auto size = client_.socket().receive(buffer_);
    if (!size && size.error().code == ENOBUFS) {
        events.emplace_back();
        return events;
    }
    if (!size)
        return size.error().during(attempt);

    auto ok = netlink::each_message(
        std::span(buffer_).first(*size), [&](const nlmsghdr &message) {
            return decode(message, client_.family(), events);
        });
    if (!ok)
        return ok.error().during(attempt);
    return events;
}

}  // namespace vr
