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
import os
import socket
import struct
import traceback

import vr_nl as nl
from vr_fam import AF, ip, only
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
            refused((E.EPERM, E.ENOENT), f"get {num}", vr.get, id=num)
            refused((E.EPERM, E.ENOENT), f"stats {num}", vr.stats, num)
        check(all(d["id"] == 5 for d in vr.dump(nl.DEV_GET)), "devices")
        check(all(t["id"] == 5 for t in vr.dump(nl.TASK_GET)), "tasks")
        with open("/proc/net/vrctx", encoding="ascii") as f:
            rows = f.read().splitlines()[1:]
        eq([r.split()[0] for r in rows], ["5"], "/proc/net/vrctx")
    with inside(6):             # a task that must not be seen
        unprivileged(body, 5)


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
        keep_only(21)                   # CAP_SYS_ADMIN
        refused(E.EPERM, "enter", enter, 0)
        libc("unshare", CLONE_NEWNET)
        refused(E.EPERM, "setns back", libc, "setns", home, CLONE_NEWNET)
    reap(*fork(body))


def keep_only(cap):
    """Set all three capability sets to one bit."""
    head = struct.pack("=II", 0x20080522, 0)
    low = (1 << cap) if cap < 32 else 0
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
