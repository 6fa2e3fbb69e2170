#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 4 6
"""Traffic of several contexts on all CPUs while these are deleted and remade.

VR_STRESS says for how many seconds: 20 if it does not. Every context has two
hosts; through it goes what one sends to the other, and both kinds of sockets
that serve all contexts answer the first. Whoever gets a message looks whether
it is one of its context. Meanwhile one process deletes a context with all that
is in it, makes it anew and waits until all of its traffic flows again, others
move a device, make and delete contexts, and enter them.

Guards what a single event at a time does not show: locks, grace periods and
references. For ten minutes on the kernel that checks them:

	VR_STRESS=600 DEBUG=1 scripts/check-guest stress
"""
import errno as E
import mmap
import os
import random
import time

from vr_fam import FORWARD, ip
from vr_net import (ANY, HIP, RIP, TCP, UDP, Lab, Netns, both_run, child,
                    cmsg_ctx, connect, enter, get_ctx, readable, send_ctx, sock)
from vr_nl import Vrctx
from vr_rt import sysctl
from vr_tap import check, eq, run, slow, wait

SECONDS = int(os.environ.get("VR_STRESS") or 20)
CONTEXTS = (1, 2, 3)
FORWARDED, DATAGRAM, STREAM = KINDS = range(3)
FAR, FARNET, FARIP = ip("10.1.0.1"), ip("10.1.0.1/24"), ip("10.1.0.2")
# What traffic may meet while its context is not there
LOST = (E.EAGAIN, E.ENETUNREACH, E.EHOSTUNREACH, E.ECONNREFUSED, E.ECONNRESET,
        E.ECONNABORTED, E.EPIPE, E.ETIMEDOUT, E.ENOENT, E.ENOTCONN,
        E.EADDRNOTAVAIL, E.ENETDOWN, E.EINVAL)
# What may be said of a context that another process deletes or makes
RACE = (E.ENOENT, E.EEXIST, E.EBUSY, E.EAGAIN)


class Board:
    """Counters that all processes share, and the sign to stop."""
    def __init__(self):
        self.cells = memoryview(mmap.mmap(-1, 4096)).cast("Q")

    def stop(self):
        self.cells[0] = 1

    def on(self):
        return not self.cells[0]

    def traffic(self, ctx, kind):
        return self.cells[1 + ctx * len(KINDS) + kind]

    def count(self, ctx, kind):
        self.cells[1 + ctx * len(KINDS) + kind] += 1

    def turns(self, who):
        return self.cells[100 + who]

    def turn(self, who):
        self.cells[100 + who] += 1


REMAKE, MOVE, CHURN, ENTER = range(4)
board = Board()


def lossy(fn, *argv):
    """What fn returns, None if it failed in a way that traffic may."""
    try:
        return fn(*argv)
    except TimeoutError:
        return None
    except OSError as err:
        if err.errno not in LOST:
            raise
        time.sleep(0.01)        # or it would only be refused all the time
        return None


# ---- traffic ----

def message(ctx, num):
    return f"{ctx} {num}".encode()


def of_ctx(data):
    return int(data.split()[0])


def datagrams(far, ctx, kind, dest):
    """A host: to dest and back, each time another message."""
    far.join()
    num = 0
    one = sock(UDP)
    one.settimeout(0.2 * slow())
    one.connect((ip(dest[0]), dest[1]))
    while board.on():
        num += 1
        if lossy(one.send, message(ctx, num)) is None:
            continue
        got = lossy(one.recv, 100)
        if got:                 # an earlier one, perhaps
            eq(of_ctx(got), ctx, "context of an answer")
            board.count(ctx, kind)


def streams(far, ctx):
    """A host: connect to the router, a message each way, close."""
    far.join()
    num = 0
    while board.on():
        num += 1
        one = lossy(connect, (RIP, 80), None, None, None, TCP, slow())
        if not one:
            continue
        with one:
            if lossy(one.send, message(ctx, num)):
                got = lossy(one.recv, 100)
                if got:
                    eq(got, message(ctx, num), "answer")
                    board.count(ctx, STREAM)


def far_server(far, ctx):
    """The other host: gives back what is of its context."""
    far.join()
    one = sock(UDP, None, ("0.0.0.0", 53))
    one.settimeout(0.2)
    while board.on():
        try:
            data, addr = one.recvfrom(100)
        except TimeoutError:
            continue
        eq(of_ctx(data), ctx, "context of a forwarded datagram")
        lossy(one.sendto, data, addr)


def any_datagrams(one):
    one.settimeout(0.2)
    while board.on():
        try:
            data, anc, _, addr = one.recvmsg(100, 100)
        except TimeoutError:
            continue
        ctx = cmsg_ctx(anc)
        eq(of_ctx(data), ctx, "context of a datagram")
        lossy(send_ctx, one, data, addr, ctx)


def any_streams(listener):
    listener.settimeout(0.2)
    while board.on():
        one = lossy(listener.accept)
        if not one:
            continue
        with one[0]:
            one[0].settimeout(slow())
            data = lossy(one[0].recv, 100)
            if data:
                eq(of_ctx(data), get_ctx(one[0]), "context of a connection")
                lossy(one[0].send, data)


