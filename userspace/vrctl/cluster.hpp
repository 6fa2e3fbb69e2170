// SPDX-License-Identifier: GPL-2.0
//
// Asking vrd(8).

#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "command.hpp"
#include "vr/fd.hpp"

namespace vrctl::cluster {

extern const Option socket_option;
extern const Option options[2];  // JSON and the socket

// Purpose: one connection to the daemon, for one request.
// Threading: one thread.
// Errors: ask() fails if no daemon listens there.
class Connection {
  public:
    static vr::Result<Connection> ask(const Args &args,
                                      std::string_view request);

    int fd() const { return fd_.get(); }
    // Waits for a line; nothing at the end
    vr::Result<std::optional<std::string>> line();
    // Is there another one already?
    bool more() const { return buffer_.find('\n') != std::string::npos; }

  private:
    explicit Connection(vr::Fd fd) : fd_(std::move(fd)) {}

    vr::Fd fd_;
    std::string buffer_;
};

// The one line of an answer. What the daemon refuses is an Error.
vr::Result<std::string> answer(const Args &args, std::string_view request);

// A line of JSON, an array or an object, as records with these keys
vr::Result<std::vector<Record>> records(const std::string &line,
                                        std::span<const char *const> keys);

}  // namespace vrctl::cluster
