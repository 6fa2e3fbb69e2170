#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 4 6
"""Datagrams are put together on their way in for a socket of their context.

Guards udp4_gro_lookup_skb() and udp6_gro_lookup_skb().
"""
import socket

from vr_fam import AF, ip
from vr_net import RIP, UDP, Lab, readable, serve
from vr_rt import TSO, features
from vr_tap import eq, params, run, wait

LAB = Lab(0, 1, 2)
ALL = (0, 1, 2)
PORT, SIZE, COUNT = 7000, 100, 5
SOL_UDP, UDP_SEGMENT, UDP_GRO = 17, 103, 104
for num in ALL:
    features(f"v{num}", True, "rx-gro")
    with LAB.hosts[num]:
        # what is sent at once becomes datagrams; veth polls for GRO if the
        # other end does no TSO
        features("eth0", False, "tx-udp-segmentation", *TSO)


def sizes(ctx):
    """Sizes of what the socket there reads when some are sent at once."""
    with serve(ctx, PORT, UDP) as one:
        one.setsockopt(SOL_UDP, UDP_GRO, 1)
        with LAB.hosts[ctx], socket.socket(AF, UDP) as far:
            far.setsockopt(SOL_UDP, UDP_SEGMENT, SIZE)
            far.sendto(bytes(SIZE * COUNT), (ip(RIP), PORT))
        out = []

        def read():
            while (data := readable(one)) is not None:
                out.append(len(data))
            return sum(out) == SIZE * COUNT
        wait(read, f"{COUNT} datagrams in {ctx}")
        return out


@params(*[(n,) for n in ALL])
def test_alone(ctx):
    """datagrams for a socket that wants so are read as one, in:"""
    eq(sizes(ctx), [SIZE * COUNT], "sizes")


@params(*[(n, m) for n in ALL for m in ALL if n != m])
def test_others(ctx, other):
    """no matter what a socket of another context wants, in:"""
    with serve(other, PORT, UDP):
        eq(sizes(ctx), [SIZE * COUNT], "sizes")


def test_off():
    """without GRO they are read one by one"""
    features("v1", False, "rx-gro")
    eq(sizes(1), [SIZE] * COUNT, "sizes")
    features("v1", True, "rx-gro")


run(globals())
