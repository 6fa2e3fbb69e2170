#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 6
"""Router advertisements: a context has its own routers, prefixes and routes.

Guards ndisc_router_discovery(), addrconf_prefix_rcv(), rt6_route_rcv(), the
removal of default routers, and what a moved device or a deleted context leaves.
"""
import contextlib
import errno as E
import socket
import struct

import vr_nl as nl
from vr_fam import ip, packed
from vr_nl import table_of
from vr_net import UDP, Lab, inside, readable, sock
from vr_pkt import HMAC, Wire
from vr_hdr import ROUTERS, Packet
from vr_rt import sysctl
from vr_six import (ROUTER_SOLICIT, eui64, na, ra, ra_prefix, ra_route, tables,
                    where)
from vr_tap import check, eq, params, refused, run, wait

ND_USEROPT = 20         # RTNLGRP_
LAB = Lab(1, 2, hosts=False)
RT = LAB.rt
ALL = (0, 1, 2)
ROUTER, OTHER = "fe80::77", "fe80::78"
PREFIX, ROUTE = "2001:db8:1::/64", "2001:db8:2::/64"
BEYOND = "2001:db8:99::1"       # reached by the default route
RMAC = b"\2\0\0\0\0\1"          # of the device, in each context
OWN = eui64(PREFIX, RMAC)


def listen(dev):
    for key, val in (("accept_ra", 1), ("accept_ra_rt_info_max_plen", 64),
                     ("forwarding", 0)):
        sysctl(f"net.ipv6.conf.{dev}.{key}", val)


KEPT = {}


@contextlib.contextmanager
def links(spoilt=False):
    """Links on which nothing was told before. They serve the next case, too,
    unless this one spoils them.
    """
    if not KEPT:
        for n in ALL:
            KEPT[n] = wire = Wire(LAB, n, dev=f"r{n}")
            RT.link_set(wire.dev, mac=RMAC)
            wire.rmac = RMAC
            wire.up()           # the change has flushed its neighbours
    for wire in KEPT.values():
        listen(wire.dev)
    try:
        yield KEPT
        if not spoilt:
            for wire in KEPT.values():
                forget(wire)
    except BaseException:
        spoilt = True
        raise
    finally:
        if spoilt:
            for wire in KEPT.values():
                RT.link_del(wire.dev)
                wire.far.close()
            KEPT.clear()


def forget(wire):
    """All that the case said is taken back."""
    listen(wire.dev)
    tell(wire, 0, prefix=0, route=0)
    if OWN + "/64" in RT.addrs(wire.dev):
        RT.addr_del(wire.dev, OWN + "/64")


def tell(wire, life=1800, router=ROUTER, prefix=3600, route=3600):
    """One advertisement, with a prefix and a route."""
    wire.send_neigh(ra(router, life, ra_prefix(PREFIX, prefix),
                       ra_route(ROUTE, route)))
    wire.sync()


def known(what):
    """Who has the route? As {context: gateways}."""
    return where(RT, what, ALL)


def told(*contexts, gate=ROUTER):
    """All that one advertisement brings is where it belongs, alone."""
    eq(known("default"), {n: [gate] for n in contexts}, "default route")
    eq(known(ROUTE), {n: [gate] for n in contexts}, "route")
    eq(known(PREFIX), {n: [None] for n in contexts}, "prefix")
    for what in ("default", ROUTE, PREFIX):
        eq(tables(RT, what), sorted(map(table_of, contexts)), what)


@params(*[(n,) for n in ALL])
def test_learnt(ctx):
    """routes and address go into the table of:"""
    with links() as wires:
        tell(wires[ctx])
        told(ctx)
        wait(lambda: RT.settled(wires[ctx].dev, OWN), "the address")
        for n in ALL:
            eq(OWN + "/64" in RT.addrs(wires[n].dev), n == ctx, f"on r{n}")
            if n == ctx:
                sock(UDP, n, (OWN, 9)).close()
            else:
                refused(E.EADDRNOTAVAIL, f"bind in {n}", sock, UDP, n,
                        (OWN, 9))


