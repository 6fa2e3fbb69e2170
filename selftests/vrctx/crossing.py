#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 4 6
"""A frame that a veth carries from one context to another, in one namespace,
leaves behind what it would leave between two namespaces.

Guards ____dev_forward_skb().
"""
import socket
import struct

from vr_net import UDP, Lab, both_run, sock
from vr_tap import eq, params, run

LAB = Lab(1, 2, hosts=False)
RT = LAB.rt
SO_MARK, SO_RCVMARK = 36, 75
RT.veth("x1", "x2")
for num in (1, 2):
    LAB.vr.move(f"x{num}", num)
    RT.addr(f"x{num}", f"10.9.0.{num}/24")
    RT.link_set(f"x{num}", up=True)
both_run(RT, "x1", RT, "x2")


def marks(from_ctx, to_ctx, mark):
    """The mark that a datagram has when it is received."""
    with sock(UDP, to_ctx, (f"10.9.0.{to_ctx}", 7000)) as there, \
            sock(UDP, from_ctx, (f"10.9.0.{from_ctx}", 7001)) as here:
        there.setsockopt(socket.SOL_SOCKET, SO_RCVMARK, 1)
        here.setsockopt(socket.SOL_SOCKET, SO_MARK, mark)
        here.sendto(b"marked", there.getsockname())
        for level, kind, data in there.recvmsg(100, 100)[1]:
            if (level, kind) == (socket.SOL_SOCKET, SO_MARK):
                return struct.unpack("=I", data)[0]
    return None


@params((1, 2), (2, 1))
def test_mark(one, two):
    """the mark of a packet ends with its context:"""
    eq(marks(one, two, 77), 0, "across")
    eq(marks(one, one, 77), 77, "within")


run(globals())
