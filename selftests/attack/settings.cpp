// SPDX-License-Identifier: GPL-2.0

#include "settings.hpp"

#include <linux/rtnetlink.h>
#include <net/if.h>

#include <cerrno>
#include <system_error>

namespace attack {

namespace {

void must(int error, const char *what) {
    if (error)
        throw std::system_error(-error, std::generic_category(), what);
}

}  // namespace

Settings::Settings(Random &random, bool six, bool translates) {
    static const char *const filters[] = {"0", "0", "1", "2"};
    auto coin = [&] { return random.percent(50) ? "1" : "0"; };
    static const char *const cookies[] = {"0", "1", "2"};

    const char *cookie = random.pick(cookies);
    cookies_ = *cookie == '2';
    shared_ = {
        // Nothing may depend on when it happens
        {"ipv4/tcp_timestamps", "0"},
        {"ipv4/tcp_rto_min_us", "100000000"},
        {"ipv4/tcp_early_retrans", "0"},
        {"ipv4/tcp_autocorking", "0"},
        {"ipv4/tcp_tw_reuse", "0"},
        {"ipv4/tcp_invalid_ratelimit", "0"},
        {"ipv4/icmp_ratelimit", "0"},
        {"ipv4/icmp_ratemask", "0"},
        {"ipv4/icmp_msgs_per_sec", "1000000"},
        {"ipv4/icmp_msgs_burst", "1000000"},
        {"ipv4/ipfrag_time", "3600"},
        {"ipv4/ping_group_range", "0 2147483647"},
        {"ipv6/icmp/ratelimit", "0"},
        {"ipv6/ip6frag_time", "3600"},
        {"ipv6/conf/all/accept_dad", "0"},
        {"ipv6/conf/default/accept_dad", "0"},
        {"ipv6/conf/default/dad_transmits", "0"},
        {"ipv6/conf/default/router_solicitations", "0"},
        {"ipv6/conf/default/accept_ra", "0"},
        {"ipv6/conf/default/router_probe_interval", "1000000"},
        {"ipv6/conf/default/addr_gen_mode", "1"},
        {"ipv6/conf/default/disable_ipv6", six ? "0" : "1"},
        {"ipv4/tcp_sack", coin()},
        {"ipv4/tcp_syncookies", cookie},
        {"ipv4/tcp_no_metrics_save", coin()},
        {"ipv4/ip_forward_use_pmtu", coin()},
        {"ipv4/icmp_echo_ignore_broadcasts", coin()},
        {"ipv4/icmp_errors_use_inbound_ifaddr", coin()},
        {"ipv4/ip_nonlocal_bind", "0"},
        {"ipv4/ip_no_pmtu_disc", "0"},
    };
    const char *forward = coin();
    if (translates) {
        forward = "1";
        for (const char *name :
             {"generic_timeout", "icmp_timeout", "icmpv6_timeout",
              "udp_timeout", "udp_timeout_stream", "frag6_timeout",
              "tcp_timeout_syn_sent", "tcp_timeout_syn_recv",
              "tcp_timeout_fin_wait", "tcp_timeout_close_wait",
              "tcp_timeout_last_ack", "tcp_timeout_time_wait",
              "tcp_timeout_close", "tcp_timeout_max_retrans",
              "tcp_timeout_unacknowledged"})
            shared_.emplace_back(std::string("netfilter/nf_conntrack_") + name,
                                 "36000");
        shared_.emplace_back("netfilter/nf_conntrack_acct", "1");
    }
    own_ = {{"ipv4/ip_forward", forward},
            {"ipv6/conf/all/forwarding", forward}};
    std::pair<const char *, const char *> confs[] = {
        {"rp_filter", random.pick(filters)},
        {"accept_redirects", coin()},
        {"send_redirects", coin()},
        {"secure_redirects", coin()},
        {"shared_media", coin()},
        {"accept_local", coin()},
        {"accept_source_route", coin()},
        {"arp_ignore", coin()},
        {"arp_filter", coin()},
        {"route_localnet", coin()},
    };
    for (const auto &[name, value] : confs)
        for (const char *which : {"all", "default"})
            own_.emplace_back(std::string("ipv4/conf/") + which + "/" + name,
                              value);
}

void Settings::machine() {
    for (const char *family : {"ipv4", "ipv6"}) {
        auto set = [&](const char *name, const char *value) {
            sysctl(std::string(family) + "/neigh/default/" + name, value);
        };
        // One request, for ever; what is known stays known
        set("retrans_time_ms", "3600000");
        set("base_reachable_time_ms", "36000000");
        set("delay_first_probe_time", "3600");
        set("gc_stale_time", "36000");
        // What waits for a neighbour is held by the one socket that the
        // machine has for ICMP: others would get no answer
        set("unres_qlen_bytes", "2000");
        set("locktime", "0");
        set("anycast_delay", "0");
        set("proxy_delay", "0");
    }
    // Marked as written in all devices that are made, as by sysctl.d
    sysctl("ipv4/conf/default/rp_filter", "0");
    // One redirect to each host, and no second one
    sysctl("ipv4/route/redirect_number", "1");
    sysctl("ipv4/route/redirect_silence", "1000000");
    sysctl("ipv4/icmp_msgs_per_sec", "1000000");
    sysctl("ipv4/icmp_msgs_burst", "1000000");
}

void Settings::apply(const Place &place) const {
    place.enter();
    for (const auto &[name, value] : shared_)
        sysctl(name, value);
    // lo of the namespace
    Netlink netlink(NETLINK_ROUTE);
    ifinfomsg link = {};
    link.ifi_index = 1;
    link.ifi_flags = link.ifi_change = IFF_UP;
    Message message = Message(RTM_NEWLINK, NLM_F_ACK).head(link);
    netlink.must(message, "lo up");
}

void Settings::configure(World &world, Host &host, unsigned number, bool moved,
                         bool sniff, Random random) const {
    host.place.enter();
    for (const auto &[name, value] : own_)
        must(sysctl(name, value), name.c_str());
    host.route = std::make_unique<Netlink>(NETLINK_ROUTE);
    if (sniff)
        host.listen();
    // What has no other address of IPv6 sends from ::1 in a namespace, though
    // that is not to be seen on a wire; in a context it sends nothing
    if (world.six())
        must(address(host, -1, Addr::parse("fd00::2"), 128, true), "lo");
    for (unsigned i = 0; i < world.device_count(); i++) {
        std::string name =
            "h" + std::to_string(number) + "d" + std::to_string(i);
        host.add_device(name, 100 + number * 10 + i,
                        {2, 0, 0, 0, static_cast<std::uint8_t>(number),
                         static_cast<std::uint8_t>(i)},
                        moved, &world.contexts());
        unsigned prefix = world.six() ? 64 : 24;
        must(link_mtu(host, i, world.mtu()), "mtu");
        must(link_up(host, i, true), "link up");
        must(address(host, static_cast<int>(i), world.local(i), prefix, true),
             "address");
        for (unsigned peer : {9u, 10u})
            must(neighbour(host, i, world.local(i, peer),
                           world.peer_mac(i, peer), true),
                 "neighbour");
        Addr gateway = world.local(i, 9);
        Addr net = world.six() ? Addr::v6(2, i, 0) : Addr::v4(10, 1, i, 0);
        Route far = {net, prefix, RTN_UNICAST, static_cast<int>(i), &gateway};
        must(route(host, far, true), "route");
    }
    if (random.percent(50)) {
        Addr gateway = world.local(0, 10);
        Addr any;
        any.family = world.family();
        must(route(host, {any, 0, RTN_UNICAST, 0, &gateway}, true),
             "default route");
    }
    // The kernel works on addresses of IPv6 when it has time
    for (Deadline deadline(10); world.six() && deadline.left();) {
        bool all = true;
        for (unsigned i = 0; i < world.device_count(); i++) {
            rtmsg head = {};
            head.rtm_family = AF_INET6;
            head.rtm_dst_len = 128;
            Message message = Message(RTM_GETROUTE, NLM_F_ACK).head(head);
            message.put(RTA_DST, world.local(i).view());
            std::vector<std::string> replies;
            all = all && !host.route->ask(message, &replies) &&
                  !replies.empty() &&
                  reinterpret_cast<const rtmsg *>(replies[0].data() +
                                                  NLMSG_HDRLEN)
                          ->rtm_type == RTN_LOCAL;
        }
        if (all)
            return;
    }
}

// ---- requests ----

int link_up(Host &host, unsigned device, bool up) {
    ifinfomsg head = {};
    head.ifi_index = static_cast<int>(host.devices[device].ifindex);
    head.ifi_flags = up ? IFF_UP : 0;
    head.ifi_change = IFF_UP;
    Message message = Message(RTM_NEWLINK, NLM_F_ACK).head(head);
    return host.route->ask(message);
}

int link_mtu(Host &host, unsigned device, unsigned mtu) {
    ifinfomsg head = {};
    head.ifi_index = static_cast<int>(host.devices[device].ifindex);
    Message message = Message(RTM_NEWLINK, NLM_F_ACK).head(head);
    message.put(IFLA_MTU, mtu);
    return host.route->ask(message);
}

int address(Host &host, int device, const Addr &addr, unsigned prefix,
            bool add) {
    ifaddrmsg head = {};
    head.ifa_family = static_cast<std::uint8_t>(addr.family);
    head.ifa_prefixlen = static_cast<std::uint8_t>(prefix);
    head.ifa_index =
        device < 0 ? 1 : host.devices[static_cast<unsigned>(device)].ifindex;
    head.ifa_flags = addr.family == AF_INET6 ? IFA_F_NODAD : 0;
    Message message = Message(add ? RTM_NEWADDR : RTM_DELADDR,
                              NLM_F_ACK | (add ? NLM_F_CREATE | NLM_F_EXCL : 0))
                          .head(head);
    message.put(IFA_LOCAL, addr.view()).put(IFA_ADDRESS, addr.view());
    if (addr.family == AF_INET && prefix < 31) {
        Addr all = addr;
        all.bytes[3] = 255;
        message.put(IFA_BROADCAST, all.view());
    }
    return host.route->ask(message);
}

int neighbour(Host &host, unsigned device, const Addr &addr, const Mac &mac,
              bool add) {
    ndmsg head = {};
    head.ndm_family = static_cast<std::uint8_t>(addr.family);
    head.ndm_ifindex = static_cast<int>(host.devices[device].ifindex);
    head.ndm_state = NUD_PERMANENT;
    Message message =
        Message(add ? RTM_NEWNEIGH : RTM_DELNEIGH,
                NLM_F_ACK | (add ? NLM_F_CREATE | NLM_F_REPLACE : 0))
            .head(head);
    message.put(NDA_DST, addr.view());
    if (add)
        message.put(NDA_LLADDR, mac);
    return host.route->ask(message);
}

int route(Host &host, const Route &route, bool add) {
    rtmsg head = {};
    head.rtm_family = static_cast<std::uint8_t>(route.dst.family);
    head.rtm_dst_len = static_cast<std::uint8_t>(route.prefix);
    head.rtm_table = RT_TABLE_MAIN;
    head.rtm_protocol = RTPROT_STATIC;
    head.rtm_scope = static_cast<std::uint8_t>(
        !add                                ? RT_SCOPE_NOWHERE
        : route.gateway || route.device < 0 ? RT_SCOPE_UNIVERSE
                                            : RT_SCOPE_LINK);
    head.rtm_type = static_cast<std::uint8_t>(add ? route.type : 0);
    Message message = Message(add ? RTM_NEWROUTE : RTM_DELROUTE,
                              NLM_F_ACK | (add ? NLM_F_CREATE | NLM_F_EXCL : 0))
                          .head(head);
    if (route.prefix)
        message.put(RTA_DST, route.dst.view());
    if (route.device >= 0)
        message.put(RTA_OIF,
                    host.devices[static_cast<unsigned>(route.device)].ifindex);
    if (route.gateway)
        message.put(RTA_GATEWAY, route.gateway->view());
    if (route.metric)
        message.put(RTA_PRIORITY, route.metric);
    if (route.mtu) {
        rtattr inner = {static_cast<std::uint16_t>(RTA_LENGTH(4)), RTAX_MTU};
        std::string value(reinterpret_cast<const char *>(&inner),
                          sizeof(inner));
        value.append(reinterpret_cast<const char *>(&route.mtu),
                     sizeof(route.mtu));
        message.put(RTA_METRICS, std::string_view(value));
    }
    return host.route->ask(message);
}

}  // namespace attack
