#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 4 6
"""Distributed hosts: MPTCP, whose TCP sockets are the kernel's.

Guards mptcp_vrctx_asks() and the events of mptcp_connect() and
mptcp_stream_accept().
"""
import contextlib
import errno
import os

from vr_dhost import (BIND_NTF, EVENTS, GRANT, HOST_DEL, HOST_NEW, SHARED, SNET,
                      SOCK_GET, SOCK_NTF, TCP_P, Binder, Dhost, load)
from vr_fam import ip
from vr_mptcp import (MPTCP, SIGNAL, SUBFLOW, Pm, accepted, close, mp_sock,
                      subflows, talk)
from vr_net import Lab, readable
from vr_tap import check, eq, params, refused, run, wait

LAB = Lab(7, hosts=False)
RT = LAB.rt
load()
DH = Dhost()
CTX = params((0,), (7,))
for num in (0, 7):
    RT.link_add(f"d{num}", "dummy")
    if num:
        LAB.vr.move(f"d{num}", num)
    RT.link_set(f"d{num}", up=True)


@contextlib.contextmanager
def host(ctx, **kwargs):
    """The address is distributed in the context."""
    DH.call(HOST_NEW, context=ctx, own=1, lead=1, **kwargs)
    RT.addr(f"d{ctx}", SNET)
    try:
        yield
    finally:
        RT.addr_del(f"d{ctx}", SNET)
        DH.call(HOST_DEL, context=ctx)


@CTX
def test_events(ctx):
    """what the TCP sockets of MPTCP do is told as of others: context"""
    with host(ctx), Dhost(listen=True) as events:
        listener = mp_sock(ctx, (SHARED, 80), listen=8)
        one, two = mp_sock(ctx, (SHARED, 0)), mp_sock(ctx)
        want = [("bound", 80), ("listening", 80),
                ("bound", one.getsockname()[1])]
        ends = []
        for end in (one, two):
            end.connect((SHARED, 80))
            ends += [end, accepted(listener)]
            want += [("connected", end.getsockname()[1]), ("child", 80),
                     ("accepted", 80)]
        close(*ends, listener)
        got = [(EVENTS[e["event"]], e["port"]) for _, e in
               events.events(len(want) + 5, (SOCK_NTF,))]
        eq(got[:len(want)], want, "events")
        eq({name for name, _ in got[len(want):]}, {"closed"}, "in the end")
        eq(DH.dump(SOCK_GET), [], "listed")


@CTX
def test_grant(ctx):
    """bind() of an MPTCP socket asks as one of TCP does: context"""
    with host(ctx, grants=1, timeout=20000), Dhost(listen=True) as events:
        for deny, want in ((None, 0), (1, errno.EADDRINUSE)):
            for addr in (SHARED, ip("0.0.0.0"), "::"):
                one = Binder(ctx, 81, addr=addr, proto=MPTCP)
                ask = events.events(1, (BIND_NTF,))[0][1]
                eq((ask["address"], ask["context"], ask["port"],
                    ask["protocol"], ask["pid"]),
                   (addr, ctx, 81, TCP_P, os.getpid()), "question")
                check(one.result is None, "it waits")
                DH.call(GRANT, address=None, cookie=ask["cookie"], deny=deny)
                eq(one.end(), want, "bind()")
                eq([EVENTS[e["event"]] for _, e in
                    events.events(1, (SOCK_NTF,))], ["closed"], "after")
    with host(ctx, grants=1):
        refused(errno.EADDRINUSE, "with nobody to ask", mp_sock, ctx,
                (SHARED, 81))


@CTX
def test_join(ctx):
    """subflows that join and endpoints ask nobody: context"""
    more = "10.0.0.77"
    RT.addr(f"d{ctx}", ip(more + "/24"))
    with host(ctx, grants=1, timeout=20000, slice_min=80, slice_max=80), \
            Dhost(listen=True) as events, Pm(ctx) as pm:
        pm.add(SHARED, flags=SUBFLOW)
        pm.add(SHARED, flags=SIGNAL, port=7100)
        listener = mp_sock(ctx, (SHARED, 80), listen=8)
        one = mp_sock(ctx, (ip(more), 0))
        one.connect((SHARED, 80))
        other = accepted(listener)
        talk(one, other)
        wait(lambda: subflows(one), "a subflow")
        close(one, other, listener)
        kinds = []
        while (buf := readable(events.sock)) is not None:
            kinds += [body[0] for kind, _, _, body in events.split(buf)
                      if kind == events.family]
        check(SOCK_NTF in kinds and BIND_NTF not in kinds, f"{kinds}")
    RT.addr_del(f"d{ctx}", ip(more + "/24"))


run(globals())
