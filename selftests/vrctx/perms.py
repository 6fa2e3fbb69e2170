#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 4 6
"""Without CAP_NET_ADMIN nobody changes a context, by whatever way.

The socket option, /proc, netlink, control messages, ptrace, pidfd_getfd,
descriptors passed or opened earlier, and changes of the namespace. Guards
every ns_capable() check of the subsystem. What has no socket in it is tested
with IPv4 only.
"""
import ctypes
import errno as E
import fcntl
import os
import socket
import struct
import threading
import traceback

import vr_nl as nl
from vr_fam import AF, ip, only, pick, proc_net
from vr_net import (ANY, LIBC, TCP, UDP, Lab, Netns, enter, get_ctx, inside,
                    libc, set_ctx, sock, whoami)
from vr_tap import Skip, check, eq, refused, run

LAB = Lab(5, 6, hosts=False)
VR = LAB.vr
VR.call(nl.CTX_SET, id=5, name="five")
LAB.rt.link_add("d0", "dummy")
NOBODY = 65534
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_PTRACER = 1, 4, 0x59616d61
PTRACE_SEIZE = 0x4206
CAP_SETGID, CAP_SETUID, CAP_SYS_ADMIN = 6, 7, 21
CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000


def drop():
    """Become nobody without any capability, but dumpable."""
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    libc("prctl", PR_SET_DUMPABLE, 1, 0, 0, 0)
    libc("prctl", PR_SET_PDEATHSIG, 9, 0, 0, 0)


def fork(fn, *argv):
    """Run fn in a child; returns (pid, pipe that tells what went wrong)."""
    rfd, wfd = os.pipe()
    pid = os.fork()
    if pid:
        os.close(wfd)
        return pid, rfd
    code = 1
    try:
        os.close(rfd)
        fn(*argv)
        code = 0
    except BaseException:       # pylint: disable=broad-except
        os.write(wfd, traceback.format_exc().encode())
    finally:
        os._exit(code)


def reap(pid, rfd):
    with os.fdopen(rfd, "rb") as f:
        text = f.read().decode()
    status = os.waitpid(pid, 0)[1]
    if status:
        raise AssertionError(f"in the child: status {status}\n{text}")


def unprivileged(fn, ctx=0):
    """Run fn as nobody in a context."""
    def body():
        enter(ctx)
        drop()
        fn()
    reap(*fork(body))


def test_socket_option():
    """SO_VRCTX: only to the own context"""
    def body():
        with socket.socket(AF, UDP) as one:
            for num in (0, 6, ANY):
                refused(E.EPERM, f"to {num}", set_ctx, one, num)
            set_ctx(one, 5)
            refused((E.EPERM, E.ENOENT), "to 4242", set_ctx, one, 4242)
            eq(get_ctx(one), 5, "context")
    unprivileged(body, 5)


def test_socket_option_from_0():
    """SO_VRCTX from context 0: to no other"""
    def body():
        for kind in (TCP, UDP):
            with socket.socket(AF, kind) as one:
                for num in (5, 6, ANY):
                    refused(E.EPERM, f"to {num}", set_ctx, one, num)
                set_ctx(one, 0)
                eq(get_ctx(one), 0, "context")
    unprivileged(body)


@only(4)
def test_proc():
    """/proc/<pid>/vrctx, of oneself and of others"""
    def body():
        for num in (b"0", b"6", b"five", b"5"):
            fd = os.open("/proc/self/vrctx", os.O_WRONLY)
            if num not in (b"5", b"five"):
                refused(E.EPERM, repr(num), os.write, fd, num)
            os.close(fd)
        for path in (f"/proc/{os.getppid()}/vrctx", "/proc/1/vrctx"):
            try:
                fd = os.open(path, os.O_WRONLY)
            except OSError as err:
                check(err.errno in (E.EACCES, E.EPERM), str(err))
                continue
            refused((E.EPERM, E.EACCES), path, os.write, fd, b"5")
            os.close(fd)
        eq(whoami(), (5, "five"), "context")
    unprivileged(body, 5)


