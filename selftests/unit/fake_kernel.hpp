// SPDX-License-Identifier: GPL-2.0
//
// The kernel side of the family "vrctx" and of the rtnetlink requests libvr
// makes, in this process.

#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "vr/netlink.hpp"
#include "wire.hpp"

struct FakeContext {
    std::string name;
    std::uint32_t sockets = 0;
    std::uint64_t packets = 0;  // counters are this and the next four
};

// fd00::host
struct FakeAddress {
    std::uint8_t host = 0;
    std::uint32_t flags = 0x80;  // IFA_F_PERMANENT
    std::uint8_t proto = 0;      // IFAPROT_*
    bool refused = false;        // cannot be added
};

struct FakeDevice {
    int ifindex = 0;
    std::string name;
    bool up = false;
    std::uint32_t ctx = 0;
    bool supported = true;
    bool master = false;   // EBUSY, up or down
    bool handler = false;  // the same, and rtnetlink does not tell
    std::vector<FakeAddress> addresses{};  // IPv6; going down loses them
};

struct FakeLeak {
    std::uint32_t from = 0;
    std::uint32_t to = 0;
    wire::Bytes prefix{};
    std::uint8_t length = 0;
    std::uint64_t packets = 0;  // bytes are ten times as many
};

// Purpose: state and rules of the kernel; tests set the state, make requests,
// look at the state.
// Threading: one thread.
// Errors: as the specification says, each with a text.
class FakeKernel {
  public:
    static constexpr std::uint16_t family = 0x23;
    static constexpr std::uint32_t events_group = 7;

    using Datagrams = std::deque<wire::Bytes>;

    FakeKernel();
    Datagrams generic(const wire::Bytes &request);
    Datagrams route(const wire::Bytes &request);

    bool has_family = true;
    bool admin = true;
    bool up_refused = false;       // RTM_SETLINK up fails with ENOMEM
    int interrupted_dumps = 0;     // this many dumps say so
    std::size_t per_datagram = 2;  // messages of a dump
    std::map<std::uint32_t, FakeContext> contexts;
    std::vector<FakeDevice> devices;
    std::vector<FakeLeak> leaks;
    std::vector<FakeAddress> lost;                 // what going down took
    std::map<std::uint32_t, std::uint32_t> tasks;  // pid, context
    std::set<std::uint32_t> carried;  // numbers of deleted contexts in use
    std::vector<std::string> log;     // state changes in their order

  private:
    struct Refusal {
        int code;
        std::string why;
    };
    using Context = std::map<std::uint32_t, FakeContext>::iterator;

    Datagrams control(const wire::Request &request);
    Datagrams list_addresses(const wire::Request &request) const;
    void add_address(const wire::Request &request);
    Datagrams run(const wire::Request &request);
    Datagrams dump(const wire::Request &request,
                   const std::vector<wire::Bytes> &items);
    std::vector<wire::Bytes> items(const wire::Request &request);
    wire::Bytes create(const wire::Request &request);
    void remove(const wire::Request &request);
    void rename(const wire::Request &request);
    void move(const wire::Request &request);
    void leak(const wire::Request &request);
    void unleak(const wire::Request &request);
    std::vector<FakeLeak>::iterator find_leak(const wire::Request &request);

    void check_policy(const wire::Request &request) const;
    void check_name(const std::string &name) const;
    void check_admin() const;
    Context find(const wire::Request &request);
    Context find(const wire::Request &request, std::uint16_t number,
                 std::uint16_t name);
    FakeDevice &find_device(const wire::Request &request, bool generic);

    wire::Bytes identity(std::uint32_t id) const;
    wire::Bytes describe(const FakeLeak &leak) const;
    wire::Bytes describe(std::uint32_t id) const;
    wire::Bytes describe(const FakeDevice &device) const;
    wire::Bytes count(std::uint32_t id) const;
    wire::Bytes task(std::uint32_t pid) const;
};

// A socket of the fake kernel. `events` are delivered unasked; an empty one
// is a loss (ENOBUFS). At the end of the events the process gets SIGTERM, so
// that `vrctl monitor` ends.
class FakeSocket final : public vr::netlink::Socket {
  public:
    FakeSocket(FakeKernel &kernel, int bus);
    ~FakeSocket() override;

    vr::Result<void> send(std::span<const std::byte> datagram) override;
    vr::Result<std::size_t> receive(std::span<std::byte> buffer) override;
    vr::Result<void> join(std::uint32_t group) override;
    int fd() const override { return fd_; }

    FakeKernel::Datagrams events;
    int join_error = 0;

  private:
    FakeKernel &kernel_;
    int bus_;
    int fd_;  // always readable
    FakeKernel::Datagrams replies_;
};
