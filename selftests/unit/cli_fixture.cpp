// SPDX-License-Identifier: GPL-2.0

#include "cli_fixture.hpp"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "cli.hpp"

Fixture *fixture;

vr::Result<std::unique_ptr<vr::netlink::Socket>> FakeSystem::open(int bus) {
    if (open_error)
        return vr::Error{open_error, "open a socket", {}};
    auto socket = std::make_unique<FakeSocket>(kernel_, bus);
    socket->events = events;
    socket->join_error = join_error;
    return std::unique_ptr<vr::netlink::Socket>(std::move(socket));
}

vr::Result<vr::Membership> FakeSystem::current() {
    return own;
}

vr::Result<void> FakeSystem::enter(const vr::Ref &ref) {
    std::string attempt = "enter context " + ref.text();
    if (!kernel_.admin)
        return vr::Error{EPERM, attempt, {}};
    bool known = false;
    for (const auto &[id, context] : kernel_.contexts)
        known = known || ref.matches(id, context.name);
    if (!known)
        return vr::Error{ENOENT, attempt, "no such context"};
    log.push_back("enter " + ref.text());
    return {};
}

vr::Result<vrctl::User> FakeSystem::find_user(const std::string &name) {
    if (name != "www")
        return vr::Error{ENOENT, "user " + name, "no such user"};
    return vrctl::User{"www", "/var/www", "/bin/sh", 33, 33};
}

vr::Result<void> FakeSystem::become(const vrctl::User &user) {
    if (become_error)
        return vr::Error{become_error, "set the user", {}};
    log.push_back("become " + user.name);
    return {};
}

vr::Result<std::vector<vrctl::Interface>> FakeSystem::interfaces() {
    return devices;
}

int FakeSystem::exec(std::span<const std::string> command) {
    log.emplace_back("exec");
    launched.assign(command.begin(), command.end());
    return exec_error;
}

int Fixture::run(const std::vector<std::string> &line) {
    char *texts[2] = {};
    size_t sizes[2] = {};
    std::FILE *files[2] = {open_memstream(&texts[0], &sizes[0]),
                           open_memstream(&texts[1], &sizes[1])};

    kernel.log.clear();
    int status = vrctl::run(system, files[0], files[1], line);
    for (std::FILE *file : files)
        std::fclose(file);
    out = texts[0];
    err = texts[1];
    std::free(texts[0]);
    std::free(texts[1]);
    return status;
}

FakeDevice &Fixture::device(const std::string &name) {
    for (FakeDevice &device : kernel.devices)
        if (device.name == name)
            return device;
    kernel.devices.push_back(
        {static_cast<int>(kernel.devices.size()) + 1, name});
    return kernel.devices.back();
}

int setup(void **) {
    fixture = new Fixture;
    return 0;
}

int teardown(void **) {
    delete fixture;
    fixture = nullptr;
    return 0;
}

bool has(const char *text, const char *part) {
    return std::strstr(text, part) != nullptr;
}

const char *changes() {
    static std::string line;
    line.clear();
    for (const std::string &entry : fixture->kernel.log)
        line += (line.empty() ? "" : ", ") + entry;
    return line.c_str();
}
