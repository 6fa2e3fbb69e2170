// SPDX-License-Identifier: GPL-2.0

#include "plan.hpp"

#include <fmt/format.h>
#include <linux/if.h>
#include <linux/vrctx.h>

#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>

#include "dhost.hpp"
#include "vr/ref.hpp"

namespace vrctl::plan {
namespace {

using dhost::invalid;
using dhost::store;

using Words = std::span<const std::string>;

constexpr std::size_t nodes_max = 64;     // as vrd
constexpr std::size_t key_min = 128;      // as corosync
constexpr std::size_t key_max = 4096;     // as corosync
constexpr std::uint32_t token_min = 100;  // below it a busy machine is gone
constexpr std::uint32_t token_max = 60000;
constexpr std::uint32_t votes_max = 1000;  // as vrd

// The words behind the address by node: first those of all, then of each one
// the words behind "node". Only pairs are there, so that a value may be "node".
std::vector<Words> sections(Words words) {
    std::vector<Words> list;
    std::size_t begin = 1;
    for (std::size_t i = 1; i < words.size(); i += 2)
        if (words[i] == "node") {
            list.push_back(words.subspan(begin, i - begin));
            begin = i + 1;
        }
    list.push_back(words.subspan(std::min(begin, words.size())));
    return list;
}

bool has(Words pairs, const char *key) {
    for (std::size_t i = 0; i < pairs.size(); i += 2)
        if (pairs[i] == key)
            return true;
    return false;
}

bool is_device(const std::string &name) {
    return !name.empty() && name.size() < IFNAMSIZ && name != "." &&
           name != ".." && std::ranges::all_of(name, [](unsigned char c) {
               return c > ' ' && c < 0x7f && c != '/' && c != '"' && c != '\\';
           });
}

vr::Result<std::uint32_t> between(const char *what, const std::string &word,
                                  std::uint32_t min, std::uint32_t max) {
    auto value = vr::parse_number(word, max);
    if (!value || *value < min)
        return invalid(fmt::format("'{}': {} is a number from {} to {}", word,
                                   what, min, max));
    return value;
}

vr::Result<void> parse_common(Plan &plan, Words pairs) {
    for (std::size_t i = 0; i < pairs.size(); i += 2) {
        const std::string &value = pairs[i + 1];
        vr::Result<void> ok;
        if (pairs[i] == "token")
            ok = store(plan.token,
                       between("token", value, token_min, token_max));
        else if (pairs[i] == "ctx")
            ok = store(plan.context, between("ctx", value, 0, VRCTX_ID_MAX));
        else if (is_device(value))
            plan.device = value;
        else
            ok = invalid("'" + value + "' is no name of a device");
        if (!ok)
            return ok;
    }
    return {};
}

vr::Result<Node> parse_node(Words words) {
    Node node;
    if (auto ok = store(node.id, dhost::parse_node(words[0])); !ok)
        return ok.error();
    for (std::size_t i = 1; i < words.size(); i += 2) {
        const std::string &key = words[i];
        const std::string &value = words[i + 1];
        vr::Result<void> ok;
        if (key == "ring")
            ok = store(node.ring, vr::dhost::parse_ip(value));
        else if (key == "lladdr")
            ok = store(node.lladdr, vr::dhost::parse_mac(value));
        else if (key == "priority")
            ok =
                store(node.priority, between("priority", value, 0, UINT32_MAX));
        else if (key == "votes")
            ok = store(node.votes, between("votes", value, 0, votes_max));
        else
            ok = store(node.slice, vr::dhost::parse_range(value));
        if (!ok)
            return ok.error();
    }
    return node;
}

std::string name(const Node &node) {
    return fmt::format("node {}", node.id);
}

// What two nodes cannot have in common
vr::Result<void> check_pair(const Node &one, const Node &other) {
    std::string both = name(one) + " and " + name(other);
    if (one.id == other.id)
        return invalid(name(one) + " is there twice");
    if (one.ring == other.ring)
        return invalid(both + " have the same ring address");
    if (one.ring.index() != other.ring.index())
        return invalid(both + " have ring addresses of two families");
    if (one.lladdr == other.lladdr)
        return invalid(both + " have the same Ethernet address");
    if (one.slice && other.slice && one.slice->min <= other.slice->max &&
        other.slice->min <= one.slice->max)
        return invalid("the slices of " + both + " overlap");
    return {};
}

vr::Result<void> check(const Plan &plan) {
    if (plan.nodes.size() < 2)
        return invalid("a cluster has two nodes at least");
    if (plan.nodes.size() > nodes_max)
        return invalid(
            fmt::format("a cluster has {} nodes at most", nodes_max));
    std::uint64_t votes = 0;
    for (std::size_t i = 0; i < plan.nodes.size(); i++) {
        const Node &node = plan.nodes[i];
        votes += node.votes;
        if (node.ring == plan.address)
            return invalid("the ring address of " + name(node) +
                           " is the address that all have");
        if ((node.lladdr[0] & 1) || node.lladdr == vr::dhost::Mac{})
            return invalid("the Ethernet address of " + name(node) +
                           " is none of a device");
        for (std::size_t j = 0; j < i; j++)
            if (auto ok = check_pair(plan.nodes[j], node); !ok)
                return ok;
    }
    if (!votes)
        return invalid("no node has a vote");
    return {};
}

}  // namespace

std::string misuse(Words words) {
    static constexpr const char *common[] = {"dev", "ctx", "token"};
    static constexpr const char *own[] = {"ring", "lladdr", "priority", "votes",
                                          "slice"};
    auto parts = sections(words);

    if (auto why = dhost::misuse(parts[0], common); !why.empty())
        return why;
    if (!has(parts[0], "dev"))
        return "'dev' is missing";
    if (parts.size() == 1)
        return "'node' is missing";
    for (Words part : std::span(parts).subspan(1)) {
        if (part.empty())
            return "'node' lacks its value";
        Words pairs = part.subspan(1);
        if (auto why = dhost::misuse(pairs, own); !why.empty())
            return "node " + part[0] + ": " + why;
        for (const char *key : {"ring", "lladdr"})
            if (!has(pairs, key))
                return fmt::format("node {}: '{}' is missing", part[0], key);
    }
    return {};
}

vr::Result<Plan> parse(Words words) {
    Plan plan;
    auto parts = sections(words);
    if (auto ok = store(plan.address, vr::dhost::parse_ip(words[0])); !ok)
        return ok.error();
    if (auto ok = parse_common(plan, parts[0]); !ok)
        return ok.error();
    for (Words part : std::span(parts).subspan(1)) {
        auto node = parse_node(part);
        if (!node)
            return node.error().during("node " + part[0]);
        plan.nodes.push_back(*node);
    }
    if (auto ok = check(plan); !ok)
        return ok.error();
    return plan;
}

vr::Result<std::uint32_t> find_self(const Plan &plan,
                                    std::span<const Interface> here) {
    const Node *self = nullptr;
    for (const Node &node : plan.nodes)
        for (const Interface &device : here)
            if (std::ranges::find(device.addresses, node.ring) !=
                device.addresses.end()) {
                if (self && self != &node)
                    return invalid("this machine has the ring addresses of " +
                                   name(*self) + " and " + name(node));
                self = &node;
            }
    if (!self)
        return invalid("this machine has the ring address of no node");
    auto device = std::ranges::find(here, plan.device, &Interface::name);
    if (device == here.end())
        return invalid("there is no device " + plan.device + " here");
    if (device->lladdr != self->lladdr)
        return invalid(fmt::format(
            "{} here has another Ethernet address than {}, {}", plan.device,
            name(*self), vr::dhost::text(self->lladdr)));
    return self->id;
}

std::string corosync_conf(const Plan &plan) {
    std::string text = fmt::format(
        "# Made by vrctl cluster, see vrctl(8). The same on all nodes.\n"
        "totem {{\n"
        "\tversion: 2\n"
        "\tcluster_name: vrctx\n"
        "\ttransport: knet\n"
        "\ttoken: {}\n"
        // the same for three nodes as for two
        "\ttoken_coefficient: 0\n"
        // a ring of many nodes, of whose frames many are lost, lives
        "\ttoken_retransmits_before_loss_const: 10\n"
        "\tcrypto_cipher: aes256\n"
        "\tcrypto_hash: sha256\n"
        // a link is down as soon as by default, but not after two pings that
        // were lost
        "\tinterface {{\n"
        "\t\tlinknumber: 0\n"
        "\t\tknet_ping_interval: {}\n"
        "\t\tknet_ping_timeout: {}\n"
        "\t}}\n"
        "}}\n"
        "nodelist {{\n",
        plan.token, std::max(plan.token / 32, 10U), plan.token / 2);
    for (const Node &node : plan.nodes)
        text += fmt::format(
            "\tnode {{\n"
            "\t\tring0_addr: {}\n"
            "\t\tname: node{}\n"
            "\t\tnodeid: {}\n"
            "\t\tquorum_votes: {}\n"
            "\t}}\n",
            vr::dhost::text(node.ring), node.id, node.id, node.votes);
    return text +
           "}\n"
           "quorum {\n"
           "\tprovider: corosync_votequorum\n"
           "}\n"
           "logging {\n"
           "\tto_stderr: yes\n"
           "\tto_syslog: yes\n"
           "\tto_logfile: no\n"
           "}\n";
}

std::string vrd_toml(const Plan &plan) {
    std::string text =
        "# Made by vrctl cluster, see vrd.toml(5). The same on all nodes.\n";
    std::string lladdrs;
    for (const Node &node : plan.nodes) {
        text += fmt::format("\n[[nodes]]\nid = {}\npriority = {}\nvotes = {}\n",
                            node.id, node.priority, node.votes);
        if (node.slice)
            text +=
                fmt::format("slice = \"{}\"\n", vr::dhost::text(*node.slice));
        lladdrs += fmt::format("{}{} = \"{}\"", lladdrs.empty() ? "" : ", ",
                               node.id, vr::dhost::text(node.lladdr));
    }
    return text + fmt::format(
                      "\n[[addresses]]\naddress = \"{}\"\ncontext = {}\n"
                      "device = \"{}\"\nlladdr = {{ {} }}\n",
                      vr::dhost::text(plan.address), plan.context, plan.device,
                      lladdrs);
}

std::string to_json(const Bundle &bundle) {
    nlohmann::ordered_json json;
    std::string key;
    for (unsigned char byte : bundle.key)
        key += fmt::format("{:02x}", byte);
    json["vrctx_cluster"] = 1;
    json["plan"] = bundle.words;
    json["key"] = key;
    return json.dump() + "\n";
}

vr::Result<Bundle> from_json(std::string_view text) {
    auto json = nlohmann::json::parse(text, nullptr, false);
    if (!json.is_object() || !json.contains("vrctx_cluster"))
        return invalid("that was not made by vrctl cluster init");
    if (json["vrctx_cluster"] != 1)
        return invalid("that is of another version of vrctl");
    Bundle bundle;
    const auto &plan = json["plan"];
    if (!plan.is_array() || !std::ranges::all_of(plan, [](const auto &word) {
            return word.is_string();
        }))
        return invalid("it has no plan");
    bundle.words = plan.template get<std::vector<std::string>>();
    std::string key = json["key"].is_string() ? json["key"] : "";
    if (key.size() % 2 || key.find_first_not_of("0123456789abcdef") != key.npos)
        key.clear();
    for (std::size_t i = 0; i < key.size(); i += 2)
        bundle.key += static_cast<char>(std::stoi(key.substr(i, 2), {}, 16));
    if (bundle.key.size() < key_min || bundle.key.size() > key_max)
        return invalid("it has no key");
    return bundle;
}

}  // namespace vrctl::plan
