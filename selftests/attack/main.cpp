// SPDX-License-Identifier: GPL-2.0
//
// Do contexts behave as network namespaces do?
//
//     attack [--seed N] [--cases N] [--time SECONDS] [--only OP,OP...]
//            [--steps N] [--repeat N] [--shrink SECONDS] [--verbose]
//            [--self-test]
//
// A case is one operation (a packet, a system call, a change of the
// configuration) that comes to the same hosts in both, and whose outcome is
// compared. A world is a topology and up to 500 cases; its seed is printed when
// there is a difference, with the operations that are needed for it, and makes
// the same world again. A difference that does not come again in a few runs of
// the world is reported, but no failure: most are timers. As root, in a kernel
// with contexts.

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <set>
#include <sstream>

#include "settings.hpp"
#include "tag.hpp"
#include "world.hpp"

namespace attack {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint32_t steps_of_world = 500;

// Purpose: the runs of the tester in one process.
// Threading: one thread.
// Errors: std::system_error.
class Tester {
  public:
    // The difference that a world shows, nothing if there is none
    std::optional<std::string> run(std::uint64_t seed,
                                   const std::vector<std::uint32_t> &steps,
                                   const Options &options);
    // The fewest operations found in a while that still show it
    std::vector<std::uint32_t> shrink(std::uint64_t seed,
                                      std::vector<std::uint32_t> steps,
                                      const Options &options, unsigned seconds);
    // How many operations the last run did
    std::uint32_t done() const { return done_; }

