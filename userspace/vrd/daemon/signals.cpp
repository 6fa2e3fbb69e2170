// SPDX-License-Identifier: GPL-2.0

#include "signals.hpp"

#include <signal.h>
#include <sys/signalfd.h>

#include <cerrno>

namespace vrd {

vr::Result<vr::Fd> ending_signals() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, nullptr);
    vr::Fd signals(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!signals)
        return vr::Error{errno, "signals", {}};
    return signals;
}

}  // namespace vrd
