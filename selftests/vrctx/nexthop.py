#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 4 6
"""Nexthop objects: each context has its own numbers, groups, routes, events.

	10.0.0.2 a ---- router, context N ---- b 10.1.0.2	for N = 0, 1, 2
					  ---- c 10.2.0.2

Guards the context in the tree of nexthops and in its users: groups, routes of
both families, dumps, events, flushes, source addresses and exceptions.
"""
import errno as E
import socket
import struct

import vr_nl as nl
from vr_fam import (AF, FORWARD, MTU, MTU_DISCOVER, PMTU_DO, SOL, TOO_BIG,
                    family_of, ip, packed, pick)
from vr_net import UDP, Lab, enter, inside, sock, whoami
from vr_nl import NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, NLM_F_REPLACE, attr, u32
from vr_nl import parse, table_of
from vr_pkt import Wire, ip_packet, quote, udp_datagram
from vr_rt import (RTM_DELNEXTHOP, RTM_GETNEXTHOP, RTM_GETNEXTHOPBUCKET,
                   RTM_GETROUTE, RTM_NEWNEXTHOP, Rtnl, sysctl)
from vr_tap import check, eq, params, refused, run

(ID, GROUP, GROUP_TYPE, BLACKHOLE, OIF, GATEWAY, ENCAP_TYPE, ENCAP, GROUPS, _,
 FDB, RES_GROUP, RES_BUCKET) = range(1, 14)
RTNLGRP_NEXTHOP, RTNLGRP_ROUTE = 32, pick(7, 11)
NET = "192.0.2.0/24"

LAB = Lab(1, 2, hosts=False)
RT = LAB.rt
ALL = (0, 1, 2)
sysctl(FORWARD, 1)
sysctl("net.ipv4.conf.all.send_redirects", 0)
A = {n: Wire(LAB, n, dev=f"a{n}") for n in ALL}
B = {n: Wire(LAB, n, dev=f"b{n}", cidr="10.1.0.1/24", ip="10.1.0.2")
     for n in ALL}
C = {n: Wire(LAB, n, dev=f"c{n}", cidr="10.2.0.1/24", ip="10.2.0.2")
     for n in ALL}
WIRES = {(side, n): wires[n] for side, wires in (("a", A), ("b", B), ("c", C))
         for n in ALL}


class Nexthops(Rtnl):
    """rtnetlink of a context, with requests about nexthops."""

    def __init__(self, ctx):
        with inside(ctx):
            super().__init__()

    def nh(self, ident, via=None, dev=None, flags=NLM_F_CREATE | NLM_F_EXCL,
           family=AF, more=b""):
        msg = bytes([family_of(via) if via else family, 0, 0, 0]) + bytes(4)
        msg += u32(ID, ident) if ident else b""
        msg += attr(GATEWAY, packed(via)) if via else b""
        msg += u32(OIF, self.ifindex(dev)) if dev else b""
        self.request(RTM_NEWNEXTHOP, flags, msg + more)

    def nh_replace(self, *args, **kwargs):
        self.nh(*args, flags=NLM_F_CREATE | NLM_F_REPLACE, **kwargs)

    def nh_group(self, ident, *members, resilient=0, flags=NLM_F_CREATE):
        more = attr(GROUP, b"".join(struct.pack("=IBBH", m, 0, 0, 0)
                                    for m in members))
        if resilient:
            more += attr(GROUP_TYPE, struct.pack("=H", 1))
            more += nl.nest(RES_GROUP, attr(1, struct.pack("=H", resilient)))
        self.nh(ident, flags=flags, family=0, more=more)

    def nh_del(self, ident):
        self.request(RTM_DELNEXTHOP, 0, bytes(8) + u32(ID, ident))

    def nh_get(self, ident):
        body, = self.request(RTM_GETNEXTHOP, 0, bytes(8) + u32(ID, ident))
        return parse(body[8:])

    def nhs(self, more=b"", kind=RTM_GETNEXTHOP):
        """{id: attributes} in a dump."""
        out = {}
        for body in self.request(kind, NLM_F_DUMP, bytes(8) + more):
            got = parse(body[8:])
            out[struct.unpack("=I", got[ID])[0]] = got
        return out

    def buckets(self, ident):
        return self.request(RTM_GETNEXTHOPBUCKET, NLM_F_DUMP,
                            bytes(8) + u32(ID, ident))

    def flush(self):
        while left := self.nhs():
            for ident in left:
                try:
                    self.nh_del(ident)
                except OSError as err:      # with its only member
                    if err.errno != E.ENOENT:
                        raise


