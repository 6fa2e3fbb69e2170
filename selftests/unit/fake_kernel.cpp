// SPDX-License-Identifier: GPL-2.0

#include "fake_kernel.hpp"

#include <linux/genetlink.h>
#include <linux/if.h>
#include <linux/rtnetlink.h>
#include <linux/vrctx.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

using wire::attr;
using wire::Bytes;
using wire::Request;
using wire::text;
using wire::u32;
using wire::u64;

FakeKernel::FakeKernel() {
    contexts[0] = {"default", 0, 0};
    devices.push_back({1, "lo", true, 0, false, false});
}

FakeKernel::Datagrams FakeKernel::generic(const Bytes &datagram) {
    Request request = wire::parse(datagram, GENL_HDRLEN);
    try {
        if (request.type == GENL_ID_CTRL)
            return control(request);
        if (request.type != family || !has_family)
            throw Refusal{ENOENT, ""};
        return run(request);
    } catch (const Refusal &refusal) {
        if (request.type == family && request.flags & NLM_F_DUMP)
            return {
                wire::done(request.sequence, 0, -refusal.code, refusal.why)};
        return {wire::ack(request.sequence, -refusal.code, refusal.why)};
    }
}

FakeKernel::Datagrams FakeKernel::control(const Request &request) {
    if (!has_family || request.command != CTRL_CMD_GETFAMILY ||
        request.string(CTRL_ATTR_FAMILY_NAME) != VRCTX_FAMILY_NAME)
        throw Refusal{ENOENT, ""};

    Bytes group = attr(CTRL_ATTR_MCAST_GRP_ID, u32(events_group)) +
                  attr(CTRL_ATTR_MCAST_GRP_NAME, text(VRCTX_MCGRP_EVENTS));
    Bytes attrs = attr(CTRL_ATTR_FAMILY_NAME, text(VRCTX_FAMILY_NAME)) +
                  attr(CTRL_ATTR_FAMILY_ID, wire::u16(family)) +
                  attr(CTRL_ATTR_MCAST_GROUPS | NLA_F_NESTED,
                       attr(1 | NLA_F_NESTED, group));
    return {wire::message(GENL_ID_CTRL, 0, request.sequence,
                          wire::genl(CTRL_CMD_NEWFAMILY, attrs)),
            wire::ack(request.sequence, 0)};
}

FakeKernel::Datagrams FakeKernel::run(const Request &request) {
    check_policy(request);
    if (request.flags & NLM_F_DUMP)
        return dump(request, items(request));

    Bytes reply;
    switch (request.command) {
        case VRCTX_CMD_CTX_GET:
            reply = describe(find(request)->first);
            break;
        case VRCTX_CMD_CTX_NEW:
            reply = create(request);
            break;
        case VRCTX_CMD_CTX_DEL:
            remove(request);
            break;
        case VRCTX_CMD_CTX_SET:
            rename(request);
            break;
        case VRCTX_CMD_DEV_GET:
            reply = describe(find_device(request, true));
            break;
        case VRCTX_CMD_DEV_SET:
            move(request);
            break;
        case VRCTX_CMD_STATS_GET:
            reply = count(find(request)->first);
            break;
        case VRCTX_CMD_LEAK_NEW:
            leak(request);
            break;
        case VRCTX_CMD_LEAK_DEL:
            unleak(request);
            break;
        case VRCTX_CMD_TASK_GET:
            if (!tasks.count(request.number(VRCTX_A_CTX_PID)))
                throw Refusal{ESRCH, "no such task"};
            reply = task(request.number(VRCTX_A_CTX_PID));
            break;
        default:
            throw Refusal{EOPNOTSUPP, ""};
    }

    Datagrams answer;
    if (!reply.empty())
        answer.push_back(wire::message(family, 0, request.sequence,
                                       wire::genl(request.command, reply)));
    answer.push_back(wire::ack(request.sequence, 0));
    return answer;
}

