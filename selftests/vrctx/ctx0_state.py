#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 4 6
"""What context 0 has for itself leaves the packets of contexts alone.

Guards xfrm_lookup_with_ifid(), __xfrm_policy_check() and mpls_forward().
"""
import contextlib
import errno as E
import struct

import vr_nl as nl
from vr_fam import AF, ip, only, packed

from vr_net import HIP, UDP, Lab, readable, serve, sock
from vr_nl import u32
from vr_pkt import Wire, ip_packet, udp_datagram
from vr_rt import sysctl
from vr_tap import eq, params, refused, run

LAB = Lab(1, 2, hosts=False)
ALL = (0, 1, 2)
W = {n: Wire(LAB, n) for n in ALL}
PORT, ETH_MPLS, LABEL = 7000, 0x8847, 100
NETLINK_XFRM, XFRM_MSG_NEWPOLICY, XFRM_MSG_DELPOLICY = 6, 19, 20
INFINITE = b"\xff" * 32 + bytes(32)             # struct xfrm_lifetime_cfg
POLICY_IN, POLICY_OUT = 0, 1


@contextlib.contextmanager
def blocked(way):
    """All UDP is blocked, by an IPsec policy."""
    selector = struct.pack("=32xHHHHHBBBxxxiI", 0, 0, 0, 0, AF, 0, 0, 17, 0, 0)
    one = nl.Netlink(NETLINK_XFRM)
    one.request(XFRM_MSG_NEWPOLICY, 0x600, selector + INFINITE + bytes(32)
                + struct.pack("=IIBBBBxxxx", 1, 0, way, 1, 0, 0))
    try:
        yield
    finally:
        one.request(XFRM_MSG_DELPOLICY, 0,
                    selector + struct.pack("=IBxxx", 0, way))
        one.close()


@params(*[(n,) for n in ALL])
def test_policy_out(ctx):
    """a policy of IPsec keeps context 0 from sending, alone:"""
    with sock(UDP, ctx) as one, blocked(POLICY_OUT):
        if ctx:
            one.sendto(b"sent", (ip(HIP), PORT))
            W[ctx].expect(lambda pkt: pkt.dport == PORT, "packet")
        else:
            refused(E.EPERM, "send", one.sendto, b"sent", (ip(HIP), PORT))


@params(*[(n,) for n in ALL])
def test_policy_in(ctx):
    """a policy of IPsec keeps context 0 from receiving, alone:"""
    with serve(ctx, PORT, UDP) as one, blocked(POLICY_IN):
        W[ctx].send_udp(4000, PORT, b"received")
        W[ctx].sync()
        eq(readable(one), b"received" if ctx else None, "received")


@only(4)
def test_mpls():
    """a label means something in context 0 alone"""
    sysctl("net.mpls.platform_labels", 1000)
    # RTM_NEWROUTE of AF_MPLS: the label goes, the rest is sent to the host
    LAB.rt.request(24, 0x400, struct.pack("=BBBBBBBBI", 28, 20, 0, 0, 254, 4, 0,
                                          1, 0)
                   + nl.attr(1, struct.pack("!I", LABEL << 12 | 1 << 8))
                   + u32(4, LAB.rt.ifindex(W[0].dev))
                   + nl.attr(18, struct.pack("=H4s", AF, packed(HIP))))
    pkt = struct.pack("!I", LABEL << 12 | 1 << 8 | 64) \
        + ip_packet(17, udp_datagram(4000, PORT, b"labelled"))
    for n in (1, 2, 0):
        sysctl(f"net.mpls.conf.{W[n].dev}.input", 1)
        W[n].send(pkt, ETH_MPLS)
        if n:
            W[n].sync()
            W[0].silent(f"sent into {n}")
        else:
            W[0].expect(lambda pkt: b"labelled" in pkt.raw, "packet")


run(globals())
