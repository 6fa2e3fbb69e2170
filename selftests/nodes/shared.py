#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Ports that three machines with one address share, as vrd.toml says.

Each connection is one node's, which says so in all its answers: that may not
change while nodes come, go and die.
"""
import collections
import signal
import socket

# first: it makes the others known
from vr_guests import LEAD, Guests
from vr_client import Crowd
from vr_dhost import SHARED
from vr_net import TIMEOUT
from vr_tap import check, eq, slow, wait
from vr_vrd import run

TCP, UDP = 8080, 8053
TOKEN = 1000            # ms, times slow()
COUNT = 200

LAB = Guests(TOKEN, f'shared = ["tcp/{TCP}", "udp/{UDP}"]\n')
NODES = LAB.nodes
LAB.start()
OWNERS = []             # in the order in which they came
FLOWS = []              # (crowd, node of each connection)


def known():
    """Wait until each node knows the owners, and nobody else."""
    want = {(port, num) for port in (TCP, UDP) for num in OWNERS}
    for num, node in LAB.reached().items():
        wait(lambda n=node: {(p["port"], p["node"])
                             for p in n.cluster("ports")} == want,
             f"owners on node {num}", 30)


def serve(num):
    """The node becomes an owner of both ports."""
    NODES[num].echo(TCP, b"%d" % num)
    NODES[num].echo_udp(UDP, b"%d" % num)
    OWNERS.append(num)
    known()


def dial():
    """New connections; returns how many each node has got."""
    crowd = Crowd(LAB, COUNT, [TCP])
    nodes = crowd.answers()
    check(None not in nodes, f"{nodes.count(None)} got no answer")
    FLOWS.append((crowd, nodes))
    counts = collections.Counter(int(node) for node in nodes)
    print("#", COUNT, "connections:", dict(sorted(counts.items())))
    return counts


def stay():
    """All connections are where they were."""
    for crowd, nodes in FLOWS:
        eq(crowd.answers(), nodes, "nodes of connections")


def forget(num):
    """The connections of a node are dead."""
    for crowd, nodes in FLOWS:
        crowd.keep([node != b"%d" % num for node in nodes])
        nodes[:] = [node for node in nodes if node != b"%d" % num]


def places(first):
    """Source port: node that gets a datagram, of many source ports."""
    out = {}
    with LAB.client:
        for port in range(first, first + COUNT):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
                one.settimeout(slow())
                one.bind(("0.0.0.0", port))
                one.connect((SHARED, UDP))
                for _ in range(TIMEOUT):
                    one.send(b"who?")
                    try:
                        out[port] = int(one.recv(100))
                        break
                    except (TimeoutError, ConnectionRefusedError):
                        pass
    eq(len(out), COUNT, "datagrams that were answered")
    return out


def unmoved(before, after, gone):
    """Who was not with the owner that is gone is where it was."""
    eq({port: node for port, node in after.items() if before[port] != gone},
       {port: node for port, node in before.items() if node != gone},
       "flows of owners that stay")
    check(len({after[port] for port, node in before.items() if node == gone})
          == 2, "the others do not share what it had")


def test_start():
    """two nodes have a port: both get connections"""
    LAB.answered_by(LEAD)
    serve(2)
    serve(1)
    eq(set(dial()), {1, 2}, "nodes that got some")


def test_comes():
    """a third one comes: no connection moves, it gets new ones"""
    serve(3)
    stay()
    eq(set(dial()), {1, 2, 3}, "nodes that got some")
    stay()


def test_lead_moves():
    """another lead, which has seen none of them: no connection moves"""
    NODES[LEAD].drain()
    LAB.settled(2)
    LAB.answered_by(2)
    stay()
    dial()
    NODES[LEAD].drain("off")
    LAB.settled(LEAD)
    LAB.answered_by(LEAD)
    stay()


def test_owner_leaves():
    """an owner loses its cluster: the others' connections do not move"""
    before = places(30000)
    NODES[2].stop("corosync", signal.SIGKILL)
    LAB.settled(LEAD, (1, LEAD))
    OWNERS.remove(2)
    LAB.unplugged.add(2)        # what it says is not asked for
    known()
    forget(2)
    stay()
    eq(set(dial()), {1, 3}, "nodes that got some")
    unmoved(before, places(30000), 2)
    NODES[2].start_corosync()
    LAB.settled(LEAD)
    LAB.unplugged.discard(2)
    OWNERS.append(2)            # its sockets are there still
    known()
    stay()


def test_owner_dies():
    """the lead dies, an owner: new lead, the others' do not move"""
    # others: a lead that lives goes on with flows where they were last
    before = places(31000)
    LAB.off(LEAD)
    LAB.settled(2, (1, 2))
    OWNERS.remove(LEAD)
    known()
    LAB.answered_by(2)
    forget(LEAD)
    stay()
    eq(set(dial()), {1, 2}, "nodes that got some")
    unmoved(before, places(31000), LEAD)


def test_comes_back():
    """it boots and is an owner again: no connection moves"""
    LAB.on(LEAD)
    LAB.settled(LEAD)
    LAB.answered_by(LEAD)
    stay()
    serve(LEAD)
    stay()
    eq(set(dial()), {1, 2, 3}, "nodes that got some")
    stay()


run(globals(), LAB, 300)
