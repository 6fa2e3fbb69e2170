#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""A database of 100,000 ports: how long does a daemon that comes back take?

2000 sockets of all addresses, on a cluster that has 50 of them.
"""
import concurrent.futures
import socket
import time

# first: it makes the others known
from vr_vrd import Lab, colons, eq, mac, run, slow, wait
from vr_net import sock

ADDRESSES, SOCKETS, FIRST = 50, 2000, 30000
ENTRIES = ADDRESSES * SOCKETS
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
    eq(NODES[3].state()["ports"], entries, "entries")
    eq(NODES[3].kernel()["ports"], entries // ADDRESSES,
       "entries of the kernel's port map of one address")


def test_none():
    """a daemon comes back, there are no ports"""
    join(0)


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
    """a daemon comes back and gets them in less than two seconds"""
    for _ in range(3):
        join(ENTRIES)
        more = TOOK[ENTRIES] - TOOK[0]
        print(f"# {ENTRIES} entries: {TOOK[ENTRIES]:.2f} s, none: "
              f"{TOOK[0]:.2f} s")
        if more < 2 * slow():
            return
    raise AssertionError(f"it took {more:.2f} s longer than without")


run(globals(), LAB, 300)
