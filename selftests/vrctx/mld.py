#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 6
"""Multicast listeners: who listens to what is a matter of each context.

Guards MLD reports and queries, inet6_mc_check(), the look-up of a device to
join on, and memberships of sockets that a moved device left behind.
"""
import errno as E
import struct

from vr_fam import (ICMP, JOIN, LEAVE, MULTICAST_LOOP, SOL, group_mac, ip,
                    mreq, packed, sockaddr)
from vr_hdr import ETH_IPV6, icmp_message, ip_header
from vr_net import RAW, TCP, UDP, Lab, readable, set_ctx, sock
from vr_pkt import GROUPS, NEIGH, Wire, neigh_request
from vr_six import eui64, members, mld_records
from vr_tap import check, eq, params, refused, run, wait

LAB = Lab(1, 2, hosts=False)
RT = LAB.rt
ALL = (0, 1, 2)
W = {n: Wire(LAB, n) for n in ALL}
DEV = {n: W[n].dev for n in ALL}
GROUP, NODES = ip("239.1.2.3"), "ff02::1"
# Kinds of record: an answer to a query, what has changed since
IS_IN, IS_EX, TO_IN, TO_EX = 1, 2, 3, 4
JOIN_SOURCE, LEAVE_SOURCE = 46, 47


def linked(wire):
    """Wait until the device has its link-local address, and its groups."""
    addr = eui64("fe80::/64", wire.rmac)
    wait(lambda: RT.settled(wire.dev, addr), f"{addr} on {wire.dev}")


for each in W.values():
    linked(each)


def member(ctx, dev=None, group=GROUP, port=5353):
    """A socket that has joined; dev None leaves the device to the routes."""
    one = sock(UDP, ctx, ("::", port), reuse=True)
    try:
        one.setsockopt(SOL, JOIN, mreq(group, RT.ifindex(dev) if dev else 0))
    except OSError:
        one.close()
        raise
    return one


def deliver(wire, data=b"group", group=GROUP, port=5353):
    wire.send_udp(4000, port, data, dst=group, mac=group_mac(group))
    wire.sync()


def drain(one):
    return list(iter(lambda: readable(one), None))


def records(wire):
    """What reports have said since the last look."""
    return [rec for payload in wire.sync((GROUPS,))
            for rec in mld_records(payload)]


def reported(wire, kinds, group):
    """Wait for a report of one of these kinds about the group."""
    for kind, payload in wire.frames(5):
        if kind == GROUPS:
            for rec in mld_records(payload):
                if rec[0] in kinds and rec[1] == group:
                    return
    raise AssertionError(f"no report of {group} on {wire.dev}")


def silent_about(group, *contexts):
    for n in contexts:
        eq([rec for rec in records(W[n]) if rec[1] == group], [],
           f"reports on wire {n}")


@params(*[(n,) for n in ALL])
def test_reports(ctx):
    """joining and leaving is reported by the device of:"""
    group = f"ff15::1:{ctx}"
    others = set(ALL) - {ctx}
    one = member(ctx, DEV[ctx], group)
    reported(W[ctx], (TO_EX,), group)
    silent_about(group, *others)
    eq([n for n in ALL if group in members(DEV[n])], [ctx], "who listens")
    one.close()
    reported(W[ctx], (TO_IN,), group)
    silent_about(group, *others)
    eq([n for n in ALL if group in members(DEV[n])], [], "who still listens")


def query(wire, group="::"):
    """Who listens (to the group)? Answers are due at once."""
    src, dst = "fe80::2", NODES if group == "::" else group
    # due within a millisecond; robustness, interval, no sources
    data = icmp_message(130, 0, 1 << 16, packed(group)
                        + bytes([2, 125, 0, 0]), src, dst)
    alert = bytes([ICMP, 0, 5, 2, 0, 0, 1, 0])          # and padding
    wire.send(ip_header(0, len(alert + data), src, dst, ttl=1) + alert + data,
              ETH_IPV6, group_mac(dst))


@params(*[(n, g) for n in ALL for g in ("::", GROUP)])
def test_queries(ctx, group):
    """a query is answered for the groups of one context:"""
    own = {n: f"ff15::2:{n}" for n in ALL}
    socks = [member(n, DEV[n], g) for n in ALL for g in (GROUP, own[n])]
    for n in ALL:
        reported(W[n], (TO_EX,), own[n])
    for wire in W.values():
        records(wire)
    query(W[ctx], group)
    reported(W[ctx], (IS_EX,), GROUP if group == GROUP else own[ctx])
    for n in set(ALL) - {ctx}:
        eq([rec for rec in records(W[n]) if rec[0] == IS_EX], [],
           f"answers on wire {n}")
    for one in socks:
        one.close()