std::vector<Bytes> FakeKernel::items(const Request &request) {
    std::vector<Bytes> list;
    if (request.command == VRCTX_CMD_LEAK_GET) {
        for (const FakeLeak &leak : leaks)
            list.push_back(describe(leak));
        return list;
    }

    bool one = request.attrs.count(VRCTX_A_CTX_ID) ||
               request.attrs.count(VRCTX_A_CTX_NAME);
    std::uint32_t wanted = one ? find(request)->first : 0;

    switch (request.command) {
        case VRCTX_CMD_CTX_GET:
        case VRCTX_CMD_STATS_GET:
            for (const auto &[id, context] : contexts)
                list.push_back(request.command == VRCTX_CMD_CTX_GET
                                   ? describe(id)
                                   : count(id));
            break;
        case VRCTX_CMD_DEV_GET:
            for (const FakeDevice &device : devices)
                if (!one || device.ctx == wanted)
                    list.push_back(describe(device));
            break;
        case VRCTX_CMD_TASK_GET:
            for (const auto &[pid, ctx] : tasks)
                if (one ? ctx == wanted : ctx != 0)
                    list.push_back(task(pid));
            break;
        default:
            throw Refusal{EOPNOTSUPP, ""};
    }
    return list;
}

FakeKernel::Datagrams FakeKernel::dump(const Request &request,
                                       const std::vector<Bytes> &items) {
    std::uint16_t flags = NLM_F_MULTI;
    if (interrupted_dumps > 0) {
        interrupted_dumps--;
        flags |= NLM_F_DUMP_INTR;
    }

    Datagrams answer;
    for (std::size_t i = 0; i < items.size(); i++) {
        Bytes part = wire::message(family, flags, request.sequence,
                                   wire::genl(request.command, items[i]));
        if (i % per_datagram == 0)
            answer.push_back(part);
        else
            answer.back() = answer.back() + part;
    }
    answer.push_back(wire::done(request.sequence, flags));
    return answer;
}

Bytes FakeKernel::create(const Request &request) {
    check_admin();
    std::string name = request.string(VRCTX_A_CTX_NAME);
    std::uint32_t id = request.number(VRCTX_A_CTX_ID);

    if (request.attrs.count(VRCTX_A_CTX_NAME))
        check_name(name);
    if (request.attrs.count(VRCTX_A_CTX_ID)) {
        if (id == 0)
            throw Refusal{EINVAL, "context 0 always exists"};
    } else {
        while (contexts.count(++id))
            ;
    }
    if (contexts.count(id))
        throw Refusal{EEXIST, "a context has this number"};
    if (carried.count(id))
        throw Refusal{EBUSY, "sockets or tasks still carry this number"};
    contexts[id] = {name, 0, 0};
    log.push_back("create " + std::to_string(id) + " " + name);
    return describe(id);
}

void FakeKernel::remove(const Request &request) {
    check_admin();
    std::uint32_t id = find(request)->first;
    bool force = request.attrs.count(VRCTX_A_CTX_FORCE) != 0;

    if (id == 0)
        throw Refusal{EINVAL, "context 0 cannot be deleted"};
    for (FakeDevice &device : devices) {
        if (device.ctx != id)
            continue;
        if (!force)
            throw Refusal{EBUSY, "the context has devices"};
        device.ctx = 0;
        device.up = false;
    }
    contexts.erase(id);
    log.push_back("delete " + std::to_string(id));
}

void FakeKernel::rename(const Request &request) {
    check_admin();
    if (!request.attrs.count(VRCTX_A_CTX_ID) ||
        !request.attrs.count(VRCTX_A_CTX_NAME))
        throw Refusal{EINVAL, "number and name are needed"};
    std::uint32_t id = request.number(VRCTX_A_CTX_ID);
    if (!contexts.count(id))
        throw Refusal{ENOENT, "no such context"};
    if (id == 0)
        throw Refusal{EINVAL, "context 0 cannot be renamed"};
    check_name(request.string(VRCTX_A_CTX_NAME));
    contexts[id].name = request.string(VRCTX_A_CTX_NAME);
    log.push_back("rename " + std::to_string(id));
}

