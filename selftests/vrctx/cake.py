#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""A queue that shares by hosts finds the host behind a translation in the
context of the packet.

	10.1.0.2, .3 i ---- router, context N ---- o 10.0.0.2	for N = 0, 1, 2

What the context receives on the right waits in a queue of a device ifb0, for
that is asked before the packet is tracked. Guards nf_conntrack_get_tuple_skb().
"""
import re
import subprocess

from vr_fam import FORWARD
from vr_net import HIP, Lab
from vr_nft import chain, rules
from vr_pkt import Wire
from vr_rt import sysctl
from vr_tap import eq, run, wait

LAB = Lab(1, 2, hosts=False)
ALL = (0, 1, 2)
HOSTS = ("10.1.0.2", "10.1.0.3")
sysctl(FORWARD, 1)
I = {n: Wire(LAB, n, dev=f"i{n}", cidr="10.1.0.1/24", ip=HOSTS[0])
     for n in ALL}
O = {n: Wire(LAB, n, dev=f"o{n}") for n in ALL}
MASQ = chain("postrouting", 'oifname "o*" masquerade', kind="nat",
             prio="srcnat")


def tc(line):
    return subprocess.run(["tc", *line.split()], check=True, text=True,
                          stdout=subprocess.PIPE).stdout


def queues(ctx):
    """In how many queues wait the answers to both hosts?"""
    ports = []
    for sport, host in enumerate(HOSTS, 4000 + 10 * ctx):
        I[ctx].send_udp(sport, 53, b"asked", src=host, dst=HIP)
        ports.append(O[ctx].expect(lambda p: p.proto == 17, "question").sport)
    tc("qdisc add dev ifb0 root cake bandwidth 1kbit dsthost nat")
    tc(f"qdisc add dev o{ctx} clsact")
    tc(f"filter add dev o{ctx} ingress protocol ip matchall action mirred "
       "egress redirect dev ifb0")
    try:
        for port in ports * 3:
            O[ctx].send_udp(53, port, b"answer")
        wait(lambda: " 6 pkt" in tc("-s qdisc show dev ifb0"), "all of them")
        return len(re.findall("class cake", tc("class show dev ifb0")))
    finally:
        tc(f"qdisc del dev o{ctx} clsact")
        tc("qdisc del dev ifb0 root")


def test_host():
    """answers to two hosts wait in two queues, in each context"""
    LAB.rt.link_add("ifb0", "ifb")
    LAB.rt.link_set("ifb0", up=True)
    with rules(MASQ):
        eq([queues(n) for n in ALL], [2, 2, 2], "queues")


run(globals())
