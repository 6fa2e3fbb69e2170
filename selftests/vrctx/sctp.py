#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 4 6
"""SCTP tells its peers the addresses of its context.

Guards sctp_copy_local_addr_list(), sctp_inetaddr_event(),
sctp_inet6addr_event() and the queue of addresses that came and went.
"""
import contextlib
import socket
import time

from vr_fam import AF, V6, ip, packed
from vr_hdr import ETH
from vr_net import HIP, TCP, Lab, sock
from vr_rt import sysctl
from vr_sctp import ASCONF, INIT, SCTP, chunks_in
from vr_tap import check, eq, params, run, wait

LAB = Lab(0, 1)
RT = LAB.rt
# An address of each of the two before and while there is an association
FIRST = {0: "10.7.0.1", 1: "10.7.1.1"}
LATER = {1: "10.8.1.1", 0: "10.8.0.1"}
# One of a device that does not stay, one that both have
MOVES, BOTH = "10.9.0.1", "10.9.1.1"
NAMES = {packed(ip(a)): a for a in (*FIRST.values(), *LATER.values(), MOVES,
                                    BOTH)}
for ns in (LAB.ns, *LAB.hosts.values()):
    with ns:
        for key in ("addip_enable", "addip_noauth_enable",
                    "default_auto_asconf"):
            sysctl(f"net.sctp.{key}", 1)
# SCTP tells of an address half a second after it came. Peers that are told of
# 127.0.0.1 send to themselves there, and hang up.
RT.addr_del("lo", "127.0.0.1/8")
for num in FIRST:
    RT.link_add(f"d{num}", "dummy")
    LAB.vr.move(f"d{num}", num)
    RT.up(f"d{num}")
    RT.addr(f"d{num}", FIRST[num] + "/24")


def chunks(pkt):
    """Those of an IP packet, if it is one of SCTP."""
    if pkt[6 if V6 else 9] != SCTP:
        return iter(())
    return chunks_in(pkt[40 if V6 else (pkt[0] & 15) * 4:])


def told(watch, kind, want):
    """Which of our addresses chunks of that kind tell of, up to one that
    tells of that.
    """
    found = []

    def seen():
        try:
            while True:
                for what, _, text in chunks(watch.recv(2000)):
                    if what == kind:
                        found.extend(a for p, a in NAMES.items() if p in text)
        except BlockingIOError:
            return want in found
    wait(seen, f"{want} in a chunk {kind:#x}")
    return found


@contextlib.contextmanager
def associated(ctx):
    """The host of a context has an association with it: what the host hears."""
    with LAB.hosts[ctx]:
        watch = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM,
                              socket.htons(ETH))
        watch.setblocking(False)
        there = socket.socket(AF, TCP, SCTP)
    with watch, there, sock(TCP, ctx, proto=SCTP) as here:
        there.bind((HIP, 7000))
        there.listen(1)
        here.connect((HIP, 7000))
        yield watch


@params((0, 1), (1, 0))
def test_peer(one, two):
    """an association tells of addresses of its context, not of others:"""
    with associated(one) as watch:
        eq(told(watch, INIT, FIRST[one]), [FIRST[one]], "told with INIT")
        for n in (two, one):
            RT.addr(f"d{n}", LATER[n] + "/24")
        eq(told(watch, ASCONF, LATER[one]), [LATER[one]],
           "told when they came")
        # the other has what this one has, too, for a while
        RT.addr(f"d{two}", FIRST[one] + "/24")
        RT.addr_del(f"d{two}", FIRST[one] + "/24")
        # and what this one is to have
        for n in (two, one):
            RT.addr(f"d{n}", BOTH + "/24")
        RT.addr_del(f"d{two}", BOTH + "/24")
        eq(told(watch, ASCONF, BOTH), [BOTH], "told of what both had")
        RT.addr_del(f"d{one}", BOTH + "/24")
        told(watch, ASCONF, BOTH)
        for n in (two, one):
            RT.addr_del(f"d{n}", LATER[n] + "/24")
        eq(told(watch, ASCONF, LATER[one]), [LATER[one]],
           "told when they went")


@params((0, 1), (1, 0))
def test_moved(one, two):
    """nobody is told of an address that has left the context meanwhile:"""
    with associated(one) as watch:
        RT.link_add("dm", "dummy")
        for _ in range(20):
            LAB.vr.move("dm", one)
            start = time.monotonic()
            RT.addr("dm", MOVES + "/24")
            LAB.vr.move("dm", two)
            # else it may have been told before
            soon = time.monotonic() - start < 0.4
            RT.addr(f"d{one}", LATER[one] + "/24")
            got = told(watch, ASCONF, LATER[one])
            RT.addr_del(f"d{one}", LATER[one] + "/24")
            told(watch, ASCONF, LATER[one])
            RT.addr_del("dm", MOVES + "/24")
            if soon:
                break
        check(soon, "too slow to move the device in time")
        eq(got, [LATER[one]], "told")
    RT.link_del("dm")


@params((0, 1), (1, 0))
def test_came(one, two):
    """that an address which came from elsewhere went is told here:"""
    RT.link_add("dm", "dummy")
    if two:
        LAB.vr.move("dm", two)
    RT.up("dm")
    RT.addr("dm", MOVES + "/24")
    RT.link_set("dm", up=False)
    LAB.vr.move("dm", one)
    RT.up("dm")
    with associated(one) as watch:
        told(watch, INIT, MOVES)
        RT.addr_del("dm", MOVES + "/24")
        eq(told(watch, ASCONF, MOVES), [MOVES], "told when it went")
    RT.link_del("dm")


run(globals(), limit=120)
