#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The collector of connections, which makes room in a full table, takes those of
context 0 when that is full, and no others.

Guards gc_worker(), which comes once a minute: this takes two of them.
"""
from vr_net import Lab, Netns
from vr_nft import TRACK, begin, flush, maximum, owned, rules
from vr_nl import Vrctx
from vr_rt import sysctl
from vr_tap import check, eq, run, wait

TIMEOUT = "net.netfilter.nf_conntrack_udp_timeout"
COUNT = "net.netfilter.nf_conntrack_count"
LAB = Lab(1, hosts=False)


def test_collected():
    """those of context 0 are not taken because a context is full"""
    with maximum("max", 400), rules(TRACK):
        flush()
        sysctl(TIMEOUT, 1)
        begin(0, 10)
        wait(lambda: not owned(0), "connections to be over")
        sysctl(TIMEOUT, 600)
        begin(0, 390, 30000)
        begin(1, 400)
        before = (owned(0), owned(1))
        check(before[0] > 388 and 190 < before[1] <= 200, f"{before}")
        # each minute at least; what is over is counted until then
        wait(lambda: int(sysctl(COUNT)) <= sum(before), "collection", 150)
        eq((owned(0), owned(1)), before, "connections")
    flush()


def test_collected_0():
    """nor others' because 0 is full, or those of 0 because others have many"""
    with Netns(), rules(TRACK), maximum("max", 400):
        sysctl(TIMEOUT, 600)
        vr = Vrctx()
        vr.new(1)
        begin(1, 150)
        begin(0, 300)
        eq((owned(0), owned(1)), (300, 150), "connections in a namespace")
        with LAB.ns, rules(TRACK):
            sysctl(TIMEOUT, 600)
            begin(1, 150)
            begin(0, 500)
            check(owned(0) > 390, f"{owned(0)} connections of 0")
            wait(lambda: owned(0) <= 380, "room to be made, 95 %", 150)
            eq(owned(1), 150, "connections of 1")
            flush()
        eq((owned(0), owned(1)), (300, 150), "those in the other namespace")
        vr.close()


run(globals())
