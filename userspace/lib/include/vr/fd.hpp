// SPDX-License-Identifier: GPL-2.0
//
// Fd: a file descriptor with an owner.

#pragma once

#include <unistd.h>

#include <utility>

namespace vr {

// Purpose: closes what it owns; can be moved, not copied.
// Threading: none, as an int.
// Errors: an empty Fd is -1; those of close() are lost.
class Fd {
  public:
    Fd() = default;
    explicit Fd(int fd) : fd_(fd) {}
    Fd(Fd &&other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Fd(const Fd &) = delete;
    Fd &operator=(const Fd &) = delete;

    Fd &operator=(Fd &&other) noexcept {
        Fd old(std::exchange(fd_, std::exchange(other.fd_, -1)));
        return *this;
    }

    ~Fd() {
        if (fd_ >= 0)
            ::close(fd_);
    }

    int get() const { return fd_; }
    explicit operator bool() const { return fd_ >= 0; }

  private:
    int fd_ = -1;
};

}  // namespace vr
