#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""IPv4 identifications: those of one context do not move on with another's.

Guards __ip_select_ident() and what its callers name: sockets that are not
connected, raw ones with a header of their own, tunnels, the kernel's replies.
"""
import socket
import time

from vr_fam import ECHO_REQUEST
from vr_net import HIP, RAW, RIP, UDP, Lab, inside, sock
from vr_nl import attr
from vr_pkt import Wire, ip_packet
from vr_rt import Rtnl
from vr_tap import check, params, run, slow

LAB = Lab(1, 2, hosts=False)
RT = LAB.rt
W = {n: Wire(LAB, n) for n in (0, 1, 2)}
BURST = 30 // slow() * 50
IPIP, FAR = 4, "10.0.9.2"
for num in W:           # a tunnel to the host in each
    with inside(num):
        Rtnl().link_add(f"t{num}", "ipip", attr(2, socket.inet_aton(RIP))
                        + attr(3, socket.inet_aton(HIP)))
    RT.addr(f"t{num}", "10.0.9.1/24")
    RT.link_set(f"t{num}", up=True)
SOCKETS = {n: sock(UDP, n) for n in W}
RAWS = {n: sock(RAW, n, proto=socket.IPPROTO_RAW) for n in W}


def datagram(ctx):
    SOCKETS[ctx].sendto(b"x", (HIP, 9))
    return 17


def raw(ctx):
    RAWS[ctx].sendto(ip_packet(17, b"x" * 8, "0.0.0.0", HIP), (HIP, 0))
    return 17


def tunnel(ctx):
    SOCKETS[ctx].sendto(b"x", (FAR, 9))
    return IPIP


def reply(ctx):
    W[ctx].send_icmp(*ECHO_REQUEST, 1, b"x")
    return 1


def ident(ctx, send):
    """That of the next packet."""
    W[ctx].sync()
    proto = send(ctx)
    return W[ctx].expect(lambda p: p.proto == proto, "packet").ident


def gap(ctx, other, send):
    """By how much does it move on while another sends, and in how many ms?"""
    before, now = ident(ctx, send), time.monotonic()
    for _ in range(BURST // 50):
        for _ in range(50):
            send(other)
        W[other].sync()         # or its queue is full
    return ((ident(ctx, send) - before) % 2**16,
            (time.monotonic() - now) * 1000)


@params(*[(fn.__name__,) for fn in (datagram, raw, tunnel, reply)])
def test_apart(what):
    """what another context sends moves on none of this one:"""
    send = globals()[what]
    passed, _ = gap(1, 1, send)
    check(passed > BURST, f"own packets moved it on by {passed}")
    for ctx, other in ((1, 2), (0, 1), (1, 0)):
        # a counter may move on by a tick of the clock
        passed, ticks = gap(ctx, other, send)
        check(passed <= ticks + 2,
              f"{other} moved {ctx} on by {passed} in {ticks} ms")


run(globals())
