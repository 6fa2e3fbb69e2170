// SPDX-License-Identifier: GPL-2.0

#include <libmnl/libmnl.h>
#include <sys/socket.h>

#include <cerrno>
#include <system_error>

#include "vr/netlink.hpp"

namespace vr::netlink {
namespace {

struct Close {
    void operator()(mnl_socket *socket) const { mnl_socket_close(socket); }
};

using Handle = std::unique_ptr<mnl_socket, Close>;

Error failed(const char *what) {
    int code = errno;
    return {code,
            {},
            std::string(what) + ": " + std::generic_category().message(code)};
}

class KernelSocket final : public Socket {
  public:
    explicit KernelSocket(Handle handle) : handle_(std::move(handle)) {}

    Result<void> send(std::span<const std::byte> datagram) override {
        if (mnl_socket_sendto(handle_.get(), datagram.data(), datagram.size()) <
            0)
            return failed("netlink send");
        return {};
    }

    // Not mnl_socket_recvfrom(): it takes datagrams from other processes.
    Result<std::size_t> receive(std::span<std::byte> buffer) override {
        for (;;) {
            sockaddr_nl from{};
            iovec part{buffer.data(), buffer.size()};
            msghdr message{};
            message.msg_name = &from;
            message.msg_namelen = sizeof(from);
            message.msg_iov = &part;
            message.msg_iovlen = 1;

            ssize_t size = recvmsg(fd(), &message, 0);
            if (size < 0 && errno == EINTR)
                continue;
            if (size < 0)
                return failed("netlink receive");
            if (from.nl_pid != 0)
                continue;
            if (message.msg_flags & MSG_TRUNC)
                return Error{EMSGSIZE, {}, "netlink receive: cut off"};
            return static_cast<std::size_t>(size);
        }
    }

    Result<void> join(std::uint32_t group) override {
        if (mnl_socket_setsockopt(handle_.get(), NETLINK_ADD_MEMBERSHIP, &group,
                                  sizeof(group)) < 0)
            return failed("netlink join");
        return {};
    }

    int fd() const override { return mnl_socket_get_fd(handle_.get()); }

  private:
    Handle handle_;
};

}  // namespace

std::uint32_t Socket::next_sequence() {
    if (++sequence_ == 0)
        ++sequence_;
    return sequence_;
}

Result<std::unique_ptr<Socket>> open(int bus) {
    Handle handle(mnl_socket_open2(bus, SOCK_CLOEXEC));
    if (!handle)
        return failed("netlink socket");
    if (mnl_socket_bind(handle.get(), 0, MNL_SOCKET_AUTOPID) < 0)
        return failed("netlink bind");

    int on = 1;
    for (int option : {NETLINK_EXT_ACK, NETLINK_CAP_ACK})
        if (mnl_socket_setsockopt(handle.get(), option, &on, sizeof(on)) < 0)
            return failed("netlink option");
    return std::unique_ptr<Socket>(
        std::make_unique<KernelSocket>(std::move(handle)));
}

}  // namespace vr::netlink
