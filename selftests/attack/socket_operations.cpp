// SPDX-License-Identifier: GPL-2.0
//
// What programs do with sockets.

#include <time.h>

#include <linux/errqueue.h>
#include <linux/filter.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "settings.hpp"
#include "world.hpp"

namespace attack {

namespace {

constexpr std::uint8_t raw_protocol = 253;
// SO_ORIGINAL_DST of both families, whose headers do not go with the others
constexpr int original_dst = 80;

int level(const World &world) {
    return world.six() ? static_cast<int>(IPPROTO_IPV6)
                       : static_cast<int>(IPPROTO_IP);
}

bool not_yet(const std::string &text) {
    return text.starts_with("EAGAIN");
}

// A slot with a socket of one of the kinds, or -1
int used(Turn &turn, std::initializer_list<Kind> kinds) {
    unsigned from = turn.random().below(slot_count);
    for (unsigned i = 0; i < slot_count; i++) {
        unsigned slot = (from + i) % slot_count;
        for (Kind kind : kinds)
            if (turn.pair().kinds[slot] == kind)
                return static_cast<int>(slot);
    }
    return -1;
}

int used(Turn &turn) {
    return used(turn, {Kind::tcp, Kind::udp, Kind::ping, Kind::raw});
}

void drop(Turn &turn, unsigned slot) {
    turn.pair().a->close_slot(slot);
    turn.pair().b->close_slot(slot);
    turn.pair().kinds[slot] = Kind::none;
    if (std::exchange(turn.pair().members[slot], false))
        turn.world().routes_changed();
}

void set(int fd, int at, int name, int value) {
    setsockopt(fd, at, name, &value, sizeof(value));
}

// Of sockets that share a port the first gets all: which one it would be is
// chance otherwise
void take_first(int fd) {
    sock_filter code[] = {{BPF_RET | BPF_K, 0, 0, 0}};
    sock_fprog program = {1, code};
    setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program,
               sizeof(program));
}

void open(Turn &turn) {
    Random &random = turn.random();
    World &world = turn.world();
    unsigned slot = random.below(slot_count);
    static const Kind kinds[] = {Kind::tcp, Kind::tcp, Kind::tcp,  Kind::udp,
                                 Kind::udp, Kind::udp, Kind::ping, Kind::raw};
    Kind kind = random.pick(kinds);
    if (kind == Kind::raw && !world.odd_protocols())
        kind = Kind::udp;
    int type = kind == Kind::tcp   ? SOCK_STREAM
               : kind == Kind::raw ? SOCK_RAW
                                   : SOCK_DGRAM;
    int protocol = kind == Kind::ping  ? icmp_of(world.family())
                   : kind == Kind::raw ? world.six() || random.percent(50)
                                             ? raw_protocol
                                             : static_cast<int>(IPPROTO_UDP)
                                       : 0;
    std::uint64_t options = random.next();
    unsigned on = turn.device();
    auto ident = static_cast<std::uint16_t>(1 + random.below(4));

    drop(turn, slot);
    turn.say(static_cast<int>(slot),
             "type " + std::to_string(type) + "/" + std::to_string(protocol) +
                 " options " + std::to_string(options & 0x3fff) + " device " +
                 std::to_string(on));
    std::string result = turn.both([&](Host &host) -> std::string {
        int fd =
            host.open_socket(world.family(), type, protocol, world.by_option());
        host.slots[slot] = fd;
        if (fd < 0)
            return outcome(fd);
        if (options & 1)
            set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
        if ((options >> 1 & 7) == 7) {
            set(fd, SOL_SOCKET, SO_REUSEPORT, 1);
            take_first(fd);
        }
        if (options >> 4 & 1)
            set(fd, level(world), world.six() ? IPV6_RECVERR : IP_RECVERR, 1);
        if (options >> 5 & 1)
            set(fd, level(world), world.six() ? IPV6_RECVPKTINFO : IP_PKTINFO,
                1);
        if (options >> 6 & 1)
            set(fd, level(world), world.six() ? IPV6_RECVHOPLIMIT : IP_RECVTTL,
                1);
        set(fd, SOL_SOCKET, SO_BROADCAST, options >> 7 & 1);
        if ((options >> 8 & 7) == 7)
            setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE,
                       host.devices[on].name.data(),
                       static_cast<socklen_t>(host.devices[on].name.size()));
        if (kind == Kind::tcp)
            set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
        if ((options >> 11 & 7) == 7)
            set(fd, level(world), world.six() ? IPV6_FREEBIND : IP_FREEBIND, 1);
        if (kind != Kind::ping)
            return "open";
        // The ident that it would get is the machine's next
        Addr any;
        any.family = world.family();
        Name name(any, ident);
        return outcome(bind(fd, name.get(), name.size));
    });
    turn.pair().kinds[slot] = kind;
    if (result != "open" && result != "0")
        drop(turn, slot);
}

