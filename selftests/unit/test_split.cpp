// SPDX-License-Identifier: GPL-2.0
//
// Where the command line of `vrctl exec` is cut.

#include "split.hpp"

#include <string>
#include <vector>

#include "cmocka.hpp"

namespace {

constexpr vrctl::Option options[] = {
    {"-u,--user", "USER", "", nullptr, &vrctl::Args::user},
    {"-f,--force", nullptr, "", &vrctl::Args::force, nullptr},
};

std::vector<std::string> words(std::string_view line) {
    std::vector<std::string> list;
    while (!line.empty()) {
        size_t end = std::min(line.find(' '), line.size());
        list.emplace_back(line.substr(0, end));
        line.remove_prefix(std::min(end + 1, line.size()));
    }
    return list;
}

// Both parts, with " | " between them
const char *split(const char *line) {
    static std::string text;
    auto list = words(line);
    auto parts = vrctl::split_launch(list, options);
    text.clear();
    for (const std::string &word : parts.own)
        text += word + " ";
    text += "|";
    for (const std::string &word : parts.launch)
        text += " " + word;
    return text.c_str();
}

void command_follows_context(void **) {
    expect_text(split("red ls"), "red | ls");
    expect_text(split("red ls -l -u x --help"), "red | ls -l -u x --help");
    expect_text(split("5 ip -4 route"), "5 | ip -4 route");
}

void options_around_context(void **) {
    expect_text(split("-u www red ls"), "-u www red | ls");
    expect_text(split("red -u www ls"), "red -u www | ls");
    expect_text(split("--user www red ls"), "--user www red | ls");
    expect_text(split("--user=www red ls"), "--user=www red | ls");
    expect_text(split("-uwww red ls"), "-uwww red | ls");
    expect_text(split("red -f ls -f"), "red -f | ls -f");
    expect_text(split("red -h"), "red -h |");
}

void two_dashes(void **) {
    expect_text(split("red -- ls -l"), "red | ls -l");
    expect_text(split("red -u www -- ls"), "red -u www | ls");
    expect_text(split("red -- -ls"), "red | -ls");
    expect_text(split("red -- --"), "red | --");
    expect_text(split("red ls -- -l"), "red | ls -- -l");
    expect_text(split("-- red ls -l"), "-- red | ls -l");
    expect_text(split("-u www -- -red ls"), "-u www -- -red | ls");
    expect_text(split("-- red -- ls"), "-- red | -- ls");
}

void single_dash_is_a_word(void **) {
    expect_text(split("red -"), "red | -");
    expect_text(split("- ls"), "- | ls");
}

void incomplete(void **) {
    expect_text(split(""), "|");
    expect_text(split("red"), "red |");
    expect_text(split("red --"), "red |");
    expect_text(split("--"), "-- |");
    expect_text(split("-u"), "-u |");
    expect_text(split("red -u"), "red -u |");
    expect_text(split("red -u ls"), "red -u ls |");
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(command_follows_context),
        cmocka_unit_test(options_around_context),
        cmocka_unit_test(two_dashes),
        cmocka_unit_test(single_dash_is_a_word),
        cmocka_unit_test(incomplete),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
