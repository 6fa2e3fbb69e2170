#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 4 6
"""SCTP, which is context 0's alone, tells its peers context 0's addresses.

Guards sctp_copy_local_addr_list(), sctp_inetaddr_event() and
sctp_inet6addr_event().
"""
import socket

from vr_fam import AF, V6, ip, packed
from vr_hdr import ETH
from vr_net import HIP, TCP, Lab
from vr_rt import sysctl
from vr_tap import eq, run, wait

SCTP = 132
INIT, ASCONF = 1, 0xc1
LAB = Lab(0, 1)
RT, HOST = LAB.rt, LAB.hosts[0]
# An address of each of the two before and while there is an association
FIRST = {0: "10.7.0.1", 1: "10.7.1.1"}
LATER = {1: "10.8.1.1", 0: "10.8.0.1"}
NAMES = {packed(ip(a)): a for a in (*FIRST.values(), *LATER.values())}
for ns in (LAB.ns, HOST):
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
    """The kinds and contents of the chunks of an SCTP packet."""
    if pkt[6 if V6 else 9] != SCTP:
        return
    pos = (40 if V6 else (pkt[0] & 15) * 4) + 12
    while pos + 4 <= len(pkt):
        size = int.from_bytes(pkt[pos + 2:pos + 4], "big")
        yield pkt[pos], pkt[pos + 4:pos + size]
        pos += max(4, size + 3 & ~3)


def told(watch, kind, want):
    """Which of our addresses chunks of that kind tell of, up to one that
    tells of that.
    """
    found = []

    def seen():
        try:
            while True:
                for what, text in chunks(watch.recv(2000)):
                    if what == kind:
                        found.extend(a for p, a in NAMES.items() if p in text)
        except BlockingIOError:
            return want in found
    wait(seen, f"{want} in a chunk {kind:#x}")
    return found


def test_peer():
    """an association tells of addresses of context 0, not of others"""
    with HOST:
        watch = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM,
                              socket.htons(ETH))
        watch.setblocking(False)
        there = socket.socket(AF, TCP, SCTP)
    with watch, there, socket.socket(AF, TCP, SCTP) as here:
        there.bind((HIP, 7000))
        there.listen(1)
        here.connect((HIP, 7000))
        eq(told(watch, INIT, FIRST[0]), [FIRST[0]], "told with INIT")
        for n, addr in LATER.items():
            RT.addr(f"d{n}", addr + "/24")
        eq(told(watch, ASCONF, LATER[0]), [LATER[0]], "told when they came")
        # context 1 has what context 0 has, too, for a while
        RT.addr("d1", FIRST[0] + "/24")
        RT.addr_del("d1", FIRST[0] + "/24")
        for n, addr in LATER.items():
            RT.addr_del(f"d{n}", addr + "/24")
        eq(told(watch, ASCONF, LATER[0]), [LATER[0]], "told when they went")


run(globals())
