// SPDX-License-Identifier: GPL-2.0
//
// One of two hosts that are to behave the same: a context, or a namespace.

#pragma once

#include <array>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "canon.hpp"
#include "nat.hpp"
#include "netlink.hpp"
#include "packet.hpp"
#include "place.hpp"

namespace attack {

constexpr unsigned slot_count = 12;

// What a device or packet socket showed: as it was, and to compare
struct Shown {
    std::string raw;
    std::string canon;
};

// Purpose: a tap device; the tester is its wire.
// Threading: one thread.
// Errors: none.
struct Device {
    int fd = -1;
    std::uint32_t ifindex = 0;
    std::string name;
    Mac mac = {};
    View view = {};
    // and, by itself, what asks for neighbours
    std::vector<Shown> out = {}, asked = {};
};

// Purpose: a host, with what the tester holds of it.
// Threading: one thread.
// Errors: std::system_error; Leak.
class Host {
  public:
    Host(Place where, std::uint16_t owner)
        : place(std::move(where)), canon(owner) {
        slots.fill(-1);
    }
    ~Host();
    Host(const Host &) = delete;
    Host &operator=(const Host &) = delete;

    // In the context from the beginning, or made in context 0 and moved
    // before it is up
    void add_device(const std::string &name, std::uint32_t ifindex,
                    const Mac &mac, bool moved, Family *family);
    // A packet socket that hears all of the host
    void listen();
    // All that devices and the packet socket have
    void drain();
    void inject(unsigned device, const std::string &frame);
    void close_slot(unsigned slot);
    // Has the kernel chosen a port for it?
    void name_port(unsigned slot);
    // A socket, of the task's context or by SO_VRCTX
    int open_socket(int family, int type, int protocol, bool by_option);

    Place place;
    Canon canon;
    std::vector<Device> devices;
    std::unique_ptr<Netlink> route;
    // When first asked
    std::unique_ptr<Netlink> filter, diag;
    // If its world translates
    std::unique_ptr<Rules> rules;
    std::array<int, slot_count> slots;
    std::array<std::uint16_t, slot_count> ports = {};
    // The last packets that it sent, oldest first
    std::deque<std::string> history;
    int sniffer = -1;
    View heard_view;
    std::vector<Shown> heard, heard_asking;
};

// ---- system calls as text: -1 and an errno are an outcome like others ----

std::string outcome(long ret);
std::string name_text(Canon &canon, const sockaddr_storage &name,
                      socklen_t size);

}  // namespace attack