void FakeKernel::move(const Request &request) {
    check_admin();
    FakeDevice &device = find_device(request, true);
    std::uint32_t id = find(request)->first;

    if (device.ctx == id && device.supported)
        return;
    if (!device.supported)
        throw Refusal{EOPNOTSUPP, "this kind of device has no contexts"};
    if (device.master)
        throw Refusal{EBUSY, "the device has a master"};
    if (device.handler)
        throw Refusal{EBUSY, "another device takes the packets"};
    if (device.up)
        throw Refusal{EBUSY, "the device is up"};
    device.ctx = id;
    log.push_back("move " + device.name + " " + std::to_string(id));
}

std::vector<FakeLeak>::iterator FakeKernel::find_leak(const Request &request) {
    std::uint32_t from =
        find(request, VRCTX_A_LEAK_FROM, VRCTX_A_LEAK_FROM_NAME)->first;
    return std::find_if(leaks.begin(), leaks.end(), [&](const FakeLeak &leak) {
        return leak.from == from &&
               leak.prefix == request.attrs.at(VRCTX_A_LEAK_PREFIX) &&
               Bytes{std::byte(leak.length)} ==
                   request.attrs.at(VRCTX_A_LEAK_PREFIX_LEN);
    });
}

void FakeKernel::leak(const Request &request) {
    check_admin();
    if (find_leak(request) != leaks.end())
        throw Refusal{EEXIST, "there is such a leak"};
    std::uint32_t from =
        find(request, VRCTX_A_LEAK_FROM, VRCTX_A_LEAK_FROM_NAME)->first;
    std::uint32_t to =
        find(request, VRCTX_A_LEAK_TO, VRCTX_A_LEAK_TO_NAME)->first;
    if (from == to)
        throw Refusal{EINVAL, "the same context"};
    leaks.push_back({from, to, request.attrs.at(VRCTX_A_LEAK_PREFIX),
                     std::to_integer<std::uint8_t>(
                         request.attrs.at(VRCTX_A_LEAK_PREFIX_LEN)[0])});
    log.push_back("leak " + std::to_string(from) + " " + std::to_string(to));
}

void FakeKernel::unleak(const Request &request) {
    check_admin();
    auto found = find_leak(request);
    if (found == leaks.end())
        throw Refusal{ENOENT, "no such leak"};
    log.push_back("unleak " + std::to_string(found->from));
    leaks.erase(found);
}

Bytes FakeKernel::describe(const FakeLeak &leak) const {
    auto context = [&](std::uint16_t number, std::uint16_t name,
                       std::uint32_t id) {
        const std::string &has = contexts.at(id).name;
        Bytes bytes = attr(number, u32(id));
        return has.empty() ? bytes : bytes + attr(name, text(has));
    };
    return context(VRCTX_A_LEAK_FROM, VRCTX_A_LEAK_FROM_NAME, leak.from) +
           context(VRCTX_A_LEAK_TO, VRCTX_A_LEAK_TO_NAME, leak.to) +
           attr(VRCTX_A_LEAK_PREFIX, leak.prefix) +
           attr(VRCTX_A_LEAK_PREFIX_LEN, Bytes{std::byte(leak.length)}) +
           attr(VRCTX_A_LEAK_PACKETS, u64(leak.packets)) +
           attr(VRCTX_A_LEAK_BYTES, u64(leak.packets * 10));
}

void FakeKernel::check_policy(const Request &request) const {
    if (request.command >= VRCTX_CMD_LEAK_GET)
        return;
    for (const auto &[type, payload] : request.attrs) {
        bool number = type == VRCTX_A_CTX_ID || type == VRCTX_A_CTX_PID ||
                      type == VRCTX_A_CTX_IFINDEX;
        if (number && payload.size() != sizeof(std::uint32_t))
            throw Refusal{EINVAL, "invalid attribute length"};
    }
    if (request.number(VRCTX_A_CTX_ID) > VRCTX_ID_MAX)
        throw Refusal{ERANGE, "integer out of range"};
    if (request.attrs.count(VRCTX_A_CTX_PID) &&
        request.number(VRCTX_A_CTX_PID) == 0)
        throw Refusal{ERANGE, "integer out of range"};
}

