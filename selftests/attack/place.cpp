// SPDX-License-Identifier: GPL-2.0

#include "place.hpp"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <system_error>

namespace attack {

namespace {

// Where the thread is: saves system calls
struct {
    int netns = -1;
    std::uint32_t ctx = 0;
} here;

int slow() {
    const char *text = getenv("VR_SLOW");
    int factor = text ? std::atoi(text) : 1;
    return factor > 1 ? factor : 1;
}

bool hurried;

}  // namespace

void fail(const std::string &what) {
    throw std::system_error(errno, std::generic_category(), what);
}

Deadline::Deadline(int seconds)
    : end_(
          std::chrono::steady_clock::now() +
          std::chrono::milliseconds(seconds * slow() * (hurried ? 20 : 1000))) {
}

void Deadline::impatient() {
    hurried = true;
}

bool Deadline::left() {
    if (polls_++)
        usleep(polls_ < 10 ? 1000 : 10000);
    return std::chrono::steady_clock::now() < end_;
}

Namespace::Namespace() {
    if (unshare(CLONE_NEWNET))
        fail("unshare");
    fd_ = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    if (fd_ < 0)
        fail("/proc/thread-self/ns/net");
    here = {fd_, 0};
}

Namespace::~Namespace() {
    close(fd_);
    // The number may be another namespace's soon
    if (here.netns == fd_)
        here.netns = -1;
}

void Place::enter() const {
    if (here.netns != netns->fd()) {
        if (setns(netns->fd(), CLONE_NEWNET))
            fail("setns");
        here = {netns->fd(), 0};
    }
    if (here.ctx == ctx)
        return;
    int fd = open("/proc/thread-self/vrctx", O_WRONLY | O_CLOEXEC);
    std::string text = std::to_string(ctx);
    if (fd < 0 || write(fd, text.data(), text.size()) < 0)
        fail("/proc/thread-self/vrctx");
    close(fd);
    here.ctx = ctx;
}

int sysctl(const std::string &name, const std::string &value) {
    int fd = open(("/proc/sys/net/" + name).c_str(), O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int ret = write(fd, value.data(), value.size()) < 0 ? -errno : 0;
    close(fd);
    return ret;
}

}  // namespace attack