@params(*[(n,) for n in ALL])
def test_receive(ctx):
    """one group joined in every context, a datagram in:"""
    socks = {n: member(n, DEV[n]) for n in ALL}
    deliver(W[ctx])
    for n, one in socks.items():
        eq(drain(one), [b"group"] if n == ctx else [], f"member in {n}")
        one.close()


@params((0, 1), (1, 0), (1, 2), (2, 1))
def test_only_joined_elsewhere(ctx, other):
    """who joined in another context listens there only, wire and member:"""
    here = sock(UDP, ctx, (GROUP, 5353), reuse=True)
    with here, member(other, DEV[other]) as there:
        deliver(W[ctx])
        eq((drain(here), drain(there)), ([], []), "wire without members")
        deliver(W[other], b"there")
        eq((drain(here), drain(there)), ([], [b"there"]), "wire with one")


@params(*[(n, o) for n in ALL for o in ALL if n != o])
def test_foreign(ctx, other):
    """a device of another context is no place to join, own and other:"""
    idx = RT.ifindex(DEV[other])
    with sock(UDP, ctx) as one:
        refused(E.ENODEV, "join", one.setsockopt, SOL, JOIN, mreq(GROUP, idx))
        refused((E.ENODEV, E.EADDRNOTAVAIL, E.EINVAL), "leave",
                one.setsockopt, SOL, LEAVE, mreq(GROUP, idx))
        refused((E.ENODEV, E.EINVAL), "source", one.setsockopt, SOL,
                JOIN_SOURCE, source(idx))
    check(GROUP not in members(DEV[other]), "listens")


def source(idx, addr="fd00::a00:2"):
    """struct group_source_req"""
    return struct.pack("=I4x", idx) + sockaddr(GROUP) + sockaddr(addr)


def test_by_route():
    """without a device the route of the context tells where"""
    with member(1) as one, member(2) as two:
        deliver(W[1], b"1")
        deliver(W[2], b"2")
        eq((drain(one), drain(two)), ([b"1"], [b"2"]), "members")
    LAB.vr.new(3)                               # has no device, so no route
    refused((E.ENODEV, E.ENETUNREACH), "no route", member, 3)
    RT.link_add("m3", "dummy")
    LAB.vr.move("m3", 3)
    RT.link_set("m3", up=True)
    with member(3):
        check(GROUP in members("m3"), "joined elsewhere")
    LAB.vr.delete(3, force=True)
    RT.link_del("m3")


@params(*[(n,) for n in ALL])
def test_send(ctx):
    """own multicast: out of the context, looped to its members:"""
    socks = {n: member(n, DEV[n]) for n in ALL}
    with sock(UDP, ctx) as one:
        one.setsockopt(SOL, MULTICAST_LOOP, 1)
        one.sendto(b"hello", (GROUP, 5353, 0, RT.ifindex(DEV[ctx])))
        one.sendto(b"by route", (GROUP, 5353))
    want = [b"hello", b"by route"]
    for n in ALL:
        eq([p.data for p in W[n].sync() if p.proto == 17],
           want if n == ctx else [], f"wire {n}")
        eq(drain(socks[n]), want if n == ctx else [], f"member in {n}")
        socks[n].close()


@params(*[(n,) for n in ALL])
def test_all_nodes(ctx):
    """ff02::1 reaches whoever is there, in:"""
    socks = {n: [sock(UDP, n, a, reuse=True) for a in (
        ("::", 5353), (NODES, 5353, 0, RT.ifindex(DEV[n])))] for n in ALL}
    raw = {n: sock(RAW, n, proto=200) for n in ALL}
    deliver(W[ctx], b"all", NODES)
    W[ctx].send_ip(200, b"raw", dst=NODES, mac=group_mac(NODES))
    W[ctx].sync()
    for n in ALL:
        for one in socks[n]:
            eq(drain(one), [b"all"] if n == ctx else [], f"UDP in {n}")
            one.close()
        eq(drain(raw[n]), [b"raw"] if n == ctx else [], f"raw in {n}")
        raw[n].close()


