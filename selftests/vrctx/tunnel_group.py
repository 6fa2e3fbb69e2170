#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 4 6
"""A tunnel to a multicast group joins it in the context below.

Guards ipgre_open() and vxlan_igmp_join().
"""
import contextlib

import vr_nl as nl
from vr_fam import V6, ip, packed, pick
from vr_hdr import GROUPS
from vr_net import RIP, Lab, inside
from vr_nl import u32
from vr_pkt import Wire
from vr_rt import Rtnl
from vr_tap import eq, params, run, wait

LAB = Lab(1, 2, hosts=False)
ALL = (0, 1, 2)
W = {n: Wire(LAB, n) for n in ALL}
GROUP = ip("239.5.6.7")
LINK = {n: LAB.rt.ifindex(W[n].dev) for n in ALL}
KINDS = {"vxlan": lambda link: u32(1, 9) + u32(3, link)
         + nl.attr(pick(2, 16), packed(GROUP)) + nl.attr(15, b"\x12\xb5")}
if not V6:
    KINDS["gre"] = lambda link: u32(1, link) + nl.attr(6, packed(RIP)) \
        + nl.attr(7, packed(GROUP))


def joined(pkt):
    """Does the IGMPv3 or MLDv2 report say that the group was joined?"""
    pkt = pkt if V6 else pkt.body           # Wire.sync() has taken IPv4 apart
    pos = pkt.find(packed(GROUP))
    return pos > 4 and pkt[pos - 4] in (2, 4)       # a record's type


def reports(wire):
    """Reports of new members of the group that came out there."""
    return [pkt for pkt in wire.sync((GROUPS,)) if joined(pkt)]


@params(*[(kind, n) for kind in KINDS for n in ALL])
def test_join(kind, ctx):
    """the group is joined on the link below, of:"""
    for wire in W.values():
        wire.sync()
    with inside(ctx), contextlib.closing(Rtnl()) as rt:
        rt.link_add("t0", kind, KINDS[kind](LINK[ctx]))
        rt.addr("t0", "10.99.0.1/24")
        rt.link_set("t0", up=True)
    wait(lambda: reports(W[ctx]), f"a report in {ctx}")
    for n in ALL:
        if n != ctx:
            eq(reports(W[n]), [], f"reports in {n}")
    LAB.rt.link_del("t0")


run(globals())