void FakeKernel::check_name(const std::string &name) const {
    if (name.empty() || name.size() > VRCTX_NAME_MAX)
        throw Refusal{EINVAL, "bad name"};
    for (const auto &[id, context] : contexts)
        if (context.name == name)
            throw Refusal{EEXIST, "a context has this name"};
}

void FakeKernel::check_admin() const {
    if (!admin)
        throw Refusal{EPERM, "CAP_NET_ADMIN is needed"};
}

FakeKernel::Context FakeKernel::find(const Request &request) {
    return find(request, VRCTX_A_CTX_ID, VRCTX_A_CTX_NAME);
}

FakeKernel::Context FakeKernel::find(const Request &request,
                                     std::uint16_t number, std::uint16_t name) {
    Context found = contexts.end();
    if (request.attrs.count(number))
        found = contexts.find(request.number(number));
    else
        found = std::find_if(
            contexts.begin(), contexts.end(), [&](const auto &entry) {
                return entry.second.name == request.string(name);
            });
    if (found == contexts.end())
        throw Refusal{ENOENT, "no such context"};
    return found;
}

FakeDevice &FakeKernel::find_device(const Request &request, bool generic) {
    std::string name = generic ? request.string(VRCTX_A_CTX_IFNAME)
                               : request.string(IFLA_IFNAME);
    auto found = std::find_if(
        devices.begin(), devices.end(),
        [&](const FakeDevice &device) { return device.name == name; });
    if (found == devices.end())
        throw Refusal{ENODEV, generic ? "no such device" : ""};
    return *found;
}

// The kernel sends no name for an unnamed context.
Bytes FakeKernel::identity(std::uint32_t id) const {
    const std::string &name = contexts.at(id).name;
    Bytes bytes = attr(VRCTX_A_CTX_ID, u32(id));
    return name.empty() ? bytes : bytes + attr(VRCTX_A_CTX_NAME, text(name));
}

Bytes FakeKernel::describe(std::uint32_t id) const {
    auto in = [id](const auto &item) { return item.ctx == id; };
    auto runs = [id](const auto &item) { return item.second == id; };
    auto count = [](std::ptrdiff_t n) {
        return u32(static_cast<std::uint32_t>(n));
    };

    Bytes bytes =
        identity(id) +
        attr(VRCTX_A_CTX_TABLE, u32(id ? VRCTX_TABLE_BASE + id : 254)) +
        attr(VRCTX_A_CTX_DEVICES,
             count(std::count_if(devices.begin(), devices.end(), in)));
    if (id == 0)
        return bytes;
    return bytes + attr(VRCTX_A_CTX_SOCKETS, u32(contexts.at(id).sockets)) +
           attr(VRCTX_A_CTX_TASKS,
                count(std::count_if(tasks.begin(), tasks.end(), runs)));
}

Bytes FakeKernel::describe(const FakeDevice &device) const {
    return attr(VRCTX_A_CTX_IFINDEX,
                u32(static_cast<std::uint32_t>(device.ifindex))) +
           attr(VRCTX_A_CTX_IFNAME, text(device.name)) + identity(device.ctx);
}

// With padding attributes, as on machines that need them
Bytes FakeKernel::count(std::uint32_t id) const {
    std::uint64_t packets = contexts.at(id).packets;
    Bytes bytes = identity(id);
    for (std::uint16_t type :
         {VRCTX_A_CTX_RX_PACKETS, VRCTX_A_CTX_TX_PACKETS,
          VRCTX_A_CTX_FWD_PACKETS, VRCTX_A_CTX_NO_ROUTE, VRCTX_A_CTX_WRONG_CTX})
        bytes = bytes + attr(VRCTX_A_CTX_PAD, {}) + attr(type, u64(packets++));
    return bytes;
}

