#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""vrd on two nodes: many ports that both want, and a cut between them.

By name only: ten thousand take minutes. VR_COUNT says how many.
"""
import os
import threading

# first: it makes the others known
from vr_vrd import Bind, Lab, check, eq, errno, run, slow, wait
from vr_dhost import SHARED
from vr_net import connect

COUNT = int(os.environ.get("VR_COUNT") or 10000)
FIRST, AT_ONCE = 30000, 100

LAB = Lab((1, 2))
NODES = LAB.nodes
LAB.start()


def race(ports):
    """Both bind these at the same instant; returns who has got each."""
    barrier, won = threading.Barrier(2 * len(ports)), []
    pairs = [[Bind(node, port, barrier) for node in NODES.values()]
             for port in ports]
    for port, pair in zip(ports, pairs):
        results = [one.end() for one in pair]
        eq(sorted(results), [0, errno.EADDRINUSE], f"port {port}")
        won.append(1 + results.index(0))
    for pair in pairs:
        for one in pair:
            one.sock.close()
    return won


def test_same_port():
    """two nodes bind the same port at the same instant, many times"""
    won = []
    for first in range(FIRST, FIRST + COUNT, AT_ONCE):
        won += race(range(first, first + AT_ONCE))
    print(f"# node 1 won {won.count(1)}, node 2 {won.count(2)}")
    check(len(set(won)) == 2, "only one node ever wins")
    for node in NODES.values():
        wait(lambda n=node: not n.ports(), "no port")
        eq(node.kernel()["ports"], 0, "entries of the kernel's port map")


def test_cut():
    """a cut between two nodes: none is the lead, nothing is granted"""
    with NODES[2].serve(80):
        with LAB.client:
            connect((SHARED, 80), timeout=20 * slow()).close()
        LAB.cut(1)
        for num, node in NODES.items():
            wait(lambda n=node: n.state()["state"] == "no-quorum" and
                 n.kernel()["lead"] != n.num, f"node {num} to be alone", 30)
        LAB.lead = 0
        eq(LAB.ask(), [], "who answers for the address")
        pair = [Bind(node, 81) for node in NODES.values()]
        eq([one.end() for one in pair], [errno.EAGAIN] * 2, "bind()")
        for one in pair:
            one.sock.close()
        LAB.cut(1, True)
        LAB.settled(1)
        LAB.answered_by(1)
        for node in NODES.values():
            wait(lambda n=node: n.ports() == {("tcp", 80): 2}, "its port")
        with LAB.client:
            connect((SHARED, 80), timeout=20 * slow()).close()


run(globals(), LAB, max(600, COUNT // 4))
