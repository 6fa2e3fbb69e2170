// SPDX-License-Identifier: GPL-2.0
//
// A world: k contexts of one namespace, k namespaces, and operations that come
// to the n-th context and the n-th namespace alike.

#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "host.hpp"
#include "random.hpp"

namespace attack {

// The two hosts of a pair did not do the same
struct Difference : std::runtime_error {
    using std::runtime_error::runtime_error;
};

enum class Kind { none, tcp, udp, ping, raw, packet };

// Purpose: a TCP connection of a host with the wire, as both of a pair have it.
// Threading: plain data.
// Errors: none.
struct Flow {
    Addr host, peer;
    std::uint16_t hport, pport;
    // What the wire sends next, and what the host did (from its ISN on)
    std::uint32_t seq, ack;
    unsigned device;
    bool active;
};

// Purpose: a context and a namespace with the same configuration and history,
// and what is the same of both.
// Threading: one thread.
// Errors: none.
struct Pair {
    unsigned number = 0;
    std::unique_ptr<Host> a, b;
    Kind kinds[slot_count] = {};
    // May the socket be in groups?
    bool members[slot_count] = {};
    std::vector<Flow> flows = {};
    // Fragments that were not sent yet, with the device they go to; of both
    std::vector<std::pair<unsigned, std::vector<std::string>>> waiting[2] = {};
    // The device of the last packets in the histories
    std::deque<unsigned> history_device = {};
};

struct Options {
    bool verbose = false;
    // 1 to 3: a packet, an answer, a datagram is given to the wrong host
    unsigned sabotage = 0;
};

// One of the last packets of the hosts of a pair, and the device it left by
struct Sent {
    const Pair *pair;
    std::size_t which;
    unsigned device;
};

class World;

// Purpose: what an operation has to work with: one pair, and dice that are the
// same for all pairs.
// Threading: one thread.
// Errors: Difference.
class Turn {
  public:
    Turn(World &world, Pair &pair, std::uint32_t op, Random random)
        : world_(world), pair_(pair), op_(op), random_(random) {}

    World &world() { return world_; }
    Pair &pair() { return pair_; }
    Random &random() { return random_; }

    // Does it on both hosts, the results must be equal. again: is the result
    // one that may change by itself (nothing there yet)?
    std::string both(
        const std::function<std::string(Host &)> &call,
        const std::function<bool(const std::string &)> &again = nullptr);
    // Says what the dice gave, if somebody wants to know
    void say(int slot, const std::string &what = {});
    void say(int slot, const Addr &addr, std::uint16_t port);
    // A frame for each host from what it makes of it
    void inject(unsigned device,
                const std::function<std::string(Host &)> &make);
    // What this pair sent, or sometimes another one; nothing if that sent none
    std::optional<Sent> sent();
    // It, by the one of that pair that is on the side of the host
    const std::string &sent_by(const Host &host, const Sent &sent) const;
    // The bytes an operation sends; whose they are is the host's
    std::string payload(const Host &host, std::size_t size) const;

    // ---- dice ----
    unsigned device();
    Addr local(unsigned device);
    // On the wire of a device; the neighbour of the last is not known
    Addr peer(unsigned device);
    Addr far();
    Addr group();
    Addr any_addr();
    std::uint16_t local_port();
    std::uint16_t peer_port();
    std::size_t size();

  private:
    World &world_;
    Pair &pair_;
    std::uint32_t op_;
    Random random_;
};

// Purpose: the topology, and the operations until there is a difference.
// Threading: one thread.
// Errors: Difference, Leak; std::system_error if the tester fails.
class World {
  public:
    // router: the namespace of the contexts, which outlives the world; where
    // context 0 is one of the hosts it is a new one
    World(std::uint64_t seed, std::shared_ptr<Namespace> router,
          const Options &options);
    ~World();

    void step(std::uint32_t op);
    // What is left in sockets and counters
    void finish();

    bool six() const { return family_ == AF_INET6; }
    int family() const { return family_; }
    unsigned device_count() const { return devices_; }
    bool by_option() const { return by_option_; }
    const Options &options() const { return options_; }
    std::vector<Pair> &pairs() { return pairs_; }
    Family &contexts() { return *contexts_; }

    Addr local(unsigned device, unsigned number = 1) const;
    Addr loopback() const;
    Addr net(unsigned device) const { return local(device, 0); }
    Mac peer_mac(unsigned device, unsigned number) const;
    unsigned mtu() const { return mtu_; }
    // May there be packets of a protocol that contexts refuse? In the others
    // the counter of packets of a wrong context stays 0.
    bool odd_protocols() const { return seed_ % 3 != 0; }
    // Do listeners make a cookie of every SYN?
    bool cookies() const { return cookies_; }
    // Do its hosts translate addresses and ports (nat.hpp)?
    bool translates() const { return translates_; }

    // Other than by an operation that always does it
    void routes_changed() { changed_ = true; }

    void note(const std::string &text);
    // What the operation is about, for whoever reads of a difference
    void say(const std::string &text);
    const std::string &said() const { return said_; }
    // All that was sent, compared
    void settle();

  private:
    void shared_settings(const Place &place);
    void configure(Host &host, unsigned number);
    void sabotage();
    void forget_routes();
    void pair_settle(Pair &pair);
    void learn(Pair &pair, unsigned device, const Shown &a, const Shown &b);

    Options options_;
    Random random_;
    std::shared_ptr<Namespace> router_;
    std::unique_ptr<Family> contexts_;
    std::vector<std::uint32_t> numbers_;
    std::vector<Pair> pairs_;
    int family_;
    unsigned devices_;
    unsigned mtu_;
    bool by_option_, moved_, sniff_, cookies_, translates_;
    std::uint64_t seed_;
    std::uint32_t op_ = 0;
    bool changed_ = false;
    std::string said_;
};

// What the operations are called, and what they do
struct Operation {
    const char *name;
    unsigned weight;
    void (*run)(Turn &turn);
    // Does it change routes?
    bool configures = false;
};

extern const std::vector<Operation> socket_operations;
extern const std::vector<Operation> packet_operations;
extern const std::vector<Operation> config_operations;
extern const std::vector<Operation> nat_operations;

// Reads all that a socket has; as text
std::string read_all(Host &host, unsigned slot, Kind kind);
std::string errno_text(int error);

}  // namespace attack
