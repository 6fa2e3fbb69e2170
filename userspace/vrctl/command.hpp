// SPDX-License-Identifier: GPL-2.0
//
// What a command is, what it gets, what it returns.

#pragma once

#include <cstdio>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "output.hpp"
#include "system.hpp"
#include "vr/client.hpp"
#include "vr/result.hpp"

namespace vrctl {

enum Exit {
    exit_ok = 0,
    exit_refused = 1,  // and the reason is on stderr
    exit_usage = 2,    // the command line makes no sense
    exit_not_executable = 126,
    exit_not_found = 127,
};

struct Command;

// The command line behind the command's name
struct Args {
    std::vector<std::string> words;
    bool json = false;
    bool force = false;
    std::string user;
    std::string socket;               // of vrd
    std::string root;                 // what files are written below
    std::vector<std::string> launch;  // the program to run, with arguments
};

// Purpose: what a command may touch: the system and the two outputs.
// Threading: one thread.
// Errors: fail() and usage() print them and return the exit status.
class Env {
  public:
    Env(System &system, std::FILE *out, std::FILE *err)
        : system(system), out_(out), err_(err) {}

    vr::Result<vr::Client> client() const;
    vr::Result<vr::Client> dhost_client() const;
    void print(std::string_view text) const;
    // A list of records as text or JSON
    void print(const Args &args, std::span<const Record> records) const;
    // What was printed has reached its reader.
    vr::Result<void> flush() const;
    int fail(const vr::Error &error) const;
    int usage(const Command *command, const std::string &message) const;

    System &system;

  private:
    std::FILE *out_;
    std::FILE *err_;
};

struct Option {
    const char *names;  // "-f,--force"
    const char *value;  // name of its value in the help, or nullptr
    const char *help;
    bool Args::*flag;           // one of the two is
    std::string Args::*string;  // where it goes
};

// One line of the command table; help and parser are made from it.
struct Command {
    const char *name;      // one or two words
    const char *synopsis;  // what follows the name
    const char *summary;
    std::size_t min_words;
    std::size_t max_words;
    std::span<const Option> options;
    // A failure is printed and becomes exit_refused.
    vr::Result<int> (*run)(const Env &env, const Args &args);
    bool launches = false;  // the rest of the line belongs to a program
};

extern const Option json_option;
std::span<const Command *const> commands();

}  // namespace vrctl
