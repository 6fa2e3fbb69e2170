#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 6
"""IPv6 that is context 0's only: refused in a context, or dropped and counted.

Guards ipv6_rthdr_rcv(), the next headers that ip6_protocol_deliver_rcu() takes,
routes with encapsulation or nexthop objects, and rules.
"""
import contextlib
import errno as E
import struct

import vr_nl as nl
from vr_fam import (AF, ECHO_REPLY, ECHO_REQUEST, FORWARD, PROTO_UNREACH,
                    packed)
from vr_net import HIP, RAW, RIP, Lab, sock
from vr_nl import nest, table_of, u32
from vr_pkt import Wire, icmp, ip_packet, udp_datagram
from vr_rt import RTM_DELRULE, RTM_NEWNEXTHOP, RTM_NEWROUTE, sysctl
from vr_tap import check, eq, params, refused, run

LAB = Lab(1, 2, hosts=False)
VR, RT = LAB.vr, LAB.rt
ALL = (0, 1, 2)
sysctl(FORWARD, 1)
A = {n: Wire(LAB, n, dev=f"a{n}") for n in ALL}
B = {n: Wire(LAB, n, dev=f"b{n}", cidr="10.1.0.1/24", ip="10.1.0.2")
     for n in ALL}
# By way of B; no bytes in common with RIP, so RPL compresses nothing
THERE = "2001:db8:7::1"
for num in ALL:
    RT.route(THERE + "/128", via=B[num].ip, dev=f"b{num}", table=table_of(num))
for name in ("all", *(wire.dev for wire in A.values())):
    for key in ("seg6_enabled", "rpl_seg_enabled"):
        sysctl(f"net.ipv6.conf.{name}.{key}", 1)


def wrong(ctx):
    """Packets counted as not for this context."""
    return VR.stats(ctx)["wrong-ctx"] if ctx else 0


def collect():
    """What came out of each wire: {device: packets}."""
    out = {w.dev: w.sync() for w in (*A.values(), *B.values())}
    return {dev: pkts for dev, pkts in out.items() if pkts}


# ---- routing headers ----

def segments(kind, left):
    """A routing header from RIP to THERE, and what comes after it."""
    data = udp_datagram(4000, 53, b"routed", HIP, THERE if left else RIP)
    if kind == 4:           # the last segment first
        return (struct.pack("!BBBBBBH", 17, 4, 4, left, 1, 0, 0)
                + packed(THERE) + packed(RIP) + data)
    return struct.pack("!BBBBI", 17, 2, 3, left, 0) + packed(THERE) + data


@params((4, "segment routing"), (3, "RPL"))
def test_routing_header(kind, _):
    """packets with such a header go on in context 0 alone: type"""
    A[0].send_ip(43, segments(kind, 1))
    got = collect()
    eq({dev: [p.proto for p in pkts] for dev, pkts in got.items()},
       {"b0": [17]}, "where it goes in 0")
    for n in (1, 2):
        for left in (1, 0):
            before = wrong(n)
            A[n].send_ip(43, segments(kind, left))
            eq(collect(), {}, f"packets, {left} left")
            eq(wrong(n) - before, 1, f"counted, {left} left")


def test_other_routing_headers():
    """types nobody knows are what they are in context 0"""
    for n in ALL:
        head = struct.pack("!BBBBI", 17, 0, 99, 1, 0)
        A[n].send_ip(43, head + udp_datagram(4000, 53, b"x", HIP, RIP))
        got = collect()
        eq({dev: [p.icmp for p in pkts] for dev, pkts in got.items()},
           {f"a{n}": [(4, 0)]}, f"in {n}")


# ---- next headers ----

