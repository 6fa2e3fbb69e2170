// SPDX-License-Identifier: GPL-2.0
//
// What the daemons tell each other, in the order that the engine gives to all
// of it. Layout: Documentation/networking/vrd.rst.

#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <variant>
#include <vector>

#include "types.hpp"
#include "wire.hpp"

namespace vrd {

// One database among those that a cluster can have: equal ones are the same,
// entry by entry.
struct Version {
    std::uint64_t base = 0;  // epoch of the view in which it began; 0: empty
    std::uint64_t sequence = 0;  // what was decided since
    std::uint64_t hash = 0;      // of these

    auto operator<=>(const Version &) const = default;
};

// What a node says of itself that makes it lead or not
struct Standing {
    std::uint32_t priority = 0;
    bool link = true;       // clients can reach it
    bool draining = false;  // it is about to go

    bool operator==(const Standing &) const = default;
};

// After each change of the configuration each member says what it knows. When
// all have, all know the same, and decide the same.
struct Hello {
    std::uint64_t number = 0;  // of this one, by its sender
    std::uint64_t ring = 0;    // of the engine's membership; grows
    std::vector<Node> members{};
    bool quorate = false;
    Standing standing{};
    Version version{};
    std::uint64_t epoch = 0;  // greatest that it knows
    Node lead = 0;            // the last that it knows
    bool leading = false;     // its kernel acts as this lead
    std::vector<Node> limbo{};

    bool operator==(const Hello &) const = default;
};

struct Operation {
    enum class Kind : std::uint8_t { claim, claim_shared, release };

    Kind kind = Kind::claim;
    Service service{};
    std::vector<Host> hosts{};  // of all or of none

    bool operator==(const Operation &) const = default;
};

struct Batch {
    std::uint64_t number = 0;
    std::vector<Operation> operations{};

    bool operator==(const Batch &) const = default;
};

// One owner of one port
struct Entry {
    Key key{};
    Node node = 0;
    bool shared = false;

    bool operator==(const Entry &) const = default;
};

// A part of the database as it was when the view began
struct Snapshot {
    std::uint64_t base = 0;
    std::uint32_t part = 0;
    bool last = false;
    std::vector<Entry> entries{};  // grouped by host

    bool operator==(const Snapshot &) const = default;
};

// Who sends it has the whole database.
struct Synced {
    std::uint64_t base = 0;

    bool operator==(const Synced &) const = default;
};

struct Status {
    Standing standing{};

    bool operator==(const Status &) const = default;
};

// A node whose daemon is gone has had its time.
struct Expire {
    Node node = 0;

    bool operator==(const Expire &) const = default;
};

// The new lead acts: the old one need not any more.
struct LeadUp {
    std::uint64_t epoch = 0;

    bool operator==(const LeadUp &) const = default;
};

// The sender, which has the database, knows that many proposals of the view.
struct Ack {
    std::uint64_t base = 0;
    std::uint64_t count = 0;

    bool operator==(const Ack &) const = default;
};

// Something is new that only a hello can tell: all say it again.
struct Reopen {
    bool operator==(const Reopen &) const = default;
};

// In the order of their numbers on the wire
using Message = std::variant<Hello, Batch, Snapshot, Synced, Status, Expire,
                             LeadUp, Reopen, Ack>;

inline constexpr std::uint32_t wire_magic = 0x63727276;  // "vrrc"
inline constexpr std::uint8_t wire_version = 1;
// More than this is not sent and not read; corosync's own limit is 1 MiB.
inline constexpr std::size_t message_max = std::size_t{256} * 1024;
inline constexpr std::size_t nodes_max = 64;
inline constexpr std::size_t snapshot_entries = 8192;
inline constexpr std::size_t batch_operations = 4096;

wire::Bytes encode(const Message &message);
// Nothing: malformed, or of a version that is not known
std::optional<Message> decode(std::span<const std::byte> bytes);

}  // namespace vrd
