#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 4 6
"""Packet sockets: in a context they hear and send what is of the context.

Guards vrctx_packet_seen() in the three ways a packet reaches such a socket,
the devices it may name, fanout groups, and the context of what it sends.
"""
import errno as E
import mmap
import select
import socket
import struct

from vr_fam import only, pick
from vr_hdr import ETH
from vr_net import (HIP, RAW, TIMEOUT, UDP, Lab, inside, libc, readable, serve,
                    sock)
from vr_pkt import MF, Wire, ip_packet, udp_datagram
from vr_tap import check, eq, params, refused, run

LAB = Lab(1, 2, hosts=False)
RT = LAB.rt
ALL = (0, 1, 2)
W = {n: Wire(LAB, n) for n in ALL}
LOOP = pick("127.0.0.1", "::1")
ETH_P_ALL = socket.htons(3)
SOCK_PACKET, SOL_PACKET = 10, 263


def tap(ctx, kind=RAW):
    with inside(ctx):
        one = socket.socket(socket.AF_PACKET, kind, ETH_P_ALL)
    one.settimeout(TIMEOUT)
    return one


def heard(one, last):
    """Payloads "pay…" up to the one that is known to come."""
    out = []
    while last not in out:
        pkt = one.recv(65536)
        data = pkt[pkt.index(b"pay"):][:7] if b"pay" in pkt else None
        if data and data not in out:    # the error about it quotes it
            out.append(data)
    return out


def traffic(order):
    """One datagram into each context, in that order."""
    for n in order:
        W[n].send_udp(4000, 7000, b"pay-in%d" % n)
        W[n].sync()


@params(RAW, UDP, SOCK_PACKET)
def test_receive(kind):
    """packets that come into the context, on a socket of type"""
    taps = {n: tap(n, kind) for n in ALL}
    traffic((0, 2, 1, 2))
    traffic((1,))
    traffic((2,))
    eq(heard(taps[1], b"pay-in1"), [b"pay-in1"], "first in 1")
    eq(heard(taps[1], b"pay-in1"), [b"pay-in1"], "second in 1")
    eq(heard(taps[0], b"pay-in1"), [b"pay-in0", b"pay-in2", b"pay-in1"],
       "in 0")
    for one in taps.values():
        one.close()


def test_ring():
    """packets that come into the context, in a ring"""
    one = tap(1)
    one.setsockopt(SOL_PACKET, 5, struct.pack("=IIII", 4096, 4, 2048, 8))
    with mmap.mmap(one.fileno(), 4 * 4096) as ring:
        traffic((0, 2))
        W[1].send_udp(4000, 7000, b"pay-in1")
        select.select([one], [], [], 10)
        W[1].sync()
        data = ring[:]
    check(b"pay-in1" in data, "its own")
    check(b"pay-in0" not in data and b"pay-in2" not in data, "others")
    one.close()


def test_loopback():
    """packets over lo in the context"""
    taps = {n: tap(n) for n in ALL}
    for n in (0, 2, 1):
        with serve(n, 7300, UDP, LOOP), sock(UDP, n) as one:
            one.sendto(b"pay-lo%d" % n, (LOOP, 7300))
    # on lo each is heard on its way out and in
    eq(set(heard(taps[1], b"pay-lo1")), {b"pay-lo1"}, "in 1")
    eq(set(heard(taps[0], b"pay-lo1")), {b"pay-lo0", b"pay-lo2", b"pay-lo1"},
       "in 0")
    for one in taps.values():
        one.close()


def test_outgoing():
    """packets that leave the context"""
    one = tap(1)
    for n in (0, 2, 1):
        with sock(UDP, n) as out:
            out.sendto(b"pay-ou%d" % n, (HIP, 7300))
    eq(heard(one, b"pay-ou1"), [b"pay-ou1"], "in 1")
    one.close()


def frame(data, dst=None):
    pkt = ip_packet(17, udp_datagram(4000, 7000, data))
    return (dst or bytes(6)) + bytes(6) + struct.pack("!H", ETH) + pkt