# ---- what disturbs it ----

def remake(lab, vr, ctx):
    """Delete and make a context; all of its traffic goes on."""
    vr.delete(ctx, force=True)
    wait(lambda: attempt(vr.new, ctx), f"number {ctx} to be free", 30)
    for dev in (f"v{ctx}", f"w{ctx}"):
        vr.move(dev, ctx)
        lab.rt.link_set(dev, up=True)
    was = [board.traffic(ctx, kind) for kind in KINDS]
    for kind in KINDS:
        wait(lambda k=kind: board.traffic(ctx, k) > was[k] + 1,
             f"traffic of kind {kind} in context {ctx}", 60)
    board.turn(REMAKE)


def attempt(fn, *argv, **kwargs):
    """False if somebody else was faster."""
    try:
        fn(*argv, **kwargs)
    except OSError as err:
        if err.errno not in RACE:
            raise
        return False
    return True


def mover():
    vr = Vrctx()
    while board.on():
        if attempt(vr.move, "m0", random.choice((0, *CONTEXTS))):
            board.turn(MOVE)


def churner():
    vr = Vrctx()
    while board.on():
        some = [random.randrange(1000, 1200) for _ in range(20)]
        made = [ctx for ctx in some if attempt(vr.new, ctx)]
        for ctx in made[::2]:
            with sock(UDP, ctx, ("127.0.0.1", 53)) as one:
                one.sendto(b"x", (ip("127.0.0.1"), 53))
                eq(one.recv(1), b"x", "datagram on lo")
        for ctx in made:
            vr.delete(ctx)
            board.turn(CHURN)


def enterer():
    """A program that is in a context when that is deleted, and goes on."""
    while board.on():
        if attempt(enter, random.choice(CONTEXTS)):
            one = lossy(sock, UDP)
            if one:
                with one:
                    lossy(one.sendto, b"none", (HIP, 9))
        enter(0)
        board.turn(ENTER)


# ---- all of it ----

def setup():
    """Contexts with two hosts each; the first sends."""
    lab = Lab(*CONTEXTS)
    sysctl(FORWARD, 1)
    far = {}
    for ctx in CONTEXTS:
        far[ctx] = Netns()
        lab.link(ctx, f"w{ctx}", far[ctx], FARNET)
        far[ctx].rt.addr("eth0", ip("10.1.0.2/24"))
        far[ctx].rt.link_set("eth0", up=True)
        both_run(lab.rt, f"w{ctx}", far[ctx].rt)
        far[ctx].rt.route("default", via=FAR, dev="eth0")
    lab.rt.link_add("m0", "dummy")
    lab.rt.addr("m0", ip("10.2.0.1/24"))
    return lab, far


def test_stress():
    """traffic while contexts are deleted, made, entered, devices moved"""
    lab, far = setup()
    spy = sock(UDP, 0, ("0.0.0.0", 53))
    udp = sock(UDP, ANY, ("0.0.0.0", 54))
    tcp = sock(TCP, ANY, ("0.0.0.0", 80), listen=64)
    jobs = {"any_datagrams": child(any_datagrams, udp),
            "any_streams": child(any_streams, tcp)}
    udp.close()
    tcp.close()
    for ctx in CONTEXTS:
        near = lab.hosts[ctx]
        jobs[f"far {ctx}"] = child(far_server, far[ctx], ctx)
        jobs[f"forwarded {ctx}"] = child(datagrams, near, ctx, FORWARDED,
                                         (FARIP, 53))
        jobs[f"datagrams {ctx}"] = child(datagrams, near, ctx, DATAGRAM,
                                         (RIP, 54))
        jobs[f"streams {ctx}"] = child(streams, near, ctx)
    for job in (mover, churner, enterer):
        jobs[job.__name__] = child(job)
    end = time.monotonic() + SECONDS
    try:
        os.sched_setaffinity(0, range(os.cpu_count()))
        while time.monotonic() < end or board.turns(REMAKE) < len(CONTEXTS):
            remake(lab, lab.vr, CONTEXTS[board.turns(REMAKE) % len(CONTEXTS)])
    finally:
        board.stop()
        failed = [who for who, pid in jobs.items() if os.waitpid(pid, 0)[1]]
        print("# remade %u, moved %u, churned %u, entered %u times" %
              tuple(map(board.turns, (REMAKE, MOVE, CHURN, ENTER))))
        for ctx in CONTEXTS:
            print("# context %u: %u forwarded, %u datagrams, %u connections" %
                  (ctx, *(board.traffic(ctx, kind) for kind in KINDS)))
    eq(failed, [], "processes that failed")
    eq(readable(spy), None, "datagram in context 0")
    spy.close()
    for who in (MOVE, CHURN, ENTER):
        check(board.turns(who) > 1, f"disturber {who} did nothing")
    # Nothing of them is left
    for ctx in CONTEXTS:
        lab.vr.delete(ctx, force=True)
        wait(lambda c=ctx: attempt(lab.vr.new, c), f"number {ctx} to be free",
             30)
        eq(lab.vr.get(id=ctx)["devices"], 0, "devices")
        eq(lab.sockets(ctx), 0, "sockets")


run(globals(), limit=SECONDS + 120)
