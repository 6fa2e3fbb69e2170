#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 4 6
"""One FIB table per context: overlapping routes, and no way across.

Guards kernel/net/vrctx/fib.c, the context test at the head of fib_lookup(),
the table that addresses and connected routes go to (fib_add_ifaddr() and
friends), and the rule that a route names devices of its own context only; the
same of IPv6 (fib6.c).
"""
import errno as E
import struct

import vr_nl as nl
from vr_fam import ECHO_REQUEST, ICMP, V6, ip, only, packed, pick
from vr_nl import table_of
from vr_net import HIP, RAW, TCP, UDP, Lab, Netns, sock
from vr_pkt import Wire
from vr_rt import (RTM_DELRULE, RTN_BLACKHOLE, RTN_BROADCAST, RTN_LOCAL,
                   RTN_MULTICAST, RTN_PROHIBIT, RTN_UNICAST, RTN_UNREACHABLE)
from vr_tap import check, eq, params, refused, run

LAB = Lab(1, 2, hosts=False)
RT = LAB.rt
# the same network behind every wire, but each router address differs
W = {ctx: Wire(LAB, ctx, cidr=f"10.0.0.{100 + ctx}/24") for ctx in (0, 1, 2)}
ALL = (0, 1, 2)
# Whose network a gateway is in is found out by other means in IPv6
NO_GATEWAY = pick(E.ENETUNREACH, E.EHOSTUNREACH)


def own(ctx):
    """The router's address in a context."""
    return ip(f"10.0.0.{100 + ctx}")


def source(ctx, dest):
    """Source address that a context would use towards dest."""
    with sock(UDP, ctx) as one:
        one.connect((ip(dest), 9))
        return one.getsockname()[0]


def leaves(ctx, dest):
    """Numbers of the wires a datagram from a context shows up on."""
    with sock(UDP, ctx) as one:
        one.sendto(b"route", (ip(dest), 9))
    return [n for n, wire in W.items()
            if any(p.dst == ip(dest) for p in wire.sync() if p.proto == 17)]


def test_connected():
    """connected and local routes are in the context's own table"""
    for ctx in (1, 2):
        have = RT.routes(table_of(ctx))
        me = ip(f"10.0.0.{100 + ctx}/32")
        for key in ((ip("10.0.0.0/24"), RTN_UNICAST), (me, RTN_LOCAL),
                    pick(("10.0.0.255/32", RTN_BROADCAST),
                         ("ff00::/8", RTN_MULTICAST)),
                    (ip("127.0.0.0/8"), RTN_LOCAL),
                    (ip("127.0.0.1/32"), RTN_LOCAL)):
            check(key in have, f"{key} missing in {list(have)}")
        for table in (254, 255):
            check(not any(me in key for key in RT.routes(table)),
                  f"{me} is in table {table}")
    # that of the network, and of link-local addresses
    eq(len(RT.routes(254)), pick(1, 2), "routes of main")


def test_connected_down_up():
    """link down empties the table of the device, up fills it again"""
    RT.link_set(W[1].dev, up=False)
    have = [k for k in RT.routes(table_of(1))
            if k[1] != RTN_LOCAL and not k[0].startswith("127.")]
    eq(have, [], "routes while down")
    refused(E.ENETUNREACH, "while down", source, 1, HIP)
    eq(source(2, HIP), own(2), "other context")
    W[1].up()
    eq(source(1, HIP), own(1), "after up")


def test_source_per_context():
    """the same destination, reached through each context's own link"""
    for ctx in ALL:
        eq(source(ctx, HIP), own(ctx), f"source in {ctx}")
        eq(leaves(ctx, HIP), [ctx], f"wires from {ctx}")


KINDS = {"TCP": (TCP, 0), "UDP": (UDP, 0), "ping": (UDP, ICMP),
         "raw": (RAW, 99)}


@params(*[(k,) for k in KINDS])
def test_kinds(kind):
    """sockets of every kind take the routes of their context:"""
    dest = (ip("203.0.113.1"), 80 if kind in ("TCP", "UDP") else 0)
    data = struct.pack("!BBHHH", *ECHO_REQUEST, 0, 0, 1)

    def send(one):
        if kind != "TCP":
            return one.sendto(data, dest)
        one.settimeout(0)
        return one.connect(dest)

    RT.route("203.0.113.0/24", via=HIP, dev=W[1].dev, table=table_of(1))
    for ctx in (0, 2):
        with sock(KINDS[kind][0], ctx, proto=KINDS[kind][1]) as one:
            refused(E.ENETUNREACH, f"in {ctx}", send, one)
    with sock(KINDS[kind][0], 1, proto=KINDS[kind][1]) as one:
        try:
            send(one)
        except BlockingIOError:
            pass
        eq([n for n, wire in W.items()
            if any(p.dst == dest[0] for p in wire.sync())], [1], "wires")
    RT.route_del("203.0.113.0/24", table=table_of(1))


