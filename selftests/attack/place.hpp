// SPDX-License-Identifier: GPL-2.0
//
// Where a host is: a network namespace, or a context in one.

#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

namespace attack {

[[noreturn]] void fail(const std::string &what);

// Purpose: an end for what is waited for; left() also waits a little.
// Threading: one thread.
// Errors: none.
class Deadline {
  public:
    // Seconds on a kernel of normal speed (VR_SLOW)
    explicit Deadline(int seconds);
    bool left();
    // From now on each is over soon: it is known what comes out
    static void impatient();

  private:
    std::chrono::steady_clock::time_point end_;
    int polls_ = 0;
};

// Purpose: a network namespace, as long as this lives.
// Threading: one thread.
// Errors: std::system_error.
class Namespace {
  public:
    // A new one, in which the thread is then
    Namespace();
    ~Namespace();
    Namespace(const Namespace &) = delete;
    Namespace &operator=(const Namespace &) = delete;
    int fd() const { return fd_; }

  private:
    int fd_;
};

// Purpose: a place of a host, which the thread can go to.
// Threading: one thread.
// Errors: std::system_error.
struct Place {
    std::shared_ptr<Namespace> netns;
    std::uint32_t ctx = 0;

    void enter() const;
};

// Writes below /proc/sys/net of where the thread is; -errno if refused
int sysctl(const std::string &name, const std::string &value);

}  // namespace attack
