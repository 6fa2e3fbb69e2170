// SPDX-License-Identifier: GPL-2.0
//
// Netlink messages as bytes, made without libvr so that the two check each
// other.

#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <string>
#include <vector>

namespace wire {

// A type of its own, so that operator+ below is found.
struct Bytes : std::vector<std::byte> {
    using std::vector<std::byte>::vector;
};

Bytes raw(std::initializer_list<int> values);
Bytes u16(std::uint16_t value);
Bytes u32(std::uint32_t value);
Bytes u64(std::uint64_t value);
Bytes text(const std::string &value);  // with its NUL
Bytes operator+(Bytes left, const Bytes &right);

Bytes attr(std::uint16_t type, const Bytes &payload);  // padded
Bytes message(std::uint16_t type, std::uint16_t flags, std::uint32_t sequence,
              const Bytes &body);
Bytes genl(std::uint8_t command, const Bytes &attributes);

// Ack or refusal (error < 0) as of a socket with extended and capped acks
Bytes ack(std::uint32_t sequence, int error, const std::string &why = {});
// End of a dump
Bytes done(std::uint32_t sequence, std::uint16_t flags = 0, int error = 0,
           const std::string &why = {});

// What is in a request
struct Request {
    std::uint16_t type = 0;
    std::uint16_t flags = 0;
    std::uint32_t sequence = 0;
    std::uint8_t command = 0;              // generic netlink
    Bytes fixed;                           // header of the family
    std::map<std::uint16_t, Bytes> attrs;  // payloads

    std::uint32_t number(std::uint16_t attr) const;
    std::string string(std::uint16_t attr) const;
};

Request parse(const Bytes &datagram, std::size_t fixed);

}  // namespace wire