@params(*[(n,) for n in ALL])
def test_default(ctx):
    """a default route in one context only:"""
    for other in ALL:
        refused(E.ENETUNREACH, f"{other} before", source, other, "8.8.8.8")
    RT.route("default", via=HIP, dev=W[ctx].dev, table=table_of(ctx))
    eq(leaves(ctx, "8.8.8.8"), [ctx], "wires")
    for other in set(ALL) - {ctx}:
        refused(E.ENETUNREACH, f"{other}", source, other, "8.8.8.8")
        W[other].silent("another context")
    RT.route_del("default", table=table_of(ctx))
    refused(E.ENETUNREACH, "deleted", source, ctx, "8.8.8.8")


def test_overlap():
    """overlapping prefixes of different length"""
    prefixes = {0: "192.0.2.0/24", 1: "192.0.2.128/25", 2: "192.0.2.200/32"}
    for ctx, dst in prefixes.items():
        RT.route(dst, via=HIP, dev=W[ctx].dev, table=table_of(ctx))
    for dest, covered in (("192.0.2.200", (0, 1, 2)), ("192.0.2.130", (0, 1)),
                          ("192.0.2.1", (0,))):
        for ctx in ALL:
            if ctx in covered:
                eq(leaves(ctx, dest), [ctx], f"{dest} from {ctx}")
            else:
                refused(E.ENETUNREACH, f"{dest} from {ctx}", source, ctx, dest)
    for ctx, dst in prefixes.items():
        RT.route_del(dst, table=table_of(ctx))


def test_same_prefix():
    """one prefix in every table; add, replace and delete are per table"""
    dst = "198.51.100.0/24"
    for ctx in ALL:
        RT.route(dst, via=HIP, dev=W[ctx].dev, table=table_of(ctx))
        refused(E.EEXIST, "again", RT.route, dst, via=HIP, dev=W[ctx].dev,
                table=table_of(ctx))
    RT.route_del(dst, table=table_of(1))
    refused(E.ESRCH, "delete again", RT.route_del, dst, table=table_of(1))
    refused(E.ENETUNREACH, "deleted", source, 1, "198.51.100.1")
    for ctx in (0, 2):
        eq(source(ctx, "198.51.100.1"), own(ctx), f"in {ctx}")
    RT.route(dst, replace=True, kind=RTN_PROHIBIT, table=table_of(2))
    refused(E.EACCES, "replaced", source, 2, "198.51.100.1")
    eq(source(0, "198.51.100.1"), own(0), "context 0")
    for ctx in (0, 2):
        RT.route_del(dst, table=table_of(ctx))


@params((RTN_BLACKHOLE, E.EINVAL), (RTN_PROHIBIT, E.EACCES),
        (RTN_UNREACHABLE, E.EHOSTUNREACH))
def test_reject(kind, want):
    """reject routes of one context, type and errno:"""
    RT.route("203.0.113.0/24", kind=kind, table=table_of(1))
    RT.route("203.0.113.0/24", via=HIP, dev=W[2].dev, table=table_of(2))
    refused(want, "in the context", source, 1, "203.0.113.1")
    eq(source(2, "203.0.113.1"), own(2), "other context")
    RT.route_del("203.0.113.0/24", table=table_of(1))
    RT.route_del("203.0.113.0/24", table=table_of(2))


@params((0, 1), (1, 0), (1, 2))
def test_foreign_device(ctx, other):
    """a route may not name a device of another context:"""
    tables = [table_of(ctx)] + ([100, 255] if not ctx else [])
    for table in tables:
        for kwargs in ({"dev": W[other].dev},
                       {"dev": W[other].dev, "via": HIP},
                       {"dev": W[other].dev, "via": HIP, "onlink": True}):
            err = refused((E.EINVAL, NO_GATEWAY, E.EXDEV, E.ENODEV),
                          f"table {table} {kwargs}", RT.route,
                          "192.0.2.0/24", table=table, **kwargs)
            check(err.extack, "no extack text")
    check(not any(k[0] == ip("192.0.2.0/24") for k in RT.routes(table_of(ctx))),
          "route was added")


def test_gateway_elsewhere():
    """a gateway that only another context can reach is no gateway"""
    RT.route("172.16.0.0/24", dev=W[2].dev, table=table_of(2))
    for ctx in (0, 1):
        refused(NO_GATEWAY, f"in {ctx}", RT.route, "192.0.2.0/24",
                via="172.16.0.1", table=table_of(ctx))
    RT.route("192.0.2.0/24", via="172.16.0.1", table=table_of(2))
    RT.route_del("192.0.2.0/24", table=table_of(2))
    RT.route_del("172.16.0.0/24", table=table_of(2))


