// SPDX-License-Identifier: GPL-2.0

#include "vr/result.hpp"

#include <system_error>

namespace vr {

std::string Error::text() const {
    std::string reason =
        !why.empty() ? why : std::generic_category().message(code);
    return what.empty() ? reason : what + ": " + reason;
}

Error Error::during(std::string attempt) const {
    return {code, std::move(attempt), why};
}

}  // namespace vr
