#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""What a client of three machines with one address sees when these are stopped
and started again, in an order that is good or bad.

Nodes 2 and 3 are guests, which boot; node 1 is a namespace of this one, which is
made anew.
"""
import errno
import signal

# first: it makes the others known
from vr_guests import LEAD, Guests
from vr_client import Crowd, Stream
from vr_tap import eq, params, wait
from vr_vrd import Bind, Load, run

TOKEN = 1000            # ms, times slow()
COUNT = 300             # connections to the nodes that stay
PORTS = {1: 8001, 2: 8002, 3: 8003}

LAB = Guests(TOKEN)
NODES = LAB.nodes
LAB.start()


def ports_known():
    for node in NODES.values():
        wait(lambda n=node: n.ports() == {("tcp", port): num for num, port
                                          in PORTS.items()},
             f"ports on node {node.num}")


def test_start():
    """three machines, one host, a service on each"""
    LAB.answered_by(LEAD)
    for num, port in PORTS.items():
        NODES[num].echo(port)
    ports_known()


@params(("vrd", "corosync", signal.SIGTERM),
        ("corosync", "vrd", signal.SIGTERM),
        ("vrd", "corosync", signal.SIGKILL))
def test_both_stopped(first, second, sig):
    """both daemons of the lead are stopped, in any order: the lead moves"""
    node = NODES[LEAD]
    with Stream(LAB, [PORTS[1], PORTS[2]]):
        node.stop(first, sig)
        node.stop(second, sig)
        LAB.settled(2, (1, 2))
        wait(lambda: node.kernel()["lead"] == 0, "no lead in its kernel")
        LAB.answered_by(2)
        node.start_corosync()
        node.start_vrd()
        LAB.settled(LEAD)
        LAB.answered_by(LEAD)
    ports_known()


def test_cut_off():
    """kill -9 corosync of a node that is not the lead: its ports are free"""
    node = NODES[2]
    rest = [1, LEAD]
    crowd = Crowd(LAB, COUNT, [PORTS[n] for n in rest])
    with Stream(LAB, [PORTS[n] for n in rest]):
        node.stop("corosync")
        LAB.settled(LEAD, rest)
        LAB.answered_by(LEAD)
        wait(lambda: ("tcp", PORTS[2]) not in NODES[1].ports(), "its port")
        inside = Bind(node, 7300)
        outside = Bind(NODES[1], PORTS[2])
        eq(outside.end(), 0, "bind() of its port")
        eq(inside.end(), errno.EAGAIN, "bind() there")
        node.start_corosync()
        LAB.settled(LEAD)
        LAB.answered_by(LEAD)
        eq(node.state()["conflicts"], 1, "it knows that the port is not its")
        outside.sock.close()
        inside.sock.close()
        eq(crowd.alive(), COUNT, "connections that live")
    crowd.close()
    ports_known()


@params(3, 2, 1)
def test_rolling_restart(num):
    """each machine is switched off and on under load, all others go on"""
    rest = [n for n in NODES if n != num]
    crowd = Crowd(LAB, COUNT, [PORTS[n] for n in rest])
    with Stream(LAB, [PORTS[n] for n in rest]), Load(NODES[rest[0]]):
        # its own connections die, so it is the lead that moves if it is one
        LAB.off(num)
        LAB.settled(max(rest), rest)
        LAB.answered_by(max(rest))
        eq(crowd.alive(), COUNT, "connections that live")
        LAB.on(num)
        LAB.settled(LEAD)
        LAB.answered_by(LEAD)
        NODES[num].echo(PORTS[num])
    eq(crowd.alive(), COUNT, "connections that live")
    crowd.close()
    ports_known()
    again = Crowd(LAB, 30, [*PORTS.values()])
    eq(again.alive(), 30, "connections to all")
    again.close()


run(globals(), LAB, 300)