V = {n: Nexthops(n) for n in ALL}
OIFS = {n: struct.pack("=I", RT.ifindex(f"b{n}")) for n in ALL}


def clean():
    for n in ALL:
        V[n].flush()
        eq(V[n].nhs(), {}, f"left in {n}")


def collect():
    out = {key: wire.sync() for key, wire in WIRES.items()}
    return {key: pkts for key, pkts in out.items() if pkts}


def test_numbers():
    """the same number in every context is as many nexthops"""
    for n in ALL:
        V[n].nh(10, via="10.1.0.2", dev=f"b{n}")
        refused(E.EEXIST, "twice", V[n].nh, 10, via="10.1.0.2", dev=f"b{n}")
    for n in ALL:
        eq(V[n].nh_get(10)[OIF], OIFS[n], f"get in {n}")
        got = V[n].nhs()
        eq(set(got), {10}, f"dump in {n}")
        eq(got[10][OIF], OIFS[n], f"device in the dump in {n}")
        check(nl.NL_ATTR not in got[10], "no context to be told")
    V[1].nh_del(10)
    refused(E.ENOENT, "deleted", V[1].nh_get, 10)
    refused(E.ENOENT, "deleted twice", V[1].nh_del, 10)
    for n in (0, 2):
        eq(V[n].nh_get(10)[OIF], OIFS[n], f"still in {n}")
    clean()


def test_free_number():
    """the kernel's own choice is of the context's free numbers"""
    V[1].nh(1, via="10.1.0.2", dev="b1")
    V[1].nh(3, via="10.1.0.2", dev="b1")
    for n, want in ((1, {1, 2, 3}), (1, {1, 2, 3, 4}), (2, {1})):
        V[n].nh(0, via="10.1.0.2", dev=f"b{n}")
        eq(set(V[n].nhs()), want, f"numbers in {n}")
    clean()


def test_foreign_device():
    """a nexthop names devices of its context"""
    for dev in ("b0", "b2"):
        V[1].index[dev] = RT.ifindex(dev)
        refused(E.ENODEV, dev, V[1].nh, 10, via="10.1.0.2", dev=dev)
    err = refused(E.EINVAL, "from 0", V[0].nh, 10, via="10.1.0.2", dev="b1")
    check("not in the context" in err.extack, f"text: {err.extack!r}")
    err = refused(E.EINVAL, "lo is for all", V[1].nh, 10, dev="lo")
    check("not in the context" in err.extack, f"text: {err.extack!r}")
    V[0].nh(10, dev="lo")
    # found by the gateway's address, in the table of the context
    RT.route("198.51.100.1/32", dev="b2", table=table_of(2))
    refused((E.EINVAL, E.ENETUNREACH, E.EHOSTUNREACH), "foreign gateway",
            V[1].nh, 10, via="198.51.100.1", dev="b1")
    V[2].nh(10, via="198.51.100.1", dev="b2")
    RT.route_del("198.51.100.1/32", dev="b2", table=table_of(2))
    clean()


def test_groups():
    """a group is of nexthops of its context"""
    V[1].nh(10, via="10.1.0.2", dev="b1")
    V[2].nh(11, via="10.1.0.2", dev="b2")
    err = refused(E.EINVAL, "foreign member", V[1].nh_group, 20, 10, 11)
    check(err.extack, "no extack text")
    refused(E.EINVAL, "from 0", V[0].nh_group, 20, 10)
    V[1].nh(11, via="10.2.0.2", dev="c1")
    V[1].nh_group(20, 10, 11)
    eq(set(V[1].nhs(attr(GROUPS))), {20}, "groups")
    eq(set(V[1].nhs(u32(OIF, RT.ifindex("c1")))), {11}, "by device")
    eq(set(V[2].nhs()), {11}, "in 2")
    V[1].nh_del(11)
    eq(len(V[1].nh_get(20)[GROUP]), 8, "members left")
    V[1].nh_del(10)
    refused(E.ENOENT, "group without members", V[1].nh_get, 20)
    clean()


