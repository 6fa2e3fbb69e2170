// SPDX-License-Identifier: GPL-2.0

#include "database.hpp"

#include <algorithm>

#include "mutation.hpp"

namespace vrd {

bool Database::may_have(const Key &key, Node node, bool shared) const {
    const Owners &there = owners(key);
    return (shared && there.shared) ||
           std::ranges::all_of(there.nodes,
                               [&](Node one) { return one == node; });
}

bool Database::has(const Key &key, Node node) const {
    return std::ranges::count(owners(key).nodes, node) != 0;
}

const Owners &Database::owners(const Key &key) const {
    static const Owners nobody;
    auto at = owners_.find(key);
    return at == owners_.end() ? nobody : at->second;
}

Node Database::owner(const Key &key) const {
    const Owners &there = owners(key);
    return there.nodes.empty() ? 0 : there.nodes.front();
}

bool Database::apply(Node node, const Operation &operation,
                     const Changed &changed) {
    bool shared = operation.kind == Operation::Kind::claim_shared;
    bool release = operation.kind == Operation::Kind::release;
    auto key = [&](const Host &host) {
        return Key{host, operation.service.protocol, operation.service.port};
    };

    if (!release &&
        !std::ranges::all_of(operation.hosts, [&](const Host &host) {
            return may_have(key(host), node, shared);
        }))
        return false;
    for (const Host &host : operation.hosts) {
        Owners before = owners(key(host));
        if (!release)
            add({key(host), node, shared});
        else if (auto at = owners_.find(key(host)); at != owners_.end()) {
            size_ -= std::erase(at->second.nodes, node);
            if (at->second.nodes.empty())
                owners_.erase(at);
        }
        if (const Owners &now = owners(key(host)); now != before)
            changed(key(host), now);
    }
    return true;
}

void Database::add(const Entry &entry) {
    Owners &there = owners_[entry.key];
    there.shared = entry.shared;
    if (std::ranges::count(there.nodes, entry.node))
        return;
    there.nodes.push_back(entry.node);
    size_++;
    if (broken(Mutation::sort_owners))
        std::ranges::sort(there.nodes);
}

void Database::retain(const std::function<bool(Node)> &keep,
                      const Changed &changed) {
    for (auto at = owners_.begin(); at != owners_.end();) {
        auto next = std::next(at);
        std::size_t gone = std::erase_if(
            at->second.nodes, [&](Node node) { return !keep(node); });
        if (gone) {
            Key key = at->first;
            size_ -= gone;
            if (at->second.nodes.empty())
                owners_.erase(at);
            changed(key, owners(key));
        }
        at = next;
    }
}

std::vector<Entry> Database::entries() const {
    std::vector<Entry> list;
    list.reserve(size_);
    for (const auto &[key, there] : owners_)
        for (Node node : there.nodes)
            list.push_back({key, node, there.shared});
    return list;
}

std::vector<Key> Database::of(Node node) const {
    std::vector<Key> list;
    for (const auto &[key, there] : owners_)
        if (std::ranges::count(there.nodes, node))
            list.push_back(key);
    return list;
}

}  // namespace vrd
