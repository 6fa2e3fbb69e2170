#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 4 6
"""Forwarding: between two devices of one context yes, across never.

	10.0.0.2 a ---- router, context N ---- b 10.1.0.2	for N = 0, 1, 2

Guards the input route look-up, the device check on output, the errors that
forwarding sends (time exceeded, unreachable, fragmentation needed) and the
forwarding counters.
"""
from vr_fam import (ECHO_REPLY, ECHO_REQUEST, FORWARD, NO_ROUTE,
                    PORT_UNREACH, RATEMASK, REJECTED, TOO_BIG, TTL_EXCEEDED,
                    UNREACH, V6, ip, only, ratemask)
from vr_nl import table_of
from vr_net import Lab
from vr_pkt import DF, HMAC, Wire, ip_packet, quote, udp_datagram
from vr_rt import sysctl
from vr_tap import check, eq, params, run

LAB = Lab(1, 2, hosts=False)
RT = LAB.rt
ALL = (0, 1, 2)
sysctl(FORWARD, 1)
sysctl("net.ipv4.conf.all.send_redirects", 0)
A = {n: Wire(LAB, n, dev=f"a{n}") for n in ALL}
B = {n: Wire(LAB, n, dev=f"b{n}", cidr="10.1.0.1/24", ip="10.1.0.2")
     for n in ALL}
# IPv4 limits errors about routes per source: tests use one of these in turn
OTHER, GREEDY = "10.0.0.3", "10.0.0.4"
for num in ALL:
    for addr in (OTHER, GREEDY):
        RT.neigh(f"a{num}", addr, HMAC)
WIRES = {(side, n): wires[n] for side, wires in (("a", A), ("b", B))
         for n in ALL}


def collect(skip=()):
    """What came out of each wire: {(side, context): packets}."""
    out = {key: wire.sync() for key, wire in WIRES.items() if key not in skip}
    return {key: pkts for key, pkts in out.items() if pkts}


@params(*[(n,) for n in ALL])
def test_within(ctx):
    """forwarded within context:"""
    A[ctx].send_udp(4000, 53, b"over", dst="10.1.0.2")
    got = collect()
    eq(list(got), [("b", ctx)], f"wires {got}")
    pkt = got[("b", ctx)][0]
    eq((pkt.src, pkt.dst, pkt.ttl, pkt.data),
       (ip("10.0.0.2"), ip("10.1.0.2"), 63, b"over"), "packet")
    B[ctx].send_udp(53, 4000, b"back", dst="10.0.0.2")
    got = collect()
    eq(list(got), [("a", ctx)], f"wires {got}")


def test_all_at_once():
    """the same addresses forwarded in every context"""
    for ctx in ALL:
        A[ctx].send_udp(4000, 53, b"from %d" % ctx, dst="10.1.0.2")
    got = collect()
    for ctx in ALL:
        eq([p.data for p in got[("b", ctx)]], [b"from %d" % ctx], f"{ctx}")
    eq(len(got), 3, f"wires {got}")


@params((0, 1), (1, 0), (1, 2))
def test_across(ctx, other):
    """a network that only another context has is unreachable:"""
    RT.route("192.0.2.0/24", via="10.1.0.2", dev=f"b{other}",
             table=table_of(other))
    A[ctx].send_udp(4000, 53, b"across", dst="192.0.2.1")
    got = collect()
    eq(list(got), [("a", ctx)], f"wires {got}")
    eq(got[("a", ctx)][0].icmp, NO_ROUTE, "answer")
    RT.route_del("192.0.2.0/24", table=table_of(other))


@params((0, 1), (1, 0), (1, 2))
def test_default_elsewhere(ctx, other):
    """a default route elsewhere carries nothing:"""
    RT.route("default", via="10.1.0.2", dev=f"b{other}",
             table=table_of(other))
    A[ctx].send_udp(4000, 53, b"across", dst="8.8.8.8")
    got = collect()
    eq(list(got), [("a", ctx)], f"wires {got}")
    A[other].send_udp(4000, 53, b"own", dst="8.8.8.8")
    eq(list(collect()), [("b", other)], "where it belongs")
    RT.route_del("default", table=table_of(other))


def test_addressed_across():
    """another context's router address is no local address here"""
    RT.addr("b2", "10.2.2.2/32")
    for ctx in (0, 1):
        A[ctx].send_icmp(*ECHO_REQUEST, 1, b"x", dst="10.2.2.2")
        got = collect()
        eq([p.icmp for p in got[("a", ctx)]], [NO_ROUTE], "answer")
    A[2].send_icmp(*ECHO_REQUEST, 1, b"x", dst="10.2.2.2")
    eq([p.icmp for p in collect()[("a", 2)]], [ECHO_REPLY], "echo reply")
    RT.addr_del("b2", "10.2.2.2/32")


@params(*[(n,) for n in ALL])
def test_ttl(ctx):
    """time exceeded goes back within context:"""
    A[ctx].send_ip(17, udp_datagram(1, 2, b"x", "10.0.0.2", "10.1.0.2"),
                   dst="10.1.0.2", ttl=1)
    got = collect()
    eq(list(got), [("a", ctx)], f"wires {got}")
    pkt = got[("a", ctx)][0]
    eq((pkt.icmp, pkt.src), (TTL_EXCEEDED, ip("10.0.0.1")), "error")