// The outcome of a call that may have the kernel choose a port
std::string bound(Host &host, int slot, long ret) {
    std::string text = outcome(ret);
    host.name_port(static_cast<unsigned>(slot));
    return text;
}

void do_bind(Turn &turn) {
    int slot = used(turn, {Kind::tcp, Kind::udp, Kind::raw});
    if (slot < 0)
        return;
    Random &random = turn.random();
    Addr addr =
        random.percent(40) ? turn.local(turn.device()) : turn.any_addr();
    if (random.percent(30))
        addr.bytes = {};
    std::uint16_t port = random.percent(5) ? 0 : turn.local_port();
    turn.say(slot, addr, port);
    turn.both([&](Host &host) {
        Name name(addr, port);
        return bound(host, slot, bind(host.slots[slot], name.get(), name.size));
    });
}

void do_listen(Turn &turn) {
    int slot = used(turn, {Kind::tcp});
    if (slot >= 0)
        turn.both([&](Host &host) {
            return bound(host, slot, listen(host.slots[slot], 64));
        });
}

// A listener at once, as the steps seldom meet by chance
void serve(Turn &turn) {
    World &world = turn.world();
    unsigned slot = turn.random().below(slot_count);
    bool tcp = turn.random().percent(60);
    Addr addr = turn.local(turn.device());
    if (turn.random().percent(50))
        addr.bytes = {};
    std::uint16_t port = turn.local_port();
    drop(turn, slot);
    turn.say(static_cast<int>(slot), addr, port);
    turn.both([&](Host &host) -> std::string {
        int fd =
            host.open_socket(world.family(), tcp ? SOCK_STREAM : SOCK_DGRAM, 0,
                             world.by_option());
        host.slots[slot] = fd;
        if (fd < 0)
            return outcome(fd);
        set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
        set(fd, level(world), world.six() ? IPV6_RECVERR : IP_RECVERR, 1);
        Name name(addr, port);
        if (bind(fd, name.get(), name.size))
            return outcome(-1);
        return tcp ? outcome(listen(fd, 64)) : "0";
    });
    turn.pair().kinds[slot] = tcp ? Kind::tcp : Kind::udp;
}

void do_connect(Turn &turn) {
    int slot = used(turn);
    if (slot < 0)
        return;
    Random &random = turn.random();
    Addr addr = turn.any_addr();
    std::uint16_t port =
        random.percent(50) ? turn.local_port() : turn.peer_port();
    bool undo = random.percent(8);
    turn.say(slot, addr, undo ? 0 : port);
    turn.both([&](Host &host) {
        Name name(addr, port);
        if (undo)
            name.storage.ss_family = AF_UNSPEC;
        return bound(host, slot,
                     connect(host.slots[slot], name.get(), name.size));
    });
}

