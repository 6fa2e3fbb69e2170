// SPDX-License-Identifier: GPL-2.0

#include "config.hpp"

#include <linux/vr_dhost.h>
#include <linux/vrctx.h>

#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <fstream>
#include <sstream>

namespace vrd {
namespace {

// Purpose: takes what is known out of a table, so that the rest is unknown.
// Threading: plain data.
// Errors: the first one is kept; later ones are not looked at.
class Table {
  public:
    Table(const toml::table &table, std::string name,
          std::optional<vr::Error> &error)
        : table_(table), name_(std::move(name)), error_(error) {}

    void fail(const toml::node &node, const std::string &why) {
        if (!error_)
            error_ =
                vr::Error{EINVAL,
                          {},
                          "line " + std::to_string(node.source().begin.line) +
                              ": " + why};
    }
    const toml::node *find(const char *key) {
        known_.insert(key);
        return table_.get(key);
    }
    const toml::node *need(const char *key) {
        const toml::node *node = find(key);
        if (!node)
            fail(table_, name_ + " lacks '" + key + "'");
        return node;
    }
    template <typename T>
    void number(const char *key, T &to, std::int64_t min, std::int64_t max,
                bool required = false) {
        const toml::node *node = required ? need(key) : find(key);
        if (!node)
            return;
        const auto *value = node->as_integer();
        if (!value || value->get() < min || value->get() > max)
            fail(*node, std::string("'") + key + "' is a number from " +
                            std::to_string(min) + " to " + std::to_string(max));
        else
            to = static_cast<T>(value->get());
    }
    void seconds(const char *key, std::uint64_t &to_ms) {
        const toml::node *node = find(key);
        if (!node)
            return;
        auto value = node->value<double>();
        if (!value || !(*value >= 0.01 && *value <= 86400))
            fail(*node, std::string("'") + key +
                            "' is a number of seconds, 0.01 to 86400");
        else
            to_ms = static_cast<std::uint64_t>(std::lround(*value * 1000));
    }
    std::string text(const char *key, bool required) {
        const toml::node *node = required ? need(key) : find(key);
        if (!node)
            return {};
        const auto *value = node->as_string();
        if (!value || value->get().empty())
            fail(*node, std::string("'") + key + "' is a text");
        return value ? value->get() : std::string();
    }
    // One of two words; false: the first, or nothing
    bool choice(const char *key, const char *first, const char *second) {
        const toml::node *node = find(key);
        if (!node)
            return false;
        auto value = node->value<std::string>();
        if (!value || (*value != first && *value != second))
            fail(*node, std::string("'") + key + "' is \"" + first +
                            "\" or \"" + second + "\"");
        return value && *value == second;
    }
    void end() {
        for (const auto &[key, node] : table_)
            if (!known_.contains(std::string(key.str())))
                fail(node, "'" + std::string(key.str()) + "' is not known in " +
                               name_);
    }