def test_foreign_prefsrc():
    """the preferred source must be an address of the context"""
    for ctx, other in ((0, 1), (1, 0), (1, 2)):
        refused(E.EINVAL, f"source of {other} in {ctx}", RT.route,
                "192.0.2.0/24", via=HIP, dev=W[ctx].dev,
                src=f"10.0.0.{100 + other}", table=table_of(ctx))


def test_same_address_removed():
    """deleting an address in one context leaves its twins alone"""
    for ctx in ALL:
        RT.addr(W[ctx].dev, "10.9.9.9/24")
        RT.route("192.0.2.0/24", via="10.9.9.1", dev=W[ctx].dev,
                 src="10.9.9.9", table=table_of(ctx))
    RT.addr_del(W[1].dev, "10.9.9.9/24")
    have = RT.routes(table_of(1))
    far = (ip("192.0.2.0/24"), RTN_UNICAST)
    if V6:                              # the route stays, without the source
        check(7 not in have.pop(far), "preferred source in context 1")
        RT.route_del("192.0.2.0/24", table=table_of(1))
    check(not any(pick("10.9.9.", "fd00::a09:9") in k[0] or k[0] == far[0]
                  for k in have), "left in context 1")
    refused(E.EADDRNOTAVAIL, "bind in 1", sock, UDP, 1, ("10.9.9.9", 9))
    for ctx in (0, 2):
        sock(UDP, ctx, ("10.9.9.9", 9)).close()
        eq(RT.routes(table_of(ctx))[far].get(7), packed("10.9.9.9"),
           f"preferred source in {ctx}")
        eq(source(ctx, "192.0.2.1"), ip("10.9.9.9"), f"source in {ctx}")
        eq(source(ctx, "10.9.9.5"), ip("10.9.9.9"), f"source in {ctx}")
        RT.addr_del(W[ctx].dev, "10.9.9.9/24")
        if V6:
            RT.route_del("192.0.2.0/24", table=table_of(ctx))


def test_rules_do_not_capture():
    """policy rules of context 0 neither see nor steer other contexts"""
    RT.route("default", kind=RTN_BLACKHOLE, table=100)
    RT.rule(100, 10)
    try:
        refused(E.EINVAL, "context 0", source, 0, HIP)
        for ctx in (1, 2):      # not leaves(): context 0 answers no ping now
            with sock(UDP, ctx) as one:
                one.sendto(b"steer", (HIP, 9))
            eq([p.dport for p in W[ctx].sync()], [9], f"wire of {ctx}")
    finally:
        RT.rule(100, 10, RTM_DELRULE)
        RT.route_del("default", table=100, kind=RTN_BLACKHOLE)
    eq(leaves(0, HIP), [0], "wires of 0 after")


def test_rule_to_context():
    """no rule may point to the table of a context"""
    err = refused((E.EINVAL, E.EOPNOTSUPP, E.EBUSY), "rule", RT.rule,
                  table_of(1), 20)
    check(err.extack, "no extack text")


def test_gateway():
    """a gateway is looked up in the context alone"""
    RT.link_add("d9", "dummy")
    RT.addr("d9", "198.51.100.1/24")
    RT.link_set("d9", up=True)
    refused(NO_GATEWAY, "gateway of context 0", RT.route, "192.0.2.0/24",
            via="198.51.100.2", table=table_of(1))
    RT.link_del("d9")


@only(4)
def test_rule_before_context():
    """a rule that is older than the context does not lead into it"""
    RT.rule(table_of(8), 20)
    LAB.vr.new(8)
    wire = Wire(LAB, 8, cidr="203.0.113.1/24", ip="203.0.113.2")
    eq(source(8, "203.0.113.2"), "203.0.113.1", "source in the context")
    with sock(UDP, 0) as one:       # connect() would miss the source address
        refused(E.ENETUNREACH, "context 0", one.sendto, b"x",
                ("203.0.113.2", 9))
    RT.rule(table_of(8), 20, RTM_DELRULE)
    LAB.vr.delete(8, force=True)
    RT.link_del(wire.dev)


@only(6)
def test_rule_makes_table():
    """a rule makes its table: the number is no context's from then on"""
    RT.rule(table_of(8), 20)
    err = refused(E.EBUSY, "ctx-new", LAB.vr.new, 8)
    check(err.extack, "no extack text")
    RT.rule(table_of(8), 20, RTM_DELRULE)


def test_ordinary_table_is_busy():
    """a number whose table was made by hand is EBUSY, then free again"""
    RT.link_add("d0", "dummy")
    RT.link_set("d0", up=True)
    RT.route("192.0.2.0/24", dev="d0", table=table_of(77))
    err = refused(E.EBUSY, "ctx-new", LAB.vr.new, 77)
    check(err.extack, "no extack text")
    RT.link_del("d0")


