// SPDX-License-Identifier: GPL-2.0
//
// Contexts: create, delete, rename, look at.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "vr/client.hpp"
#include "vr/ref.hpp"

namespace vr {

struct Context {
    std::uint32_t id = 0;
    std::string name;  // "default" for 0, empty for an unnamed one
    std::uint32_t table = 0;
    std::uint32_t devices = 0;
    // Not counted in context 0
    std::optional<std::uint32_t> sockets;
    std::optional<std::uint32_t> tasks;
};

// Without a number the kernel takes the lowest free one; without a name
// (empty) the context has none.
Result<Context> create_context(Client &client, std::optional<std::uint32_t> id,
                               const std::string &name);
// With `force` its devices go to context 0 instead of keeping it busy.
Result<void> delete_context(Client &client, const Ref &ref, bool force);
Result<void> rename_context(Client &client, const Ref &ref,
                            const std::string &name);
Result<Context> get_context(Client &client, const Ref &ref);
Result<std::vector<Context>> list_contexts(Client &client);

}  // namespace vr
