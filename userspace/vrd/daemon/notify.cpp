// SPDX-License-Identifier: GPL-2.0

#include "notify.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "vr/fd.hpp"

namespace vrd {

void notify(const std::string &state) {
    const char *where = std::getenv("NOTIFY_SOCKET");
    sockaddr_un at{};
    std::size_t size = where ? std::strlen(where) : 0;

    if (!size || size >= sizeof(at.sun_path))
        return;
    at.sun_family = AF_UNIX;
    std::memcpy(at.sun_path, where, size);
    if (at.sun_path[0] == '@')
        at.sun_path[0] = 0;
    vr::Fd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (fd)
        ::sendto(
            fd.get(), state.data(), state.size(), MSG_NOSIGNAL,
            reinterpret_cast<const sockaddr *>(&at),
            static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + size));
}

std::optional<std::uint64_t> watchdog_ms() {
    const char *usec = std::getenv("WATCHDOG_USEC");
    const char *pid = std::getenv("WATCHDOG_PID");

    if (!usec || (pid && std::atol(pid) != ::getpid()))
        return std::nullopt;
    std::uint64_t ms = std::strtoull(usec, nullptr, 10) / 1000;
    return ms ? std::optional(ms) : std::nullopt;
}

}  // namespace vrd
