#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Reverse path filter and martians: the routes of the packet's context count.

Guards fib_validate_source() and the look-ups around it.
"""
from vr_nl import table_of
from vr_net import HIP, UDP, Lab, readable, sock
from vr_pkt import Wire
from vr_rt import RTN_LOCAL, sysctl
from vr_tap import eq, params, run

LAB = Lab(1, 2, hosts=False)
RT = LAB.rt
ALL = (0, 1, 2)
W = {n: Wire(LAB, n, cidr=f"10.0.0.{100 + n}/24") for n in ALL}
BOUND = {n: sock(UDP, n, ("0.0.0.0", 53)) for n in ALL}
SRC = "192.0.2.1"


def mode(val):
    sysctl("net.ipv4.conf.all.rp_filter", 0)
    for wire in W.values():
        sysctl(f"net.ipv4.conf.{wire.dev}.rp_filter", val)


def passes(ctx, src=SRC):
    W[ctx].send_udp(4000, 53, b"spoof", src=src)
    W[ctx].sync()
    for other in set(ALL) - {ctx}:
        eq(readable(BOUND[other]), None, f"datagram in context {other}")
    return readable(BOUND[ctx]) is not None


@params((0, 1), (1, 0), (1, 2))
def test_strict(ctx, other):
    """strict: a route in another context does not justify a source:"""
    mode(1)
    eq(passes(ctx, HIP), True, "on-link source")
    eq(passes(ctx), False, "unknown source")
    RT.route(SRC + "/32", via=HIP, dev=W[other].dev, table=table_of(other))
    eq(passes(other), True, "source with a route")
    eq(passes(ctx), False, "source with a route elsewhere")
    RT.route(SRC + "/32", via=HIP, dev=W[ctx].dev, table=table_of(ctx))
    eq(passes(ctx), True, "source with an own route")
    for num in (ctx, other):
        RT.route_del(SRC + "/32", table=table_of(num))


@params((0, 1), (1, 0), (1, 2))
def test_strict_interface(ctx, other):
    """strict: the route must lead back to the interface:"""
    mode(1)
    RT.link_add("side", "dummy")
    if ctx:
        LAB.vr.move("side", ctx)
    RT.link_set("side", up=True)
    RT.route(SRC + "/32", dev="side", table=table_of(ctx))
    eq(passes(ctx), False, "route by another interface")
    mode(2)
    eq(passes(ctx), True, "loose")
    eq(passes(other), False, "loose, other context")
    RT.link_del("side")


@params((0, 1), (1, 0), (1, 2))
def test_loose(ctx, other):
    """loose: only a default route of the own context helps:"""
    mode(2)
    eq(passes(ctx), False, "unknown source")
    RT.route("default", via=HIP, dev=W[other].dev, table=table_of(other))
    eq(passes(ctx), False, "default route elsewhere")
    eq(passes(other), True, "default route there")
    RT.route("default", via=HIP, dev=W[ctx].dev, table=table_of(ctx))
    eq(passes(ctx), True, "own default route")
    for num in (ctx, other):
        RT.route_del("default", table=table_of(num))


@params(*[(n,) for n in ALL])
def test_martian(ctx):
    """own addresses as source are martians, another context's are not:"""
    mode(0)
    eq(passes(ctx, f"10.0.0.{100 + ctx}"), False, "own address")
    eq(passes(ctx, "127.0.0.1"), False, "loopback address")
    for other in set(ALL) - {ctx}:
        eq(passes(ctx, f"10.0.0.{100 + other}"), True,
           f"address of context {other}")


@params(*[(n,) for n in ALL])
def test_route_localnet(ctx):
    """route_localnet lets 127/8 in, but for what lo has:"""
    mode(0)
    localnet = f"net.ipv4.conf.{W[ctx].dev}.route_localnet"
    sysctl(localnet, 1)
    eq([passes(ctx, src) for src in ("127.0.0.1", "127.0.0.2")],
       [False, True], "sources")
    sysctl(localnet, 0)


@params(*[(n,) for n in ALL])
def test_destination(ctx):
    """a packet for another context's address is not delivered:"""
    mode(0)
    for other in set(ALL) - {ctx}:
        W[ctx].send_udp(4000, 53, b"stray", dst=f"10.0.0.{100 + other}")
        W[ctx].sync()
        for num in ALL:
            eq(readable(BOUND[num]), None, f"datagram in {num}")
    W[ctx].send_udp(4000, 53, b"lo", dst="127.0.0.1")
    W[ctx].sync()
    eq(readable(BOUND[ctx]), None, "datagram to 127.0.0.1")


def test_accept_local():
    """accept_local is judged per context as well"""
    mode(0)
    sysctl(f"net.ipv4.conf.{W[1].dev}.accept_local", 1)
    eq(passes(1, "10.0.0.101"), True, "own address allowed")
    eq(passes(2, "10.0.0.102"), False, "own address elsewhere")
    sysctl(f"net.ipv4.conf.{W[1].dev}.accept_local", 0)


def test_src_valid_mark():
    """a local route of one context does not make the source local in 2"""
    mode(0)
    RT.route("198.51.100.7/32", dev="lo", kind=RTN_LOCAL, table=table_of(1))
    eq(passes(1, "198.51.100.7"), False, "local source")
    eq(passes(2, "198.51.100.7"), True, "in another context")
    RT.route_del("198.51.100.7/32", kind=RTN_LOCAL, table=table_of(1))


run(globals())
