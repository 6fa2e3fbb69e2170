// SPDX-License-Identifier: GPL-2.0

#include "system.hpp"

#include <ifaddrs.h>
#include <netinet/in.h>
#include <netpacket/packet.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "privilege.hpp"

namespace vrctl {
namespace {

template <typename Address>
Address copied(const void *from) {
    Address to{};
    std::memcpy(to.data(), from, to.size());
    return to;
}

void add(Interface &device, const sockaddr &address) {
    const void *at = &address;
    if (address.sa_family == AF_INET)
        device.addresses.emplace_back(copied<vr::dhost::Ipv4>(
            &static_cast<const sockaddr_in *>(at)->sin_addr));
    else if (address.sa_family == AF_INET6)
        device.addresses.emplace_back(copied<vr::dhost::Ipv6>(
            &static_cast<const sockaddr_in6 *>(at)->sin6_addr));
    else if (const auto *link = static_cast<const sockaddr_ll *>(at);
             address.sa_family == AF_PACKET &&
             link->sll_halen == vr::dhost::Mac().size())
        device.lladdr = copied<vr::dhost::Mac>(link->sll_addr);
}

vr::Result<std::vector<Interface>> read_interfaces() {
    ifaddrs *all = nullptr;
    if (::getifaddrs(&all) < 0)
        return vr::Error{errno, "list the addresses of this machine", {}};
    std::vector<Interface> list;
    for (const ifaddrs *one = all; one; one = one->ifa_next) {
        if (!one->ifa_addr)
            continue;
        auto device = std::ranges::find(list, one->ifa_name, &Interface::name);
        if (device == list.end())
            device = list.insert(list.end(), Interface{one->ifa_name});
        add(*device, *one->ifa_addr);
    }
    ::freeifaddrs(all);
    return list;
}

class RealSystem final : public System {
  public:
    vr::Result<std::unique_ptr<vr::netlink::Socket>> open(int bus) override {
        return vr::netlink::open(bus);
    }

    vr::Result<vr::Membership> current() override {
        return vr::current_context();
    }

    vr::Result<void> enter(const vr::Ref &ref) override {
        return vr::enter_context(ref);
    }

    vr::Result<User> find_user(const std::string &name) override {
        return lookup_user(name);
    }

    vr::Result<void> become(const User &user) override { return drop_to(user); }

    vr::Result<std::vector<Interface>> interfaces() override {
        return read_interfaces();
    }

    int exec(std::span<const std::string> command) override {
        std::vector<char *> argv;
        argv.reserve(command.size() + 1);
        for (const std::string &word : command)
            argv.push_back(const_cast<char *>(word.c_str()));
        argv.push_back(nullptr);
        execvp(argv[0], argv.data());
        return errno;
    }
};

}  // namespace

std::unique_ptr<System> real_system() {
    return std::make_unique<RealSystem>();
}

}  // namespace vrctl