def test_all_at_once():
    """the same router, prefix and own address in every context"""
    with links() as wires:
        for wire in wires.values():
            tell(wire)
        told(*ALL)
        for n, wire in wires.items():
            wait(lambda w=wire: RT.settled(w.dev, OWN), "the address")
            with sock(UDP, n, (OWN, 9)) as one:
                one.sendto(b"from %d" % n, (BEYOND, 9))
                pkt = wire.expect(lambda p: p.proto == 17, "datagram")
                eq((pkt.src, pkt.data), (OWN, b"from %d" % n), "datagram")
                wire.send_udp(9, 9, b"to %d" % n, src=BEYOND, dst=OWN)
                wire.sync()
                eq(readable(one), b"to %d" % n, "answer")
        for wire in wires.values():
            wire.silent("another context's datagram")


def test_another_router():
    """each context follows its own router, by its own MAC"""
    macs = {n: bytes([2, 0, 0, 0, 9, n]) for n in ALL}
    with links(spoilt=True) as wires:
        for n, wire in wires.items():
            wire.far.rt.link_set("eth0", mac=macs[n])
            gate = ROUTER if n else OTHER
            wire.send_neigh(ra(gate, 1800, mac=macs[n]))
            wire.sync()
        eq(known("default"), {0: [OTHER], 1: [ROUTER], 2: [ROUTER]}, "routes")
        for n, wire in wires.items():
            with sock(UDP, n) as one:
                one.sendto(b"x", (BEYOND, 9))
            wire.expect(lambda p: p.proto == 17, "datagram")
            eq(RT.neighs(wire.dev)[ROUTER if n else OTHER][1], macs[n], "MAC")


@params(*[(n,) for n in ALL])
def test_withdrawn(ctx):
    """lifetime 0 takes all back, where it is said:"""
    with links() as wires:
        for wire in wires.values():
            tell(wire)
        tell(wires[ctx], life=0, prefix=0, route=0)
        told(*sorted(set(ALL) - {ctx}))


@params(*[(n,) for n in ALL])
def test_no_router_any_more(ctx):
    """a router says it is none: no default route by it in:"""
    with links() as wires:
        for wire in wires.values():
            tell(wire)
        wires[ctx].send_neigh(na(ROUTER, HMAC))
        wires[ctx].sync()
        eq(known("default"), {n: [ROUTER] for n in ALL if n != ctx}, "routes")


def test_own_address_elsewhere():
    """a router is believed, though another context has its address"""
    with links() as wires:
        for n in (0, 2):
            RT.addr(wires[n].dev, ROUTER + "/64")
        tell(wires[1])
        told(1)
        for n in (0, 2):
            RT.addr_del(wires[n].dev, ROUTER + "/64")


def test_who_listens():
    """it is a matter of the device who believes"""
    with links() as wires:
        sysctl(f"net.ipv6.conf.{wires[0].dev}.accept_ra", 0)
        sysctl(f"net.ipv6.conf.{wires[2].dev}.forwarding", 1)
        for wire in wires.values():
            tell(wire)
        told(1)


def test_forwarding():
    """a namespace that becomes a router forgets all of its routers"""
    with links() as wires:
        for wire in wires.values():
            tell(wire)
        sysctl("net.ipv6.conf.all.forwarding", 1)
        try:
            eq(known("default"), {}, "routes")
            tell(wires[1])
            eq(known("default"), {}, "routes of a router")
        finally:
            sysctl("net.ipv6.conf.all.forwarding", 0)
        tell(wires[1])
        eq(known("default"), {1: [ROUTER]}, "routes of a host")


