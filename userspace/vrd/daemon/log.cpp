// SPDX-License-Identifier: GPL-2.0

#include "log.hpp"

#include <sys/uio.h>
#include <systemd/sd-journal.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <cstdio>
#include <cstdlib>

namespace vrd {
namespace {

Note::Level least = Note::Level::info;

struct Level {
    const char *number;  // of syslog
    const char *word;
};

Level level_of(const Note &note) {
    switch (note.level) {
        case Note::Level::debug:
            return {"7", "debug"};
        case Note::Level::info:
            return {"6", "info"};
        case Note::Level::warning:
            break;
    }
    return {"4", "warning"};
}

std::string text(const Note::Value &value) {
    if (const auto *number = std::get_if<std::uint64_t>(&value))
        return std::to_string(*number);
    return std::get<std::string>(value);
}

// "lead" is VRD_LEAD.
std::string field(std::string name, const std::string &value) {
    std::ranges::transform(name, name.begin(), [](unsigned char c) {
        return c == '-' ? '_' : static_cast<char>(std::toupper(c));
    });
    return "VRD_" + name + "=" + value;
}

bool to_journal(const Note &note) {
    std::vector<std::string> entry{
        "MESSAGE=" + note.text,
        std::string("PRIORITY=") + level_of(note).number,
        "SYSLOG_IDENTIFIER=vrd",
        field("event", note.name),
    };
    for (const auto &[name, value] : note.fields)
        entry.push_back(field(name, text(value)));
    std::vector<iovec> parts;
    parts.reserve(entry.size());
    for (std::string &one : entry)
        parts.push_back({one.data(), one.size()});
    return sd_journal_sendv(parts.data(), static_cast<int>(parts.size())) >= 0;
}

}  // namespace

void log_from(Note::Level level) {
    least = level;
}

void log(const Note &note) {
    static const bool journal = std::getenv("JOURNAL_STREAM") != nullptr;
    if (note.level < least || (journal && to_journal(note)))
        return;
    std::string line;
    if (journal) {
        line = std::string("<") + level_of(note).number + ">";
    } else {
        // The journal has the time.
        using namespace std::chrono;
        char now[32];
        std::snprintf(
            now, sizeof(now), "%.6f ",
            duration<double>(steady_clock::now().time_since_epoch()).count());
        line = std::string(now) + "vrd: " + level_of(note).word + ": ";
    }
    line += note.text + " [" + note.name;
    for (const auto &[name, value] : note.fields)
        line += std::string(" ") + name + "=" + text(value);
    line += "]\n";
    // Full disks and closed pipes must not stop anything.
    std::fwrite(line.data(), 1, line.size(), stderr);
}

}  // namespace vrd
