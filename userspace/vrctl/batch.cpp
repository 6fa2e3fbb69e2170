// SPDX-License-Identifier: GPL-2.0

#include "batch.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <fstream>
#include <iostream>
#include <sstream>
#include <vector>

namespace vrctl {
namespace {

std::vector<std::string> words_of(const std::string &line) {
    std::istringstream in(line.substr(0, line.find('#')));
    std::vector<std::string> words;
    for (std::string word; in >> word;)
        words.push_back(word);
    return words;
}

}  // namespace

int run_batch(const Env &env, const std::string &path, bool go_on,
              const RunLine &run) {
    std::ifstream file;
    if (path != "-") {
        file.open(path);
        if (!file)
            return env.fail({errno, fmt::format("open {}", path), {}});
    }
    std::istream &in = path == "-" ? std::cin : file;

    int status = exit_ok;
    std::size_t number = 0;
    for (std::string line; std::getline(in, line);) {
        number++;
        auto words = words_of(line);
        if (words.empty())
            continue;
        int one = run(words);
        if (one == exit_ok)
            continue;
        env.fail({0, fmt::format("{}:{}", path, number), "failed"});
        if (status == exit_ok)
            status = one;
        if (!go_on)
            break;
    }
    // getline() reads a directory as an empty file, but notices.
    if (in.bad() && status == exit_ok)
        return env.fail(
            {errno ? errno : EIO, fmt::format("read {}", path), {}});
    return status;
}

}  // namespace vrctl