void do_accept(Turn &turn) {
    int slot = used(turn, {Kind::tcp});
    unsigned to = turn.random().below(slot_count);
    if (slot < 0 || static_cast<unsigned>(slot) == to)
        return;
    drop(turn, to);
    std::string result = turn.both(
        [&](Host &host) {
            sockaddr_storage from = {};
            socklen_t size = sizeof(from);
            int fd =
                accept4(host.slots[slot], reinterpret_cast<sockaddr *>(&from),
                        &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
            if (fd < 0)
                return outcome(fd);
            set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
            host.slots[to] = fd;
            return "from " + name_text(host.canon, from, size);
        },
        not_yet);
    if (result.starts_with("from"))
        turn.pair().kinds[to] = Kind::tcp;
}

void do_send(Turn &turn) {
    int slot = used(turn);
    if (slot < 0)
        return;
    Random &random = turn.random();
    World &world = turn.world();
    Kind kind = turn.pair().kinds[slot];
    bool named = kind != Kind::tcp && random.percent(70);
    Addr addr = turn.any_addr();
    std::uint16_t port =
        random.percent(50) ? turn.local_port() : turn.peer_port();
    std::size_t size = kind == Kind::tcp ? 16u << random.below(5) : turn.size();
    auto ident = static_cast<std::uint16_t>(1 + random.below(4));
    std::uint16_t sport = turn.local_port();
    turn.say(slot, named ? addr : Addr(), named ? port : 0);
    turn.both([&](Host &host) {
        std::string data = turn.payload(host, size);
        std::string head;
        if (kind == Kind::ping) {
            head.assign(8, '\0');
            head[0] = static_cast<char>(world.six() ? 128 : 8);
            set16(head, 4, ident);
        } else if (kind == Kind::raw) {
            head.assign(8, '\0');
            set16(head, 0, sport);
            set16(head, 2, port);
            set16(head, 4, static_cast<std::uint16_t>(8 + size));
        }
        data = head + data;
        Name name(addr, kind == Kind::raw ? 0 : port);
        return bound(
            host, slot,
            sendto(host.slots[slot], data.data(), data.size(), MSG_NOSIGNAL,
                   named ? name.get() : nullptr, named ? name.size : 0));
    });
}

// With a source address or a device of its own, or a context
void do_sendmsg(Turn &turn) {
    int slot = used(turn, {Kind::udp, Kind::ping});
    if (slot < 0)
        return;
    Random &random = turn.random();
    World &world = turn.world();
    bool ping = turn.pair().kinds[slot] == Kind::ping;
    Addr addr = turn.any_addr(), src = turn.any_addr();
    std::uint16_t port = turn.peer_port();
    bool use_src = random.percent(50), use_device = random.percent(50);
    unsigned device = turn.device();
    turn.both([&](Host &host) {
        std::string data = turn.payload(host, 64);
        if (ping)
            data = std::string(world.six() ? "\200" : "\10") +
                   std::string(7, '\0') + data;
        Name name(addr, port);
        std::uint32_t ifindex = use_device ? host.devices[device].ifindex : 0;
        alignas(cmsghdr) char control[CMSG_SPACE(sizeof(in6_pktinfo))] = {};
        iovec part = {data.data(), data.size()};
        msghdr message = {};
        message.msg_name = &name.storage;
        message.msg_namelen = name.size;
        message.msg_iov = &part;
        message.msg_iovlen = 1;
        message.msg_control = control;
        auto *header = reinterpret_cast<cmsghdr *>(control);
        header->cmsg_level = level(world);
        if (world.six()) {
            in6_pktinfo info = {};
            info.ipi6_ifindex = ifindex;
            if (use_src)
                std::memcpy(&info.ipi6_addr, src.bytes.data(), 16);
            header->cmsg_type = IPV6_PKTINFO;
            header->cmsg_len = CMSG_LEN(sizeof(info));
            std::memcpy(CMSG_DATA(header), &info, sizeof(info));
            message.msg_controllen = CMSG_SPACE(sizeof(info));
        } else {
            in_pktinfo info = {};
            info.ipi_ifindex = static_cast<int>(ifindex);
            if (use_src)
                std::memcpy(&info.ipi_spec_dst, src.bytes.data(), 4);
            header->cmsg_type = IP_PKTINFO;
            header->cmsg_len = CMSG_LEN(sizeof(info));
            std::memcpy(CMSG_DATA(header), &info, sizeof(info));
            message.msg_controllen = CMSG_SPACE(sizeof(info));
        }
        return bound(host, slot,
                     sendmsg(host.slots[slot], &message, MSG_NOSIGNAL));
    });
}

std::string control_text(msghdr &message, Canon &canon) {
    std::string text;
    for (cmsghdr *at = CMSG_FIRSTHDR(&message); at;
         at = CMSG_NXTHDR(&message, at)) {
        std::size_t size = at->cmsg_len - CMSG_LEN(0);
        std::string data(reinterpret_cast<char *>(CMSG_DATA(at)), size);
        text += " control " + std::to_string(at->cmsg_level) + "/" +
                std::to_string(at->cmsg_type) + " ";
        bool error =
            (at->cmsg_level == IPPROTO_IP && at->cmsg_type == IP_RECVERR) ||
            (at->cmsg_level == IPPROTO_IPV6 && at->cmsg_type == IPV6_RECVERR);
        if (error && size >= sizeof(sock_extended_err)) {
            sockaddr_storage from = {};
            std::size_t head = sizeof(sock_extended_err);
            std::memcpy(&from, data.data() + head,
                        std::min(size - head, sizeof(from)));
            text +=
                data.substr(0, head) +
                (from.ss_family ? name_text(canon, from,
                                            static_cast<socklen_t>(size - head))
                                : "nobody");
        } else {
            text += data;
        }
    }
    return text;
}

std::string receive(Host &host, unsigned slot, Kind kind, int flags,
                    std::size_t most) {
    static char space[1 << 16];
    alignas(cmsghdr) char control[512];
    sockaddr_storage from = {};
    iovec part = {space, most};
    msghdr message = {};
    message.msg_name = &from;
    message.msg_namelen = sizeof(from);
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof(control);
    ssize_t size = recvmsg(host.slots[slot], &message, flags);
    if (size < 0)
        return outcome(size);
    std::string data(space, static_cast<std::size_t>(size));
    if (kind == Kind::raw && !(flags & MSG_ERRQUEUE)) {
        View view;
        view.partial = true;
        if (data.size() >= 20 && data[0] >> 4 == 4)
            host.canon.packet(data, view);
    }
    // The checksum of a header that covers the tags
    if (kind == Kind::ping && data.size() >= 4)
        set16(data, 2, 0);
    host.canon.data(data);
    // The header of what an error is about
    if (flags & MSG_ERRQUEUE && (kind == Kind::tcp || kind == Kind::raw))
        host.canon.quoted(data, kind == Kind::tcp ? IPPROTO_TCP : IPPROTO_UDP);
    return std::to_string(size) + " from " +
           name_text(host.canon, from, message.msg_namelen) + " flags " +
           std::to_string(message.msg_flags) +
           control_text(message, host.canon) + " data " + data;
}

void do_receive(Turn &turn) {
    int slot = used(turn);
    if (slot < 0)
        return;
    unsigned most = turn.random().percent(20) ? 32 : 1u << 16;
    bool peek = turn.random().percent(10);
    Kind kind = turn.pair().kinds[slot];
    turn.both(
        [&](Host &host) {
            return receive(host, static_cast<unsigned>(slot), kind,
                           peek ? MSG_PEEK : 0, most);
        },
        not_yet);
}

void do_error(Turn &turn) {
    int slot = used(turn);
    if (slot < 0)
        return;
    Kind kind = turn.pair().kinds[slot];
    turn.both(
        [&](Host &host) {
            return receive(host, static_cast<unsigned>(slot), kind,
                           MSG_ERRQUEUE, 1 << 16);
        },
        not_yet);
}

// What a program can ask a socket
void look(Turn &turn) {
    int slot = used(turn);
    if (slot < 0)
        return;
    World &world = turn.world();
    unsigned what = turn.random().below(7);
    bool tcp = turn.pair().kinds[slot] == Kind::tcp;
    turn.both(
        [&](Host &host) -> std::string {
            int fd = host.slots[slot], value = 0;
            sockaddr_storage name = {};
            socklen_t size = sizeof(name);
            auto *raw = reinterpret_cast<sockaddr *>(&name);
            switch (what) {
                case 0:
                    if (getsockname(fd, raw, &size))
                        return outcome(-1);
                    return name_text(host.canon, name, size);
                case 1:
                    if (getpeername(fd, raw, &size))
                        return outcome(-1);
                    return name_text(host.canon, name, size);
                case 2:
                    size = sizeof(value);
                    getsockopt(fd, SOL_SOCKET, SO_ERROR, &value, &size);
                    return "error " + std::to_string(value);
                case 3:
                    size = sizeof(value);
                    if (getsockopt(fd, level(world),
                                   world.six() ? IPV6_MTU : IP_MTU, &value,
                                   &size))
                        return outcome(-1);
                    return "mtu " + std::to_string(value);
                case 4: {
                    pollfd poll_for = {
                        fd, POLLIN | POLLOUT | POLLPRI | POLLRDHUP, 0};
                    poll(&poll_for, 1, 0);
                    return "events " + std::to_string(poll_for.revents);
                }
                case 5: {
                    // Where it was to go before it was redirected
                    size = sizeof(name);
                    if (getsockopt(fd, level(world), original_dst, raw, &size))
                        return outcome(-1);
                    return name_text(host.canon, name, size);
                }
                default:
                    if (!tcp)
                        return ioctl(fd, SIOCINQ, &value)
                                   ? outcome(-1)
                                   : "queued " + std::to_string(value);
                    tcp_info info = {};
                    size = sizeof(info);
                    getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size);
                    return "state " + std::to_string(info.tcpi_state);
            }
        },
        // an error is told once
        [](const std::string &text) {
            return !text.starts_with("error ") || text == "error 0";
        });
}