  private:
    const toml::table &table_;
    std::string name_;
    std::optional<vr::Error> &error_;
    std::set<std::string> known_;
};

void parse_node(Table table, const toml::table &at, Config &config) {
    Node id = 0;
    Peer peer;
    table.number("id", id, 1, VR_DHOST_NODE_MAX, true);
    table.number("priority", peer.priority, 0, UINT32_MAX);
    table.number("votes", peer.votes, 0, 1000);
    if (std::string text = table.text("slice", false); !text.empty()) {
        auto range = vr::dhost::parse_range(text);
        if (range)
            peer.slice = Slice{range->min, range->max};
        else
            table.fail(at, "'" + text + "' is no range of ports");
    }
    table.end();
    for (const auto &[other, one] : config.peers)
        if (peer.slice && one.slice && peer.slice->min <= one.slice->max &&
            one.slice->min <= peer.slice->max)
            table.fail(
                at, "the slice overlaps that of node " + std::to_string(other));
    if (id && !config.peers.emplace(id, peer).second)
        table.fail(at, "node " + std::to_string(id) + " is there twice");
}

void parse_lladdrs(Table &table, Address &address) {
    const toml::node *node = table.need("lladdr");
    if (!node)
        return;
    const toml::table *list = node->as_table();
    if (!list) {
        table.fail(*node,
                   "'lladdr' is a table of nodes and their Ethernet "
                   "addresses");
        return;
    }
    for (const auto &[key, value] : *list) {
        Node id = 0;
        std::string_view word = key.str();
        auto [end, error] =
            std::from_chars(word.data(), word.data() + word.size(), id);
        auto mac = vr::dhost::parse_mac(value.value_or(std::string()));
        if (error != std::errc() || end != word.data() + word.size() || !mac)
            table.fail(value,
                       "'lladdr' wants a number of a node and an "
                       "Ethernet address");
        else
            address.lladdrs[id] = *mac;
    }
}

void parse_address(Table table, const toml::table &at, Config &config) {
    Address address;
    if (std::string text = table.text("address", true); !text.empty()) {
        auto parsed = vr::dhost::parse_ip(text);
        if (parsed)
            address.key.address = *parsed;
        else
            table.fail(at, "'" + text + "' is no IP address");
    }
    table.number("context", address.key.context, 0, VRCTX_ID_MAX);
    address.device = table.text("device", true);
    parse_lladdrs(table, address);
    table.end();
    for (const Address &one : config.addresses)
        if (host(one.key) == host(address.key))
            table.fail(at, "the address is there twice");
    config.addresses.push_back(std::move(address));
}

// "udp/53" or "tcp/8000-8010"
void parse_shared(Table &table, const toml::node &node, Config &config) {
    auto text = node.value_or(std::string());
    std::size_t slash = text.find('/');
    std::string name = text.substr(0, slash);
    std::uint8_t protocol = name == "tcp" ? 6 : name == "udp" ? 17 : 0;
    auto range = vr::dhost::parse_range(
        slash == text.npos ? "" : std::string_view(text).substr(slash + 1));
    if (!protocol || !range) {
        table.fail(node, "'" + text +
                             "' is not tcp/PORT, udp/PORT or a range of these");
        return;
    }
    for (std::uint32_t port = range->min; port <= range->max; port++)
        config.shared.insert({protocol, static_cast<std::uint16_t>(port)});
}

using Parse = void (*)(Table, const toml::table &, Config &);

void each(Table &top, const char *key, const char *name, Config &config,
          std::optional<vr::Error> &error, Parse parse) {
    const toml::node *node = top.need(key);
    if (!node)
        return;
    const toml::array *list = node->as_array();
    if (!list || list->empty() || !list->is_homogeneous<toml::table>()) {
        top.fail(*node, std::string("'") + key + "' is a list of tables");
        return;
    }
    for (const toml::node &one : *list)
        parse(Table(*one.as_table(), name, error), *one.as_table(), config);
}

// What cannot be said of one line
void check(const Config &config, std::optional<vr::Error> &error) {
    auto fail = [&](const std::string &why) {
        if (!error)
            error = vr::Error{EINVAL, {}, why};
    };
    if (config.peers.size() > nodes_max)
        fail("there are more than " + std::to_string(nodes_max) + " nodes");
    if (config.node && !config.peers.contains(config.node))
        fail("this node is none of the nodes");
    for (const Address &address : config.addresses) {
        for (const auto &[node, peer] : config.peers)
            if (!address.lladdrs.contains(node))
                fail(vr::dhost::text(address.key.address) +
                     " lacks the Ethernet address of node " +
                     std::to_string(node));
        for (const auto &[node, lladdr] : address.lladdrs)
            if (!config.peers.contains(node))
                fail(vr::dhost::text(address.key.address) +
                     " has an Ethernet address of node " +
                     std::to_string(node) + ", which there is not");
    }
}

}  // namespace

Host host(const vr::dhost::Key &key) {
    Host host{key.context, 4, {}};
    std::visit(
        [&host](const auto &bytes) {
            host.family = bytes.size() == 4 ? 4 : 6;
            std::ranges::copy(bytes, host.address.begin());
        },
        key.address);
    return host;
}

std::vector<Host> hosts(const Config &config, const vr::dhost::Event &event) {
    using vr::dhost::Ip;
    using vr::dhost::Ipv4;
    using vr::dhost::Ipv6;
    const vr::dhost::Key &key = event.key;
    bool four = key.address == Ip{Ipv4{}};
    bool six = key.address == Ip{Ipv6{}};
    std::vector<Host> list;

    for (const Address &one : config.addresses) {
        bool is_four = std::holds_alternative<Ipv4>(one.key.address);
        bool any = is_four ? four || (six && !event.v6only) : six;
        if ((key.context == one.key.context || key.context == VRCTX_ANY) &&
            (any || key.address == one.key.address))
            list.push_back(host(one.key));
    }
    return list;
}

Setup Config::setup() const {
    Setup setup;
    setup.self = node;
    setup.rules.engine_quorum = engine_quorum;
    setup.rules.grace_ms = grace_ms;
    setup.fence_ms = fence_ms;
    setup.shared = shared;
    for (const auto &[id, peer] : peers) {
        setup.rules.votes[id] = peer.votes;
        if (peer.slice)
            setup.slices[id] = *peer.slice;
        if (id == node)
            setup.priority = peer.priority;
    }
    return setup;
}

vr::Result<Config> parse_config(std::string_view text) {
    toml::parse_result parsed = toml::parse(text);
    if (!parsed)
        return vr::Error{
            EINVAL,
            {},
            "line " + std::to_string(parsed.error().source().begin.line) +
                ": " + std::string(parsed.error().description())};

    Config config;
    std::optional<vr::Error> error;
    Table top(parsed.table(), "the file", error);
    top.number("node", config.node, 1, VR_DHOST_NODE_MAX);
    if (std::string name = top.text("group", false); !name.empty())
        config.group = name;
    if (config.group.size() > 100)
        top.fail(*top.find("group"), "the name of the group is too long");
    config.engine_quorum = top.choice("quorum", "majority", "engine");
    config.allow_alone = top.choice("alone", "refuse", "allow");
    top.seconds("grace", config.grace_ms);
    top.seconds("fence", config.fence_ms);
    std::uint64_t bind_ms = config.bind_ms;
    top.seconds("bind_timeout", bind_ms);
    config.bind_ms = static_cast<std::uint32_t>(bind_ms);
    each(top, "nodes", "a node", config, error, parse_node);
    each(top, "addresses", "an address", config, error, parse_address);
    if (const toml::node *shared = top.find("shared")) {
        const toml::array *list = shared->as_array();
        if (!list)
            top.fail(*shared, "'shared' is a list of ports");
        else
            for (const toml::node &one : *list)
                parse_shared(top, one, config);
    }
    top.end();
    check(config, error);
    if (error)
        return *error;
    return config;
}

vr::Result<Config> read_config(const std::string &path) {
    std::ifstream file(path);
    std::ostringstream text;
    if (file)
        text << file.rdbuf();
    if (!file)
        return vr::Error{errno ? errno : EIO, "read " + path, {}};
    auto config = parse_config(text.str());
    if (!config)
        return config.error().during(path);
    return config;
}

}  // namespace vrd