@only(4)
def test_proc_descriptor():
    """a descriptor of /proc/self/vrctx opened before the drop is no key"""
    def body():
        enter(5)
        fd = os.open("/proc/self/vrctx", os.O_RDWR)
        drop()
        refused(E.EPERM, "opener may, writer may not", os.write, fd, b"6")
        eq(os.pread(fd, 99, 0), b"5 five\n", "context")
    reap(*fork(body))


@only(4)
def test_proc_confused_deputy():
    """nor does a privileged writer help an unprivileged opener"""
    ours, theirs = socket.socketpair()

    def body():
        enter(5)
        drop()
        fd = os.open("/proc/self/vrctx", os.O_RDWR)
        socket.send_fds(theirs, [b"x"], [fd])
        theirs.recv(1)
        eq(whoami()[0], 5, "context after")
    pid, rfd = fork(body)
    _, fds, _, _ = socket.recv_fds(ours, 1, 1)
    try:
        refused(E.EPERM, "write by root", os.write, fds[0], b"6")
    finally:
        ours.send(b"x")
        os.close(fds[0])
        reap(pid, rfd)
    ours.close()
    theirs.close()


@only(4)
def test_netlink():
    """netlink: every change is EPERM with a text"""
    def state():
        # but the sockets that the test itself opens there
        return ([{k: v for k, v in ctx.items() if k != "sockets"}
                 for ctx in VR.dump(nl.CTX_GET)], VR.dump(nl.DEV_GET))
    before = state()

    def body():
        vr = nl.Vrctx()
        for what, cmd, kwargs in (
                ("new", nl.CTX_NEW, {"id": 9}), ("new", nl.CTX_NEW, {}),
                ("del", nl.CTX_DEL, {"id": 6}),
                ("force", nl.CTX_DEL, {"id": 6, "force": True}),
                ("set", nl.CTX_SET, {"id": 6, "name": "mine"}),
                ("dev", nl.DEV_SET, {"ifname": "d0", "id": 5})):
            err = refused(E.EPERM, what, vr.call, cmd, **kwargs)
            check(err.extack, f"{what}: no extack text")
    for ctx in (0, 5):
        unprivileged(body, ctx)
    eq(state(), before, "state")


@only(4)
def test_view():
    """inside a context one sees that context only"""
    def body():
        vr = nl.Vrctx()
        eq([c["id"] for c in vr.dump(nl.CTX_GET)], [5], "contexts")
        eq([c["id"] for c in vr.dump(nl.STATS_GET)], [5], "stats")
        eq(vr.get(id=5)["name"], "five", "own")
        for num in (0, 6):
            refused(E.EPERM, f"get {num}", vr.get, id=num)
            refused(E.EPERM, f"stats {num}", vr.stats, num)
        refused(E.EPERM, "device", vr.call, nl.DEV_GET, ifname="d0")
        refused(E.EPERM, "task", vr.call, nl.TASK_GET,
                pid=os.getppid())
        check(all(d["id"] == 5 for d in vr.dump(nl.DEV_GET)), "devices")
        check(all(t["id"] == 5 for t in vr.dump(nl.TASK_GET)), "tasks")
        with open("/proc/net/vrctx", encoding="ascii") as f:
            rows = f.read().splitlines()[1:]
        eq([r.split()[0] for r in rows], ["5"], "/proc/net/vrctx")
    with inside(6):             # a task that must not be seen
        unprivileged(body, 5)