@params(*[(n,) for n in ALL])
def test_too_big(ctx):
    """fragmentation needed goes back within context:"""
    RT.link_set(f"b{ctx}", mtu=1300)
    A[ctx].send_ip(17, udp_datagram(1, 2, b"x" * 1400, "10.0.0.2",
                                    "10.1.0.2"), dst="10.1.0.2", frag=DF)
    got = collect()
    eq(list(got), [("a", ctx)], f"wires {got}")
    pkt = got[("a", ctx)][0]
    eq((pkt.icmp, pkt.rest), (TOO_BIG, 1300), "error")
    RT.link_set(f"b{ctx}", mtu=1500)


@only(4)
@params(*[(n,) for n in ALL])
def test_cut(ctx):
    """a packet without DF is cut into pieces, on the right wire:"""
    RT.link_set(f"b{ctx}", mtu=1000)
    A[ctx].send_ip(17, udp_datagram(1, 2, b"x" * 1200, "10.0.0.2",
                                    "10.1.0.2"), dst="10.1.0.2")
    got = collect()
    eq(list(got), [("b", ctx)], f"wires {got}")
    eq(len(got[("b", ctx)]), 2, "fragments")
    RT.link_set(f"b{ctx}", mtu=1500)


def test_error_through():
    """an ICMP error is forwarded in the context of its flow"""
    inner = ip_packet(17, udp_datagram(4000, 53, b"q", "10.0.0.2",
                                       "10.1.0.2"), dst="10.1.0.2")
    B[1].send_icmp(*PORT_UNREACH, 0, quote(inner), dst="10.0.0.2")
    got = collect()
    eq(list(got), [("a", 1)], f"wires {got}")
    eq(got[("a", 1)][0].data, quote(inner), "quoted packet")


def test_counted():
    """forwarded packets are counted in their context"""
    before = {n: LAB.vr.stats(n) for n in ALL}
    for _ in range(5):
        A[1].send_udp(4000, 53, b"count", dst="10.1.0.2")
    A[2].send_udp(4000, 53, b"none", dst="192.0.2.1")
    collect()
    delta = {n: {k: v - before[n].get(k, 0)
                 for k, v in LAB.vr.stats(n).items()
                 if k.endswith("packets") or k.endswith("-route")}
             for n in (1, 2)}
    eq(delta[1]["fwd-packets"], 5, "forwarded in 1")
    eq(delta[2]["fwd-packets"], 0, "forwarded in 2")
    eq(delta[1]["no-route"], 0, "no route in 1")
    eq(delta[2]["no-route"], 1, "no route in 2")


def test_error_budget():
    """the limit of errors to one address (inetpeer) is per context"""
    if V6:                      # what IPv4 does regardless of the mask
        sysctl(RATEMASK, ratemask(UNREACH))
    for _ in range(20):
        A[1].send_udp(4000, 53, b"x", src=GREEDY, dst="192.0.2.1")
    used = len(collect().get(("a", 1), []))
    check(0 < used < 20, f"{used} errors, the limit does not work")
    A[2].send_udp(4000, 53, b"x", src=GREEDY, dst="192.0.2.1")
    eq(len(collect().get(("a", 2), [])), 1, "errors in the other context")
    sysctl(RATEMASK, ratemask())


@only(4)
def test_device_off():
    """forwarding is a matter of the device, in each context"""
    sysctl("net.ipv4.conf.a1.forwarding", 0)
    A[1].send_udp(4000, 53, b"no", dst="10.1.0.2")
    A[2].send_udp(4000, 53, b"yes", dst="10.1.0.2")
    got = collect()
    check(("b", 1) not in got, "forwarded although off")
    check(("b", 2) in got, "not forwarded although on")
    sysctl("net.ipv4.conf.a1.forwarding", 1)


def test_route_cache():
    """a route cached in one context does not serve another"""
    # the input route is cached in the nexthop: change the table of one
    for ctx in ALL:
        A[ctx].send_udp(4000, 53, b"warm", dst="10.1.0.2")
    collect()
    RT.route("10.1.0.2/32", kind=7, table=table_of(1))
    for ctx in ALL:
        A[ctx].send_udp(4000, 53, b"again", src=OTHER, dst="10.1.0.2")
    got = collect(skip={("b", 1)})      # its ping cannot be answered now
    eq(sorted(got), [("a", 1), ("b", 0), ("b", 2)], f"wires {got}")
    eq(got[("a", 1)][0].icmp, REJECTED, "error")
    RT.route_del("10.1.0.2/32", kind=7, table=table_of(1))


def test_moved_device():
    """a moved device forwards for its new context at once"""
    for ctx in (0, 1):
        A[ctx].send_udp(4000, 53, b"warm", dst="10.1.0.2")
    collect()
    RT.link_set("a1", up=False)
    LAB.vr.move("a1", 2)
    A[1].up()
    A[1].send_udp(4000, 53, b"moved", dst="10.1.0.2")
    seen = {key: [p for p in wire.sync() if p.proto == 17]
            for key, wire in WIRES.items() if key[0] == "b"}
    eq({k for k, v in seen.items() if v}, {("b", 2)}, f"wires {seen}")


run(globals())
