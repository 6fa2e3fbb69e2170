#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""A database of 100,000 ports, which a daemon gets that comes back.

2000 sockets of all addresses, on a cluster that has 50 of them. Then again while
ports are bound and connections made all the time. How long it may take is what
vrd_native looks at, where nothing is emulated.
"""
import concurrent.futures
import socket
import time

# first: it makes the others known
from vr_vrd import Lab, Load, check, colons, eq, mac, run, wait
from vr_client import Crowd, Stream
from vr_net import sock

ADDRESSES, SOCKETS, FIRST = 50, 2000, 30000
ENTRIES = ADDRESSES * SOCKETS
CONNECTIONS = 300
EXTRA = "".join(
    f'[[addresses]]\naddress = "10.0.1.{num}"\ndevice = "eth0"\nlladdr = {{ '
    + ", ".join(f'{node} = "{colons(mac(node))}"' for node in (1, 2, 3))
    + " }\n" for num in range(1, ADDRESSES))

LAB = Lab(extra=EXTRA)
NODES = LAB.nodes
LAB.start()
HELD, TOOK = [], {}


def join(entries):
    """Seconds from the start of a daemon until it has the database"""
    NODES[3].stop("vrd")
    wait(lambda: [m["state"] for m in NODES[1].cluster("members")
                  if m["node"] == 3] == ["no-daemon"], "its end")
    began = time.monotonic()
    NODES[3].start_vrd()
    wait(lambda: NODES[3].state()["state"] == "active", "it to be back", 60)
    TOOK[entries] = time.monotonic() - began


def known(entries, more=0):
    """Node 3 knows them, and so does its kernel; more of one address."""
    eq(NODES[3].state()["ports"], entries + more, "entries")
    eq(NODES[3].kernel()["ports"], entries // ADDRESSES + more,
       "entries of the kernel's port map of one address")


def test_none():
    """a daemon comes back, there are no ports"""
    join(0)
    known(0)


def test_bind():
    """100,000 ports are granted"""
    with NODES[2].ns:
        HELD.extend(sock(socket.SOCK_DGRAM) for _ in range(SOCKETS))
    began = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(64) as pool:
        for _ in pool.map(lambda pair: pair[1].bind(("", FIRST + pair[0])),
                          enumerate(HELD)):
            pass
    print(f"# {SOCKETS} bind() in {time.monotonic() - began:.1f} s")
    for node in NODES.values():
        wait(lambda n=node: n.state().get("ports") == ENTRIES,
             f"{ENTRIES} entries on node {node.num}", 60)


def test_transfer():
    """a daemon comes back and gets them"""
    join(ENTRIES)
    known(ENTRIES)
    print(f"# {ENTRIES} entries: {TOOK[ENTRIES]:.2f} s, none: {TOOK[0]:.2f} s")


def test_under_load():
    """the same while others bind and talk: all connections live, all agree"""
    ports = {1: 8001, 2: 8002}
    for num, port in ports.items():
        NODES[num].echo(port)
    crowd = Crowd(LAB, CONNECTIONS, [*ports.values()])
    with Stream(LAB, [*ports.values()]), Load(NODES[1]), Load(NODES[2], 9400):
        join(ENTRIES)
        print(f"# it took {TOOK[ENTRIES]:.2f} s under load")
        check(NODES[3].state()["ports"] >= ENTRIES, "entries")
    eq(crowd.alive(), CONNECTIONS, "connections that live")
    crowd.close()
    wait(lambda: len({node.state()["database"]
                      for node in NODES.values()}) == 1, "one database")
    known(ENTRIES, len(ports))


run(globals(), LAB, 300)
