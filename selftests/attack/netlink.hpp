// SPDX-License-Identifier: GPL-2.0
//
// Netlink requests of the attack: no more of it than that needs.

#pragma once

#include <linux/netlink.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace attack {

// Purpose: a request while it is built.
// Threading: plain data.
// Errors: none.
class Message {
  public:
    Message(int type, int flags);

    template <typename T>
    Message &head(const T &header) {
        return raw(&header, sizeof(header));
    }
    template <typename T>
    Message &put(int type, const T &value) {
        return put(type,
                   std::string_view(reinterpret_cast<const char *>(&value),
                                    sizeof(value)));
    }
    Message &put(int type, std::string_view value);
    Message &raw(const void *data, std::size_t size);
    // Length and number, right before it is sent
    const std::string &finish(std::uint32_t seq);

  private:
    std::string bytes_;
};

// Purpose: a netlink socket of the context and namespace it is made in.
// Threading: one thread.
// Errors: std::system_error if the socket fails; refusals are return values.
class Netlink {
  public:
    explicit Netlink(int protocol);
    ~Netlink();
    Netlink(const Netlink &) = delete;
    Netlink &operator=(const Netlink &) = delete;

    // 0 or -errno. The messages before that are kept in replies.
    int ask(Message &message, std::vector<std::string> *replies = nullptr);
    // Like ask(); throws if it is refused
    void must(Message &message, const char *what);

  private:
    int fd_;
    std::uint32_t seq_ = 0;
    std::string buffer_;
};

// The value of an attribute in a message whose header has that size
std::string_view attribute(const std::string &message, std::size_t header,
                           int type);
// The value of an attribute in the value of another
std::string_view nested(std::string_view attributes, int type);

// Purpose: the family "vrctx" of a namespace.
// Threading: one thread.
// Errors: std::system_error.
class Family {
  public:
    Family();
    void make(std::uint32_t ctx);
    // Waits until the number is free again, as a reference may be left
    void remove(std::uint32_t ctx);
    void move(std::uint32_t ifindex, std::uint32_t ctx);
    // A counter of stats-get, VRCTX_A_CTX_*
    std::uint64_t counter(std::uint32_t ctx, int type);

  private:
    Message request(int command);
    Netlink netlink_;
    int family_;
};

}  // namespace attack
