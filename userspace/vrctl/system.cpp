// SPDX-License-Identifier: GPL-2.0

#include "system.hpp"

#include <unistd.h>

#include <cerrno>
#include <vector>

#include "privilege.hpp"

namespace vrctl {
namespace {

class RealSystem final : public System {
  public:
    vr::Result<std::unique_ptr<vr::netlink::Socket>> open(int bus) override {
        return vr::netlink::open(bus);
    }

    vr::Result<vr::Membership> current() override {
        return vr::current_context();
    }

    vr::Result<void> enter(const vr::Ref &ref) override {
        return vr::enter_context(ref);
    }

    vr::Result<User> find_user(const std::string &name) override {
        return lookup_user(name);
    }

    vr::Result<void> become(const User &user) override { return drop_to(user); }

    int exec(std::span<const std::string> command) override {
        std::vector<char *> argv;
        argv.reserve(command.size() + 1);
        for (const std::string &word : command)
            argv.push_back(const_cast<char *>(word.c_str()));
        argv.push_back(nullptr);
        execvp(argv[0], argv.data());
        return errno;
    }
};

}  // namespace

std::unique_ptr<System> real_system() {
    return std::make_unique<RealSystem>();
}

}  // namespace vrctl
