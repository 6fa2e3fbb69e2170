// SPDX-License-Identifier: GPL-2.0

#include "split.hpp"

#include <string_view>

namespace vrctl {
namespace {

// Is the word an option whose value is the next word?
bool wants_value(std::string_view word, std::span<const Option> options) {
    for (const Option &option : options) {
        std::string_view names = option.names;
        std::size_t comma = names.find(',');
        if (option.value &&
            (word == names.substr(0, comma) || word == names.substr(comma + 1)))
            return true;
    }
    return false;
}

}  // namespace

Split split_launch(std::span<const std::string> line,
                   std::span<const Option> options) {
    Split split;
    bool have_context = false;
    std::size_t i = 0;

    for (; i < line.size(); i++) {
        const std::string &word = line[i];
        if (word == "--" && have_context) {
            i++;
            break;
        }
        bool option = word.size() > 1 && word[0] == '-' && word != "--";
        if (have_context && !option)
            break;
        split.own.push_back(word);
        if (word == "--") {
            // No options any more: CTX, then the program.
            if (++i < line.size())
                split.own.push_back(line[i++]);
            break;
        }
        if (!option)
            have_context = true;
        else if (wants_value(word, options) && i + 1 < line.size())
            split.own.push_back(line[++i]);
    }
    split.launch.assign(line.begin() + static_cast<std::ptrdiff_t>(i),
                        line.end());
    return split;
}

}  // namespace vrctl
