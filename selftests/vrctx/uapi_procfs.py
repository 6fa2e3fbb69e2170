#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""/proc/<pid>/vrctx, /proc/<pid>/task/<tid>/vrctx and /proc/net/vrctx.

Reading, entering by number and by name, and every refusal with its errno,
leaving the task where it was. Guards kernel/net/vrctx/task.c and proc.c.
"""
import ctypes
import errno as E
import os
import threading

import vr_nl as nl
from vr_net import (LIBC, Lab, Netns, UDP, enter, get_ctx, inside, libc, sock,
                    whoami)
from vr_tap import Skip, check, eq, params, refused, run

LAB = Lab(5, hosts=False)
VR = LAB.vr
VR.new(6, "six")
VR.new(nl.ID_MAX, "n" * 31)
VR.new(17, "0x5")
ME = "/proc/self/vrctx"


def put(data, path=ME):
    fd = os.open(path, os.O_WRONLY)
    try:
        return os.write(fd, data)
    finally:
        os.close(fd)


def get(path=ME):
    with open(path, "rb") as f:
        return f.read()


def test_read():
    """reads as "number name" and a newline"""
    eq(get(), b"0 default\n", "context 0")
    with inside(5):
        eq(get(), b"5 -\n", "unnamed")
    with inside(6):
        eq(get(), b"6 six\n", "named")
    with inside(nl.ID_MAX):
        eq(get(), b"%d %s\n" % (nl.ID_MAX, b"n" * 31), "longest")


@params((b"5", 5), (b"5\n", 5), (b"six", 6), (b"six\n", 6), (b"0", 0),
        (b"16777215", nl.ID_MAX), (b"n" * 31, nl.ID_MAX),
        (b"n" * 31 + b"\n", nl.ID_MAX), (b"default", 0), (b"0x5", 17))
def test_enter(data, ctx):
    """accepts"""
    try:
        eq(put(data), len(data), "bytes taken")
        eq(whoami()[0], ctx, "context")
        with sock(UDP) as one:
            eq(get_ctx(one), ctx, "context of a new socket")
    finally:
        enter(0)


BAD = [(b"", None), (b"\n", E.EINVAL), (b" ", E.EINVAL), (b"4242", E.ENOENT),
       (b"nobody", E.ENOENT), (b"16777216", E.EINVAL),
       (b"4294967295", E.EINVAL), (b"4294967301", E.EINVAL),
       (b"99999999999999999999", E.EINVAL), (b"-1", (E.EINVAL, E.ENOENT)),
       (b"+5", E.EINVAL), (b"5 6", E.EINVAL), (b"six x", E.EINVAL),
       (b"five\0six", E.EINVAL), (b"n" * 32, E.EINVAL),
       (b"n" * 70000, E.EINVAL), (b"0" * 31 + b"5", E.EINVAL),
       (b"k\xc3\xa4se", E.EINVAL), (b"\xff\xfe", E.EINVAL),
       (b"a/b", E.EINVAL), (b"5\n6\n", E.EINVAL), (b"\n5", E.EINVAL)]


@params(*[(start,) for start in (0, 5)])
def test_bad(start):
    """refuses bad text and stays in context"""
    enter(start)
    try:
        for data, want in BAD:
            if want is None:
                eq(put(data), 0, "empty write")
            else:
                refused(want, repr(data[:40]), put, data)
            eq(whoami()[0], start, f"context after {data[:40]!r}")
    finally:
        enter(0)


def test_offset():
    """a second write does not continue the first"""
    fd = os.open(ME, os.O_RDWR)
    try:
        os.write(fd, b"5")
        eq(os.pread(fd, 99, 0), b"5 -\n", "after the first")
        try:
            os.write(fd, b"6")
            eq(whoami()[0], 6, "after the second")
        except OSError as err:
            eq(err.errno, E.EINVAL, "second write")
            eq(whoami()[0], 5, "after the second")
    finally:
        os.close(fd)
        enter(0)


def test_threads():
    """each thread has its own context; /proc/<pid>/vrctx is the leader's"""
    ready, done = threading.Event(), threading.Event()
    tids = []

    def body():
        tids.append(libc("gettid"))
        enter(5)
        ready.set()
        done.wait(20)

    other = threading.Thread(target=body, daemon=True)
    other.start()
    check(ready.wait(20), "thread did not start")
    try:
        eq(get(f"/proc/self/task/{tids[0]}/vrctx"), b"5 -\n", "thread")
        eq(get(f"/proc/{tids[0]}/vrctx"), b"5 -\n", "thread by its number")
        eq(get(), b"0 default\n", "leader")
        eq(VR.get(id=5)["tasks"], 1, "tasks of context 5")
        put(b"six", f"/proc/self/task/{tids[0]}/vrctx")
        eq(get(f"/proc/self/task/{tids[0]}/vrctx"), b"6 six\n", "moved")
        eq(get(), b"0 default\n", "leader after")
    finally:
        done.set()
        other.join()