@only(4)
def test_view_no_oracle():
    """whether there is another context is not told"""
    def body():
        vr = nl.Vrctx()
        seen = []
        for ways in ({"id": 6}, {"id": 4242}, {"name": "default"},
                     {"name": "six"}, {"name": "nothing"},
                     {"id": 5, "name": "six"}, {"id": 5, "name": "nothing"}):
            for fn, cmd in ((vr.call, nl.CTX_GET), (vr.call, nl.STATS_GET),
                            (vr.dump, nl.DEV_GET), (vr.dump, nl.TASK_GET)):
                err = refused(E.EPERM, f"{cmd} {ways}", fn, cmd, **ways)
                seen.append(err.extack)
        for num in (6, 4242):
            data = struct.pack("=HHIHH4sHHB3x", 8, nl.A_LEAK_FROM, num,
                               8, nl.A_LEAK_PREFIX, b"\n\0\0\0",
                               5, nl.A_LEAK_PREFIX_LEN, 8)
            seen.append(refused(E.EPERM, "leak", vr.bodies, nl.LEAK_GET,
                                data).extack)
        eq(set(seen), {"CAP_NET_ADMIN is required to see other contexts"},
           "texts")
        eq(vr.get(id=5, name="five")["id"], 5, "own")
    VR.call(nl.CTX_SET, id=6, name="six")
    unprivileged(body, 5)


@only(4)
def test_proc_of_others():
    """/proc/<pid>/vrctx of who is in another context cannot be read"""
    def context_of(pid):
        with open(f"/proc/{pid}/vrctx", encoding="ascii") as f:
            return int(f.read().split()[0])

    def body(shown):
        for num, pid in pids.items():
            if num in shown:
                eq(context_of(pid), num, f"of one in {num}")
            else:
                refused(E.EPERM, f"of one in {num}", context_of, pid)
        context_of("self")
        context_of("thread-self")

    made = {num: victim(num) for num in (0, 5, 6)}
    pids = {num: pid for num, (pid, _) in made.items()}
    try:
        unprivileged(lambda: body({5}), 5)
        unprivileged(lambda: body({0, 5, 6}))
        left(lambda: None, lambda _: body(set()))
    finally:
        for _, finish in made.values():
            finish()


# ---- who makes a network namespace of its own leaves this one ----

TUNSETIFF, TUNSETPERSIST, TUNSETOWNER = 0x400454ca, 0x400454cb, 0x400454cc
SIOCGIFNAME, SIOCGIFCONF, SIOCGIFFLAGS = 0x8910, 0x8912, 0x8913
SIOCGIFADDR, SIOCSIFADDR, SIOCGIFBR, SIOCGIFVLAN = (0x8915, 0x8916, 0x8940,
                                                    0x8982)
SIOCADDRT, SIOCGARP = 0x890b, 0x8954


def left(before, after):
    """Run after(before()) as nobody who was in context 5 at the first, and is
    in a namespace of its own at the second; then in a context 5 there.
    """
    def body(there):
        enter(5)
        drop()
        have = before()
        if LIBC.unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0:
            os._exit(0)                 # not allowed here: nothing to test
        libc("prctl", PR_SET_DUMPABLE, 1, 0, 0, 0)
        if there:
            nl.Vrctx().new(there)
            enter(there)
        eq(whoami()[0], there, "context there")
        after(have)
    for there in (0, 5, 6):
        reap(*fork(lambda t=there: body(t)))


@only(4)
def test_left_netlink():
    """it sees no context of the old one, by a socket from before"""
    def after(vr):
        for cmd in (nl.CTX_GET, nl.STATS_GET, nl.DEV_GET, nl.TASK_GET):
            eq(vr.dump(cmd), [], f"dump {cmd}")
        for num in (0, 5, 6, 4242):
            refused(E.EPERM, f"get {num}", vr.get, id=num)
        refused(E.EPERM, "device", vr.call, nl.DEV_GET, ifname="d0")
    left(nl.Vrctx, after)


def proc_text(pid, name):
    with open(f"/proc/{pid}/net/{name}", encoding="ascii") as f:
        return f.read()


def sees(pid, port):
    """Is the UDP port in what a process lists?"""
    return f":{port:04X} " in proc_text(pid, os.path.basename(proc_net("udp")))