@params((1, 2), (2, 1), (1, 0))
def test_foreign(ctx, other):
    """a device of another context cannot be named:"""
    dev = W[other].dev
    idx = RT.ifindex(dev)
    W[other].sync()
    with tap(ctx) as one, tap(ctx, SOCK_PACKET) as old:
        refused(E.ENODEV, "bind", one.bind, (dev, 3))
        name = struct.pack("=H14s", socket.AF_PACKET, dev.encode())
        refused(E.ENODEV, "bind by name", libc, "bind", old.fileno(), name,
                len(name))
        refused(E.ENXIO, "send", one.sendto, frame(b"pay-xxx"), (dev, ETH))
        refused(E.ENODEV, "promiscuous", one.setsockopt, SOL_PACKET, 1,
                struct.pack("=iHH8s", idx, 1, 0, b""))
        eq(RT.link(dev)[30], struct.pack("=I", 0), "promiscuity")
        one.bind((W[ctx].dev, 3))
        one.sendto(frame(b"pay-yyy"), (W[ctx].dev, ETH))
    with tap(ctx) as one:
        one.setsockopt(SOL_PACKET, 13, struct.pack("=IIII", 4096, 1, 2048, 2))
        with mmap.mmap(one.fileno(), 4096) as ring:
            struct.pack_into("=QI", ring, 0, 1, 60)
            refused(E.ENXIO, "send from a ring", one.sendto, b"",
                    (dev, ETH))
    W[other].silent("sent from elsewhere")


@params(1, 2)
def test_send_lo(ctx):
    """what is sent on lo stays in the context:"""
    socks = {n: serve(n, 7000, UDP) for n in ALL}
    with tap(ctx) as one:
        one.sendto(frame(b"pay-raw"), ("lo", ETH))
    for n in ALL:
        if n == ctx:
            eq(socks[n].recv(100), b"pay-raw", f"in {n}")
        else:
            eq(readable(socks[n]), None, f"in {n}")
        socks[n].close()


def test_fanout():
    """fanout groups with one number in two contexts are two groups"""
    taps = {n: tap(n) for n in ALL}
    for n, one in taps.items():
        one.setsockopt(SOL_PACKET, 18, 77)      # PACKET_FANOUT, by hash
    traffic((0, 2, 1))
    eq(heard(taps[1], b"pay-in1"), [b"pay-in1"], "in 1")
    eq(heard(taps[2], b"pay-in2"), [b"pay-in2"], "in 2")
    eq(heard(taps[0], b"pay-in1"), [b"pay-in0", b"pay-in2", b"pay-in1"],
       "in 0")
    for one in taps.values():
        one.close()


def test_fanout_turns():
    """a fanout group takes turns by what it hears, not by what others do"""
    taps = [tap(1) for _ in range(2)]
    for one in taps:
        one.setsockopt(SOL_PACKET, 18, 78 | 1 << 16)    # load balancing
    for _ in range(20):     # a type that nobody answers
        for n in (2, 1):
            W[n].send(b"pay-turn", 0x88b5)
    W[1].sync()
    turns = []
    for one in taps:
        turns.append(0)
        while (pkt := readable(one)) is not None:
            turns[-1] += b"pay-turn" in pkt
        one.close()
    eq(sum(turns), 20, f"frames heard: {turns}")
    check(abs(turns[0] - turns[1]) < 6, f"{turns} frames each")


@only(4)
def test_fanout_fragments():
    """a fanout group puts together what it hears, not what others do"""
    with tap(1) as one:
        one.setsockopt(SOL_PACKET, 18,           # DEFRAG
                       struct.pack("=I", 79 | 0x8000 << 16))
        before = reassembled()
        for n in (2, 1):
            W[n].send_ip(17, bytes(16), ident=n, frag=MF)
            W[n].sync()
    # of the IP layer in both, of the group
    eq(reassembled() - before, 3, "fragments to be put together")


def reassembled():
    """IpReasmReqds of the namespace."""
    with open("/proc/thread-self/net/snmp", encoding="ascii") as f:
        names, vals = [line.split() for line in f
                       if line.startswith("Ip:")]
    return int(vals[names.index("ReasmReqds")])


def test_moved():
    """a socket bound to a device that leaves the context goes deaf"""
    LAB.rt.veth("x0", "x1")
    for dev in ("x0", "x1"):
        LAB.vr.move(dev, 1)
    with tap(1) as one, tap(0) as ear:
        one.bind(("x0", 3))
        ear.bind(("x0", 3))
        LAB.vr.move("x0", 2)
        for dev in ("x0", "x1"):
            RT.link_set(dev, up=True)
        with tap(1) as out:
            out.sendto(frame(b"pay-mov", b"\xff" * 6), ("x1", ETH))
        # up and down is an error to read first
        ear.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        eq(heard(ear, b"pay-mov")[-1], b"pay-mov", "in 0")
        while True:
            got = readable(one)
            if got is None:
                break
            check(b"pay-mov" not in got, "heard by the old context")
    RT.link_del("x0")


run(globals())