  private:
    std::shared_ptr<Namespace> router_;
    unsigned uses_ = 0;
    std::uint32_t done_ = 0;
};

std::optional<std::string> Tester::run(std::uint64_t seed,
                                       const std::vector<std::uint32_t> &steps,
                                       const Options &options) {
    // Contexts of the same numbers, one world after the other, find nothing of
    // those before
    if (!router_ || ++uses_ % 16 == 0)
        router_ = std::make_shared<Namespace>();
    done_ = 0;
    try {
        World world(seed, router_, options);
        try {
            for (std::uint32_t op : steps) {
                done_++;
                world.step(op);
            }
            world.finish();
        } catch (const Difference &what) {
            return "operation " + std::to_string(done_ ? steps[done_ - 1] : 0) +
                   ", " + what.what();
        } catch (const Leak &what) {
            return "operation " + std::to_string(done_ ? steps[done_ - 1] : 0) +
                   ", LEAK: " + what.what();
        }
    } catch (const Difference &what) {
        return std::string("configuration, ") + what.what();
    }
    return {};
}

std::vector<std::uint32_t> Tester::shrink(std::uint64_t seed,
                                          std::vector<std::uint32_t> steps,
                                          const Options &options,
                                          unsigned seconds) {
    Options quiet = options;
    quiet.verbose = false;
    Deadline::impatient();
    auto end = Clock::now() + std::chrono::seconds(seconds);
    for (std::size_t part = steps.size() / 2; part; part /= 2) {
        for (std::size_t at = 0; at < steps.size() && Clock::now() < end;) {
            std::vector<std::uint32_t> less = steps;
            auto from = less.begin() + static_cast<std::ptrdiff_t>(at);
            less.erase(from, from + static_cast<std::ptrdiff_t>(
                                        std::min(part, less.size() - at)));
            if (run(seed, less, quiet)) {
                less.resize(std::min<std::size_t>(less.size(), done_));
                steps = less;
            } else {
                at += part;
            }
        }
    }
    return steps;
}

std::string list(const std::vector<std::uint32_t> &steps) {
    std::string text;
    for (std::uint32_t step : steps)
        text += (text.empty() ? "" : ",") + std::to_string(step);
    return text;
}

struct Arguments {
    std::uint64_t seed = 1, cases = 100000, time = 0;
    std::uint32_t steps = steps_of_world;
    std::vector<std::uint32_t> only;
    unsigned shrink = 60, repeat = 1;
    bool self_test = false;
    Options options;
};

int usage() {
    std::fputs(
        "usage: attack [--seed N] [--cases N] [--time SECONDS]"
        " [--only OP,OP...] [--steps N] [--repeat N] [--shrink SECONDS] "
        "[--verbose]"
        " [--self-test]\n",
        stderr);
    return 2;
}

bool parse(int argc, char **argv, Arguments &arguments) {
    for (int i = 1; i < argc; i++) {
        std::string word = argv[i];
        if (word == "--verbose") {
            arguments.options.verbose = true;
            continue;
        }
        if (word == "--self-test") {
            arguments.self_test = true;
            continue;
        }
        if (i + 1 == argc)
            return false;
        std::string value = argv[++i];
        std::uint64_t number = std::strtoull(value.c_str(), nullptr, 10);
        if (word == "--seed") {
            arguments.seed = number;
        } else if (word == "--cases") {
            arguments.cases = number;
        } else if (word == "--time") {
            arguments.time = number;
        } else if (word == "--repeat") {
            arguments.repeat = static_cast<unsigned>(number);
        } else if (word == "--shrink") {
            arguments.shrink = static_cast<unsigned>(number);
        } else if (word == "--steps") {
            arguments.steps = static_cast<std::uint32_t>(number);
        } else if (word == "--only") {
            std::stringstream stream(value);
            for (std::string one; std::getline(stream, one, ',');)
                arguments.only.push_back(
                    static_cast<std::uint32_t>(std::stoul(one)));
        } else {
            return false;
        }
    }
    return true;
}

std::vector<std::uint32_t> first(std::uint32_t count) {
    std::vector<std::uint32_t> steps;
    for (std::uint32_t i = 0; i < count; i++)
        steps.push_back(i);
    return steps;
}

// Does the tester notice what it does itself?
int self_test(Tester &tester, const Arguments &arguments) {
    static const char *const kinds[] = {
        "a foreign payload that a device sends",
        "a foreign payload that a socket receives",
        "a segment that only one host gets"};
    int failed = 0;
    std::printf("TAP version 13\n1..3\n");
    for (unsigned kind = 1; kind <= 3; kind++) {
        Options options = arguments.options;
        options.sabotage = kind;
        std::optional<std::string> wrong;
        std::uint64_t seed = arguments.seed;
        for (; !wrong && seed < arguments.seed + 10; seed++)
            wrong = tester.run(seed, first(arguments.steps), options);
        bool leak = wrong && wrong->find("LEAK") != std::string::npos;
        bool fine = wrong && leak == (kind < 3);
        std::printf("%sok %u %s\n# %s\n", fine ? "" : "not ", kind,
                    kinds[kind - 1], wrong ? wrong->c_str() : "not noticed");
        failed += !fine;
    }
    return failed ? 1 : 0;
}

// Is it one of the world? What a timer did comes once; a foreign payload is
// one too many.
bool again(Tester &tester, std::uint64_t seed,
           const std::vector<std::uint32_t> &steps, const Arguments &arguments,
           std::string &wrong) {
    constexpr int runs = 6;
    if (wrong.find("LEAK") != std::string::npos)
        return true;
    for (int i = 0; i < runs; i++) {
        if (auto other = tester.run(seed, steps, arguments.options)) {
            wrong = *other;
            return true;
        }
    }
    std::printf("# seed %llu, once in %d runs: %s\n",
                static_cast<unsigned long long>(seed), runs + 1, wrong.c_str());
    return false;
}

int attack_main(const Arguments &arguments) {
    Tester tester;
    if (arguments.self_test)
        return self_test(tester, arguments);
    auto steps =
        arguments.only.empty() ? first(arguments.steps) : arguments.only;
    auto began = Clock::now();
    auto passed = [&] {
        return std::chrono::duration<double>(Clock::now() - began).count();
    };
    std::uint64_t cases = 0, seed = arguments.seed;
    double told = 0;
    // Contexts find what those of the same number left
    unsigned left = arguments.repeat;
    for (;; seed++) {
        bool more = arguments.time
                        ? passed() < static_cast<double>(arguments.time)
                        : cases < arguments.cases;
        if (!more)
            break;
        auto wrong = tester.run(seed, steps, arguments.options);
        cases += tester.done();
        if (wrong && !again(tester, seed, steps, arguments, *wrong))
            continue;
        if (wrong) {
            std::printf("not ok - seed %llu: %s\n",
                        static_cast<unsigned long long>(seed), wrong->c_str());
            std::fflush(stdout);
            std::vector<std::uint32_t> part(
                steps.begin(),
                steps.begin() + static_cast<std::ptrdiff_t>(tester.done()));
            if (arguments.shrink)
                part = tester.shrink(seed, part, arguments.options,
                                     arguments.shrink);
            std::printf(
                "# again: attack --seed %llu --cases 1 --verbose"
                " --only %s\n",
                static_cast<unsigned long long>(seed), list(part).c_str());
            return 1;
        }
        if (!arguments.only.empty() && !--left)
            break;
        if (!arguments.only.empty())
            seed--;
        if (passed() - told > 60) {
            told = passed();
            std::printf("# %llu cases, %.0f s\n",
                        static_cast<unsigned long long>(cases), told);
            std::fflush(stdout);
        }
    }
    std::printf(
        "ok - %llu cases in worlds %llu to %llu, %.1f s: no"
        " difference\n",
        static_cast<unsigned long long>(cases),
        static_cast<unsigned long long>(arguments.seed),
        static_cast<unsigned long long>(seed - 1), passed());
    return 0;
}

// One CPU, and last in line on it: what the kernel puts off (ksoftirqd,
// workers) is done when a system call returns. What works where it likes has
// to do so here, too.
void last_in_line() {
    int fd = open("/sys/devices/virtual/workqueue/cpumask", O_WRONLY);
    if (fd >= 0) {
        if (write(fd, "1", 1) < 0)
            std::perror("# workqueue/cpumask");
        close(fd);
    }
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(0, &one);
    sched_setaffinity(0, sizeof(one), &one);
    sched_param none = {};
    sched_setscheduler(0, SCHED_IDLE, &none);
}

}  // namespace

}  // namespace attack

int main(int argc, char **argv) {
    attack::Arguments arguments;
    if (!attack::parse(argc, argv, arguments))
        return attack::usage();
    if (access("/proc/self/vrctx", F_OK)) {
        std::printf("1..0 # SKIP kernel without contexts\n");
        return 4;
    }
    try {
        attack::last_in_line();
        attack::Settings::machine();
        return attack::attack_main(arguments);
    } catch (const std::exception &error) {
        std::printf("not ok - the tester itself: %s\n", error.what());
        return 1;
    }
}
