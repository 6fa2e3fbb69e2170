// SPDX-License-Identifier: GPL-2.0

#include "world.hpp"

#include <linux/if_ether.h>
#include <linux/vrctx.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "settings.hpp"
#include "tag.hpp"

namespace attack {

World::World(std::uint64_t seed, std::shared_ptr<Namespace> router,
             const Options &options)
    : options_(options),
      random_(seed),
      router_(std::move(router)),
      seed_(seed) {
    family_ = random_.percent(60) ? AF_INET : AF_INET6;
    devices_ = 2 + random_.below(2);
    // The size of a full segment is a multiple of 8, see tag.hpp
    static const unsigned mtus4[] = {1496, 1400, 1280},
                          mtus6[] = {1500, 1380, 1284};
    mtu_ = six() ? random_.pick(mtus6) : random_.pick(mtus4);
    by_option_ = random_.percent(50);
    moved_ = random_.percent(50);
    sniff_ = random_.percent(50);
    unsigned count = 2 + random_.below(2);
    bool default_too = random_.percent(40);
    // What context 0 did would still be there for the next world's
    if (default_too)
        router_ = std::make_shared<Namespace>();

    Place home{router_, 0};
    home.enter();
    contexts_ = std::make_unique<Family>();
    // Not of the dice above, which everything else comes from
    translates_ = Random(seed_, ~0u).percent(12);
    Settings settings(random_, six(), translates_);
    cookies_ = settings.cookies();
    settings.apply(home);
    auto tag = static_cast<std::uint16_t>((seed_ & 0xfff) << 4);
    for (unsigned i = 0; i < count; i++) {
        std::uint32_t ctx = i || !default_too ? 7 + 2 * i : 0;
        home.enter();
        if (ctx) {
            contexts_->make(ctx);
            numbers_.push_back(ctx);
        }
        Pair pair;
        pair.number = i;
        pair.a = std::make_unique<Host>(Place{router_, ctx},
                                        static_cast<std::uint16_t>(tag | i));
        auto alone = std::make_shared<Namespace>();
        pair.b = std::make_unique<Host>(
            Place{alone, 0}, static_cast<std::uint16_t>(tag | 8 | i));
        settings.apply(pair.b->place);
        // Same dice: what they configure is the same
        for (Host *host : {pair.a.get(), pair.b.get()}) {
            settings.configure(*this, *host, i, moved_,
                               sniff_ && (ctx || !default_too), Random(seed_));
            if (!translates_)
                continue;
            host->canon.translate();
            host->rules = std::make_unique<Rules>(
                host->place, host == pair.a.get(), i, six());
        }
        pairs_.push_back(std::move(pair));
    }
    settle();
}

World::~World() {
    pairs_.clear();
    Place{router_, 0}.enter();
    for (std::uint32_t ctx : numbers_) {
        try {
            contexts_->remove(ctx);
        } catch (const std::exception &error) {
            std::fprintf(stderr, "# context %u: %s\n", ctx, error.what());
        }
    }
}

void World::note(const std::string &text) {
    if (options_.verbose)
        std::printf("# %u %s\n", op_, text.c_str());
}

void World::say(const std::string &text) {
    said_ += ", " + text;
    note("  " + text);
}

Addr World::local(unsigned device, unsigned number) const {
    return six() ? Addr::v6(1, device, number)
                 : Addr::v4(10, 0, device, number);
}

Addr World::loopback() const {
    return Addr::parse(six() ? "::1" : "127.0.0.1");
}

Mac World::peer_mac(unsigned device, unsigned number) const {
    return {2,
            0,
            1,
            0,
            static_cast<std::uint8_t>(device),
            static_cast<std::uint8_t>(number)};
}

namespace {

const Operation &choose(Random &random) {
    static const std::vector<const Operation *> all = [] {
        std::vector<const Operation *> out;
        for (const auto *list : {&socket_operations, &packet_operations,
                                 &config_operations, &nat_operations})
            for (const Operation &one : *list)
                out.insert(out.end(), one.weight, &one);
        return out;
    }();
    return *all[random.below(all.size())];
}

}  // namespace

void World::step(std::uint32_t op) {
    op_ = op;
    Random random(seed_, op + 1);
    const Operation &operation = choose(random);
    // For one host, or for some, or for all of them
    auto count = static_cast<unsigned>(pairs_.size());
    unsigned who = random.percent(60) ? 1u << random.below(count)
                                      : random.below(1u << count);
    if (!who || random.percent(30))
        who = (1u << count) - 1;
    for (Pair &pair : pairs_) {
        if (!(who >> pair.number & 1))
            continue;
        said_ = operation.name;
        note(said_ + " in " + std::to_string(pair.number));
        Turn turn(*this, pair, op, random);
        operation.run(turn);
    }
    if (operation.configures || std::exchange(changed_, false))
        forget_routes();
    if (options_.sabotage && op % 50 == 49)
        sabotage();
    settle();
}

// A change of routes in one context makes the sockets of all look theirs up
// again, and forgets what was learnt: all namespaces have to do the same.
void World::forget_routes() {
    Place{router_, 0}.enter();
    sysctl("ipv4/route/flush", "1");
    for (Pair &pair : pairs_) {
        pair.b->place.enter();
        sysctl("ipv4/route/flush", "1");
    }
}

void World::settle() {
    for (Pair &pair : pairs_) {
        pair.a->drain();
        pair.b->drain();
    }
    for (Pair &pair : pairs_)
        pair_settle(pair);
}

namespace {

bool same(const std::vector<Shown> &a, const std::vector<Shown> &b) {
    return std::equal(
        a.begin(), a.end(), b.begin(), b.end(),
        [](const Shown &x, const Shown &y) { return x.canon == y.canon; });
}

// The first packet that differs, in each
std::string first_other(const std::vector<Shown> &a,
                        const std::vector<Shown> &b, bool ethernet) {
    std::size_t at = 0;
    while (at < a.size() && at < b.size() && a[at].canon == b[at].canon)
        at++;
    auto text = [&](const std::vector<Shown> &of) {
        std::string all;
        for (std::size_t i = at; i < of.size() && i < at + 3; i++)
            all += (i == at ? "" : "\n#     then ") +
                   describe(of[i].canon, ethernet);
        return all.empty() ? std::string("nothing") : all;
    };
    return "packet " + std::to_string(at) + "\n#   context:   " + text(a) +
           "\n#   namespace: " + text(b);
}

}  // namespace

void World::pair_settle(Pair &pair) {
    Host &a = *pair.a, &b = *pair.b;
    auto equal = [&] {
        bool all =
            same(a.heard, b.heard) && same(a.heard_asking, b.heard_asking);
        for (unsigned i = 0; all && i < devices_; i++)
            all = same(a.devices[i].out, b.devices[i].out) &&
                  same(a.devices[i].asked, b.devices[i].asked);
        return all;
    };
    for (Deadline deadline(5); !equal() && deadline.left();) {
        a.drain();
        b.drain();
    }
    std::string who = "host " + std::to_string(pair.number);
    auto compare = [&](std::vector<Shown> &from, std::vector<Shown> &to,
                       const std::string &where, bool ethernet) {
        if (!same(from, to))
            throw Difference(who + " " + where + ": " +
                             first_other(from, to, ethernet));
        if (options_.verbose && ethernet)
            for (const Shown &one : from)
                note(who + " " + where + " sent " + describe(one.canon, true));
    };
    for (unsigned i = 0; i < devices_; i++) {
        Device &from = a.devices[i], &to = b.devices[i];
        std::string where = "device " + std::to_string(i);
        compare(from.out, to.out, where, true);
        compare(from.asked, to.asked, where, true);
        for (std::size_t j = 0; j < from.out.size(); j++)
            learn(pair, i, from.out[j], to.out[j]);
        for (Device *device : {&from, &to}) {
            device->out.clear();
            device->asked.clear();
        }
    }
    compare(a.heard, b.heard, "packet socket", false);
    compare(a.heard_asking, b.heard_asking, "packet socket", false);
    for (Host *host : {&a, &b}) {
        host->heard.clear();
        host->heard_asking.clear();
    }
}

// What the wire learns from a packet of the hosts
void World::learn(Pair &pair, unsigned device, const Shown &a, const Shown &b) {
    constexpr std::size_t keep = 8, keep_flows = 16;
    const std::string &bytes = a.canon;
    if (bytes.size() < 34)
        return;
    pair.a->history.push_back(a.raw.substr(14));
    pair.b->history.push_back(b.raw.substr(14));
    pair.history_device.push_back(device);
    if (pair.history_device.size() > keep) {
        pair.a->history.pop_front();
        pair.b->history.pop_front();
        pair.history_device.pop_front();
    }
    std::size_t head = six() ? 54 : 14 + (bytes[14] & 15) * 4u;
    auto proto = static_cast<std::uint8_t>(bytes[six() ? 20 : 23]);
    if (get16(bytes, 12) != (six() ? ETH_P_IPV6 : ETH_P_IP) ||
        proto != IPPROTO_TCP || bytes.size() < head + 20)
        return;
    Flow flow = {};
    flow.host.family = flow.peer.family = family_;
    std::size_t size = flow.host.size(), at = six() ? 22 : 26;
    for (std::size_t i = 0; i < size; i++) {
        flow.host.bytes[i] = static_cast<std::uint8_t>(bytes[at + i]);
        flow.peer.bytes[i] = static_cast<std::uint8_t>(bytes[at + size + i]);
    }
    flow.hport = get16(bytes, head);
    flow.pport = get16(bytes, head + 2);
    flow.device = device;
    auto flags = static_cast<std::uint8_t>(bytes[head + 13]);
    std::uint32_t seq = get32(bytes, head + 4);
    auto known = std::find_if(
        pair.flows.begin(), pair.flows.end(), [&](const Flow &one) {
            return one.host == flow.host && one.peer == flow.peer &&
                   one.hport == flow.hport && one.pport == flow.pport;
        });
    if (flags & tcp_rst) {
        if (known != pair.flows.end())
            pair.flows.erase(known);
        return;
    }
    if (known == pair.flows.end()) {
        if (!(flags & tcp_syn) || flags & tcp_ack)
            return;
        if (pair.flows.size() == keep_flows)
            pair.flows.erase(pair.flows.begin());
        flow.seq = Random(seed_, op_).below(1u << 30);
        flow.active = true;
        pair.flows.push_back(flow);
        known = pair.flows.end() - 1;
    }
    std::uint32_t data = static_cast<std::uint32_t>(
        bytes.size() - head -
        (static_cast<std::uint8_t>(bytes[head + 12]) >> 4) * 4u);
    known->ack = seq + data + ((flags & (tcp_syn | tcp_fin)) != 0);
}

void World::finish() {
    for (Pair &pair : pairs_) {
        Turn turn(*this, pair, op_, Random(seed_));
        for (unsigned slot = 0; slot < slot_count; slot++) {
            if (pair.kinds[slot] == Kind::none)
                continue;
            turn.both(
                [&](Host &host) {
                    return "left in " + std::to_string(slot) + ": " +
                           read_all(host, slot, pair.kinds[slot]);
                },
                [](const std::string &) { return false; });
        }
    }
    settle();
    if (odd_protocols())
        return;
    Place{router_, 0}.enter();
    for (std::uint32_t ctx : numbers_) {
        auto wrong = contexts_->counter(ctx, VRCTX_A_CTX_WRONG_CTX);
        if (wrong)
            throw Difference("context " + std::to_string(ctx) + ": " +
                             std::to_string(wrong) +
                             " packets of a wrong context");
    }
}

// What the tester must notice: each of these is a leak that it makes itself
void World::sabotage() {
    Host &victim = *pairs_.back().a;
    Host &other = *pairs_.front().a;
    Ip ip;
    ip.src = local(0, 9);
    ip.dst = local(0);
    std::uint16_t type = six() ? ETH_P_IPV6 : ETH_P_IP;
    auto send = [&](const std::string &packet) {
        victim.inject(
            0, frame(victim.devices[0].mac, peer_mac(0, 9), type, packet));
    };
    std::string stray = tagged(other.canon.owner(), op_, 64);
    switch (options_.sabotage) {
        case 1:  // answered on a foreign device
            send(icmp(ip, six() ? 128 : 8, 0, 1, stray));
            break;
        case 2:  // received by a foreign socket
            for (std::uint16_t port : host_ports)
                send(udp(ip, peer_ports[0], port, stray));
            break;
        default:  // a segment of the own, that only one of the two gets
            for (const Flow &flow : pairs_.back().flows) {
                std::uint32_t isn;
                if (!victim.canon.isn(
                        flow_key(flow.host.view(), flow.peer.view(), flow.hport,
                                 flow.pport),
                        isn))
                    continue;
                ip.src = flow.peer;
                ip.dst = flow.host;
                send(tcp(ip,
                         {flow.pport, victim.canon.real_port(flow.hport),
                          flow.seq, isn + flow.ack, tcp_rst | tcp_ack},
                         ""));
            }
    }
}

}  // namespace attack
