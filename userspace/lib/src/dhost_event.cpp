// SPDX-License-Identifier: GPL-2.0

#include "vr/dhost_event.hpp"

#include <linux/genetlink.h>
#include <linux/vr_dhost.h>

#include <cerrno>
#include <iterator>

#include "codec.hpp"
#include "dhost_codec.hpp"

namespace vr::dhost {
namespace {

constexpr char attempt[] = "read events";

// Of a kind that is set already
Result<Event> decode(const nlmsghdr &message, Event event) {
    auto attrs = attributes(message);
    if (!attrs)
        return attrs.error();
    auto key = decode_key(*attrs);
    if (!key)
        return key.error();
    event.key = *key;
    event.lead = attrs->u32(VR_DHOST_A_DHOST_LEAD);
    if (event.kind != Event::Kind::socket && event.kind != Event::Kind::bind)
        return event;

    auto ok = attrs->require({VR_DHOST_A_DHOST_SEQ, VR_DHOST_A_DHOST_PROTOCOL,
                              VR_DHOST_A_DHOST_PORT, VR_DHOST_A_DHOST_COOKIE});
    if (ok && event.kind == Event::Kind::socket)
        ok = attrs->require({VR_DHOST_A_DHOST_EVENT});
    if (!ok)
        return ok.error();
    event.sequence = attrs->u64(VR_DHOST_A_DHOST_SEQ);
    event.what = static_cast<Event::What>(attrs->u32(VR_DHOST_A_DHOST_EVENT));
    event.v6only = attrs->has(VR_DHOST_A_DHOST_V6ONLY);
    event.protocol = attrs->u8(VR_DHOST_A_DHOST_PROTOCOL);
    event.port = attrs->u16(VR_DHOST_A_DHOST_PORT);
    event.cookie = attrs->u64(VR_DHOST_A_DHOST_COOKIE);
    event.pid = attrs->u32(VR_DHOST_A_DHOST_PID);
    if (attrs->has(VR_DHOST_A_DHOST_PEER)) {
        auto peer = decode_address(attrs->payload(VR_DHOST_A_DHOST_PEER));
        if (!peer)
            return peer.error();
        event.peer = *peer;
        event.peer_port = attrs->u16(VR_DHOST_A_DHOST_PEER_PORT);
    }
    return event;
}

Result<void> take(const nlmsghdr &message, std::uint16_t family,
                  std::vector<Event> &events) {
    Event event;
    if (message.nlmsg_type != family)
        return {};
    switch (static_cast<const genlmsghdr *>(NLMSG_DATA(&message))->cmd) {
        case VR_DHOST_CMD_SOCK_NTF:
        case VR_DHOST_CMD_SOCK_GET:
            event.kind = Event::Kind::socket;
            break;
        case VR_DHOST_CMD_BIND_NTF:
            event.kind = Event::Kind::bind;
            break;
        case VR_DHOST_CMD_HOST_NTF:
            event.kind = Event::Kind::host;
            break;
        case VR_DHOST_CMD_HOST_DEL_NTF:
            event.kind = Event::Kind::host_deleted;
            break;
        default:
            return {};  // of a newer kernel
    }
    auto whole = decode(message, event);
    if (!whole)
        return whole.error();
    events.push_back(*std::move(whole));
    return {};
}

}  // namespace

const char *name(const Event &event) {
    static const char *const names[] = {"bound",     "listening", "child",
                                        "connected", "closed",    "accepted"};
    auto what = static_cast<std::size_t>(event.what);

    switch (event.kind) {
        case Event::Kind::socket:
            return what < std::size(names) ? names[what] : "unknown";
        case Event::Kind::bind:
            return "bind";
        case Event::Kind::host:
            return "host";
        case Event::Kind::host_deleted:
            return "host-del";
        case Event::Kind::lost:
            break;
    }
    return "lost";
}

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
            return take(message, client_.family(), events);
        });
    if (!ok)
        return ok.error().during(attempt);
    return events;
}

Result<std::vector<Event>> list_sockets(Client &client) {
    netlink::Message message =
        netlink::Message::generic(client.family(), VR_DHOST_CMD_SOCK_GET);
    std::vector<Event> events;
    auto ok = netlink::dump(
        client.socket(), message,
        [&](const nlmsghdr &reply) {
            return take(reply, client.family(), events);
        },
        [&] { events.clear(); });
    if (!ok)
        return ok.error().during("list sockets of distributed addresses");
    return events;
}

}  // namespace vr::dhost
