// SPDX-License-Identifier: GPL-2.0
//
// The event loop.

#pragma once

#include <poll.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config.hpp"
#include "control.hpp"
#include "core/machine.hpp"
#include "engine.hpp"
#include "kernel.hpp"
#include "link.hpp"
#include "vr/fd.hpp"

namespace vrd {

// Purpose: carries inputs to the machine and does what it says.
// Threading: one thread.
// Errors: run() returns the one that ends the daemon. Without corosync it goes
// on and tries again.
class Daemon {
  public:
    // The configuration is not copied.
    static vr::Result<std::unique_ptr<Daemon>> open(const Config &config,
                                                    const std::string &control);
    // Until SIGTERM or SIGINT
    vr::Result<void> run();

  private:
    Daemon(const Config &config, Kernel kernel, Links links, Control control,
           vr::Fd signals);

    void connect();
    int timeout() const;
    void outputs();
    void output(const Output &one);
    void flush_ports();
    vr::Result<void> input(std::span<const pollfd> fds);

    const Config &config_;
    Machine machine_;
    Engine engine_;
    Kernel kernel_;
    Links links_;
    Control control_;
    vr::Fd signals_;
    bool stop_ = false;
    bool unsent_ = false;
    bool replace_ = false;
    std::vector<SetPort> ports_;
    std::uint64_t connect_at_ = 0;
    std::string complaint_;  // said last about the engine
    std::optional<std::uint64_t> alive_ms_;
};

}  // namespace vrd
