// SPDX-License-Identifier: GPL-2.0

#include <linux/if_ether.h>

#include <set>
#include <sstream>

#include "settings.hpp"
#include "tag.hpp"
#include "world.hpp"

namespace attack {

namespace {

// Of a dump, the rows that are not in the other
std::string rows_of(const std::string &text, const std::string &than) {
    constexpr std::size_t most = 600;
    std::stringstream stream(text), other(than);
    std::multiset<std::string> there;
    std::string row, out;
    while (std::getline(other, row))
        there.insert(row);
    while (std::getline(stream, row) && out.size() < most) {
        auto at = there.find(row);
        if (at == there.end())
            out += "\n#     " + escape(row);
        else
            there.erase(at);
    }
    return out.empty() ? "no more" : out;
}

// Where it is other than that
std::string around(const std::string &text, const std::string &than) {
    if (text.find('\n') != std::string::npos ||
        than.find('\n') != std::string::npos)
        return rows_of(text, than);
    constexpr std::size_t before = 80, most = 200;
    std::size_t at = 0;
    while (at < text.size() && at < than.size() && text[at] == than[at])
        at++;
    std::size_t from = at > before ? at - before : 0;
    return (from ? "... " : "") + escape(text.substr(from, most));
}

}  // namespace

std::string Turn::both(const std::function<std::string(Host &)> &call,
                       const std::function<bool(const std::string &)> &again) {
    std::string a = call(*pair_.a), b = call(*pair_.b);
    if (a != b && again) {
        for (Deadline deadline(5); a != b && deadline.left();) {
            if (again(a))
                a = call(*pair_.a);
            if (a != b && again(b))
                b = call(*pair_.b);
        }
    }
    if (a != b)
        throw Difference("host " + std::to_string(pair_.number) +
                         ": outcome of " + world_.said() + "\n#   context:   " +
                         around(a, b) + "\n#   namespace: " + around(b, a));
    if (world_.options().verbose)
        world_.note("  " + escape(a));
    return a;
}

void Turn::say(int slot, const std::string &what) {
    world_.say("slot " + std::to_string(slot) + " " + what);
}

void Turn::say(int slot, const Addr &addr, std::uint16_t port) {
    say(slot, addr.text() + " " + std::to_string(port));
}

void Turn::inject(unsigned device,
                  const std::function<std::string(Host &)> &make) {
    for (Host *host : {pair_.a.get(), pair_.b.get()}) {
        std::string bytes = make(*host);
        if (bytes.empty())
            continue;
        if (world_.options().verbose && host == pair_.a.get())
            world_.note("  to device " + std::to_string(device) + ": " +
                        describe(bytes, true));
        host->inject(device, bytes);
    }
}

std::optional<Sent> Turn::sent() {
    const Pair *pair = &pair_;
    if (random_.percent(30))
        pair = &world_.pairs()[random_.below(world_.pairs().size())];
    if (pair->a->history.empty())
        return std::nullopt;
    std::size_t which = random_.below(pair->a->history.size());
    return Sent{pair, which, pair->history_device[which]};
}

const std::string &Turn::sent_by(const Host &host, const Sent &sent) const {
    const Host &its = &host == pair_.a.get() ? *sent.pair->a : *sent.pair->b;
    return its.history[sent.which];
}

std::string Turn::payload(const Host &host, std::size_t size) const {
    return tagged(host.canon.owner(), op_, size);
}

unsigned Turn::device() {
    return random_.below(world_.device_count());
}

Addr Turn::local(unsigned device) {
    return world_.local(device, random_.percent(85) ? 1 : 2);
}

Addr Turn::peer(unsigned device) {
    return world_.local(
        device, peer_numbers[random_.below(random_.percent(80) ? 2 : 3)]);
}

Addr Turn::far() {
    unsigned net = random_.below(world_.device_count() + 1);
    unsigned number = 1 + random_.below(3);
    return world_.six() ? Addr::v6(2, net, number)
                        : Addr::v4(10, 1, net, number);
}

Addr Turn::group() {
    static const char *const groups4[] = {"239.1.1.1", "239.1.1.2", "232.1.1.1",
                                          "224.0.0.251"};
    static const char *const groups6[] = {"ff0e::1:1", "ff0e::1:2",
                                          "ff3e::8000:1", "ff05::fb"};
    return Addr::parse(world_.six() ? random_.pick(groups6)
                                    : random_.pick(groups4));
}

Addr Turn::any_addr() {
    unsigned on = device();
    switch (random_.below(12)) {
        case 0:
        case 1:
        case 2:
            return local(on);
        case 3:
        case 4:
        case 5:
            return peer(on);
        case 6:
            return far();
        case 7:
            return world_.loopback();
        case 8:
            return group();
        case 9:
            return world_.six() ? Addr::parse("2001:db8:ffff::1")
                                : Addr::parse("203.0.113.1");
        case 10:
            return world_.six() ? Addr::parse("::") : world_.local(on, 255);
        default:
            return world_.six() ? world_.loopback()
                                : Addr::v4(127, 0, 0, 1 + random_.below(2));
    }
}

std::uint16_t Turn::local_port() {
    return random_.pick(host_ports);
}

std::uint16_t Turn::peer_port() {
    return random_.pick(peer_ports);
}

std::size_t Turn::size() {
    static const std::size_t sizes[] = {16, 16, 32, 64, 128, 512, 1024};
    static const std::size_t large[] = {1408, 1472, 2000, 4000};
    return random_.percent(85) ? random_.pick(sizes) : random_.pick(large);
}

}  // namespace attack
