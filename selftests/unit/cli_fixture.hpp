// SPDX-License-Identifier: GPL-2.0
//
// vrctl as a function, on a fake kernel.

#pragma once

#include <string>
#include <vector>

#include "fake_kernel.hpp"
#include "system.hpp"

// A System on the fake kernel that keeps a record of what it was asked.
class FakeSystem final : public vrctl::System {
  public:
    explicit FakeSystem(FakeKernel &kernel) : kernel_(kernel) {}

    vr::Result<std::unique_ptr<vr::netlink::Socket>> open(int bus) override;
    vr::Result<vr::Membership> current() override;
    vr::Result<void> enter(const vr::Ref &ref) override;
    vr::Result<vrctl::User> find_user(const std::string &name) override;
    vr::Result<void> become(const vrctl::User &user) override;
    vr::Result<std::vector<vrctl::Interface>> interfaces() override;
    int exec(std::span<const std::string> command) override;

    std::vector<std::string> log;
    std::vector<std::string> launched;
    FakeKernel::Datagrams events;
    std::vector<vrctl::Interface> devices;
    vr::Membership own{0, "default"};
    int open_error = 0;
    int join_error = 0;
    int become_error = 0;
    int exec_error = 2;  // ENOENT

  private:
    FakeKernel &kernel_;
};

// What a test works with; made by setup, freed by teardown.
struct Fixture {
    FakeKernel kernel;
    FakeSystem system{kernel};
    std::string out;
    std::string err;

    int run(const std::vector<std::string> &line);
    FakeDevice &device(const std::string &name);
};

extern Fixture *fixture;

int setup(void **state);
int teardown(void **state);

// Runs vrctl; nothing with a destructor is left when it returns.
template <typename... Words>
int vrctl_run(Words... words) {
    return fixture->run({words...});
}

inline const char *out() {
    return fixture->out.c_str();
}

inline const char *err() {
    return fixture->err.c_str();
}

// Does the text contain it?
bool has(const char *text, const char *part);
// The state changes the kernel saw, in one line
const char *changes();
