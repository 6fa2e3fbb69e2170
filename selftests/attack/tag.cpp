// SPDX-License-Identifier: GPL-2.0

#include "tag.hpp"

#include <cstring>

namespace attack {

namespace {

constexpr char magic[4] = {'\xd7', 'V', '\x9e', '\xc5'};

struct Owner {
    explicit Owner(std::uint16_t owner)
        : number(owner), complement(static_cast<std::uint16_t>(~owner)) {}
    bool real() const {
        return complement == static_cast<std::uint16_t>(~number);
    }
    std::uint16_t number, complement;
};

// Where the owner of the next tag is
std::size_t next_tag(const std::string &bytes, std::size_t from) {
    while (from < bytes.size()) {
        const void *at = memmem(bytes.data() + from, bytes.size() - from, magic,
                                sizeof(magic));
        if (!at)
            break;
        auto where = static_cast<std::size_t>(static_cast<const char *>(at) -
                                              bytes.data()) +
                     sizeof(magic);
        Owner owner(0);
        if (where + sizeof(owner) > bytes.size())
            break;
        std::memcpy(&owner, bytes.data() + where, sizeof(owner));
        if (owner.real())
            return where;
        from = where;
    }
    return std::string::npos;
}

}  // namespace

std::string tagged(std::uint16_t owner, std::uint32_t op, std::size_t size) {
    std::string out;
    out.reserve(size + tag_size);
    for (std::uint32_t part = 0; out.size() < size; part++) {
        out.append(magic, sizeof(magic));
        Owner both(owner);
        out.append(reinterpret_cast<const char *>(&both), sizeof(both));
        out.append(reinterpret_cast<const char *>(&op), sizeof(op));
        out.append(reinterpret_cast<const char *>(&part), sizeof(part));
    }
    out.resize(size);
    return out;
}

void untag(std::uint16_t owner, std::string &bytes) {
    for (std::size_t at = 0; (at = next_tag(bytes, at)) != std::string::npos;
         at += sizeof(Owner)) {
        Owner found(0);
        std::memcpy(&found, bytes.data() + at, sizeof(found));
        if (found.number != owner)
            throw Leak("tag of " + std::to_string(found.number) +
                       " where only " + std::to_string(owner) + "'s may be");
        // not even a tag of 0 any more, as the complement is none
        std::memset(bytes.data() + at, 0, sizeof(found));
    }
}

void retag(std::uint16_t owner, std::string &bytes) {
    Owner both(owner);
    for (std::size_t at = 0; (at = next_tag(bytes, at)) != std::string::npos;
         at += sizeof(both))
        std::memcpy(bytes.data() + at, &both, sizeof(both));
}

}  // namespace attack
