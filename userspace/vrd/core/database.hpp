// SPDX-License-Identifier: GPL-2.0
//
// Who has which port. All members have the same one, since all apply the same
// operations in the same order.

#pragma once

#include <functional>
#include <map>
#include <vector>

#include "message.hpp"
#include "types.hpp"

namespace vrd {

// Purpose: the owners of all ports of all addresses.
// Threading: plain data.
// Errors: a claim that cannot be is refused; a release of what the node does
// not have changes nothing.
//
// An exclusive port has one owner. A shared one has any number, all of which
// claimed it as shared, in the order in which they did: the kernel finds flows
// by it that began before the last of them came.
class Database {
  public:
    // Called with each port whose owners are others now
    using Changed = std::function<void(const Key &, const Owners &)>;

    // Could the node have it, or has it already?
    bool may_have(const Key &key, Node node, bool shared) const;
    bool has(const Key &key, Node node) const;
    const Owners &owners(const Key &key) const;
    // The first of them, 0: nobody
    Node owner(const Key &key) const;
    // All of the operation, or nothing: false
    bool apply(Node node, const Operation &operation, const Changed &changed);
    void add(const Entry &entry);
    // Forgets the ports of nodes for which `keep` says no.
    void retain(const std::function<bool(Node)> &keep, const Changed &changed);

    std::vector<Entry> entries() const;
    const std::map<Key, Owners> &all() const { return owners_; }
    std::vector<Key> of(Node node) const;
    std::size_t size() const { return size_; }
    void clear() { *this = {}; }
    bool operator==(const Database &) const = default;

  private:
    std::map<Key, Owners> owners_;  // none of nobody
    std::size_t size_ = 0;          // of all
};

}  // namespace vrd
