// SPDX-License-Identifier: GPL-2.0
//
// Becoming a user for good, in child processes. Needs to start as root.

#include "privilege.hpp"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>

#include "cmocka.hpp"

namespace {

constexpr char user_name[] = "nobody";

int user_error(const char *name) {
    auto user = vrctl::lookup_user(name);
    return user ? 0 : user.error().code;
}

bool is_root(const char *name) {
    auto user = vrctl::lookup_user(name);
    return user && user->name == "root" && user->uid == 0 && user->gid == 0 &&
           !user->home.empty() && !user->shell.empty();
}

void lookup(void **) {
    expect_true(is_root("root"));
    expect_true(is_root("0"));
    expect_int(user_error("no-such-user"), ENOENT);
    expect_int(user_error("4294967294"), ENOENT);
    expect_int(user_error("4294967295"), ENOENT);
    expect_int(user_error(""), ENOENT);
}

// A line of /proc/self/status, the blank behind the key left out
std::string status_line(const char *key) {
    std::string value;
    char line[256];
    std::FILE *file = std::fopen("/proc/self/status", "r");
    while (file && std::fgets(line, sizeof(line), file))
        if (std::strncmp(line, key, std::strlen(key)) == 0)
            value = line + std::strlen(key) + 1;
    if (file)
        std::fclose(file);
    return value;
}

bool no_capability_left() {
    for (const char *set :
         {"CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"})
        if (status_line(set) != "0000000000000000\n")
            return false;
    return status_line("NoNewPrivs:") == "1\n";
}

bool environment_is(const char *key, const std::string &value) {
    const char *got = getenv(key);
    return got && value == got;
}

// Exit status of the check in a child, 2 if the user database or the
// privileges are not there to begin with
int in_child(const std::function<bool()> &check) {
    if (geteuid() != 0 || !getpwnam(user_name) ||
        prctl(PR_CAPBSET_READ, CAP_SETPCAP) != 1)
        return 2;
    std::fflush(nullptr);
    pid_t pid = fork();
    if (pid == 0)
        _exit(check() ? 0 : 1);
    int status = -1;
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#define expect_in_child(check)         \
    do {                               \
        int status_ = in_child(check); \
        if (status_ == 2)              \
            skip();                    \
        expect_int(status_, 0);        \
    } while (0)

// Something to lose in every set
bool fill_sets() {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {};
    if (syscall(SYS_capget, &header, sets) < 0)
        return false;
    for (auto &set : sets)
        set.inheritable = set.permitted;
    return syscall(SYS_capset, &header, sets) == 0 &&
           prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_ADMIN, 0, 0) ==
               0;
}

bool drops_everything() {
    if (!fill_sets())
        return false;
    auto user = vrctl::lookup_user(user_name);
    if (!user || !vrctl::drop_to(*user))
        return false;

    uid_t ids[3];
    gid_t groups[3];
    return getresuid(&ids[0], &ids[1], &ids[2]) == 0 &&
           getresgid(&groups[0], &groups[1], &groups[2]) == 0 &&
           ids[0] == user->uid && ids[1] == user->uid && ids[2] == user->uid &&
           groups[0] == user->gid && groups[1] == user->gid &&
           groups[2] == user->gid && no_capability_left() &&
           environment_is("HOME", user->home) &&
           environment_is("USER", user->name) &&
           environment_is("LOGNAME", user->name) &&
           environment_is("SHELL", user->shell);
}

void everything_is_dropped(void **) {
    expect_in_child(drops_everything);
}

bool groups_are_the_users() {
    const gid_t before[] = {0, 4, 27};
    gid_t after[64];
    auto user = vrctl::lookup_user(user_name);
    if (setgroups(3, before) < 0 || !user || !vrctl::drop_to(*user))
        return false;
    int count = getgroups(64, after);
    for (int i = 0; i < count; i++)
        if (after[i] == 0)
            return false;
    return count >= 0;
}

void groups(void **) {
    expect_in_child(groups_are_the_users);
}

bool cannot_return() {
    auto user = vrctl::lookup_user(user_name);
    return user && vrctl::drop_to(*user) && setuid(0) < 0 && seteuid(0) < 0 &&
           setgid(0) < 0 &&
           prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_ADMIN, 0, 0) < 0;
}

void no_way_back(void **) {
    expect_in_child(cannot_return);
}

// Nothing would confine it, and nothing is half done.
bool root_is_refused() {
    auto user = vrctl::lookup_user("root");
    if (!user)
        return false;
    auto ok = vrctl::drop_to(*user);
    return !ok && ok.error().code == EPERM &&
           ok.error().text().find("user id 0") != std::string::npos &&
           !no_capability_left();
}

void not_root(void **) {
    expect_in_child(root_is_refused);
}

bool unprivileged_is_refused() {
    auto user = vrctl::lookup_user("daemon");
    if (setresuid(65534, 65534, 65534) < 0 || !user)
        return false;
    auto ok = vrctl::drop_to(*user);
    return !ok && ok.error().code == EPERM;
}

void refused(void **) {
    expect_in_child(unprivileged_is_refused);
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(lookup),   cmocka_unit_test(everything_is_dropped),
        cmocka_unit_test(groups),   cmocka_unit_test(no_way_back),
        cmocka_unit_test(not_root), cmocka_unit_test(refused),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