def test_left_proc():
    """nor, by /proc of who stayed, sockets, devices and routes"""
    port = 7777

    def after(_):
        check(not sees(pid, port), "socket")
        eq({line.split(":")[0].strip() for line in
            proc_text(pid, "dev").splitlines()[2:]}, {"lo"}, "devices")
        eq(proc_text(pid, pick("route", "ipv6_route")).splitlines()[pick(1, 0):],
           [], "routes")
        eq(proc_text(pid, "vrctx").splitlines()[1:], [], "contexts")
        refused(E.EOPNOTSUPP, "a file of the namespace", proc_text, pid,
                "stat/nf_conntrack")
    # an ordinary table whose number is that of nobody's, if it had one
    LAB.rt.link_set("d0", up=True)
    odd = nl.table_of(0x7fffffff)
    LAB.rt.route("198.51.100.0/24", dev="d0", table=odd)
    pid, finish = victim(5)
    try:
        with sock(UDP, 6, ("127.0.0.1", port)):
            check(sees(pid, port), "socket for context 0")
            left(lambda: None, after)
    finally:
        finish()
        LAB.rt.route_del("198.51.100.0/24", table=odd)


def test_other_proc():
    """a namespace without contexts shows everybody what it always did"""
    far = Netns()
    with far:
        pid, finish = victim(0)
    try:
        with far:
            one = sock(UDP, None, ("127.0.0.1", 7778))
        for ctx in (0, 5):
            unprivileged(lambda: (check(sees(pid, 7778), "socket"),
                                  proc_text(pid, "stat/nf_conntrack")), ctx)
        left(lambda: None, lambda _: check(sees(pid, 7778), "who left"))
        one.close()
    finally:
        finish()
        far.close()


def test_left_ioctl():
    """nor, by an ioctl with a socket from before, what is on a device"""
    LAB.rt.link_add("d6", "dummy")
    VR.move("d6", 6)
    LAB.rt.addr("d6", "10.6.0.1/24")
    LAB.rt.link_set("d6", up=True)
    num = LAB.rt.ifindex("d6")

    def ifreq(name, data=b""):
        return struct.pack("16s24s", name.encode(), data)

    def after(one):
        refused(E.ENODEV, "name", fcntl.ioctl, one, SIOCGIFNAME,
                ifreq("", struct.pack("=I", num)))
        for cmd in (SIOCGIFFLAGS, SIOCGIFADDR):
            refused(E.ENODEV, f"{cmd:#x}", fcntl.ioctl, one, cmd, ifreq("d6"))
        eq(struct.unpack_from("=H", fcntl.ioctl(one, SIOCGIFFLAGS,
                                                ifreq("lo")), 16)[0] & 1, 1,
           "lo is up")
        room = ctypes.create_string_buffer(4000)
        got = fcntl.ioctl(one, SIOCGIFCONF, struct.pack(
            "=i4xQ", len(room), ctypes.addressof(room)))
        names = room.raw[:struct.unpack_from("=i", got)[0]]
        check(b"d6" not in names, "d6 is in the list")
        for cmd in (SIOCADDRT, SIOCGIFBR, SIOCGIFVLAN) + pick(
                (SIOCGARP,), (SIOCSIFADDR,)):
            refused(E.EOPNOTSUPP, f"{cmd:#x}", fcntl.ioctl, one, cmd,
                    bytes(128))
    left(lambda: sock(UDP), after)
    LAB.rt.link_del("d6")


@only(4)
def test_left_tun():
    """nor does it attach to a tun device of another context"""
    def tun():
        return os.open("/dev/net/tun", os.O_RDWR)
    if not os.path.exists("/dev/net/tun"):
        raise Skip("no tun")
    os.chmod("/dev/net/tun", 0o666)
    req = struct.pack("16sH22x", b"t6", 1)
    fd = tun()
    fcntl.ioctl(fd, TUNSETIFF, req)
    fcntl.ioctl(fd, TUNSETOWNER, NOBODY)
    fcntl.ioctl(fd, TUNSETPERSIST, 1)
    os.close(fd)
    unprivileged(lambda: fcntl.ioctl(tun(), TUNSETIFF, req))
    VR.move("t6", 6)
    unprivileged(lambda: refused(E.EBUSY, "in 5", fcntl.ioctl, tun(),
                                 TUNSETIFF, req), 5)
    left(tun, lambda fd: refused(E.EBUSY, "who left", fcntl.ioctl, fd,
                                 TUNSETIFF, req))
    LAB.rt.link_del("t6")


