// SPDX-License-Identifier: GPL-2.0
//
// What two hosts that are to behave the same show, made comparable.
//
// Left out is what is chance in every kernel: initial sequence numbers, ports
// and idents that the kernel chose, flow labels, IP-IDs, window sizes. And what
// timers send, as these run by the clock: repeated segments, plain
// acknowledgements, IGMP and MLD reports. All else has to be the same.

#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace attack {

// Ports from here on are the kernel's choice, below them the tester's
constexpr std::uint16_t first_auto_port = 32768;
// Ports that sockets are bound to, those of the wire, and what translations
// make of them: few, so that they meet. A translation that finds its port taken
// picks any from 1024 on, if what it is instead of is in that range.
constexpr std::uint16_t host_ports[] = {3001, 3002, 3003, 3004};
constexpr std::uint16_t peer_ports[] = {2001, 2002, 2003, 3001};
constexpr std::uint16_t nat_ports[] = {5001, 5002};
// Identifiers of echo requests are below that
constexpr std::uint16_t first_auto_ident = 16;

// Purpose: what is known of one place where packets are seen.
// Threading: one thread.
// Errors: none.
struct View {
    // Per flow, how far its data was seen already
    std::unordered_map<std::string, std::uint32_t> next;
    // A packet that the stack has not finished: checksums are not there yet
    bool partial = false;
};

// Purpose: names for what the kernel of one host chose.
// Threading: one thread.
// Errors: Leak, if a tag of another host is seen.
class Canon {
  public:
    explicit Canon(std::uint16_t owner) : owner_(owner) {}

    // From now on the kernel chooses ports and identifiers of others, too
    void translate() { translates_ = true; }

    // In place; false if it is not to be compared
    bool frame(std::string &bytes, View &view);
    bool packet(std::string &bytes, View &view);
    // What a socket received
    void data(std::string &bytes) const { untag(bytes); }
    // A TCP or UDP header in an error: numbers and ports are of one host
    void quoted(std::string &bytes, std::uint8_t proto, std::size_t at = 0);

    std::uint16_t port(std::uint16_t real);
    // Its name, or 1 if nobody has seen it yet
    std::uint16_t known_port(std::uint16_t real) const;
    // The kernel chose it, and may have chosen it before
    void chosen(std::uint16_t real);
    // The way back; a name that stands for nothing here is itself
    std::uint16_t real_port(std::uint16_t name) const;

    // The wire begins a connection: what acknowledges it compares
    void begun(const std::string &flow, std::uint32_t seq) {
        isns_[flow].push_back(seq);
    }
    // Initial sequence number of what a host sends to a peer; flow as made by
    // flow_key() with names of ports
    bool isn(const std::string &flow, std::uint32_t &value) const;

    std::uint16_t owner() const { return owner_; }

  private:
    // That of the connection that a number belongs to
    bool isn_near(const std::string &flow, std::uint32_t seq,
                  std::uint32_t &value) const;
    void untag(std::string &bytes) const;
    // Is it the kernel's choice?
    bool automatic(std::uint16_t real) const;
    bool upper(std::string &bytes, View &view, std::uint8_t proto,
               std::size_t at, std::size_t addrs, bool whole);
    bool segment(std::string &bytes, View &view, std::size_t at,
                 std::size_t addrs);
    bool icmp(std::string &bytes, std::size_t at, std::uint8_t proto);
    void quote(std::string &bytes, std::size_t at);
    void ports(std::string &bytes, std::size_t at);

    std::uint16_t owner_;
    bool translates_ = false;
    std::unordered_map<std::uint16_t, std::uint16_t> names_;
    std::vector<std::uint16_t> reals_;
    // of all connections that had the flow, the last one last
    std::unordered_map<std::string, std::vector<std::uint32_t>> isns_;
};

// Does it ask for a neighbour (ARP, ND)? What a timer sends may ask, too.
bool asks(std::string_view packet, std::uint16_t type);

// src and dst as bytes of an address
std::string flow_key(std::string_view src, std::string_view dst,
                     std::uint16_t sport, std::uint16_t dport);

// For people: a frame or packet, canonical or not
std::string describe(std::string_view bytes, bool ethernet);
std::string escape(std::string_view bytes);

}  // namespace attack
