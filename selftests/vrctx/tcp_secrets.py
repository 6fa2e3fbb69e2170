#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 4 6
"""TCP: what a host derives from addresses and ports tells nothing of another.

Guards the salt of a context in initial sequence numbers and local ports. That
in Fast Open cookies: see tcp_state.py.
"""
import errno as E

from vr_net import HIP, RIP, TCP, Lab, serve, sock
from vr_pkt import SYN, Peer, Wire
from vr_tap import check, eq, run

LAB = Lab(1, 2, hosts=False)
W = {ctx: Wire(LAB, ctx) for ctx in (0, 1, 2)}


def first_syn(ctx, dport, sport=0):
    """The SYN of a connection that nobody answers."""
    with sock(TCP, ctx, (RIP, sport) if sport else None, reuse=True) as one:
        one.setblocking(False)
        eq(one.connect_ex((HIP, dport)), E.EINPROGRESS, "connect")
        return W[ctx].expect(lambda p: p.proto == 6 and p.flags & SYN
                             and p.dport == dport, "SYN")


def close(one, two):
    """Is it but the clock that tells the sequence numbers of two apart?"""
    # that is 2**24 in a second
    return min((one.seq - two.seq) % 2**32, (two.seq - one.seq) % 2**32) < 2**26


def test_sequence_numbers():
    """the sequence numbers of two contexts are unrelated"""
    near = sum(close(first_syn(1, dport, 30000), first_syn(2, dport, 30000))
               for dport in range(2000, 2006))
    check(near < 5, f"{near} of 6 are close")


def test_accepted_numbers():
    """so are those of the connections that they accept"""
    with serve(1, 80), serve(2, 80):
        near = sum(close(Peer(W[1], sport, 80).syn(),
                         Peer(W[2], sport, 80).syn())
                   for sport in range(4000, 4006))
    check(near < 5, f"{near} of 6 are close")


def test_local_ports():
    """the local ports of two contexts are unrelated"""
    near = 0
    for dport in range(2100, 2106):
        one, two = (first_syn(ctx, dport).sport for ctx in (1, 2))
        near += abs(one - two) < 64
    check(near < 5, f"{near} of 6 are close")


run(globals())
