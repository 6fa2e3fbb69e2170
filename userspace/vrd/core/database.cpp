// SPDX-License-Identifier: GPL-2.0

#include "database.hpp"

#include <algorithm>

namespace vrd {

bool Database::may_have(const Key &key, Node node, bool shared) const {
    for (auto at = owners_.lower_bound({key, 0});
         at != owners_.end() && at->first.key == key; ++at)
        if (at->first.node != node && !(shared && at->second))
            return false;
    return true;
}

bool Database::has(const Key &key, Node node) const {
    return owners_.contains({key, node});
}

Node Database::owner(const Key &key) const {
    auto at = owners_.lower_bound({key, 0});
    return at != owners_.end() && at->first.key == key ? at->first.node : 0;
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
        Node before = owner(key(host));
        if (release)
            owners_.erase({key(host), node});
        else
            owners_[{key(host), node}] = shared;
        if (Node now = owner(key(host)); now != before)
            changed(key(host), now);
    }
    return true;
}

void Database::add(const Entry &entry) {
    owners_[{entry.key, entry.node}] = entry.shared;
}

void Database::retain(const std::function<bool(Node)> &keep,
                      const Changed &changed) {
    for (auto at = owners_.begin(); at != owners_.end();) {
        if (keep(at->first.node)) {
            ++at;
            continue;
        }
        Key key = at->first.key;
        Node before = owner(key);
        at = owners_.erase(at);
        if (Node now = owner(key); now != before)
            changed(key, now);
    }
}

std::vector<Entry> Database::entries() const {
    std::vector<Entry> list;
    list.reserve(owners_.size());
    for (const auto &[owner, shared] : owners_)
        list.push_back({owner.key, owner.node, shared});
    return list;
}

std::vector<Key> Database::of(Node node) const {
    std::vector<Key> list;
    for (const auto &[owner, shared] : owners_)
        if (owner.node == node)
            list.push_back(owner.key);
    return list;
}

}  // namespace vrd
