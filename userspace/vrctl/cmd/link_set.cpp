// SPDX-License-Identifier: GPL-2.0

#include <linux/netlink.h>

#include <cerrno>

#include "cmd/all.hpp"
#include "vr/address.hpp"
#include "vr/device.hpp"
#include "vr/link.hpp"

namespace vrctl::cmd {
namespace {

// Those that are lost are told one by one; the device is up, the rest there.
bool restore(const Env &env, vr::netlink::Socket &route,
             const std::vector<vr::Address> &addresses) {
    bool all = true;
    for (const vr::Address &address : addresses) {
        if (auto ok = vr::restore_address(route, address); !ok) {
            env.fail(ok.error());
            all = false;
        }
    }
    return all;
}

// Down, move, up; and up again whatever became of the move. Going down costs
// the device its IPv6 addresses, so they are put back.
vr::Result<int> flap(const Env &env, vr::netlink::Socket &route,
                     const vr::Link &link, vr::Client &client,
                     const vr::Ref &ref) {
    auto addresses = vr::static_addresses6(route, link.ifindex);
    if (!addresses)
        return addresses.error();
    if (auto down = vr::set_link_up(route, link, false); !down)
        return down.error();
    auto moved = vr::set_device(client, link.ifname, ref);
    auto up = vr::set_link_up(route, link, true);

    env.print(link.ifname + ": taken down" +
              (moved ? ", moved to context " + ref.text() : ", not moved") +
              (up ? ", brought up\n" : "\n"));
    if (!moved && !up)
        env.fail(moved.error());
    if (!up)
        return up.error();
    bool whole = restore(env, route, *addresses);
    if (!moved)
        return moved.error();
    return whole ? exit_ok : exit_refused;
}

vr::Result<int> run(const Env &env, const Args &args) {
    const std::string &ifname = args.words[0];
    auto ref = vr::Ref::parse(args.words[1]);
    if (!ref)
        return ref.error();
    auto client = env.client();
    if (!client)
        return client.error();

    // Asking first means that a device is not taken down for a move that is
    // refused for another reason than its being up.
    auto moved = vr::set_device(*client, ifname, *ref);
    if (moved)
        return exit_ok;
    if (moved.error().code != EBUSY)
        return moved.error();

    auto route = env.system.open(NETLINK_ROUTE);
    if (!route)
        return route.error();
    auto link = vr::get_link(**route, ifname);
    if (!link)
        return link.error();
    if (!link->up || link->master)
        return moved.error();
    return flap(env, **route, *link, *client, *ref);
}

}  // namespace

const Command link_set{
    .name = "link set",
    .synopsis = "DEV CTX",
    .summary = "move a device into a context",
    .min_words = 2,
    .max_words = 2,
    .options = {},
    .run = run,
};

}  // namespace vrctl::cmd
