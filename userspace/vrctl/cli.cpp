// SPDX-License-Identifier: GPL-2.0

#include "cli.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <vector>

#include "batch.hpp"
#include "command.hpp"
#include "split.hpp"

namespace vrctl {
namespace {

using Line = std::span<const std::string>;

constexpr char epilogue[] =
    "CTX is a number or a name; 0 and \"default\" are the default context.\n"
    "Exit status: 0 done, 1 refused, 2 wrong usage.\n";

std::string option_lines(std::span<const Option> options) {
    std::string text;
    for (const Option &option : options) {
        std::string names = option.names;
        names.insert(names.find(',') + 1, " ");
        if (option.value)
            names += fmt::format(" {}", option.value);
        text += fmt::format("  {:<18}{}\n", names, option.help);
    }
    return text + fmt::format("  {:<18}{}\n", "-h, --help", "show this help");
}

std::string help(const Command &command) {
    return fmt::format("Usage: vrctl {} {}\n\n{}\n\nOptions:\n{}\n{}",
                       command.name, command.synopsis, command.summary,
                       option_lines(command.options), epilogue);
}

std::string main_help() {
    std::string text =
        "Usage: vrctl [-j] COMMAND ...\n"
        "       vrctl [-j] [-f] -b FILE\n\n"
        "Virtual-router contexts of this network namespace.\n\n"
        "Commands:\n";
    for (const Command *command : commands())
        text +=
            fmt::format("  {:<36}{}\n",
                        fmt::format("{} {}", command->name, command->synopsis),
                        command->summary);
    return text +
           "\nvrctl COMMAND --help shows the options of one command.\n"
           "-b FILE runs each line of the file (-: standard input) as a "
           "command;\n-f goes on after one that failed.\n" +
           epilogue;
}

// How many words at the start of the line are the command's name, 0 if they
// are something else
std::size_t match(const Command &command, Line line) {
    std::string_view name = command.name;
    std::size_t blank = name.find(' ');

    if (line.empty() || line[0] != name.substr(0, blank))
        return 0;
    if (blank == name.npos)
        return 1;
    return line.size() > 1 && line[1] == name.substr(blank + 1) ? 2 : 0;
}

bool is_group(const std::string &word) {
    return std::any_of(
        commands().begin(), commands().end(), [&](const Command *command) {
            return std::string(command->name).starts_with(word + " ");
        });
}

bool has_json(const Command &command) {
    return std::any_of(
        command.options.begin(), command.options.end(),
        [](const Option &option) { return option.flag == &Args::json; });
}

enum class Parsed { ok, help };

// Fills args; throws CLI::ParseError
Parsed parse(const Command &command, Line line, Args &args) {
    CLI::App app;
    app.set_help_flag("-h,--help");
    app.add_option("words", args.words);
    for (const Option &option : command.options) {
        if (option.flag)
            app.add_flag(option.names, args.*option.flag);
        else
            app.add_option(option.names, args.*option.string);
    }

    std::vector<std::string> own(line.begin(), line.end());
    if (command.launches) {
        Split split = split_launch(line, command.options);
        own = std::move(split.own);
        args.launch = std::move(split.launch);
    }
    std::reverse(own.begin(), own.end());  // as CLI11 wants it
    try {
        app.parse(own);
    } catch (const CLI::CallForHelp &) {
        return Parsed::help;
    }
    return Parsed::ok;
}

int run_command(const Env &env, const Command &command, Line line, bool json) {
    Args args;
    args.json = json;
    try {
        if (parse(command, line, args) == Parsed::help) {
            env.print(help(command));
            return exit_ok;
        }
    } catch (const CLI::ParseError &error) {
        return env.usage(&command, error.what());
    }
    if (args.json && !has_json(command))
        return env.usage(&command,
                         fmt::format("{} has nothing to print", command.name));
    if (args.words.size() < command.min_words ||
        (command.launches && args.launch.empty()))
        return env.usage(&command, "something is missing");
    if (args.words.size() > command.max_words)
        return env.usage(&command, fmt::format("'{}' is too much",
                                               args.words[command.max_words]));

    auto status = command.run(env, args);
    return status ? *status : env.fail(status.error());
}

enum class From { shell, batch };

int dispatch(const Env &env, Line line, From from, bool json = false) {
    bool go_on = false;
    const std::string *batch = nullptr;

    for (; !line.empty() && line[0].starts_with('-'); line = line.subspan(1)) {
        if (line[0] == "-j" || line[0] == "--json") {
            json = true;
        } else if (from == From::shell &&
                   (line[0] == "-f" || line[0] == "--force")) {
            go_on = true;
        } else if (from == From::shell &&
                   (line[0] == "-b" || line[0] == "--batch")) {
            if (line.size() < 2)
                return env.usage(nullptr, "-b needs a file");
            line = line.subspan(1);
            batch = &line[0];
        } else if (line[0] == "-h" || line[0] == "--help") {
            env.print(main_help());
            return exit_ok;
        } else if (line[0] == "-V" || line[0] == "--version") {
            env.print("vrctl " VRCTL_VERSION "\n");
            return exit_ok;
        } else {
            return env.usage(nullptr,
                             fmt::format("unknown option '{}'", line[0]));
        }
    }
    if (batch && !line.empty())
        return env.usage(nullptr, "-b takes its commands from the file only");
    if (batch)
        return run_batch(env, *batch, go_on, [&](Line words) {
            return dispatch(env, words, From::batch, json);
        });
    if (go_on)
        return env.usage(nullptr, "-f goes with -b");
    if (line.empty())
        return env.usage(nullptr, "a command is missing");
    if (line[0] == "help") {
        env.print(main_help());
        return exit_ok;
    }

    for (const Command *command : commands())
        if (std::size_t words = match(*command, line)) {
            if (command->launches && from == From::batch)
                return env.usage(command, "a program ends the batch");
            return run_command(
                env, *command, line.subspan(words),
                json && (from == From::shell || has_json(*command)));
        }

    if (!is_group(line[0]))
        return env.usage(nullptr, fmt::format("unknown command '{}'", line[0]));
    if (line.size() > 1 && (line[1] == "-h" || line[1] == "--help")) {
        env.print(main_help());
        return exit_ok;
    }
    return env.usage(
        nullptr, line.size() > 1
                     ? fmt::format("unknown command '{} {}'", line[0], line[1])
                     : fmt::format("'{}' is half a command", line[0]));
}

}  // namespace

int run(System &system, std::FILE *out, std::FILE *err, Line line) {
    Env env(system, out, err);
    int status = dispatch(env, line, From::shell);

    if (auto ok = env.flush(); !ok && status == exit_ok)
        return env.fail(ok.error());
    return status;
}

}  // namespace vrctl
