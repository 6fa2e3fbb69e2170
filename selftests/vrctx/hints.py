#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 4 6
"""Of packets that arrive together each has a route of its own.

	10.1.0.2 i ---- router, context N ---- o 10.0.0.2	for N = 0, 1, 2

The stack takes the route of the packet before if both go to one place, but not
where rules may tell them apart. Guards ip_extract_route_hint() and
ip6_extract_route_hint().
"""
import subprocess

from vr_fam import FORWARD, ip
from vr_net import HIP, Lab, inside
from vr_pkt import Wire
from vr_rt import RTN_BLACKHOLE, Rtnl, sysctl
from vr_tap import eq, params, run


def ethtool(*args):
    subprocess.run(["ethtool", *args], check=True)


LAB = Lab(1, 2, hosts=False)
ALL = (0, 1, 2)
sysctl(FORWARD, 1)
I = {n: Wire(LAB, n, dev=f"i{n}", cidr="10.1.0.1/24", ip="10.1.0.2")
     for n in ALL}
O = {n: Wire(LAB, n, dev=f"o{n}") for n in ALL}
VIEW = {}
for num in ALL:
    # A veth polls, if the other end leaves it something to put together: what
    # is there then goes up as a list
    ethtool("-K", f"i{num}", "gro", "on")
    with I[num].far:
        ethtool("-K", "eth0", "tso", "off")
    with inside(num):
        VIEW[num] = Rtnl()


def together(ctx, *sources):
    """Which of the datagrams that arrive at once come out?"""
    with I[ctx].at_once():
        for src in sources:
            I[ctx].send_udp(4000, 53, src.encode(), src=ip(src), dst=HIP)
    I[ctx].sync()
    return [p.data.decode() for p in O[ctx].sync() if p.proto == 17]


@params(*[(n,) for n in ALL])
def test_rule(ctx):
    """a rule about one source says nothing about the next, in:"""
    good, bad = "10.1.0.2", "10.1.0.3"
    eq(together(ctx, good, bad, good), [good, bad, good], "without a rule")
    VIEW[ctx].rule(0, 10, src=bad + "/32", action=RTN_BLACKHOLE)
    eq(together(ctx, good, bad, good), [good] * 2, "with it")
    VIEW[ctx].rule_del(10)


run(globals())