@params(*[(n,) for n in ALL])
def test_options(ctx):
    """the options for userspace are heard in context 0 and in:"""
    with links() as wires:
        ears = {}
        for n in ALL:
            with inside(n):
                ears[n] = nl.Netlink(socket.NETLINK_ROUTE)
            ears[n].sock.setsockopt(nl.SOL_NETLINK, 1, ND_USEROPT)
        server = struct.pack("!BBHI16s", 25, 3, 0, 600, packed(BEYOND))
        wires[ctx].send_neigh(ra(ROUTER, 1800, server))
        wires[ctx].sync()
        for n, one in ears.items():
            got = readable(one.sock) or b""
            about = [struct.unpack_from("=i", body, 4)[0]
                     for *_, body in one.split(got)]
            eq(about, [RT.ifindex(wires[ctx].dev)] * (n in (0, ctx)),
               f"heard in {n}")
            one.close()


@params(*[(n,) for n in ALL])
def test_forwarding_device(ctx):
    """a device that forwards makes a router of its context alone:"""
    with links() as wires:
        for wire in wires.values():
            tell(wire)
        sysctl(f"net.ipv6.conf.{wires[ctx].dev}.forwarding", 1)
        eq(known("default"), {n: [ROUTER] for n in ALL if n != ctx}, "routes")


def test_expired():
    """what is told for a second is gone then, what is told for longer stays"""
    with links() as wires:
        for n, wire in wires.items():
            life = 1 if n == 1 else 1800
            tell(wire, life, prefix=life, route=life)

        def gone():
            sysctl("net.ipv6.route.flush", 0)
            return not (1 in known("default") or 1 in known(ROUTE)
                        or 1 in known(PREFIX))

        wait(gone, "routes to expire")
        told(0, 2)


@params((1, 2), (1, 0), (0, 1))
def test_moved(ctx, other):
    """a moved device has other routers, from and to:"""
    with links(spoilt=True) as wires:
        wire = wires[ctx]
        tell(wires[3 - ctx - other])
        stay = known("default")
        tell(wire)
        RT.link_set(wires[other].dev, up=False)     # else it would be pinged
        RT.link_set(wire.dev, up=False)
        LAB.vr.move(wire.dev, other)
        for what in ("default", ROUTE):
            eq(known(what), stay, f"{what} after the move")
        wire.up()
        listen(wire.dev)
        eq(known("default"), stay, "default route once up")
        check(OWN + "/64" not in RT.addrs(wire.dev), "address taken along")
        tell(wire, router=OTHER)
        eq(known("default"), stay | {other: [OTHER]}, "new router")
        eq(known(ROUTE), {n: [ROUTER] for n in stay} | {other: [OTHER]},
           "new route")


def test_deleted_context():
    """a context with the number of another knows none of its routers"""
    with links(spoilt=True) as wires:
        for wire in wires.values():
            tell(wire)
        wires[1].reborn()
        told(0, 2)
        listen(wires[1].dev)
        tell(wires[1])
        told(*ALL)


@params(*[(n,) for n in ALL])
def test_solicited(ctx):
    """routers are asked for by the device, in:"""
    with links(spoilt=True) as wires:
        dev = wires[ctx].dev
        RT.link_set(dev, up=False)
        sysctl(f"net.ipv6.conf.{dev}.router_solicitations", 1)
        for wire in wires.values():
            if wire.dev != dev:
                wire.sync()
        wires[ctx].up()

        def solicits(frames):
            return (Packet(p) for kind, p in frames if kind == ROUTERS
                    and Packet(p).type == ROUTER_SOLICIT)

        pkt = next(solicits(wires[ctx].frames(10)), None)
        check(pkt, "no solicitation")
        eq(pkt.dst, ip("224.0.0.2"), "destination")
        for n in set(ALL) - {ctx}:
            eq(wires[n].sync((ROUTERS,)), [], f"on wire {n}")


def test_forwarding_own():
    """a context that has said so itself does not do as context 0 does"""
    with links(True) as wires:
        with inside(1):
            sysctl("net.ipv6.conf.all.forwarding", 0)
        for wire in wires.values():
            tell(wire)
        sysctl("net.ipv6.conf.all.forwarding", 1)
        try:
            eq(known("default"), {1: [ROUTER]}, "routes")
        finally:
            sysctl("net.ipv6.conf.all.forwarding", 0)


run(globals(), limit=120)
