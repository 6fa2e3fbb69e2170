// SPDX-License-Identifier: GPL-2.0
//
// What root of a host changes in it, and asks about it.

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "settings.hpp"
#include "world.hpp"

namespace attack {

std::string errno_text(int error) {
    return error ? strerrorname_np(-error) : "done";
}

namespace {

// In a namespace a connected socket of IPv6 goes on with a route of table main
// when its destination becomes a local address, until something ends all
// routes; in a context there is one table, and it notices. So all routes end.
void notice_addresses(Turn &turn) {
    if (!turn.world().six())
        return;
    for (Pair &pair : turn.world().pairs())
        for (Host *host : {pair.a.get(), pair.b.get()})
            for (bool add : {true, false})
                address(*host, -1, Addr::parse("fd00::1"), 128, add);
}

void addresses(Turn &turn) {
    unsigned device = turn.device();
    bool add = turn.random().percent(60);
    unsigned prefix = turn.world().six() ? 64 : 24;
    Addr addr = turn.world().local(device, turn.random().percent(80) ? 2 : 1);
    if (addr == turn.world().local(device) && turn.random().percent(60))
        add = true;
    turn.both([&](Host &host) {
        return errno_text(
            address(host, static_cast<int>(device), addr, prefix, add));
    });
    notice_addresses(turn);
    turn.world().settle();
}

void neighbours(Turn &turn) {
    unsigned device = turn.device();
    Addr addr = turn.peer(device);
    bool add = turn.random().percent(70);
    auto number = turn.random().pick(peer_numbers);
    turn.both([&](Host &host) {
        return errno_text(neighbour(
            host, device, addr, turn.world().peer_mac(device, number), add));
    });
}

void routes(Turn &turn) {
    Random &random = turn.random();
    World &world = turn.world();
    unsigned device = turn.device();
    Addr gateway =
        turn.peer(turn.random().percent(85) ? device : turn.device());
    bool add = random.percent(60);
    unsigned host_bits = world.six() ? 128 : 32,
             net_bits = world.six() ? 64 : 24;
    Route one = {};
    one.type = RTN_UNICAST;
    one.metric = random.percent(70) ? 0 : 1 + random.below(3);
    if (random.percent(50)) {
        one.dst = turn.far();
        one.prefix = host_bits;
    } else {
        unsigned net = random.below(4);
        one.dst = world.six() ? Addr::v6(2, net, 0) : Addr::v4(10, 1, net, 0);
        one.prefix = net_bits;
    }
    if (random.percent(10)) {
        one.dst.bytes = {};
        one.prefix = 0;
    }
    if (random.percent(20)) {
        static const int types[] = {RTN_BLACKHOLE, RTN_UNREACHABLE,
                                    RTN_PROHIBIT, RTN_THROW};
        one.type = random.pick(types);
    } else {
        one.device = static_cast<int>(device);
        if (random.percent(80))
            one.gateway = &gateway;
        if (random.percent(20))
            one.mtu = world.six() ? 1284 : 1000;
    }
    turn.both([&](Host &host) { return errno_text(route(host, one, add)); });
}

void flap(Turn &turn) {
    unsigned device = turn.device();
    // Mostly up again at once
    bool up = turn.random().percent(70), again = turn.random().percent(90);
    turn.both([&](Host &host) {
        std::string text;
        if (!up || again)
            text = errno_text(link_up(host, device, false));
        if (up || again)
            text += " " + errno_text(link_up(host, device, true));
        return text;
    });
    unsigned prefix = turn.world().six() ? 64 : 24;
    if (again && turn.world().six())
        turn.both([&](Host &host) {
            return errno_text(address(host, static_cast<int>(device),
                                      turn.world().local(device), prefix,
                                      true));
        });
    notice_addresses(turn);
}

void mtu(Turn &turn) {
    unsigned device = turn.device();
    static const unsigned less[] = {0, 0, 8, 96};
    unsigned value = turn.world().mtu() - turn.random().pick(less);
    if (turn.world().six())
        value = std::max(value, 1284u);
    turn.both(
        [&](Host &host) { return errno_text(link_mtu(host, device, value)); });
}

void settings(Turn &turn) {
    static const char *const names[] = {
        "rp_filter",  "accept_redirects", "send_redirects", "accept_local",
        "arp_ignore", "forwarding",       "route_localnet", "log_martians"};
    std::string name = turn.random().pick(names);
    unsigned device = turn.device();
    bool all = turn.random().percent(30) && name != "log_martians";
    std::string value = turn.random().percent(50) ? "1" : "0";
    if (name == "log_martians")
        value = "0";
    turn.say(-1, (all ? "all " : std::to_string(device) + " ") + name + " = " +
                     value);
    turn.both([&](Host &host) {
        host.place.enter();
        return errno_text(
            sysctl("ipv4/conf/" +
                       (all ? std::string("all") : host.devices[device].name) +
                       "/" + name,
                   value));
    });
}

// ---- questions ----

void route_get(Turn &turn) {
    Addr dst = turn.any_addr(), src = turn.any_addr();
    bool from = turn.random().percent(30);
    unsigned device = turn.device();
    bool input = turn.random().percent(30);
    turn.say(-1, dst.text() +
                     (from || input ? " from " + src.text() : std::string()) +
                     (input ? " by " + std::to_string(device) : ""));
    turn.both([&](Host &host) {
        rtmsg head = {};
        head.rtm_family = static_cast<std::uint8_t>(dst.family);
        head.rtm_dst_len = static_cast<std::uint8_t>(dst.size() * 8);
        Message message = Message(RTM_GETROUTE, NLM_F_ACK);
        if (from || input)
            head.rtm_src_len = static_cast<std::uint8_t>(src.size() * 8);
        message.head(head).put(RTA_DST, dst.view());
        if (from || input)
            message.put(RTA_SRC, src.view());
        if (input)
            message.put(RTA_IIF, host.devices[device].ifindex);
        std::vector<std::string> replies;
        std::string text = errno_text(host.route->ask(message, &replies));
        for (std::string &reply : replies) {
            host.canon.data(reply);
            // But for the table: in a namespace the answer says "main" even
            // of a local route, as both are one tree; in a context "local"
            std::string row = reply.substr(NLMSG_HDRLEN, sizeof(rtmsg));
            row[offsetof(rtmsg, rtm_table)] = 0;
            text += " " + row;
            for (int type : {RTA_DST, RTA_OIF, RTA_GATEWAY, RTA_PREFSRC,
                             RTA_METRICS, RTA_IIF})
                text +=
                    "/" + std::string(attribute(reply, sizeof(rtmsg), type));
        }
        return text;
    });
}

// Attributes that tell when something was, or how often, are left out
struct Dump {
    int type;
    std::size_t head;
    std::initializer_list<int> attributes;
};

int ifindex_of(const std::string &reply) {
    ndmsg head;
    std::memcpy(&head, reply.data() + NLMSG_HDRLEN, sizeof(head));
    return head.ndm_ifindex;
}

std::string dump_text(Host &host, const Dump &dump, int family) {
    std::string head(dump.head, '\0');
    head[0] = static_cast<char>(family);
    Message message(dump.type, NLM_F_DUMP);
    message.raw(head.data(), head.size());
    std::vector<std::string> replies;
    std::string text = errno_text(host.route->ask(message, &replies));
    std::vector<std::string> rows;
    for (std::string &reply : replies) {
        host.canon.data(reply);
        if (reply.size() < NLMSG_HDRLEN + dump.head)
            continue;
        // A context is not shown the entries of lo, which are one list for all
        // and say no more than that an address was used
        if (dump.type == RTM_GETNEIGH && !host.place.ctx &&
            ifindex_of(reply) == 1)
            continue;
        std::string row = "\n" + reply.substr(NLMSG_HDRLEN, dump.head);
        for (int type : dump.attributes)
            row += "/" + std::string(attribute(reply, dump.head, type));
        rows.push_back(row);
    }
    // The order is that of hashes and tables, which no program relies on
    std::sort(rows.begin(), rows.end());
    for (const std::string &row : rows)
        text += row;
    return text;
}

void dump(Turn &turn) {
    // Context 0 sees all of the namespace, as it is to
    if (!turn.pair().a->place.ctx)
        return;
    static const Dump dumps[] = {
        {RTM_GETADDR,
         sizeof(ifaddrmsg),
         {IFA_ADDRESS, IFA_LOCAL, IFA_LABEL, IFA_BROADCAST, IFA_FLAGS}},
        {RTM_GETROUTE,
         sizeof(rtmsg),
         {RTA_DST, RTA_OIF, RTA_GATEWAY, RTA_PREFSRC, RTA_PRIORITY,
          RTA_METRICS}},
        {RTM_GETNEIGH, sizeof(ndmsg), {NDA_DST, NDA_LLADDR}},
        {RTM_GETLINK,
         sizeof(ifinfomsg),
         {IFLA_IFNAME, IFLA_MTU, IFLA_ADDRESS, IFLA_OPERSTATE}},
    };
    const Dump &which = turn.random().pick(dumps);
    turn.both(
        [&](Host &host) {
            return dump_text(host, which, turn.world().family());
        },
        // states change with what the kernel does later
        [](const std::string &) { return true; });
}

}  // namespace

const std::vector<Operation> config_operations = {
    {"address", 3, addresses, true}, {"neighbour entry", 2, neighbours, true},
    {"route", 5, routes, true},      {"flap", 1, flap, true},
    {"mtu", 1, mtu, true},           {"setting", 2, settings, true},
    {"route get", 4, route_get},     {"dump", 2, dump},
};

}  // namespace attack
