// SPDX-License-Identifier: GPL-2.0
//
// vrd: one host on many nodes.

#include <getopt.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <exception>
#include <string>
#include <thread>

#include "daemon.hpp"
#include "guard.hpp"
#include "log.hpp"

namespace {

constexpr char help[] =
    "Usage: vrd [-c FILE] [-s SOCKET] [-t] [-v]\n\n"
    "Keeps distributed addresses alive on the nodes of a cluster.\n\n"
    "Options:\n"
    "  -c, --config FILE  default: /etc/vrctx/vrd.toml\n"
    "  -s, --socket PATH  for vrctl cluster, default: /run/vrctx/vrd.sock\n"
    "  -t, --test         read the configuration, say what is wrong, end\n"
    "      --fence        stop being the lead of all addresses, and end\n"
    "      --guard        do so whenever neither the cluster nor a daemon is "
    "there\n"
    "  -v, --verbose      say more\n"
    "  -h, --help         show this help\n"
    "  -V, --version      show the version\n";

enum Exit { exit_ok = 0, exit_failed = 1, exit_usage = 2 };

int failed(const vr::Error &error) {
    vrd::warn("failed", error.text());
    return exit_failed;
}

// corosync may not be up yet; then it is said once.
vrd::Node wait_for_number() {
    for (bool said = false;; said = true) {
        auto node = vrd::Engine::own_number();
        if (node)
            return *node;
        if (!said)
            vrd::warn("engine", node.error().text() + ": waiting for it");
        std::this_thread::sleep_for(std::chrono::milliseconds(200));
    }
}

enum class Task { run, test, fence, guard };

int run(const std::string &path, const std::string &control, Task task) {
    if (task == Task::fence) {
        auto ok = vrd::fence();
        return ok ? exit_ok : failed(ok.error());
    }
    auto config = vrd::read_config(path);
    if (!config)
        return failed(config.error());
    if (task == Task::test)
        return exit_ok;
    if (task == Task::guard) {
        auto ok = vrd::Guard(*config, control).run();
        return ok ? exit_ok : failed(ok.error());
    }
    if (!config->node)
        config->node = wait_for_number();
    if (!config->peers.contains(config->node))
        return failed({ENOENT, path,
                       "node " + std::to_string(config->node) +
                           ", which is this one, is not there"});
    auto daemon = vrd::Daemon::open(*config, control);
    if (!daemon)
        return failed(daemon.error());
    if (auto ok = (*daemon)->run(); !ok)
        return failed(ok.error());
    return exit_ok;
}

}  // namespace

int main(int argc, char **argv) {
    static const option options[] = {
        {"config", required_argument, nullptr, 'c'},
        {"socket", required_argument, nullptr, 's'},
        {"test", no_argument, nullptr, 't'},
        {"fence", no_argument, nullptr, 'f'},
        {"guard", no_argument, nullptr, 'g'},
        {"verbose", no_argument, nullptr, 'v'},
        {"help", no_argument, nullptr, 'h'},
        {"version", no_argument, nullptr, 'V'},
        {},
    };
    std::string path = "/etc/vrctx/vrd.toml";
    std::string control = vrd::Control::path;
    Task task = Task::run;

    for (int c;
         (c = getopt_long(argc, argv, "c:s:tvhV", options, nullptr)) != -1;) {
        switch (c) {
            case 'c':
                path = optarg;
                break;
            case 's':
                control = optarg;
                break;
            case 't':
                task = Task::test;
                break;
            case 'f':
                task = Task::fence;
                break;
            case 'g':
                task = Task::guard;
                break;
            case 'v':
                vrd::log_from(vrd::Note::Level::debug);
                break;
            case 'h':
                std::fputs(help, stdout);
                return exit_ok;
            case 'V':
                std::puts("vrd " VRD_VERSION);
                return exit_ok;
            default:
                std::fputs(help, stderr);
                return exit_usage;
        }
    }
    if (optind != argc) {
        std::fputs(help, stderr);
        return exit_usage;
    }
    try {
        return run(path, control, task);
    } catch (const std::exception &error) {
        std::fprintf(stderr, "vrd: %s\n", error.what());
        return exit_failed;
    }
}