@only(4)
def test_left_sysctl():
    """nor the sysctls of another context, by a file from before"""
    LAB.rt.link_add("d5", "dummy")
    VR.move("d5", 5)
    path = "/proc/sys/net/ipv4/conf/d5/forwarding"
    left(lambda: os.open(path, os.O_RDONLY),
         lambda fd: refused((E.EPERM, E.EACCES), "read", os.pread, fd, 9, 0))
    LAB.rt.link_del("d5")


@only(4)
def test_proc_own():
    """that of the own process can, whichever context its threads are in"""
    def thread():
        enter(5)
        drop()
        with open(f"/proc/{os.getpid()}/vrctx", encoding="ascii") as f:
            seen.append(f.read().split()[0])

    def body():
        enter(6)
        one = threading.Thread(target=thread)
        one.start()
        one.join()
        eq(seen, ["6"], "context of the first thread")
    seen = []
    reap(*fork(body))


@only(4)
def test_namespaces():
    """no way out through other namespaces"""
    far = Netns()

    def body():
        refused(E.EPERM, "setns", libc, "setns", far.fd, CLONE_NEWNET)
        refused(E.EPERM, "unshare", libc, "unshare", CLONE_NEWNET)
        eq(whoami()[0], 5, "context")
    unprivileged(body, 5)
    far.close()


def test_user_namespace():
    """root of an own user namespace has no power over this one"""
    home = LAB.ns.fd

    def body():
        if LIBC.unshare(CLONE_NEWUSER) < 0:
            os._exit(0)                 # not allowed here: nothing to test
        libc("prctl", PR_SET_DUMPABLE, 1, 0, 0, 0)
        refused(E.EPERM, "enter", enter, 6)
        with socket.socket(AF, UDP) as one:
            refused(E.EPERM, "SO_VRCTX", set_ctx, one, 6)
        refused(E.EPERM, "netlink", nl.Vrctx().new, 9)
        eq(whoami()[0], 5, "context")
        libc("unshare", CLONE_NEWNET)   # own namespace: own contexts
        eq(whoami()[0], 0, "context there")
        vr = nl.Vrctx()
        eq([c["id"] for c in vr.dump(nl.CTX_GET)], [0], "contexts there")
        vr.new(6)
        enter(6)
        eq(whoami()[0], 6, "own context 6")
        refused(E.EPERM, "setns back", libc, "setns", home, CLONE_NEWNET)
    unprivileged(body, 5)


@only(4)
def test_setns_trick():
    """out to an own namespace and back does not lead to context 0"""
    # back needs CAP_SYS_ADMIN here: a task that has just that, not NET_ADMIN
    home = LAB.ns.fd

    def body():
        enter(5)
        keep_only(CAP_SYS_ADMIN)
        refused(E.EPERM, "enter", enter, 0)
        libc("unshare", CLONE_NEWNET)
        refused(E.EPERM, "setns back", libc, "setns", home, CLONE_NEWNET)
    reap(*fork(body))


def keep_only(*caps):
    """Set all three capability sets to some of the first 32."""
    head = struct.pack("=II", 0x20080522, 0)
    low = sum(1 << cap for cap in caps)
    data = struct.pack("=IIIIII", low, low, 0, 0, 0, 0)
    libc("capset", ctypes.create_string_buffer(head),
         ctypes.create_string_buffer(data))


def victim(ctx):
    """A nobody process in a context that waits; (pid, rfd, finish)."""
    ours, theirs = socket.socketpair()

    def body():
        enter(ctx)
        drop()
        LIBC.prctl(PR_SET_PTRACER, ctypes.c_ulong(-1), 0, 0, 0)
        with sock(UDP):
            theirs.send(b"r")
            theirs.recv(1)
    pid, rfd = fork(body)
    ours.recv(1)

    def finish():
        ours.send(b"x")
        reap(pid, rfd)
        ours.close()
        theirs.close()
    return pid, finish


