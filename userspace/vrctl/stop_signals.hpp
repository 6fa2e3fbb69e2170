// SPDX-License-Identifier: GPL-2.0
//
// How commands that follow events end.

#pragma once

#include <signal.h>

#include "vr/fd.hpp"
#include "vr/result.hpp"

namespace vrctl {

// Purpose: SIGINT and SIGTERM as something to poll for; as before when it goes.
// Threading: one thread, and one of these at a time.
// Errors: fd() is -1, and errno says why.
class StopSignals {
  public:
    StopSignals();
    StopSignals(const StopSignals &) = delete;
    StopSignals &operator=(const StopSignals &) = delete;
    ~StopSignals();

    int fd() const { return fd_.get(); }
    // Waits until there is something to read from `fd`: true, or until it is
    // time to end: false.
    vr::Result<bool> readable(int fd, const char *attempt) const;

  private:
    sigset_t set_{};
    sigset_t before_{};
    vr::Fd fd_;
};

}  // namespace vrctl
