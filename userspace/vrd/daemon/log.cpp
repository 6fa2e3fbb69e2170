// SPDX-License-Identifier: GPL-2.0

#include "log.hpp"

#include <chrono>
#include <cstdio>
#include <cstdlib>

namespace vrd {
namespace {

Note::Level least = Note::Level::info;

struct Name {
    const char *number;  // of syslog
    const char *word;
};

Name name(Note::Level level) {
    switch (level) {
        case Note::Level::debug:
            return {"<7>", "debug"};
        case Note::Level::info:
            return {"<6>", "info"};
        case Note::Level::warning:
            break;
    }
    return {"<4>", "warning"};
}

}  // namespace

void log_from(Note::Level level) {
    least = level;
}

void log(Note::Level level, const std::string &text) {
    static const bool journal = std::getenv("JOURNAL_STREAM") != nullptr;
    if (level < least)
        return;
    std::string line = name(level).number + text + "\n";
    // The journal has the time.
    if (!journal) {
        using namespace std::chrono;
        char now[32];
        std::snprintf(
            now, sizeof(now), "%.6f ",
            duration<double>(steady_clock::now().time_since_epoch()).count());
        line =
            std::string(now) + "vrd: " + name(level).word + ": " + text + "\n";
    }
    // Full disks and closed pipes must not stop anything.
    std::fwrite(line.data(), 1, line.size(), stderr);
}

}  // namespace vrd