def attack(pid, want):
    """All the ways of ptrace_may_access() into a process."""
    def body():
        drop()
        LIBC.ptrace.argtypes = [ctypes.c_long] * 4
        ways = {
            "seize": lambda: libc("ptrace", PTRACE_SEIZE, pid, 0, 0),
            "pidfd_getfd": lambda: steal(pid),
            "mem": lambda: os.close(os.open(f"/proc/{pid}/mem", os.O_RDWR)),
        }
        for what, way in ways.items():
            if want:
                refused((E.EPERM, E.EACCES), what, way)
            else:
                way()
    return body


def steal(pid):
    """Take a descriptor out of a process."""
    pidfd = os.pidfd_open(pid)
    try:
        for num in range(3, 64):
            fd = LIBC.syscall(438, pidfd, num, 0)
            if fd >= 0:
                os.close(fd)
                return
            err = ctypes.get_errno()
            if err != E.EBADF:
                raise OSError(err, "pidfd_getfd")
    finally:
        os.close(pidfd)


def test_ptrace():
    """no ptrace, pidfd_getfd or /proc/pid/mem into another context"""
    for mine, other in ((5, 6), (5, 0), (0, 5)):
        pid, finish = victim(other)
        try:
            reap(*fork(lambda m=mine, p=pid: (enter(m), attack(p, True)())))
        finally:
            finish()


@only(4)
def test_ptrace_left():
    """nor from a namespace of one's own back into this one"""
    def body(pid):
        enter(5)
        keep_only(CAP_SYS_ADMIN, CAP_SETUID, CAP_SETGID)
        libc("unshare", CLONE_NEWNET)
        attack(pid, True)()
    for ctx in (0, 5):
        pid, finish = victim(ctx)
        try:
            reap(*fork(lambda p=pid: body(p)))
        finally:
            finish()


@only(4)
def test_ptrace_namespaces():
    """ptrace into a namespace without contexts is what it always was"""
    far, other = Netns(), Netns()
    with far:
        pid, finish = victim(0)
    try:
        with other:
            reap(*fork(attack(pid, False)))
        reap(*fork(attack(pid, False)))
        reap(*fork(lambda: (enter(5), attack(pid, True)())))
    finally:
        finish()
        far.close()
        other.close()


def test_ptrace_same():
    """ptrace within one context is what it always was"""
    try:
        with open("/proc/sys/kernel/yama/ptrace_scope",
                  encoding="ascii") as f:
            if int(f.read()) > 1:
                raise Skip("ptrace is off")
    except FileNotFoundError:
        pass
    for ctx in (0, 5):
        pid, finish = victim(ctx)
        try:
            reap(*fork(lambda c=ctx, p=pid: (enter(c), attack(p, False)())))
        finally:
            finish()


def test_passed_socket():
    """a socket passed in keeps its context and cannot be turned round"""
    ours, theirs = socket.socketpair()

    def body():
        enter(5)
        drop()
        _, fds, _, _ = socket.recv_fds(theirs, 1, 1)
        one = socket.socket(fileno=fds[0])
        eq(get_ctx(one), 6, "context of the socket")
        refused(E.EPERM, "to 0", set_ctx, one, 0)
        one.close()
    pid, rfd = fork(body)
    with sock(UDP, 6) as one:
        socket.send_fds(ours, [b"x"], [one.fileno()])
    reap(pid, rfd)
    ours.close()
    theirs.close()


def test_scm():
    """SCM_VRCTX on a specific socket stays refused without privilege"""
    def body():
        with sock(UDP) as one:
            anc = [(socket.SOL_SOCKET, nl.SCM_VRCTX, struct.pack("=I", 6))]
            refused((E.EINVAL, E.EPERM), "to 6", one.sendmsg, [b"x"], anc, 0,
                    (ip("127.0.0.1"), 9))
    unprivileged(body, 5)


run(globals())
