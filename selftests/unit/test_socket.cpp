// SPDX-License-Identifier: GPL-2.0
//
// The real socket, on whatever kernel runs the tests: it has generic netlink
// and a loopback device.

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <vector>

#include "cmocka.hpp"
#include "genl.hpp"
#include "vr/link.hpp"
#include "vr/netlink.hpp"

namespace {

int open_error(int bus) {
    auto socket = vr::netlink::open(bus);
    return socket ? 0 : socket.error().code;
}

void open_and_refuse(void **) {
    expect_int(open_error(NETLINK_GENERIC), 0);
    expect_int(open_error(NETLINK_ROUTE), 0);
    expect_int(open_error(10000), EPROTONOSUPPORT);
}

bool has_options() {
    auto socket = vr::netlink::open(NETLINK_GENERIC);
    for (int option : {NETLINK_EXT_ACK, NETLINK_CAP_ACK}) {
        int value = 0;
        socklen_t size = sizeof(value);
        if (getsockopt((*socket)->fd(), SOL_NETLINK, option, &value, &size) ||
            !value)
            return false;
    }
    return (fcntl((*socket)->fd(), F_GETFD) & FD_CLOEXEC) != 0;
}

void options(void **) {
    expect_true(has_options());
}

int resolve(const char *name) {
    auto socket = vr::netlink::open(NETLINK_GENERIC);
    auto family = vr::netlink::resolve(**socket, name);
    return family ? family->id : -family.error().code;
}

bool has_group(const char *family_name, const char *group) {
    auto socket = vr::netlink::open(NETLINK_GENERIC);
    auto family = vr::netlink::resolve(**socket, family_name);
    return family && family->groups.count(group) &&
           (*socket)->join(family->groups[group]);
}

void families(void **) {
    expect_int(resolve("nlctrl"), 16);
    expect_int(resolve("no-such-family"), -ENOENT);
    // Longer than a name can be: refused by the policy
    expect_true(resolve("a-name-of-more-than-fifteen-bytes") < 0);
    expect_true(has_group("nlctrl", "notify"));
}

int join(uint32_t group) {
    auto socket = vr::netlink::open(NETLINK_GENERIC);
    auto ok = (*socket)->join(group);
    return ok ? 0 : ok.error().code;
}

void join_refused(void **) {
    expect_int(join(0x7fffffff), EINVAL);
}

vr::Result<vr::Link> get_link(const char *name) {
    auto socket = vr::netlink::open(NETLINK_ROUTE);
    return vr::get_link(**socket, name);
}

bool finds_loopback() {
    auto link = get_link("lo");
    return link && link->ifindex == 1 && link->ifname == "lo";
}

int missing(const char *name) {
    auto link = get_link(name);
    return link ? 0 : link.error().code;
}

void links(void **) {
    expect_true(finds_loopback());
    expect_int(missing("no-such-dev"), ENODEV);
    expect_int(missing("no-such-device-with-a-long-name"), ENODEV);
}

// A request without attributes, which the kernel answers with an error
std::vector<std::byte> bad_request() {
    nlmsghdr request{};
    request.nlmsg_len = sizeof(request);
    request.nlmsg_type = 16;
    request.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
    std::vector<std::byte> bytes(sizeof(request));
    std::memcpy(bytes.data(), &request, sizeof(request));
    return bytes;
}

// A datagram that another socket sent is not an answer, even if it is first.
// 0 done, 1 failed, 2 the kernel does not let one send it
int ignores_others() {
    auto receiver = vr::netlink::open(NETLINK_GENERIC);
    auto sender = vr::netlink::open(NETLINK_GENERIC);
    sockaddr_nl to{};
    socklen_t size = sizeof(to);
    getsockname((*receiver)->fd(), reinterpret_cast<sockaddr *>(&to), &size);

    std::vector<std::byte> bytes = bad_request();
    if (sendto((*sender)->fd(), bytes.data(), bytes.size(), 0,
               reinterpret_cast<sockaddr *>(&to), sizeof(to)) < 0)
        return 2;
    std::vector<std::byte> buffer(8192);
    if (!(*receiver)->send(bytes) || !(*receiver)->receive(buffer))
        return 1;
    const auto *got = reinterpret_cast<const nlmsghdr *>(buffer.data());
    return got->nlmsg_type == NLMSG_ERROR ? 0 : 1;
}

void sender_is_checked(void **) {
    int status = ignores_others();
    if (status == 2)
        skip();
    expect_int(status, 0);
}

bool too_small() {
    auto socket = vr::netlink::open(NETLINK_GENERIC);
    std::vector<std::byte> small(4);
    auto sent = (*socket)->send(bad_request());
    auto got = (*socket)->receive(small);
    return sent && !got && got.error().code == EMSGSIZE;
}

void truncation(void **) {
    expect_true(too_small());
}

// In a child with a network namespace of its own: loopback down, up, down.
// 0 done, 1 failed, 2 not permitted
int flap_loopback() {
    if (unshare(CLONE_NEWNET) < 0)
        return 2;
    auto socket = vr::netlink::open(NETLINK_ROUTE);
    if (!socket)
        return 1;
    for (bool up : {true, false}) {
        auto before = vr::get_link(**socket, "lo");
        if (!before || before->up == up ||
            !vr::set_link_up(**socket, *before, up))
            return 1;
        auto after = vr::get_link(**socket, "lo");
        if (!after || after->up != up)
            return 1;
    }
    return vr::set_link_up(**socket, {4711, "none", false, false}, true) ? 1
                                                                         : 0;
}

void link_up_and_down(void **) {
    pid_t pid = fork();
    if (pid == 0)
        _exit(flap_loopback());
    int status = -1;
    waitpid(pid, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 2)
        skip();
    expect_int(status, 0);
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(open_and_refuse), cmocka_unit_test(options),
        cmocka_unit_test(families),        cmocka_unit_test(join_refused),
        cmocka_unit_test(links),           cmocka_unit_test(sender_is_checked),
        cmocka_unit_test(truncation),      cmocka_unit_test(link_up_and_down),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