def test_routes():
    """a route uses nexthops of the context of its table"""
    V[2].nh(30, via="10.1.0.2", dev="b2")
    for rt, kwargs in ((V[1], {}), (RT, {"table": table_of(1)}), (V[0], {})):
        err = refused(E.EINVAL, "foreign", rt.route, NET, nhid=30, **kwargs)
        check("id does not exist" in err.extack, f"text: {err.extack!r}")
    RT.route(NET, nhid=30, table=table_of(2))
    V[1].nh(30, via="10.2.0.2", dev="c1")
    V[1].route(NET, nhid=30)
    for n, key in ((1, ("c", 1)), (2, ("b", 2))):
        eq(V[n].routes(254)[(ip(NET), 1)][30], struct.pack("=I", 30), "nhid")
        A[n].send_udp(4000, 53, b"via object", dst="192.0.2.1")
        eq(list(collect()), [key], f"way out of {n}")
        got = V[n].request(RTM_GETROUTE, 0, struct.pack(
            "=BBBBBBBBI", AF, len(packed(NET[:-3])) * 8, 0, 0, 0, 0, 0, 0,
            0x2000) + attr(1, packed("192.0.2.1")))         # FIB_MATCH
        eq(parse(got[0][12:])[30], struct.pack("=I", 30), "fibmatch")
    # a change in one is none in the other
    V[1].nh_replace(30, via="10.1.0.2", dev="b1")
    for n in (1, 2):
        A[n].send_udp(4000, 53, b"replaced", dst="192.0.2.1")
        eq(list(collect()), [("b", n)], f"way out of {n}")
    V[1].nh_del(30)
    check((ip(NET), 1) not in V[1].routes(254), "route left")
    check((ip(NET), 1) in V[2].routes(254), "route of 2 gone")
    refused(E.EINVAL, "delete by a foreign one", V[1].route_del, NET, nhid=30)
    V[2].route_del(NET, nhid=30)
    check((ip(NET), 1) not in V[2].routes(254), "route of 2 left")
    clean()


@params((0,), (16,))
def test_multipath(resilient):
    """both ways of a group are used, in its context; buckets:"""
    for n in (1, 2):
        V[n].nh(1, via="10.1.0.2", dev=f"b{n}")
        V[n].nh(2, via="10.2.0.2", dev=f"c{n}")
        V[n].nh_group(9, 1, 2, resilient=resilient)
        V[n].route(NET, nhid=9)
    if resilient:
        for n in (1, 2):
            eq(len(V[n].buckets(9)), resilient, f"buckets in {n}")
        refused(E.ENOENT, "buckets of nobody", V[0].buckets, 9)
        eq(V[0].nhs(kind=RTM_GETNEXTHOPBUCKET), {}, "buckets in 0")
        msg = bytes(8) + u32(ID, 9) + nl.nest(RES_BUCKET, attr(1, b"\0\0"))
        V[1].request(RTM_GETNEXTHOPBUCKET, 0, msg)
        refused(E.ENOENT, "bucket", V[0].request, RTM_GETNEXTHOPBUCKET, 0, msg)
    for host in range(1, 33):
        A[1].send_udp(4000, 53, b"spread", dst=f"192.0.2.{host}")
    got = collect()
    eq(set(got), {("b", 1), ("c", 1)}, "ways")
    eq(sum(map(len, got.values())), 32, "packets")
    V[1].nh_del(2)
    for host in range(1, 33):
        A[1].send_udp(4000, 53, b"one left", dst=f"192.0.2.{host}")
        A[2].send_udp(4000, 53, b"both", dst=f"192.0.2.{host}")
    got = collect()
    eq({k for k in got if k[1] == 1}, {("b", 1)}, "ways in 1")
    eq({k for k in got if k[1] == 2}, {("b", 2), ("c", 2)}, "ways in 2")
    clean()


def test_blackhole():
    """blackhole nexthops, and what is refused"""
    V[1].nh(5, more=attr(BLACKHOLE))
    V[1].route(NET, nhid=5)
    A[1].send_udp(4000, 53, b"gone", dst="192.0.2.1")
    eq(collect(), {}, "packets")
    eq(set(V[0].nhs()) | set(V[2].nhs()), set(), "elsewhere")
    for what, more in (("fdb", attr(FDB) + attr(GATEWAY, packed("10.1.0.2"))),
                       ("encapsulation", u32(OIF, RT.ifindex("b1"))
                        + attr(ENCAP_TYPE, struct.pack("=H", 1))
                        + nl.nest(ENCAP, u32(1, 0)))):
        err = refused(E.EOPNOTSUPP, what, V[1].nh, 6, more=more)
        check("in a context" in err.extack, f"text: {err.extack!r}")
    clean()


def ear(ctx, group=RTNLGRP_NEXTHOP):
    with inside(ctx):
        one = nl.Netlink(socket.NETLINK_ROUTE)
    one.sock.setsockopt(nl.SOL_NETLINK, 1, group)
    return one


def heard(one):
    out = []
    one.sock.setblocking(False)
    try:
        while True:
            out += [kind for kind, *_ in one.split(one.sock.recv(1 << 16))]
    except BlockingIOError:
        return out


