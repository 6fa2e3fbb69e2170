// SPDX-License-Identifier: GPL-2.0

#include "privilege.hpp"

#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdlib>

namespace vrctl {
namespace {

vr::Error failed(const char *what) {
    return {errno, what, {}};
}

vr::Result<void> empty_bounding_set() {
    // The first number the kernel does not know is refused with EINVAL.
    for (unsigned long cap = 0; prctl(PR_CAPBSET_READ, cap) >= 0; cap++)
        if (prctl(PR_CAPBSET_DROP, cap) < 0)
            return failed("drop capabilities for good");
    return {};
}

vr::Result<void> empty_capability_sets() {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> none{};

    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
        return failed("drop ambient capabilities");
    if (syscall(SYS_capset, &header, none.data()) < 0)
        return failed("drop capabilities");
    return {};
}

vr::Result<void> set_ids(const User &user) {
    if (initgroups(user.name.c_str(), user.gid) < 0)
        return failed("set the groups");
    if (setresgid(user.gid, user.gid, user.gid) < 0)
        return failed("set the group");
    if (setresuid(user.uid, user.uid, user.uid) < 0)
        return failed("set the user");
    return {};
}

vr::Result<void> set_environment(const User &user) {
    if (setenv("HOME", user.home.c_str(), 1) < 0 ||
        setenv("USER", user.name.c_str(), 1) < 0 ||
        setenv("LOGNAME", user.name.c_str(), 1) < 0 ||
        setenv("SHELL", user.shell.c_str(), 1) < 0)
        return failed("set the environment");
    return {};
}

}  // namespace

vr::Result<User> lookup_user(const std::string &name) {
    const passwd *entry = getpwnam(name.c_str());
    if (!entry) {
        if (auto uid = vr::parse_number(name, UINT32_MAX - 1); uid)
            entry = getpwuid(*uid);
    }
    if (!entry)
        return vr::Error{ENOENT, "user " + name, "no such user"};

    // An empty field means /bin/sh, see passwd(5).
    std::string shell = entry->pw_shell;
    return User{entry->pw_name, entry->pw_dir,
                shell.empty() ? "/bin/sh" : shell, entry->pw_uid,
                entry->pw_gid};
}

vr::Result<void> drop_to(const User &user) {
    // It would own /proc/sys/kernel/core_pattern and half the system, and so
    // be no more confined than without -u.
    if (user.uid == 0)
        return vr::Error{EPERM, "user " + user.name,
                         "user id 0 is confined by nothing, even without "
                         "capabilities; name another user"};

    // ORDER: the bounding set needs CAP_SETPCAP, the ids CAP_SETGID and
    // CAP_SETUID; so the sets that hold those are emptied after both.
    if (auto ok = empty_bounding_set(); !ok)
        return ok;
    if (auto ok = set_ids(user); !ok)
        return ok;
    if (auto ok = empty_capability_sets(); !ok)
        return ok;
    // A set-user-id program would still give the user back id 0, which owns
    // half the system even without capabilities.
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return failed("refuse new privileges");
    return set_environment(user);
}

}  // namespace vrctl
