// SPDX-License-Identifier: GPL-2.0
//
// vrctl: virtual-router contexts from the command line.

#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "cli.hpp"
#include "command.hpp"

int main(int argc, char **argv) {
    try {
        std::vector<std::string> line(argv + (argc > 0), argv + argc);
        auto system = vrctl::real_system();
        return vrctl::run(*system, stdout, stderr, line);
    } catch (const std::exception &error) {
        std::fprintf(stderr, "vrctl: %s\n", error.what());
        return vrctl::exit_refused;
    }
}
