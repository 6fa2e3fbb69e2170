#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 4 6
"""Multicast and broadcast are delivered within one context.

Guards __udp4_lib_mcast_deliver(), ip_mc_find_dev(), the membership look-ups,
the loopback copy of own multicast and broadcast, and IGMP output; the same of
IPv6, but for MLD output.
"""
import errno as E
import socket

from vr_fam import (JOIN, LEAVE, MULTICAST_IF, MULTICAST_LOOP, SOL, V6,
                    group_mac, ip, mreq, multicast_if, only, packed, pick,
                    proc_net)
from vr_nl import table_of
from vr_net import RAW, TCP, UDP, Lab, readable, sock
from vr_pkt import BROADCAST, Wire
from vr_tap import check, eq, params, refused, run

# They share buckets with context 0, wherever the port is the key: see twin()
# in scale.c
A, B = 75025, 150050
LAB = Lab(A, B, hosts=False)
RT = LAB.rt
ALL = (0, A, B)
W = {n: Wire(LAB, n) for n in ALL}
GROUP = "239.1.2.3"
GMAC = group_mac(GROUP)


def by_dev(dev, group=GROUP):
    """To join by a device; None leaves the choice to the routes."""
    return mreq(group, RT.ifindex(dev) if dev else 0)


def by_addr(addr):
    return mreq(GROUP, addr=addr)


def member(ctx, dev=None, group=GROUP):
    one = sock(UDP, ctx, ("0.0.0.0", 5353), reuse=True)
    one.setsockopt(SOL, JOIN, by_dev(dev, group))
    return one


def drain(one):
    return [d for d in iter(lambda: readable(one), None)]


@params(*[(n,) for n in ALL])
def test_receive(ctx):
    """one group and port joined in every context, datagram in:"""
    socks = {n: [member(n, W[n].dev) for _ in range(2)] for n in ALL}
    W[ctx].send_udp(4000, 5353, b"group", dst=GROUP, mac=GMAC)
    W[ctx].sync()
    for n in ALL:
        for one in socks[n]:
            eq(drain(one), [b"group"] if n == ctx else [], f"member in {n}")
            one.close()


def test_not_joined():
    """membership in another context is none here"""
    # bound to the group, IP_MULTICAST_ALL: takes what any member would take
    for ctx, other in ((0, A), (A, 0), (A, B)):
        here = sock(UDP, ctx, (GROUP, 5353), reuse=True)
        there = member(other, W[other].dev)
        W[ctx].send_udp(4000, 5353, b"nobody", dst=GROUP, mac=GMAC)
        W[ctx].sync()
        eq((drain(here), drain(there)), ([], []), f"{ctx}, {other}")
        here.close()
        there.close()


@params((0, A), (A, 0), (A, B))
def test_join_foreign(ctx, other):
    """join on a device of another context, own and other:"""
    with sock(UDP, ctx, ("0.0.0.0", 5353)) as one:
        refused((E.ENODEV, E.EINVAL, E.EADDRNOTAVAIL), "by index",
                one.setsockopt, SOL, JOIN, by_dev(W[other].dev))
        refused((E.ENODEV, E.EINVAL, E.EADDRNOTAVAIL), "interface to send by",
                one.setsockopt, SOL, MULTICAST_IF,
                multicast_if(RT.ifindex(W[other].dev)))
    if V6:                      # names devices by their index only
        return
    RT.addr(W[other].dev, "10.5.5.5/32")
    with sock(UDP, ctx, ("0.0.0.0", 5353)) as one:
        refused((E.ENODEV, E.EINVAL, E.EADDRNOTAVAIL), "by address",
                one.setsockopt, SOL, JOIN, by_addr("10.5.5.5"))
        refused((E.ENODEV, E.EINVAL, E.EADDRNOTAVAIL), "send by address",
                one.setsockopt, SOL, MULTICAST_IF, by_addr("10.5.5.5"))
    RT.addr_del(W[other].dev, "10.5.5.5/32")


@only(4)
def test_join_by_route():
    """a join without device takes the context's route, not another's"""
    for ctx in ALL:
        refused((E.ENODEV, E.ENETUNREACH), f"no route in {ctx}", member, ctx)
    RT.route("default", dev=W[A].dev, table=table_of(A))
    for ctx in (0, B):
        refused((E.ENODEV, E.ENETUNREACH), f"route in A, join in {ctx}",
                member, ctx)
    with member(A) as one:
        W[A].send_udp(4000, 5353, b"routed", dst=GROUP, mac=GMAC)
        W[A].sync()
        eq(drain(one), [b"routed"], "member")
    RT.route_del("default", table=table_of(A))


@only(6)
def test_join_by_table():
    """a join without device takes a device of the context, if it has one"""
    # every device brings a route of all groups into its context's table
    for ctx in ALL:
        with member(ctx) as one:
            for n in ALL:
                W[n].send_udp(4000, 5353, b"to %d" % n, dst=GROUP, mac=GMAC)
                W[n].sync()
            eq(drain(one), [b"to %d" % ctx], f"member in {ctx}")
    LAB.vr.new(4)
    refused((E.ENODEV, E.ENETUNREACH), "no device", member, 4)
    LAB.quiet(4)
    LAB.vr.delete(4)


@params(*[(n,) for n in ALL])
def test_send(ctx):
    """own multicast: out of the context, looped to its members:"""
    members = {n: member(n, W[n].dev) for n in ALL}
    for n in ALL:
        W[n].sync()
    with sock(UDP, ctx) as one:
        one.setsockopt(SOL, MULTICAST_IF, multicast_if(RT.ifindex(W[ctx].dev)))
        one.setsockopt(SOL, MULTICAST_LOOP, 1)
        one.sendto(b"hello", (ip(GROUP), 5353))
    for n in ALL:
        got = [p.data for p in W[n].sync() if p.proto == 17]
        eq(got, [b"hello"] if n == ctx else [], f"wire {n}")
        eq(drain(members[n]), [b"hello"] if n == ctx else [], f"member {n}")
        members[n].close()


