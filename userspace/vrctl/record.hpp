// SPDX-License-Identifier: GPL-2.0
//
// From libvr's structures to records. The keys are part of the interface,
// see vrctl(8).

#pragma once

#include <span>
#include <vector>

#include "output.hpp"
#include "vr/context.hpp"
#include "vr/device.hpp"
#include "vr/event.hpp"
#include "vr/leak.hpp"
#include "vr/stats.hpp"
#include "vr/task.hpp"

namespace vrctl {

Record record(const vr::Context &context);
Record record(const vr::Device &device);
Record record(const vr::Event &event);
Record record(const vr::Leak &leak);
Record record(const vr::Stats &stats);
Record record(const vr::Task &task);

template <typename T>
std::vector<Record> records(const std::vector<T> &values) {
    std::vector<Record> list;
    list.reserve(values.size());
    for (const T &value : values)
        list.push_back(record(value));
    return list;
}

}  // namespace vrctl