def test_sources():
    """a filter of sources is that of one context's member"""
    socks = {}
    for n in ALL:
        socks[n] = sock(UDP, n, ("::", 5353), reuse=True)
        socks[n].setsockopt(SOL, JOIN_SOURCE, source(
            RT.ifindex(DEV[n]), "fd00::a00:2" if n == 1 else "fd00::9"))
    for n in ALL:
        deliver(W[n])
        eq(drain(socks[n]), [b"group"] if n == 1 else [], f"in {n}")
    for one in socks.values():
        one.close()


def test_other_socket():
    """a socket that has joined does not change its context"""
    with member(1, DEV[1]) as one:
        refused(E.EINVAL, "SO_VRCTX", set_ctx, one, 2)
    with sock(UDP, 1) as one:
        one.setsockopt(SOL, JOIN, mreq(GROUP, RT.ifindex(DEV[1])))
        refused(E.EINVAL, "SO_VRCTX without bind", set_ctx, one, 2)


def test_no_connection():
    """no TCP to a group of the context"""
    for n in ALL:
        with sock(TCP, n) as one:
            refused((E.ENETUNREACH, E.EINVAL), f"in {n}", one.connect,
                    (GROUP, 80, 0, RT.ifindex(DEV[n])))


# ---- moved devices ----

class Moved:
    """A link that was in one context and is in another now."""

    def __init__(self, name, ctx, other):
        self.wire = Wire(LAB, ctx, dev=name, cidr="10.3.0.1/24",
                         ip="10.3.0.2")
        self.dev, self.other = name, other
        linked(self.wire)

    def move(self):
        RT.link_set(self.dev, up=False)
        LAB.vr.move(self.dev, self.other)
        self.wire.up()
        linked(self.wire)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        RT.link_del(self.dev)
        self.wire.far.close()


@params((1, 2), (1, 0), (0, 2))
def test_moved(ctx, other):
    """groups do not move along, those of every host are there, from and to:"""
    with Moved(f"m{ctx}{other}", ctx, other) as it:
        before = members(it.dev)
        with member(ctx, it.dev) as old:
            eq(members(it.dev)[GROUP], 1, "users")
            it.move()
            eq(members(it.dev), before, "groups")
            with sock(UDP, other, ("::", 5353), reuse=True) as there:
                deliver(it.wire)
                eq((drain(old), drain(there)), ([], []), "group")
                deliver(it.wire, b"all", NODES)
                eq((drain(old), drain(there)), ([], [b"all"]), "all nodes")
            # the group that resolves the address that stayed
            it.wire.send_neigh(neigh_request("10.3.0.2", "10.3.0.1"))
            check(it.wire.sync((NEIGH,)), "nobody answers")
        eq(members(it.dev), before, "groups once closed")


@params(("close",), ("leave",), ("filter",))
def test_stale(how):
    """who joined before the move ends nothing that is of now:"""
    with Moved("s" + how, 1, 2) as it:
        old = member(1, it.dev)
        idx = RT.ifindex(it.dev)
        it.move()
        with member(2, it.dev) as new:
            if how == "leave":
                try:
                    old.setsockopt(SOL, LEAVE, mreq(GROUP, idx))
                except OSError:
                    pass            # the device is another context's
            elif how == "filter":
                for opt in (JOIN_SOURCE, LEAVE_SOURCE):
                    refused((E.ENODEV, E.EINVAL, E.EADDRNOTAVAIL),
                            f"option {opt}", old.setsockopt, SOL, opt,
                            source(idx))
            old.close()
            eq(members(it.dev)[GROUP], 1, "users")
            deliver(it.wire)
            eq(drain(new), [b"group"], "member of now")
            query(it.wire)
            reported(it.wire, (IS_EX,), GROUP)


def test_there_and_back():
    """a device that returns does not bring back who had joined"""
    with Moved("mback", 1, 2) as it:
        with member(1, it.dev) as old:
            it.move()
            it.other = 1
            it.move()
            check(GROUP not in members(it.dev), "still joined")
            deliver(it.wire)
            eq(drain(old), [], "datagram")
            with member(1, it.dev) as new:
                deliver(it.wire)
                eq(drain(new), [b"group"], "new member")
                old.close()
                deliver(it.wire)
                eq(drain(new), [b"group"], "new member, alone")


def test_deleted_context():
    """memberships end with the context"""
    LAB.vr.new(4)
    with Moved("mdel", 4, 4) as it:
        one = member(4, it.dev)
        LAB.vr.delete(4, force=True)
        it.wire.up()
        check(GROUP not in members(it.dev), "still joined in 0")
        with member(0, it.dev) as new:
            one.close()
            deliver(it.wire)
            eq(drain(new), [b"group"], "member in 0")


run(globals())
