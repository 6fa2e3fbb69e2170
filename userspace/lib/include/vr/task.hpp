// SPDX-License-Identifier: GPL-2.0
//
// Tasks and the context each is in.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "vr/client.hpp"
#include "vr/ref.hpp"

namespace vr {

struct Task {
    std::uint32_t pid = 0;
    std::uint32_t id = 0;  // of the context
    std::string name;      // of the context
};

Result<Task> get_task(Client &client, std::uint32_t pid);
// Of one context, or of all contexts but 0.
Result<std::vector<Task>> list_tasks(Client &client,
                                     const std::optional<Ref> &ref);

}  // namespace vr