void do_shutdown(Turn &turn) {
    int slot = used(turn, {Kind::tcp});
    int how = static_cast<int>(turn.random().below(3));
    if (slot >= 0)
        turn.both([&](Host &host) {
            return outcome(shutdown(host.slots[slot], how));
        });
}

void do_close(Turn &turn) {
    int slot = used(turn);
    if (slot < 0)
        return;
    if (turn.random().percent(30)) {
        linger reset = {1, 0};
        for (Host *host : {turn.pair().a.get(), turn.pair().b.get()})
            setsockopt(host->slots[slot], SOL_SOCKET, SO_LINGER, &reset,
                       sizeof(reset));
    }
    drop(turn, static_cast<unsigned>(slot));
}

void membership(Turn &turn) {
    int slot = used(turn, {Kind::udp, Kind::raw});
    if (slot < 0)
        return;
    Addr addr = turn.group(), source = turn.peer(0);
    unsigned device = turn.device();
    static const int names[] = {
        MCAST_JOIN_GROUP,   MCAST_JOIN_GROUP,        MCAST_JOIN_GROUP,
        MCAST_LEAVE_GROUP,  MCAST_JOIN_SOURCE_GROUP, MCAST_LEAVE_SOURCE_GROUP,
        MCAST_BLOCK_SOURCE, MCAST_UNBLOCK_SOURCE};
    int name = turn.random().pick(names);
    // Who comes to a group or leaves it makes routes be looked up again
    turn.pair().members[slot] = true;
    turn.world().routes_changed();
    turn.both([&](Host &host) {
        group_source_req request = {};
        request.gsr_interface = host.devices[device].ifindex;
        std::memcpy(&request.gsr_group, Name(addr, 0).get(),
                    Name(addr, 0).size);
        std::memcpy(&request.gsr_source, Name(source, 0).get(),
                    Name(source, 0).size);
        if (name == MCAST_JOIN_GROUP || name == MCAST_LEAVE_GROUP) {
            group_req plain = {};
            plain.gr_interface = request.gsr_interface;
            plain.gr_group = request.gsr_group;
            return outcome(setsockopt(host.slots[slot], level(turn.world()),
                                      name, &plain, sizeof(plain)));
        }
        return outcome(setsockopt(host.slots[slot], level(turn.world()), name,
                                  &request, sizeof(request)));
    });
}

