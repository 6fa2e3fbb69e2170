// SPDX-License-Identifier: GPL-2.0

#include "view.hpp"

#include <algorithm>
#include <iterator>
#include <tuple>

#include "mutation.hpp"

namespace vrd {
namespace {

constexpr unsigned place_bits = 8;
constexpr unsigned counter_bits = 16;

}  // namespace

bool majority(const Rules &rules, const std::set<Node> &members) {
    std::uint64_t all = 0;
    std::uint64_t here = 0;
    for (const auto &[node, votes] : rules.votes) {
        all += votes;
        here += members.contains(node) ? votes : 0;
    }
    return here * 2 > all;
}

std::uint64_t decided(const Rules &rules, const View &view,
                      const std::map<Node, std::uint64_t> &acks) {
    std::vector<std::pair<std::uint64_t, Node>> order;
    for (Node node : view.synced) {
        auto at = acks.find(node);
        order.emplace_back(at == acks.end() ? 0 : at->second, node);
    }
    std::sort(order.rbegin(), order.rend());
    if (order.empty())
        return 0;
    if (rules.engine_quorum)
        return order.back().first;

    std::set<Node> know;
    auto lead = acks.find(view.lead);
    for (const auto &[count, node] : order) {
        know.insert(node);
        if (!majority(rules, know))
            continue;
        if (!view.synced.contains(view.lead))
            return count;
        return lead == acks.end() ? 0 : std::min(count, lead->second);
    }
    return 0;
}

Node elect(const Rules &rules, const View &view) {
    auto rank = [&](Node node) {
        const Standing &standing = view.members.at(node);
        // what is less is better
        return std::tuple(!rules.votes.contains(node),
                          !view.synced.contains(node), standing.draining,
                          !standing.link, UINT32_MAX - standing.priority, node);
    };
    Node best = 0;
    for (const auto &[node, standing] : view.members)
        if (!best || rank(node) < rank(best))
            best = node;
    return best;
}

std::uint64_t next_epoch(const Rules &rules, std::uint64_t epoch,
                         std::uint64_t ring, Node lead) {
    std::uint64_t counter =
        std::max((epoch >> place_bits) + 1, ring << counter_bits);
    auto place = std::distance(rules.votes.begin(), rules.votes.find(lead));
    return counter << place_bits | static_cast<std::uint64_t>(place);
}

View decide(const Rules &rules, const std::map<Node, Hello> &hellos) {
    View view;
    std::uint64_t epoch = 0;
    std::set<Node> nodes;
    bool quorate = true;

    for (const auto &[node, hello] : hellos) {
        view.members[node] = hello.standing;
        nodes.insert(node);
        view.ring = std::max(view.ring, hello.ring);
        epoch = std::max(epoch, hello.epoch);
        view.version = std::max(view.version, hello.version);
        quorate = quorate && hello.quorate;
    }
    view.primary =
        (quorate && (rules.engine_quorum || majority(rules, nodes))) ||
        broken(Mutation::no_quorum);
    if (!view.primary) {
        view.epoch = epoch;
        return view;
    }

    for (const auto &[node, hello] : hellos) {
        if (hello.version != view.version && !broken(Mutation::all_synced))
            continue;
        if (!view.source)
            view.source = node;
        view.synced.insert(node);
    }
    // Of those who have been together all along, one speaks for all.
    const Hello &source = hellos.at(view.source);
    for (Node node : source.limbo)
        if (!nodes.contains(node))
            view.limbo.insert(node);

    // A lead whose daemon is away, or back but without the database yet, goes
    // on: its kernel has never stopped.
    auto old = hellos.find(source.lead);
    bool stays = view.limbo.contains(source.lead) ||
                 (old != hellos.end() && old->second.leading &&
                  !view.synced.contains(source.lead));
    view.lead = stays ? source.lead : elect(rules, view);
    view.epoch = next_epoch(rules, epoch, view.ring, view.lead);
    view.base = view.epoch;
    view.version = {view.base, 0, 0};
    return view;
}

}  // namespace vrd