@contextlib.contextmanager
def tunnels():
    """Tunnels of context 0 between the addresses that all contexts have."""
    ends = nl.attr(2, packed(RIP)) + nl.attr(3, packed(HIP))
    kinds = {"t6": ("ip6tnl", ends + nl.attr(9, bytes([0]))),
             "g6": ("ip6gre", nl.attr(6, packed(RIP))
                    + nl.attr(7, packed(HIP)))}
    for name, (kind, data) in kinds.items():
        RT.link_add(name, kind, data)
        # else it reports groups, through the tunnel
        sysctl(f"net.ipv6.conf.{name}.disable_ipv6", 1)
        RT.link_set(name, up=True)
    try:
        yield kinds
    finally:
        for name in kinds:
            RT.link_del(name)


def received(dev):
    """Packets and errors (IFLA_STATS64)."""
    stats = struct.unpack_from("=6Q", RT.link(dev)[23])
    return stats[0] + stats[4]


INNER6 = ip_packet(17, udp_datagram(1, 2, b"in", "10.5.0.1", "10.5.0.2"),
                   "10.5.0.1", "10.5.0.2")
# version 4, nothing in it: the tunnel looks at the outer addresses
INNER4 = struct.pack("!BBHHHBBH8s", 0x45, 0, 20, 0, 0, 64, 17, 0, bytes(8))
TUNNELLED = {41: INNER6, 4: INNER4, 47: bytes([0, 0, 0x86, 0xdd]) + INNER6,
             50: struct.pack("!II", 1, 1) + bytes(24),
             51: struct.pack("!BBHII", 17, 4, 0, 1, 1) + bytes(20)}


@params((4,), (41,), (47,))
def test_tunnel_header(proto):
    """no tunnel of context 0 sees it: next header"""
    with tunnels() as devs:
        for n in (1, 2):
            A[n].send_ip(proto, TUNNELLED[proto])
            check(set(collect()) <= {f"a{n}"}, "other wires")
            eq([received(dev) for dev in devs], [0, 0], "at the tunnels")
        dev = {41: "t6", 47: "g6"}.get(proto)
        if dev:             # they do work, for whom they are there
            A[0].send_ip(proto, TUNNELLED[proto])
            A[0].sync()
            eq(received(dev), 1, f"at {dev} from 0")


@params((50,), (51,))
def test_next_header(proto):
    """dropped without a state, and no tunnel sees it: next header"""
    with tunnels() as devs:
        for n in (1, 2):
            before = wrong(n)
            A[n].send_ip(proto, TUNNELLED[proto])
            eq(collect(), {}, "packets")
            eq(wrong(n) - before, 0, "counted")
            eq([received(dev) for dev in devs], [0, 0], "at the tunnels")


def test_error_for_tunnel():
    """errors about tunnels reach none from a context"""
    with tunnels():
        outer = ip_packet(41, INNER6, RIP, HIP)
        for n in (1, 2):
            A[n].send_icmp(1, 3, 0, outer)
            eq(collect(), {}, f"in {n}")
        eq(received("t6"), 0, "at the tunnel")


def test_unknown():
    """a next header that nobody knows, and one with a raw socket"""
    for n in ALL:
        A[n].send_ip(200, b"what")
        (pkt,) = A[n].sync()
        eq((pkt.icmp, pkt.rest), (PROTO_UNREACH, 6), f"error in {n}")
        with sock(RAW, (n + 1) % 3, proto=200):
            A[n].send_ip(200, b"what")
            eq([p.icmp for p in A[n].sync()], [PROTO_UNREACH], "elsewhere")
        for proto in (200, 41, 50) if n else (200,):
            with sock(RAW, n, proto=proto) as one:
                A[n].send_ip(proto, b"raw data")
                eq(A[n].sync(), [], f"error about {proto}")
                eq(one.recv(99), b"raw data", f"raw socket of {proto}")
    eq(collect(), {}, "packets")


def test_options():
    """options before a known header are no obstacle"""
    pad = bytes([58, 0, 1, 4, 0, 0, 0, 0])
    for n in ALL:
        for proto in (0, 60):               # hop-by-hop, destination
            A[n].send_ip(proto, pad + icmp(*ECHO_REQUEST, 1, b"x"))
            eq([p.icmp for p in A[n].sync()], [ECHO_REPLY], f"in {n}")


