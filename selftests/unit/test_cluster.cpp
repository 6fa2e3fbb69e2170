// SPDX-License-Identifier: GPL-2.0
//
// "vrctl cluster" and the control socket of vrd, with each other.

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <memory>
#include <thread>

#include "cli_fixture.hpp"
#include "cmocka.hpp"
#include "daemon/control.hpp"

namespace {

constexpr vrd::Host host{5, 4, {10, 0, 0, 1}};

// Purpose: a daemon of one node that has a cluster to itself, in a thread.
// Threading: the machine is the thread's from start() on.
// Errors: abort.
struct Daemon {
    std::string directory = "/tmp/vrd-test-XXXXXX";
    std::string path;
    std::unique_ptr<vrd::Machine> machine;
    std::unique_ptr<vrd::Control> control;
    std::atomic<bool> stop = false;
    std::atomic<bool> say = false;
    std::thread thread;
    std::uint64_t now = 1000;

    Daemon() {
        if (!mkdtemp(directory.data()))
            std::abort();
        path = directory + "/vrd.sock";
        vrd::Setup setup;
        setup.self = 1;
        setup.rules.votes = {{1, 1}};
        machine = std::make_unique<vrd::Machine>(setup, now);
        machine->quorum(true);
        machine->configuration({1}, {}, true);
        machine->ring(4, {1});
        deliver();
        machine->bind(7, {6, 80}, {host});
        deliver();
        // SIGTERM is for "vrctl cluster watch" alone.
        sigset_t set;
        sigemptyset(&set);
        sigaddset(&set, SIGTERM);
        pthread_sigmask(SIG_BLOCK, &set, nullptr);
        auto opened = vrd::Control::open(path);
        if (!opened)
            std::abort();
        control = std::make_unique<vrd::Control>(*std::move(opened));
        thread = std::thread([this] { run(); });
    }
    Daemon(const Daemon &) = delete;
    Daemon &operator=(const Daemon &) = delete;
    ~Daemon() {
        stop = true;
        thread.join();
        control.reset();
        ::unlink(path.c_str());
        ::rmdir(directory.c_str());
    }

    void deliver() {
        for (bool any = true; any;) {
            any = false;
            for (const vrd::Output &one : machine->take())
                if (const auto *send = std::get_if<vrd::Send>(&one)) {
                    machine->delivered(1, send->message);
                    any = true;
                }
        }
    }
    void run() {
        while (!stop) {
            std::vector<pollfd> fds;
            control->wait_for(fds);
            ::poll(fds.data(), fds.size(), 10);
            control->happened(fds, *machine, now);
            deliver();
            control->look(*machine, now);
            if (say)
                control->tell(
                    {vrd::Note::Level::warning,
                     "lead",
                     "it happened",
                     {{"lead", std::uint64_t{2}}, {"members", "1,2"}}});
        }
    }
};

Daemon *daemon_of_test;

int begin(void **state) {
    daemon_of_test = new Daemon;
    return setup(state);
}

int end(void **state) {
    delete daemon_of_test;
    return teardown(state);
}

int cluster(const char *what, const char *more = nullptr) {
    std::vector<std::string> line{"cluster", what, "-s", daemon_of_test->path};
    if (more)
        line.emplace_back(more);
    return fixture->run(line);
}

void status(void **) {
    expect_int(cluster("status"), 0);
    expect_true(has(out(), "NODE  STATE   QUORATE"));
    expect_true(has(out(), "1     active  yes"));
    expect_int(cluster("status", "-j"), 0);
    expect_text(out(),
                "[{\"node\":1,\"state\":\"active\",\"quorate\":true,"
                "\"members\":1,\"nodes\":1,\"lead\":1,\"epoch\":67108864,"
                "\"ports\":1,\"database\":\"4000000.1.568b68ac0a442d37\","
                "\"sockets\":1,\"conflicts\":0,"
                "\"draining\":false}]\n");
}

void members(void **) {
    expect_int(cluster("members", "-j"), 0);
    expect_text(out(),
                "[{\"node\":1,\"state\":\"member\",\"lead\":true,"
                "\"votes\":1,\"priority\":100,\"link\":\"up\","
                "\"draining\":false}]\n");
}

void ports(void **) {
    expect_int(cluster("ports"), 0);
    expect_text(out(),
                "ADDRESS   CTX  PROTOCOL  PORT  NODE  SHARED\n"
                "10.0.0.1  5    tcp       80    1     no\n");
}

void lead(void **) {
    expect_int(cluster("lead", "-j"), 0);
    expect_text(out(), "[{\"lead\":1,\"epoch\":67108864,\"this\":true}]\n");
}

// There is nobody else.
void drain(void **) {
    expect_int(cluster("drain"), 1);
    expect_text(err(),
                "vrctl: drain this node: there is no other node that could be "
                "the lead\n");
    expect_int(cluster("status", "-j"), 0);
    expect_true(has(out(), "\"draining\":true"));
    expect_int(cluster("drain", "off"), 0);
    expect_text(out(), "");
}

void watched(const char *option = nullptr) {
    daemon_of_test->say = true;
    std::thread stopper([] {
        // the signal is blocked by then, or ends the test
        usleep(300000);
        ::kill(::getpid(), SIGTERM);
    });
    int status = cluster("watch", option);
    stopper.join();
    expect_int(status, 0);
}

void watch(void **) {
    watched();
    expect_true(has(out(), "state: active\n"));
    expect_true(has(out(), "warning: it happened\n"));
}

void watch_json(void **) {
    watched("-j");
    expect_true(has(out(),
                    "{\"event\":\"warning\",\"name\":\"lead\","
                    "\"text\":\"it happened\",\"lead\":2,"
                    "\"members\":\"1,2\"}\n"));
}

void usage(void **) {
    expect_int(cluster("drain", "on"), 2);
    expect_int(cluster("status", "now"), 2);
    expect_int(vrctl_run("cluster", "frob"), 2);
    expect_int(vrctl_run("cluster"), 2);
}

void no_daemon(void **) {
    expect_int(vrctl_run("cluster", "status", "-s", "/nonexistent"), 1);
    expect_text(err(), "vrctl: ask vrd: it is not running (/nonexistent)\n");
}

int second() {
    auto other = vrd::Control::open(daemon_of_test->path);
    return other ? 0 : other.error().code;
}

void two_daemons(void **) {
    expect_int(second(), EADDRINUSE);
}

#define test(name) cmocka_unit_test_setup_teardown(name, begin, end)

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        test(status),    test(members),     test(ports),      test(lead),
        test(drain),     test(watch),       test(watch_json), test(usage),
        test(no_daemon), test(two_daemons),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
