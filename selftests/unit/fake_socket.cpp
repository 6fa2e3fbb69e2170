// SPDX-License-Identifier: GPL-2.0

#include <linux/netlink.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "fake_kernel.hpp"

FakeSocket::FakeSocket(FakeKernel &kernel, int bus)
    : kernel_(kernel), bus_(bus), fd_(eventfd(1, EFD_CLOEXEC)) {}

FakeSocket::~FakeSocket() {
    close(fd_);
}

vr::Result<void> FakeSocket::send(std::span<const std::byte> datagram) {
    wire::Bytes bytes(datagram.begin(), datagram.end());
    auto answer =
        bus_ == NETLINK_ROUTE ? kernel_.route(bytes) : kernel_.generic(bytes);
    for (wire::Bytes &part : answer)
        replies_.push_back(std::move(part));
    return {};
}

vr::Result<std::size_t> FakeSocket::receive(std::span<std::byte> buffer) {
    FakeKernel::Datagrams &queue = replies_.empty() ? events : replies_;
    if (queue.empty()) {
        raise(SIGTERM);
        return std::size_t{0};
    }
    wire::Bytes bytes = std::move(queue.front());
    queue.pop_front();
    if (bytes.empty())
        return vr::Error{ENOBUFS, {}, {}};
    std::memcpy(buffer.data(), bytes.data(), bytes.size());
    return bytes.size();
}

vr::Result<void> FakeSocket::join(std::uint32_t group) {
    if (join_error)
        return vr::Error{join_error, {}, {}};
    kernel_.log.emplace_back(
        group == FakeKernel::events_group ? "join" : "join a wrong group");
    return {};
}
