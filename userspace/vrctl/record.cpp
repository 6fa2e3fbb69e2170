// SPDX-License-Identifier: GPL-2.0

#include "record.hpp"

namespace vrctl {
namespace {

Field number(const char *key, std::uint64_t value) {
    return {key, value};
}

Field count(const char *key, const std::optional<std::uint32_t> &value) {
    if (!value)
        return {key, std::monostate()};
    return number(key, *value);
}

Field text(const char *key, const std::string &value) {
    return {key, value};
}

Field name(const std::string &value, const char *key = "name") {
    if (value.empty())
        return {key, std::monostate()};
    return text(key, value);
}

Record leak_event(const char *event, const vr::Leak &leak) {
    return {text("event", event),
            number("from", leak.from),
            name(leak.from_name, "from_name"),
            text("prefix", leak.prefix.text()),
            number("to", leak.to),
            name(leak.to_name, "to_name")};
}

}  // namespace

Record record(const vr::Context &context) {
    return {
        number("id", context.id),          name(context.name),
        number("table", context.table),    number("devices", context.devices),
        count("sockets", context.sockets), count("tasks", context.tasks),
    };
}

Record record(const vr::Device &device) {
    return {
        number("ifindex", static_cast<std::uint64_t>(device.ifindex)),
        text("ifname", device.ifname),
        number("id", device.id),
        name(device.name),
    };
}

Record record(const vr::Event &event) {
    switch (event.kind) {
        case vr::Event::Kind::context:
            return {text("event", "ctx"), number("id", event.id),
                    name(event.name)};
        case vr::Event::Kind::context_deleted:
            return {text("event", "ctx-del"), number("id", event.id),
                    name(event.name)};
        case vr::Event::Kind::device:
            return {
                text("event", "dev"),
                number("ifindex", static_cast<std::uint64_t>(event.ifindex)),
                text("ifname", event.ifname), number("id", event.id),
                name(event.name)};
        case vr::Event::Kind::leak:
            return leak_event("leak", event.leak);
        case vr::Event::Kind::leak_deleted:
            return leak_event("leak-del", event.leak);
        case vr::Event::Kind::lost:
            break;
    }
    return {text("event", "lost")};
}

Record record(const vr::Leak &leak) {
    return {
        number("from", leak.from),          name(leak.from_name, "from_name"),
        text("prefix", leak.prefix.text()), number("to", leak.to),
        name(leak.to_name, "to_name"),      number("packets", leak.packets),
        number("bytes", leak.bytes),
    };
}

Record record(const vr::Stats &stats) {
    return {
        number("id", stats.id),
        name(stats.name),
        number("rx_packets", stats.rx_packets),
        number("tx_packets", stats.tx_packets),
        number("fwd_packets", stats.fwd_packets),
        number("no_route", stats.no_route),
        number("wrong_ctx", stats.wrong_ctx),
    };
}

Record record(const vr::Task &task) {
    return {number("pid", task.pid), number("id", task.id), name(task.name)};
}

}  // namespace vrctl
