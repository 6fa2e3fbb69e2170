// SPDX-License-Identifier: GPL-2.0

#include "stop_signals.hpp"

#include <poll.h>
#include <sys/signalfd.h>

#include <array>
#include <cerrno>

namespace vrctl {

StopSignals::StopSignals() {
    sigemptyset(&set_);
    sigaddset(&set_, SIGINT);
    sigaddset(&set_, SIGTERM);
    sigprocmask(SIG_BLOCK, &set_, &before_);
    fd_ = vr::Fd(signalfd(-1, &set_, SFD_CLOEXEC | SFD_NONBLOCK));
}

StopSignals::~StopSignals() {
    signalfd_siginfo info;
    while (::read(fd_.get(), &info, sizeof(info)) > 0)
        ;
    sigprocmask(SIG_SETMASK, &before_, nullptr);
}

vr::Result<bool> StopSignals::readable(int fd, const char *attempt) const {
    std::array<pollfd, 2> fds{{{fd, POLLIN, 0}, {fd_.get(), POLLIN, 0}}};
    while (poll(fds.data(), fds.size(), -1) < 0)
        if (errno != EINTR)
            return vr::Error{errno, attempt, {}};
    return !fds[1].revents;
}

}  // namespace vrctl