void option(Turn &turn) {
    int slot = used(turn);
    if (slot < 0)
        return;
    World &world = turn.world();
    Random &random = turn.random();
    struct Choice {
        int name4, name6;
        int values;
    };
    static const Choice choices[] = {
        {IP_MTU_DISCOVER, IPV6_MTU_DISCOVER, 6},
        {IP_TTL, IPV6_UNICAST_HOPS, 3},
        {IP_MULTICAST_TTL, IPV6_MULTICAST_HOPS, 3},
        {IP_MULTICAST_LOOP, IPV6_MULTICAST_LOOP, 2},
        {IP_MULTICAST_ALL, IPV6_MULTICAST_ALL, 2},
        {IP_TOS, IPV6_TCLASS, 4},
        {IP_TRANSPARENT, IPV6_TRANSPARENT, 2},
        {IP_UNICAST_IF, IPV6_UNICAST_IF, -1},
        {IP_MULTICAST_IF, IPV6_MULTICAST_IF, -2},
    };
    const Choice &choice = random.pick(choices);
    int value = choice.values > 0 ? static_cast<int>(random.below(
                                        static_cast<unsigned>(choice.values)))
                                  : 0;
    if (choice.name4 == IP_TTL || choice.name4 == IP_MULTICAST_TTL)
        value++;
    if (choice.name4 == IP_TOS)
        value *= 4;
    unsigned device = turn.device();
    turn.say(slot, "option " + std::to_string(choice.name4) + " = " +
                       std::to_string(value) + " device " +
                       std::to_string(device));
    turn.both([&](Host &host) {
        int name = world.six() ? choice.name6 : choice.name4;
        int number = value;
        int index = static_cast<int>(host.devices[device].ifindex);
        if (choice.values == -1)
            number = static_cast<int>(htonl(static_cast<unsigned>(index)));
        if (choice.values == -2 && world.six())
            number = index;
        if (choice.values == -2 && !world.six()) {
            ip_mreqn request = {};
            request.imr_ifindex = index;
            return outcome(setsockopt(host.slots[slot], level(world), name,
                                      &request, sizeof(request)));
        }
        return outcome(setsockopt(host.slots[slot], level(world), name, &number,
                                  sizeof(number)));
    });
}

}  // namespace

std::string read_all(Host &host, unsigned slot, Kind kind) {
    std::string text;
    for (int flags : {0, static_cast<int>(MSG_ERRQUEUE)}) {
        for (int most = 0; most < 1000; most++) {
            std::string one = receive(host, slot, kind, flags, 1 << 16);
            text += one + "; ";
            if (one.starts_with("E") || one.starts_with("0 from nobody"))
                break;
        }
    }
    return text;
}

const std::vector<Operation> socket_operations = {
    {"socket", 8, open},         {"bind", 6, do_bind},
    {"listen", 4, do_listen},    {"serve", 6, serve},
    {"connect", 10, do_connect}, {"accept", 6, do_accept},
    {"send", 12, do_send},       {"sendmsg", 4, do_sendmsg},
    {"receive", 12, do_receive}, {"error queue", 4, do_error},
    {"look at", 8, look},        {"shutdown", 2, do_shutdown},
    {"close", 4, do_close},      {"membership", 5, membership},
    {"option", 4, option},
};

}  // namespace attack
