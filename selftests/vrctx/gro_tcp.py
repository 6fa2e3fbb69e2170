#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 4 6
"""Segments that are forwarded go on as a list of packets, as they came, if no
connection of their context has them.

	10.1.0.2 i ---- router, context N ---- o 10.0.0.2	for N = 0, 1, 2

Guards tcp4_check_fraglist_gro() and tcp6_check_fraglist_gro().
"""
import socket
import subprocess

from vr_fam import FORWARD, SOL, TRANSPARENT, ip, pick
from vr_net import HIP, TCP, Lab, sock
from vr_pkt import DF, Wire, tcp_segment
from vr_rt import sysctl
from vr_tap import eq, params, run

LAB = Lab(1, 2, hosts=False)
ALL = (0, 1, 2)
FAR = ip("10.1.0.2")
TCP_REPAIR = 19
SIZE, COUNT = 100, 4
sysctl(FORWARD, 1)
# What is found for one socket is not forwarded
sysctl("net.ipv4.tcp_early_demux", 0)
I = {n: Wire(LAB, n, dev=f"i{n}", cidr="10.1.0.1/24", ip=FAR) for n in ALL}
O = {n: Wire(LAB, n, dev=f"o{n}") for n in ALL}
for num in ALL:
    subprocess.run(["ethtool", "-K", f"i{num}", "gro", "on", "rx-gro-list",
                    "on"], check=True)


def connected(ctx):
    """A connection that has the segments, though its address is not there."""
    one = sock(TCP, ctx)
    one.setsockopt(SOL, TRANSPARENT, 1)
    one.bind((HIP, 80))
    one.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)
    one.connect((FAR, 4000))
    return one


def as_list(ctx):
    """Have segments that arrived at once left as a list? Then the first has its
    checksum still; what they are put together to gets one when it is sent.
    """
    segs = [tcp_segment(4000, 80, 1 + num * SIZE, 1, data=bytes(SIZE), src=FAR,
                        dst=HIP) for num in range(COUNT)]
    with I[ctx].at_once():
        for seg in segs:
            I[ctx].send_ip(6, seg, src=FAR, dst=HIP, frag=pick(DF, 0))
    I[ctx].sync()
    got, = [p for p in O[ctx].sync() if p.proto == 6]
    eq(len(got.data), SIZE * COUNT, "bytes at once")
    return got.body[16:18] == segs[0][16:18]


@params(*[(n, m) for n in ALL for m in ALL])
def test_list(ctx, other):
    """only a connection of the same context ends that, one of another not:"""
    with connected(other):
        eq(as_list(ctx), ctx != other, "as a list")


run(globals())