@only(4)
@params(*[(n,) for n in ALL])
def test_igmp(ctx):
    """the report of a join goes out of its context:"""
    group = f"239.9.9.{ALL.index(ctx)}"

    def report(pkt):
        return pkt.proto == 2 and packed(group) in pkt.body

    with member(ctx, W[ctx].dev, group):
        W[ctx].expect(report, "IGMP report")
        for n in set(ALL) - {ctx}:
            check(not any(map(report, W[n].sync())), f"IGMP on wire {n}")


def test_raw_multicast():
    """raw sockets get their context's multicast only"""
    socks = {n: sock(RAW, n, proto=200) for n in ALL}
    joined = [member(n, W[n].dev) for n in ALL]
    for n in ALL:
        socks[n].setsockopt(SOL, JOIN, by_dev(W[n].dev))
    W[A].send_ip(200, b"raw group", dst=GROUP, mac=GMAC)
    W[A].sync()
    eq([len(drain(socks[n])) for n in ALL], [0, 1, 0], "raw sockets")
    for one in [*socks.values(), *joined]:
        one.close()


def test_delete_context():
    """memberships end with the context, the device forgets them"""
    LAB.vr.new(3)
    RT.link_add("m3", "dummy")
    LAB.vr.move("m3", 3)
    RT.addr("m3", "10.3.0.1/24")
    RT.link_set("m3", up=True)
    one = member(3, "m3", "239.3.3.3")
    hexa = pick("030303EF", packed("239.3.3.3").hex())
    with open(proc_net("igmp"), encoding="ascii") as f:
        check(hexa in f.read(), "not joined")
    LAB.vr.delete(3, force=True)
    RT.link_set("m3", up=True)
    with open(proc_net("igmp"), encoding="ascii") as f:
        check(hexa not in f.read(), "still joined in context 0")
    one.close()
    RT.link_del("m3")


@params(("close",), ("leave",))
def test_stale_member(how):
    """who joined before the device moved ends no membership of now:"""
    wire = Wire(LAB, A, dev="m1", cidr="10.3.0.1/24", ip="10.3.0.2")
    old = member(A, "m1")
    RT.link_set("m1", up=False)
    LAB.vr.move("m1", B)
    wire.up()
    new = member(B, "m1")
    if how == "leave":
        try:
            old.setsockopt(SOL, LEAVE, by_dev("m1"))
        except OSError:
            pass                # the device is another context's
    old.close()
    wire.send_udp(4000, 5353, b"group", dst=GROUP, mac=GMAC)
    wire.sync()
    eq(drain(new), [b"group"], "member of now")
    new.close()
    RT.link_del("m1")


@only(4)
@params(("10.0.0.255",), ("255.255.255.255",))
def test_broadcast_in(dst):
    """a broadcast in reaches sockets of its context only:"""
    for addr in ("0.0.0.0", "10.0.0.255"):
        if (addr, dst) == ("10.0.0.255", "255.255.255.255"):
            continue
        socks = {n: [sock(UDP, n, (addr, 67), reuse=True) for _ in range(2)]
                 for n in ALL}
        for ctx in ALL:
            W[ctx].send_udp(68, 67, b"all", dst=dst, mac=BROADCAST)
            W[ctx].sync()
            for n in ALL:
                for one in socks[n]:
                    eq(drain(one), [b"all"] if n == ctx else [],
                       f"{addr} in {n}, sent to {ctx}")
        for group in socks.values():
            for one in group:
                one.close()


@only(4)
@params(*[(n,) for n in ALL])
def test_broadcast_out(ctx):
    """a broadcast out: by the context's device, looped within:"""
    socks = {n: sock(UDP, n, ("0.0.0.0", 67), reuse=True) for n in ALL}
    with sock(UDP, ctx) as one:
        refused(E.EACCES, "without SO_BROADCAST", one.sendto, b"x",
                ("10.0.0.255", 67))
        one.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        one.sendto(b"out", ("10.0.0.255", 67))
    for n in ALL:
        got = [p.data for p in W[n].sync() if p.proto == 17]
        eq(got, [b"out"] if n == ctx else [], f"wire {n}")
        eq(drain(socks[n]), [b"out"] if n == ctx else [], f"socket {n}")
        socks[n].close()


@only(4)
def test_broadcast_foreign():
    """another context's broadcast address is nothing special here"""
    RT.addr(W[B].dev, "172.30.0.1/24", brd="172.30.0.255")
    RT.route("172.30.0.0/16", dev=W[A].dev, table=table_of(A))
    RT.neigh(W[A].dev, "172.30.0.255", b"\2\0\0\0\0\2")
    with sock(UDP, A) as one:           # unicast there: no SO_BROADCAST
        one.sendto(b"plain", ("172.30.0.255", 67))
    pkt = W[A].expect(lambda p: p.proto == 17, "datagram")
    eq(pkt.dst, "172.30.0.255", "destination")
    check(not any(p.proto == 17 for p in W[B].sync()), "sent by context 2")
    RT.addr_del(W[B].dev, "172.30.0.1/24")
    RT.route_del("172.30.0.0/16", table=table_of(A))


@only(4)
def test_tcp_to_broadcast():
    """no TCP to the context's broadcast address"""
    with sock(TCP, A) as one:
        refused((E.EACCES, E.ENETUNREACH), "connect", one.connect,
                ("10.0.0.255", 80))


run(globals())
