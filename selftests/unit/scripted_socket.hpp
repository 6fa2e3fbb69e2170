// SPDX-License-Identifier: GPL-2.0
//
// A Socket whose kernel is a list of prepared answers.

#pragma once

#include <cerrno>
#include <cstring>
#include <deque>
#include <vector>

#include "vr/netlink.hpp"
#include "wire.hpp"

// Purpose: keeps what was sent, hands out `answers` in order. An answer
// without bytes is a failure of receive() with that errno; when there is none
// left, receive() fails with EIO instead of blocking.
// Threading: one thread.
// Errors: send_error and join_error, if set.
class ScriptedSocket final : public vr::netlink::Socket {
  public:
    struct Answer {
        wire::Bytes bytes;
        int code = 0;
    };

    vr::Result<void> send(std::span<const std::byte> datagram) override {
        sent.emplace_back(datagram.begin(), datagram.end());
        if (send_error)
            return vr::Error{send_error, {}, {}};
        return {};
    }

    vr::Result<std::size_t> receive(std::span<std::byte> buffer) override {
        if (answers.empty())
            return vr::Error{EIO, {}, "script at its end"};
        Answer answer = std::move(answers.front());
        answers.pop_front();
        if (answer.bytes.empty())
            return vr::Error{answer.code, {}, {}};
        std::memcpy(buffer.data(), answer.bytes.data(), answer.bytes.size());
        return answer.bytes.size();
    }

    vr::Result<void> join(std::uint32_t group) override {
        joined.push_back(group);
        if (join_error)
            return vr::Error{join_error, {}, {}};
        return {};
    }

    int fd() const override { return -1; }

    std::deque<Answer> answers;
    std::vector<wire::Bytes> sent;
    std::vector<std::uint32_t> joined;
    int send_error = 0;
    int join_error = 0;
};
