// SPDX-License-Identifier: GPL-2.0

#include "stop_signals.hpp"

#include <sys/signalfd.h>

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

}  // namespace vrctl