Bytes FakeKernel::task(std::uint32_t pid) const {
    return attr(VRCTX_A_CTX_PID, u32(pid)) + identity(tasks.at(pid));
}

FakeKernel::Datagrams FakeKernel::list_addresses(const Request &request) const {
    Datagrams answer;
    for (const FakeDevice &device : devices)
        for (const FakeAddress &address : device.addresses) {
            ifaddrmsg fixed{};
            fixed.ifa_family = AF_INET6;
            fixed.ifa_prefixlen = 64;
            fixed.ifa_flags = static_cast<std::uint8_t>(address.flags);
            fixed.ifa_index = static_cast<std::uint32_t>(device.ifindex);
            Bytes body(sizeof(fixed));
            std::memcpy(body.data(), &fixed, sizeof(fixed));
            Bytes host(16);
            host[0] = std::byte{0xfd};
            host[15] = std::byte{address.host};
            answer.push_back(
                wire::message(RTM_NEWADDR, NLM_F_MULTI, request.sequence,
                              body + attr(IFA_ADDRESS, host) +
                                  attr(IFA_FLAGS, u32(address.flags)) +
                                  attr(IFA_PROTO, wire::raw({address.proto}))));
        }
    answer.push_back(wire::done(request.sequence, NLM_F_MULTI));
    return answer;
}

void FakeKernel::add_address(const Request &request) {
    ifaddrmsg info{};
    std::memcpy(&info, request.fixed.data(), sizeof(info));
    auto host = static_cast<std::uint8_t>(request.attrs.at(IFA_ADDRESS)[15]);

    for (FakeDevice &device : devices) {
        if (device.ifindex != static_cast<int>(info.ifa_index))
            continue;
        for (const FakeAddress &address : device.addresses)
            if (address.host == host)
                throw Refusal{EEXIST, ""};
        for (const FakeAddress &address : lost)
            if (address.host == host && address.refused)
                throw Refusal{EADDRNOTAVAIL, ""};
        device.addresses.push_back({host});
        log.push_back("address " + device.name + " " + std::to_string(host));
    }
}

FakeKernel::Datagrams FakeKernel::route(const Bytes &datagram) {
    Request request = wire::parse(datagram, sizeof(ifinfomsg));
    if (request.type == RTM_GETADDR)
        return list_addresses(request);
    if (request.type == RTM_NEWADDR) {
        request = wire::parse(datagram, sizeof(ifaddrmsg));
        try {
            add_address(request);
        } catch (const Refusal &refusal) {
            return {wire::ack(request.sequence, -refusal.code, refusal.why)};
        }
        return {wire::ack(request.sequence, 0)};
    }
    ifinfomsg info{};
    std::memcpy(&info, request.fixed.data(), sizeof(info));

    try {
        if (request.type == RTM_GETLINK) {
            FakeDevice &device = find_device(request, false);
            info.ifi_index = device.ifindex;
            info.ifi_flags = device.up ? IFF_UP : 0;
            Bytes fixed(sizeof(info));
            std::memcpy(fixed.data(), &info, sizeof(info));
            Bytes body = fixed + attr(IFLA_IFNAME, text(device.name));
            if (device.master)
                body = body + attr(IFLA_MASTER, u32(99));
            return {wire::message(RTM_NEWLINK, 0, request.sequence, body),
                    wire::ack(request.sequence, 0)};
        }
        bool up = info.ifi_flags & IFF_UP;
        if (up && up_refused)
            throw Refusal{ENOMEM, ""};
        for (FakeDevice &device : devices)
            if (device.ifindex == info.ifi_index && info.ifi_change == IFF_UP) {
                device.up = up;
                if (!up)
                    lost = std::exchange(device.addresses, {});
                log.push_back((up ? "up " : "down ") + device.name);
            }
        return {wire::ack(request.sequence, 0)};
    } catch (const Refusal &refusal) {
        return {wire::ack(request.sequence, -refusal.code, refusal.why)};
    }
}