def test_events():
    """events are heard in the context of the nexthop, and nowhere else"""
    ears = {n: ear(n) for n in ALL}
    for ctx in ALL:
        V[ctx].nh(7, via="10.1.0.2", dev=f"b{ctx}")
        V[ctx].nh_group(8, 7)
        V[ctx].nh_del(7)
        for n, one in ears.items():
            eq(heard(one), [104, 104, 105, 105] if n == ctx else [],
               f"in {n}, of {ctx}")
    for one in ears.values():
        one.close()


def test_replaced():
    """routes by an object that is replaced are told anew"""
    for ctx in ALL:
        V[ctx].nh(7, via="10.1.0.2", dev=f"b{ctx}")
        V[ctx].route(NET, nhid=7)
        one = ear(ctx, RTNLGRP_ROUTE)
        V[ctx].nh_replace(7, via="10.1.0.3", dev=f"b{ctx}")
        eq(heard(one), [24], f"events in {ctx}")
        one.close()
    clean()


def test_device_down():
    """a device that goes down or moves takes its nexthops with it"""
    for n in ALL:
        V[n].nh(40, via="10.1.0.2", dev=f"b{n}")
        V[n].route(NET, nhid=40)
    RT.link_set("b1", up=False)
    eq({n: set(V[n].nhs()) for n in ALL}, {0: {40}, 1: set(), 2: {40}},
       "nexthops")
    for n in ALL:
        eq((ip(NET), 1) in V[n].routes(254), n != 1, f"route in {n}")
    LAB.vr.move("b1", 2)
    eq(set(V[2].nhs()), {40}, "after the move")
    LAB.vr.move("b1", 1)
    B[1].up()
    clean()


def test_source_address():
    """the source of a flow by a nexthop object is the context's"""
    RT.addr_del("b2", "10.1.0.1/24")
    RT.addr("b2", "10.1.0.77/24")
    for n in (1, 2):
        V[n].nh(50, via="10.1.0.2", dev=f"b{n}")
        V[n].route(NET, nhid=50)
        with sock(UDP, n) as one:
            one.connect((ip("192.0.2.1"), 53))
            eq(one.getsockname()[0], ip("10.1.0.1" if n == 1 else "10.1.0.77"),
               f"source in {n}")
    RT.addr_del("b2", "10.1.0.77/24")
    RT.addr("b2", "10.1.0.1/24")
    clean()


def test_exceptions():
    """a path MTU learnt by a nexthop of one context is not the other's"""
    socks = {}
    for n in (1, 2):
        V[n].nh(60, via="10.1.0.2", dev=f"b{n}")
        V[n].route(NET, nhid=60)
        socks[n] = sock(UDP, n, bind=("0.0.0.0", 5000))
        socks[n].setsockopt(SOL, MTU_DISCOVER, PMTU_DO)
        socks[n].connect((ip("192.0.2.1"), 53))
    inner = ip_packet(17, udp_datagram(5000, 53, b"q", "10.1.0.1",
                                       "192.0.2.1"), "10.1.0.1", "192.0.2.1")
    B[1].send_icmp(*TOO_BIG, 1300, quote(inner), src="192.0.2.1",
                   dst="10.1.0.1")
    B[1].sync()
    for n, want in ((1, 1300), (2, 1500)):
        eq(socks[n].getsockopt(SOL, MTU), want, f"MTU in {n}")
        socks[n].close()
    clean()


def test_context_deleted():
    """a deleted context leaves no nexthop; its number begins with none"""
    LAB.vr.new(3)
    LAB.rt.link_add("d3", "dummy")
    LAB.vr.move("d3", 3)
    RT.addr("d3", "10.3.0.1/24")
    RT.link_set("d3", up=True)
    old = Nexthops(3)
    for ident in (1, 2):
        old.nh(ident, via="10.3.0.2", dev="d3")
    old.nh(3, more=attr(BLACKHOLE))
    old.nh_group(4, 1, 2, resilient=8)
    old.route(NET, nhid=4)
    before = whoami()[0]
    enter(3)
    LAB.vr.delete(3, force=True)
    eq(old.nhs(), {}, "left")
    err = refused(E.ENETUNREACH, "in a deleted context", old.nh, 1,
                  more=attr(BLACKHOLE))
    check("deleted" in err.extack, f"text: {err.extack!r}")
    enter(before)
    old.close()
    LAB.vr.new(3)
    new = Nexthops(3)
    eq(new.nhs(), {}, "in the new one")
    new.nh(1, more=attr(BLACKHOLE))
    new.close()
    LAB.vr.delete(3)
    RT.link_del("d3")


run(globals())
