// SPDX-License-Identifier: GPL-2.0
//
// Network devices and the context each is in.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "vr/client.hpp"
#include "vr/ref.hpp"

namespace vr {

struct Device {
    int ifindex = 0;
    std::string ifname;
    std::uint32_t id = 0;  // of the context
    std::string name;      // of the context
};

Result<Device> get_device(Client &client, const std::string &ifname);
// Of one context, or of all.
Result<std::vector<Device>> list_devices(Client &client,
                                         const std::optional<Ref> &ref);
// EBUSY while the device is up.
Result<void> set_device(Client &client, const std::string &ifname,
                        const Ref &ref);

}  // namespace vr