def test_unknown_context():
    """sockets of a deleted context have no route, not those of context 0"""
    LAB.vr.new(3)
    one = sock(UDP, 3)
    LAB.vr.delete(3)
    for dest in (HIP, "127.0.0.1", "10.0.0.100", "224.0.0.5"):
        refused(E.ENETUNREACH, dest, one.sendto, b"x", (ip(dest), 9))
    for wire in W.values():
        wire.silent("packet of a deleted context")
    one.close()


def test_move_changes_table():
    """routes of a moved device go to the new table when it comes up"""
    RT.link_add("d1", "dummy")
    RT.addr("d1", "10.7.0.1/24")
    RT.link_set("d1", up=True)
    key = (ip("10.7.0.0/24"), RTN_UNICAST)
    check(key in RT.routes(254), "not in main")
    for ctx in (1, 2, 0):
        RT.link_set("d1", up=False)
        LAB.vr.move("d1", ctx)
        eq(RT.addrs("d1"), [ip("10.7.0.1/24")], "addresses")
        for table in map(table_of, ALL):
            check(not any(k[0].startswith(pick("10.7.", "fd00::a07:"))
                          for k in RT.routes(table)
                          if k[1] == RTN_UNICAST), "route while down")
        RT.up("d1")
        for other in ALL:
            eq(key in RT.routes(table_of(other)),
               other == ctx, f"route in {other} with the device in {ctx}")
        eq(source(ctx, "10.7.0.9"), ip("10.7.0.1"), "source")
    RT.link_del("d1")


def test_many_routes():
    """tables of different size, each longest prefix right"""
    for ctx in (1, 2):
        for third in range(100):
            RT.route(f"172.20.{third}.0/24", via=HIP, dev=W[ctx].dev,
                     table=table_of(ctx), metric=ctx)
    RT.route("172.20.50.7/32", kind=RTN_PROHIBIT, table=table_of(2))
    refused(E.EACCES, "host route", source, 2, "172.20.50.7")
    eq(source(2, "172.20.50.8"), own(2), "its neighbour")
    eq(source(1, "172.20.50.7"), own(1), "other context")
    refused(E.ENETUNREACH, "context 0", source, 0, "172.20.50.7")
    RT.link_set(W[1].dev, up=False)             # flushes 1, not 2
    net = pick("172.20", "fd00::ac14:")
    eq(len([k for k in RT.routes(table_of(1)) if net in k[0]]), 0,
       "routes of 1")
    eq(len([k for k in RT.routes(table_of(2)) if net in k[0]]), 101,
       "routes of 2")
    W[1].up()


def test_get():
    """route get: a device stands for its context, in either direction"""
    for ctx in ALL:
        if ctx:
            RT.route("192.0.2.0/24", via=HIP, dev=W[ctx].dev,
                     table=table_of(ctx))
            got = RT.route_get("192.0.2.1", oif=W[ctx].dev)[1]
            eq(got[4], struct.pack("=i", RT.ifindex(W[ctx].dev)), "device")
            RT.route_del("192.0.2.0/24", table=table_of(ctx))
        for other in ALL:
            try:
                kind = RT.route_get(own(other), HIP, iif=W[ctx].dev)[0]
            except OSError:             # it is not said to forward
                kind = None
            eq(kind == RTN_LOCAL, ctx == other, f"{other}'s address in {ctx}")


def test_first_route():
    """a route makes the table of a context that nobody has used yet"""
    LAB.vr.new(9)
    RT.route("192.0.2.0/24", kind=RTN_BLACKHOLE, table=table_of(9))
    refused(E.EINVAL, "send", source, 9, "192.0.2.1")
    refused(E.ENETUNREACH, "another", source, 9, "198.51.100.1")
    with sock(UDP, 9):                  # carries the number on
        LAB.vr.delete(9, force=True)
        err = refused(E.ENETUNREACH, "deleted", RT.route, "192.0.2.0/24",
                      kind=RTN_BLACKHOLE, table=table_of(9))
        check(err.extack, "no extack text")
        eq(list(RT.routes(table_of(9))), [], "routes")


def test_namespaces():
    """the same number in another namespace is another context"""
    far = Netns()
    with far:
        vr = nl.Vrctx()
        refused(E.ENOENT, "context 1 there", vr.get, id=1)
        vr.new(1, "there")
        eq(len([k for k in far.rt.routes(table_of(1))
                if not k[0].startswith(pick("127.", "::1/"))]), 0,
           "routes there")
        with sock(UDP, 1) as one:
            refused(E.ENETUNREACH, "send there", one.sendto, b"x", (HIP, 9))
    check("name" not in LAB.vr.get(id=1), "renamed across namespaces")
    far.close()


run(globals())
