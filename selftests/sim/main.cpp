// SPDX-License-Identifier: GPL-2.0
//
// Runs the daemon's state machine over seeds.
//
//     sim [--seed N] [--count N] [--verbose] [--mutation NAME]
//
// A seed that violates something is printed, and does so again with --seed.
// With --mutation the machine makes a mistake, and the run succeeds if some
// seed notices.

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>

#include "core/mutation.hpp"
#include "world.hpp"

namespace {

struct Name {
    const char *name;
    vrd::Mutation mutation;
};

constexpr Name names[] = {
    {"no-quorum", vrd::Mutation::no_quorum},
    {"grant-early", vrd::Mutation::grant_early},
    {"all-synced", vrd::Mutation::all_synced},
    {"keep-ports", vrd::Mutation::keep_ports},
    {"forget-buffer", vrd::Mutation::forget_buffer},
    {"same-epoch", vrd::Mutation::same_epoch},
    {"no-fence", vrd::Mutation::no_fence},
    {"drop-batch", vrd::Mutation::drop_batch},
    {"forget-release", vrd::Mutation::forget_release},
    {"late-lead", vrd::Mutation::late_lead},
    {"no-acks", vrd::Mutation::no_acks},
    {"sort-owners", vrd::Mutation::sort_owners},
};

int usage() {
    std::fputs(
        "usage: sim [--seed N] [--count N] [--verbose]"
        " [--mutation NAME]\nmutations:",
        stderr);
    for (const Name &one : names)
        std::fprintf(stderr, " %s", one.name);
    std::fputs("\n", stderr);
    return 2;
}

// What went wrong, empty if nothing did
std::string run(unsigned long long seed, bool verbose) {
    try {
        sim::World world(seed, verbose);
        world.run();
    } catch (const sim::Violation &violation) {
        return violation.text;
    }
    return {};
}

}  // namespace

int main(int argc, char **argv) {
    unsigned long long seed = 1;
    unsigned long long count = 10000;
    bool verbose = false;

    for (int i = 1; i < argc; i++) {
        std::string word = argv[i];
        if (word == "--verbose") {
            verbose = true;
            continue;
        }
        if (i + 1 == argc)
            return usage();
        const char *value = argv[++i];
        if (word == "--seed") {
            seed = std::strtoull(value, nullptr, 10);
            count = 1;
        } else if (word == "--count") {
            count = std::strtoull(value, nullptr, 10);
        } else if (word == "--mutation") {
            for (const Name &one : names)
                if (!std::strcmp(one.name, value))
                    vrd::mutation = one.mutation;
            if (vrd::mutation == vrd::Mutation::none)
                return usage();
        } else {
            return usage();
        }
    }

    bool mutant = vrd::mutation != vrd::Mutation::none;
    auto began = std::chrono::steady_clock::now();
    for (unsigned long long i = 0; i < count; i++) {
        std::string wrong = run(seed + i, verbose);
        if (wrong.empty())
            continue;
        std::printf("seed %llu: %s\n", seed + i, wrong.c_str());
        return mutant ? 0 : 1;
    }
    std::chrono::duration<double> took =
        std::chrono::steady_clock::now() - began;
    std::printf("%llu seeds, %.1f s: %s\n", count, took.count(),
                mutant ? "none noticed the mistake" : "nothing wrong");
    return mutant ? 1 : 0;
}
