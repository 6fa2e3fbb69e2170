// SPDX-License-Identifier: GPL-2.0
//
// Where vrctl's own words end and another program's begin.

#pragma once

#include <span>
#include <string>
#include <vector>

#include "command.hpp"

namespace vrctl {

struct Split {
    std::vector<std::string> own;     // options and CTX
    std::vector<std::string> launch;  // everything else, untouched
};

// "[OPTION]... CTX [OPTION]... [--] CMD...": the program starts at the first
// word behind CTX that is no option, or behind "--".
Split split_launch(std::span<const std::string> line,
                   std::span<const Option> options);

}  // namespace vrctl