# ---- configuration ----

ENCAPS = {"ip6": 4, "seg6": 5, "seg6local": 7, "rpl": 8, "ioam6": 9}


@params(*[(name,) for name in ENCAPS])
def test_encap(name):
    """no route of a context with encapsulation:"""
    kind = ENCAPS[name]
    data = {
        "ip6": nl.attr(2, packed("2001:db8::1")),
        # inline, one segment
        "seg6": nl.attr(1, struct.pack("=i", 1) + struct.pack(
            "!BBBBBBH", 0, 2, 4, 0, 0, 0, 0) + packed("2001:db8::1")),
        "seg6local": u32(1, 1),
        "rpl": nl.attr(1, struct.pack("!BBBBI", 0, 2, 3, 1, 0)
                       + packed("2001:db8::1")),
        "ioam6": nl.attr(1, b"\0")}[name]
    for via in (None, B[1].ip):
        msg = RT.route_msg("2001:db8:5::/64", via=via, dev="b1",
                           table=table_of(1))
        err = refused((E.EOPNOTSUPP, E.EINVAL), name, RT.request,
                      RTM_NEWROUTE, 0x600, msg + nl.attr(21, struct.pack(
                          "=H", kind)) + nest(22, data))
        check(err.extack, "no extack text")
    check(("2001:db8:5::/64", 1) not in RT.routes(table_of(1)), "route")


def nexthop(ident, *attrs):
    RT.request(RTM_NEWNEXTHOP, 0x600, bytes([AF, 0, 0, 0]) + bytes(4)
               + u32(1, ident) + b"".join(attrs))


def test_nexthop_objects():
    """nexthop objects name no device of a context, and serve no table of it"""
    for attrs in ((), (nl.attr(6, packed(B[1].ip)),)):
        err = refused((E.EOPNOTSUPP, E.EINVAL, E.ENETUNREACH), "device",
                      nexthop, 1, u32(5, RT.ifindex("b1")), *attrs)
        check(err.extack, "no extack text")
    nexthop(2, u32(5, RT.ifindex("b0")))
    nexthop(3, nl.attr(4))                      # blackhole
    for ident in (2, 3):
        err = refused((E.EOPNOTSUPP, E.EINVAL), f"route by {ident}", RT.route,
                      "2001:db8:5::/64", nhid=ident, table=table_of(1))
        check(err.extack, "no extack text")
    RT.route("2001:db8:5::/64", nhid=2)         # context 0's
    RT.route_del("2001:db8:5::/64")


def test_rule():
    """no rule leads to the table of a context, nor does one apply in it"""
    for n in (1, 2):
        err = refused((E.EOPNOTSUPP, E.EINVAL), f"table of {n}", RT.rule,
                      table_of(n), 1000, family=AF)
        check(err.extack, "no extack text")
    RT.route("default", via=B[0].ip, dev="b0", table=77)
    RT.rule(77, 40000)                  # after the main table
    for n in ALL:
        A[n].send_udp(4000, 53, b"x", dst="2001:db8::1")
    got = collect()
    eq(sorted(got), ["a1", "a2", "b0"], f"wires {got}")
    RT.rule(77, 40000, RTM_DELRULE)
    RT.route_del("default", table=77)


def test_foreign_device():
    """a route names a device of its table's context"""
    for n in ALL:
        for other in set(ALL) - {n}:
            for via in (None, B[other].ip, "fe80::2"):
                err = refused((E.EINVAL, E.EOPNOTSUPP, E.EHOSTUNREACH,
                               E.ENETUNREACH, E.ENODEV), f"{n} by {other}",
                              RT.route, "2001:db8:5::/64", via=via,
                              dev=f"b{other}", table=table_of(n))
                check(via or err.extack, "no extack text")
    eq(collect(), {}, "packets")


run(globals())