def test_other():
    """another process can be moved, a dead one gives ESRCH"""
    rfd, wfd = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(wfd)
        os.read(rfd, 1)
        os._exit(0)
    os.close(rfd)
    path = f"/proc/{pid}/vrctx"
    fd = os.open(path, os.O_RDWR)
    try:
        put(b"six", path)
        eq(get(path), b"6 six\n", "child")
        eq(VR.call(nl.TASK_GET, pid=pid)["id"], 6, "child by netlink")
    finally:
        os.close(wfd)
        os.waitpid(pid, 0)
    refused(E.ESRCH, "write for a dead process", os.write, fd, b"5")
    refused(E.ESRCH, "read of a dead process", os.read, fd, 10)
    os.close(fd)


def test_netns_resets():
    """changing the network namespace means context 0 of the new one"""
    far = Netns()
    enter(5)
    with far:
        eq(whoami(), (0, "default"), "in the other namespace")
        refused(E.ENOENT, "a context of the first", enter, 5)
    eq(whoami(), (0, "default"), "back")
    enter(5)
    far2 = Netns()              # unshare(CLONE_NEWNET) and back
    eq(whoami(), (0, "default"), "after unshare")
    eq(VR.get(id=5)["tasks"], 0, "tasks of context 5")
    far.close()
    far2.close()


def rows():
    with open("/proc/net/vrctx", encoding="ascii") as f:
        head, *lines = f.read().splitlines()
    eq(head.split(), ["id", "name", "devices", "sockets", "tasks"], "header")
    return {int(ln.split()[0]): ln.split()[1:] for ln in lines}


def test_proc_net():
    """/proc/net/vrctx lists every context and counts what it has"""
    LAB.rt.link_add("d0", "dummy")
    VR.move("d0", 6)
    with sock(UDP, 6), sock(UDP, 6):
        got = rows()
        eq(sorted(got), [0, 5, 6, 17, nl.ID_MAX], "numbers")
        eq(got[0][0], "default", "name of 0")
        eq(got[5], ["-", "0", "0", "0"], "context 5")
        eq(got[6], ["six", "1", "2", "0"], "context 6")
        with inside(6):
            eq(rows()[6], ["six", "1", "2", "1"], "context 6 with a task")
    VR.move("d0", 0)
    eq(rows()[6], ["six", "0", "0", "0"], "context 6 after")


def test_io_uring():
    """a task that uses io_uring cannot be moved"""
    pid = os.fork()             # it uses it for the rest of its life
    if not pid:
        code = 3
        try:
            fd = LIBC.syscall(425, 4, ctypes.create_string_buffer(120))
            if fd < 0:
                code = 2
            else:
                refused(E.EBUSY, "enter", enter, 5)
                code = whoami()[0]
        finally:
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if code == 2:
        raise Skip("no io_uring")
    eq(code, 0, "exit status of the child")


run(globals())
