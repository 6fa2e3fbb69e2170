// SPDX-License-Identifier: GPL-2.0
//
// How the hosts of a world are configured.

#pragma once

#include <string>
#include <utility>
#include <vector>

#include "world.hpp"

namespace attack {

// The last octets of neighbours; nobody knows the Ethernet address of the last
constexpr unsigned peer_numbers[] = {9, 10, 11};

// Purpose: what was drawn for a world.
// Threading: one thread.
// Errors: std::system_error.
class Settings {
  public:
    Settings(Random &random, bool six, bool translates);

    // Of the machine: neighbours and redirects must not depend on the clock
    static void machine();
    // Of a namespace, contexts share them
    void apply(const Place &place) const;
    // Devices, addresses, routes, and what a context has of its own
    void configure(World &world, Host &host, unsigned number, bool moved,
                   bool sniff, Random random) const;

    bool cookies() const { return cookies_; }

  private:
    bool cookies_;
    std::vector<std::pair<std::string, std::string>> shared_, own_;
};

// ---- rtnetlink requests; 0 or -errno ----

int link_up(Host &host, unsigned device, bool up);
int link_mtu(Host &host, unsigned device, unsigned mtu);
// device -1: lo
int address(Host &host, int device, const Addr &addr, unsigned prefix,
            bool add);
int neighbour(Host &host, unsigned device, const Addr &addr, const Mac &mac,
              bool add);

// Purpose: a route to add or delete.
// Threading: plain data.
// Errors: none.
struct Route {
    Addr dst;
    unsigned prefix;
    int type;  // RTN_*
    int device = -1;
    const Addr *gateway = nullptr;
    unsigned mtu = 0;
    unsigned metric = 0;
};
int route(Host &host, const Route &route, bool add);

}  // namespace attack
