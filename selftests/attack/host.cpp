// SPDX-License-Identifier: GPL-2.0

#include "host.hpp"

#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/vrctx.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#ifndef SO_VRCTX
#define SO_VRCTX 0x5652
#endif

namespace attack {

Host::~Host() {
    for (unsigned i = 0; i < slot_count; i++)
        close_slot(i);
    if (sniffer >= 0)
        close(sniffer);
    for (Device &device : devices)
        close(device.fd);
}

void Host::add_device(const std::string &name, std::uint32_t ifindex,
                      const Mac &mac, bool moved, Family *family) {
    Device device;
    device.name = name;
    device.ifindex = ifindex;
    device.mac = mac;
    moved = moved && place.ctx;
    Place(place.netns, moved ? 0 : place.ctx).enter();
    device.fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (device.fd < 0)
        fail("/dev/net/tun");
    ifreq request = {};
    name.copy(request.ifr_name, IFNAMSIZ - 1);
    request.ifr_flags = IFF_TAP | IFF_NO_PI;
    // The index of the other host's twin, so that what shows it is equal
    if (ioctl(device.fd, TUNSETIFINDEX, &ifindex) ||
        ioctl(device.fd, TUNSETIFF, &request))
        fail("tap " + name);
    request.ifr_hwaddr.sa_family = ARPHRD_ETHER;
    std::memcpy(request.ifr_hwaddr.sa_data, mac.data(), mac.size());
    if (ioctl(device.fd, SIOCSIFHWADDR, &request))
        fail("address of " + name);
    if (moved)
        family->move(ifindex, place.ctx);
    devices.push_back(std::move(device));
}

void Host::listen() {
    place.enter();
    sniffer = socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
                     htons(ETH_P_ALL));
    if (sniffer < 0)
        fail("packet socket");
    // Checksums may not be there yet, and who is first to know varies
    heard_view.partial = true;
}

namespace {

char buffer[1 << 16];

}  // namespace

void Host::drain() {
    ssize_t size;
    for (Device &device : devices) {
        while ((size = read(device.fd, buffer, sizeof(buffer))) > 0) {
            Shown shown = {{buffer, static_cast<std::size_t>(size)}, {}};
            shown.canon = shown.raw;
            if (!canon.frame(shown.canon, device.view))
                continue;
            bool ask = size > 14 && asks(std::string_view(shown.raw).substr(14),
                                         get16(shown.raw, 12));
            (ask ? device.asked : device.out).push_back(std::move(shown));
        }
    }
    while (sniffer >= 0) {
        sockaddr_ll from = {};
        socklen_t length = sizeof(from);
        size = recvfrom(sniffer, buffer, sizeof(buffer), 0,
                        reinterpret_cast<sockaddr *>(&from), &length);
        if (size < 0)
            break;
        Shown shown = {{}, {buffer, static_cast<std::size_t>(size)}};
        if (!canon.packet(shown.canon, heard_view))
            continue;
        bool ask = asks(shown.canon, ntohs(from.sll_protocol));
        shown.canon += " on " + std::to_string(from.sll_ifindex) + " kind " +
                       std::to_string(from.sll_pkttype) + " protocol " +
                       std::to_string(ntohs(from.sll_protocol));
        (ask ? heard_asking : heard).push_back(std::move(shown));
    }
}

void Host::inject(unsigned device, const std::string &frame) {
    if (write(devices[device].fd, frame.data(), frame.size()) < 0 &&
        errno != EIO)  // a device that is down
        fail("write to " + devices[device].name);
}

void Host::close_slot(unsigned slot) {
    if (slots[slot] >= 0)
        close(slots[slot]);
    slots[slot] = -1;
    ports[slot] = 0;
}

void Host::name_port(unsigned slot) {
    sockaddr_storage name = {};
    socklen_t size = sizeof(name);
    if (getsockname(slots[slot], reinterpret_cast<sockaddr *>(&name), &size))
        return;
    // at the same place in both families
    sockaddr_in in;
    std::memcpy(&in, &name, sizeof(in));
    std::uint16_t port = ntohs(in.sin_port);
    if (port >= first_auto_port && port != ports[slot])
        canon.chosen(port);
    ports[slot] = port;
}

int Host::open_socket(int family, int type, int protocol, bool by_option) {
    by_option = by_option && place.ctx;
    Place(place.netns, by_option ? 0 : place.ctx).enter();
    int fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
    if (fd >= 0 && by_option &&
        setsockopt(fd, SOL_SOCKET, SO_VRCTX, &place.ctx, sizeof(place.ctx)))
        fail("SO_VRCTX");
    return fd;
}

std::string outcome(long ret) {
    if (ret >= 0)
        return std::to_string(ret);
    return strerrorname_np(errno);
}

std::string name_text(Canon &canon, const sockaddr_storage &name,
                      socklen_t size) {
    if (!size)
        return "nobody";
    std::string text;
    if (name.ss_family == AF_INET && size >= sizeof(sockaddr_in)) {
        sockaddr_in in;
        std::memcpy(&in, &name, sizeof(in));
        Addr addr;
        std::memcpy(addr.bytes.data(), &in.sin_addr, 4);
        text =
            addr.text() + " " + std::to_string(canon.port(ntohs(in.sin_port)));
    } else if (name.ss_family == AF_INET6 && size >= sizeof(sockaddr_in6)) {
        sockaddr_in6 in;
        std::memcpy(&in, &name, sizeof(in));
        Addr addr;
        addr.family = AF_INET6;
        std::memcpy(addr.bytes.data(), &in.sin6_addr, 16);
        text = addr.text() + " " +
               std::to_string(canon.port(ntohs(in.sin6_port))) + " scope " +
               std::to_string(in.sin6_scope_id);
    } else {
        text = "family " + std::to_string(name.ss_family);
    }
    return text;
}

}  // namespace attack
