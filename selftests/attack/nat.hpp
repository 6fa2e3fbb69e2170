// SPDX-License-Identifier: GPL-2.0
//
// Address translation: rules of hosts, and the connections that they track.

#pragma once

#include <memory>
#include <string>

#include "place.hpp"

namespace attack {

struct Nft;

// Purpose: the nftables rules of one host, a table of its own. Those of
// contexts are loaded by context 0 and see the packets of all, so each rule
// begins with the number of the context; those of a namespace do not.
// Threading: one thread.
// Errors: std::runtime_error if libnftables, which is loaded when the first is
// made, refuses.
class Rules {
  public:
    // shares: are there others in its namespace?
    Rules(const Place &host, bool shares, unsigned number, bool six);
    ~Rules();
    Rules(const Rules &) = delete;
    Rules &operator=(const Rules &) = delete;

    void add(const std::string &chain, const std::string &rule);
    void flush();
    // With what they counted; as a namespace has them
    std::string list();

  private:
    std::string run(const std::string &command);

    Place loader_;
    std::string table_, match_;
    std::unique_ptr<Nft> nft_;
};

}  // namespace attack
