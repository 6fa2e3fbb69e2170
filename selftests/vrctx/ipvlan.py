#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 4 6
"""ipvlan: devices in several contexts over one, which is in any of them.

	wire ---- low0, context 0 ---- s0, s1, s2 in contexts 0, 1, 2
	wire ---- low1, context 1 ---- the same

sN has the address 10.4.0.1N, 10.4.0.2 is on the wire. Guards the routes and
tags of drivers/net/ipvlan, and who may change what all devices over one have in
common.
"""
import contextlib
import errno as E
import socket
import struct

from vr_fam import (ICMP, JOIN, MULTICAST_IF, MULTICAST_LOOP, PORT_UNREACH, SOL,
                    group_mac, ip, mreq, multicast_if, only)
from vr_net import UDP, Lab, inside, readable, sock
from vr_nft import chain, conns, counted, flush, rules
from vr_nl import DEV_GET, attr, nest, table_of, text, u32
from vr_pkt import HMAC, Wire
from vr_rt import RTM_NEWLINK, Rtnl, sysctl
from vr_tap import check, eq, params, refused, run

LAB = Lab(1, 2, hosts=False)
VR, RT = LAB.vr, LAB.rt
ALL = (0, 1, 2)
W = {n: Wire(LAB, n, dev=f"low{n}") for n in (0, 1)}
A, FAR = {n: f"10.4.0.1{n}" for n in ALL}, "10.4.0.2"
MODES = {"l2": 0, "l3": 1, "l3s": 2}
GROUP = "239.1.1.1"
VIEW = {}
for num in ALL:
    with inside(num):
        VIEW[num] = Rtnl()


def mode_attr(mode):
    return attr(1, struct.pack("=H", MODES[mode]))


def linked(dev):
    """IFLA_LINK attribute."""
    return u32(5, RT.ifindex(dev))


def ctx_of(dev):
    return VR.call(DEV_GET, ifname=dev)["id"]


@contextlib.contextmanager
def gone(*devs):
    """These devices go, also when a test fails."""
    try:
        yield
    finally:
        for dev in devs:
            with contextlib.suppress(OSError):
                RT.link_del(dev)
            RT.index.pop(dev, None)


@contextlib.contextmanager
def above(below, mode, contexts=ALL):
    """A device over low0 or low1 in each of the contexts: the wire below."""
    low = f"low{below}"
    with gone(*[f"s{n}" for n in contexts]), contextlib.ExitStack() as stack:
        # what L3 mode sends goes that way
        RT.neigh(low, FAR, HMAC)
        RT.route(FAR + "/32", dev=low, table=table_of(below))
        stack.callback(RT.route_del, FAR + "/32", table=table_of(below))
        for n in contexts:
            RT.link_add(f"s{n}", "ipvlan", mode_attr(mode), linked(low))
            VR.move(f"s{n}", n)
            RT.addr(f"s{n}", A[n] + "/24")
            RT.up(f"s{n}")
            if mode == "l2":
                RT.neigh(f"s{n}", FAR, HMAC)
        yield W[below]


@contextlib.contextmanager
def sockets(contexts=ALL):
    """One on each of the devices."""
    with contextlib.ExitStack() as stack:
        yield {n: stack.enter_context(sock(UDP, n, (A[n], 53), dev=f"s{n}"))
               for n in contexts}


@contextlib.contextmanager
def namesakes():
    """Each context has the addresses of the other ones' devices as well."""
    with gone(*[f"d{n}" for n in ALL]), contextlib.ExitStack() as stack:
        others = []
        for n in ALL:
            RT.link_add(f"d{n}", "dummy")
            VR.move(f"d{n}", n)
            RT.link_set(f"d{n}", up=True)
            for other in set(ALL) - {n}:
                RT.addr(f"d{n}", A[other] + "/32")
                others.append(stack.enter_context(
                    sock(UDP, n, (A[other], 53))))
        yield others


def heard(one):
    """{context: datagram} of those that have one."""
    got = {n: readable(one[n]) for n in one}
    return {n: data for n, data in got.items() if data}


def sent(wire):
    """(source, content) of the datagrams that came out."""
    return [(p.src, p.data) for p in wire.sync() if p.proto == 17]


@params(*[(mode, n) for mode in MODES for n in W])
def test_wire(mode, below):
    """each is reached by its address and reaches the wire, over a device of
    context:"""
    with above(below, mode) as wire, sockets() as one, namesakes() as others:
        for n in ALL:
            for port in (53, 9):
                wire.send_udp(4000, port, b"to %d" % n, FAR, A[n])
            got = wire.sync()
            eq(heard(one), {n: b"to %d" % n}, f"heard, sent to {n}")
            eq([(p.src, p.icmp) for p in got if p.proto == ICMP],
               [(ip(A[n]), PORT_UNREACH)], "errors")
            one[n].sendto(b"from %d" % n, (ip(FAR), 4000))
            eq(sent(wire), [(ip(A[n]), b"from %d" % n)], f"sent by {n}")
        eq(sent(W[1 - below]), [], "on the other wire")
        eq([readable(s) for s in others], [None] * 6, "heard elsewhere")


@params(*[(mode, n) for mode in MODES for n in W])
def test_between(mode, below):
    """they reach each other, and the wire hears nothing, over a device of
    context:"""
    with above(below, mode) as wire, sockets() as one:
        for near in ALL:
            for far in set(ALL) - {near}:
                one[near].sendto(b"to %d" % far, (ip(A[far]), 53))
                data, peer = one[far].recvfrom(99)
                eq((data, peer[:2]), (b"to %d" % far, (ip(A[near]), 53)),
                   f"heard by {far}")
                eq(heard(one), {}, f"heard elsewhere of {near} to {far}")
        eq(sent(wire), [], "on the wire")


@params(*[(n,) for n in W])
def test_group(below):
    """members hear a group once, from the wire and each other, over a device of
    context:"""
    with above(below, "l2", (0, 1)) as wire, gone("d2"), \
            contextlib.ExitStack() as stack:
        RT.link_add("d2", "dummy")
        VR.move("d2", 2)
        RT.addr("d2", A[2] + "/24")
        RT.up("d2")
        one = {}
        for n, dev in ((0, "s0"), (1, "s1"), (2, "d2")):
            one[n] = stack.enter_context(sock(UDP, n, (GROUP, 5353)))
            one[n].setsockopt(SOL, JOIN, mreq(GROUP, RT.ifindex(dev)))
        # what follows the first has come when the second has
        for data in (b"first", b"second"):
            wire.send_udp(4000, 5353, data, dst=GROUP, mac=group_mac(GROUP))
            eq([one[n].recv(99) for n in (0, 1)], [data] * 2, "from the wire")
        eq(heard(one), {}, "more from the wire")
        for n in (0, 1):
            with sock(UDP, n, (A[n], 4000)) as src:
                src.setsockopt(SOL, MULTICAST_IF,
                               multicast_if(RT.ifindex(f"s{n}")))
                src.setsockopt(SOL, MULTICAST_LOOP, 0)
                for data in (b"first", b"second"):
                    src.sendto(data, (ip(GROUP), 5353))
                    eq(one[1 - n].recv(99), data, f"from {n}")
                    pkt = wire.expect(lambda p: p.proto == 17, "datagram")
                    eq((pkt.src, pkt.data), (ip(A[n]), data), "on the wire")
            eq(heard(one), {}, f"more from {n}")
        eq(sent(W[1 - below]), [], "on the other wire")


@only(4)
@params(*[(n,) for n in W])
def test_broadcast(below):
    """a broadcast is heard by all over a device of context:"""
    with above(below, "l2") as wire, contextlib.ExitStack() as stack:
        one = {n: stack.enter_context(sock(UDP, n, ("10.4.0.255", 5353)))
               for n in ALL}
        wire.send_udp(4000, 5353, b"x", dst="10.4.0.255", mac=b"\xff" * 6)
        eq([one[n].recv(99) for n in ALL], [b"x"] * 3, "heard")


@params(*[(mode,) for mode in MODES])
def test_move(mode):
    """its address is where the device is:"""
    with above(0, mode, (1,)) as wire, contextlib.ExitStack() as stack:
        one = {n: stack.enter_context(sock(UDP, n, ("0.0.0.0", 53)))
               for n in ALL}

        def hear():
            wire.send_udp(4000, 53, b"x", FAR, A[1])
            wire.sync()
            return heard(one)

        eq(hear(), {1: b"x"}, "before")
        refused(E.EBUSY, "up", VR.move, "s1", 2)
        err = refused(E.EBUSY, "the one below", VR.move, "low0", 1)
        check("Another device" in err.extack, err.extack)
        RT.link_set("s1", up=False)
        VR.move("s1", 2)
        eq(hear(), {}, "while it is down")
        RT.up("s1")
        eq(hear(), {2: b"x"}, "after")
        RT.link_del("s1")
        eq(hear(), {}, "when it is gone")


def test_busy():
    """an address is that of one device over the same, whatever its context"""
    with above(0, "l3", (1, 2)):
        err = refused(E.EADDRINUSE, "twice", RT.addr, "s2", A[1] + "/24")
        check(err.extack, "no extack text")
        # over another it is free
        with gone("s0"):
            RT.link_add("s0", "ipvlan", mode_attr("l3"), linked("low1"))
            VR.move("s0", 2)
            RT.addr("s0", A[1] + "/24")


@params(*[(mode,) for mode in MODES])
def test_deleted(mode):
    """with its context the device below goes to 0, and so does one above:"""
    VR.new(7)
    far = Wire(LAB, 7, dev="low7", cidr="10.5.0.9/24", ip="10.5.0.2")
    with gone("low7", "s7", "s2"):
        for n in (7, 2):
            RT.link_add(f"s{n}", "ipvlan", mode_attr(mode), linked("low7"))
            VR.move(f"s{n}", n)
            RT.addr(f"s{n}", ("10.5.0.1" if n == 2 else "10.5.0.7") + "/24")
            RT.up(f"s{n}")
        VR.delete(7, force=True)
        eq([ctx_of(dev) for dev in ("low7", "s7", "s2")], [0, 0, 2], "where")
        VR.new(7)
        try:
            eq(VR.get(id=7)["devices"], 0, "devices of the new one")
            far.up()
            if mode == "l2":
                RT.neigh("s2", far.ip, HMAC)
            with sock(UDP, 2, ("10.5.0.1", 53)) as one, \
                    sock(UDP, 7, ("0.0.0.0", 53)) as its:
                for dst in ("10.5.0.1", "10.5.0.7"):
                    far.send_udp(4000, 53, b"in", dst=dst)
                eq(one.recv(99), b"in", "heard in 2")
                one.sendto(b"out", (far.ip, 4000))
                far.expect(lambda p: p.data == b"out", "datagram")
                eq(readable(its), None, "heard in the new 7")
        finally:
            VR.delete(7)
    far.far.close()


def change(ctx, dev, mode):
    """Somebody in the context changes the mode of the device."""
    msg = struct.pack("=BxHiII", 0, 0, RT.ifindex(dev), 0, 0)
    with inside(ctx):
        VIEW[ctx].request(RTM_NEWLINK, 0, msg + nest(
            18, text(1, "ipvlan"), nest(2, mode_attr(mode))))


def mode_of(dev):
    info = RT.link(dev)[18]
    at = info.index(struct.pack("=HH", 6, 1)) + 4
    return struct.unpack_from("=H", info, at)[0]


def make(ctx, dev, lower, mode):
    with inside(ctx):
        VIEW[ctx].link_add(dev, "ipvlan", mode_attr(mode), linked(lower))


def test_requests():
    """what all over one have in common is for those who have that one"""
    with above(1, "l3"), gone("x0"):
        for n in (2, 1, 0):
            dev = f"s{n}"
            if n == 2:
                for fn, argv in ((change, (n, dev, "l2")),
                                 (make, (n, "x0", dev, "l2"))):
                    err = refused(E.EPERM, fn.__name__, fn, *argv)
                    check(err.extack, "no extack text")
                eq((mode_of("s0"), mode_of("s1")), (1, 1), "modes")
                with inside(n):
                    VIEW[n].link_set(dev, mtu=1400)
                continue
            change(n, dev, "l2")
            eq((mode_of("s0"), mode_of("s2")), (0, 0), f"modes by {n}")
            change(n, dev, "l3")
            make(n, "x0", dev, "l3")
            RT.index.pop("x0", None)
            eq(ctx_of("x0"), n, "context of the new one")
            RT.link_del("x0")
            VIEW[n].index.pop("x0", None)
        refused(E.ENODEV, "over a device of 1", make, 2, "x0", "low1", "l3")


@params(("l3",), ("l3s",))
def test_mark(mode):
    """a mark ends where the device below is in another context:"""
    lines = [f"meta sdif {table_of(n)} meta mark 7 counter name c{n}"
             for n in (1, 2)]
    with above(1, mode, (1, 2)) as wire, sockets((1, 2)) as one, rules(
            "counter c1 { }\ncounter c2 { }\n" + chain("output", *lines)):
        for n, want in ((2, (0, 1)), (1, (2, 1))):
            one[n].setsockopt(socket.SOL_SOCKET, socket.SO_MARK, 7)
            one[n].sendto(b"x", (ip(FAR), 4000))
            eq(sent(wire), [(ip(A[n]), b"x")], f"sent by {n}")
            eq((counted("c1"), counted("c2")), want, f"marked, after {n}")


def test_tracked():
    """l3s: a connection is that of the context of the device below"""
    with above(1, "l3s", (2,)) as wire, sockets((2,)) as one, rules(
            chain("prerouting", "ct state new accept")):
        wire.send_udp(4000, 53, b"x", FAR, A[2])
        data, peer = one[2].recvfrom(9)
        eq(data, b"x", "datagram")
        one[2].sendto(b"y", peer)
        eq(sent(wire), [(ip(A[2]), b"y")], "answer")
        eq([(c.ctx, "UNREPLIED" in c.line) for c in conns(53)], [(1, False)],
           "connections")
    flush()


@only(4)
def test_source():
    """l3s: what a device refuses is not looked at by the one below"""
    with above(0, "l3s", (2,)) as wire, sock(UDP, 2, (A[2], 53)) as one:
        for strict in (0, 1):
            sysctl("net.ipv4.conf.s2.rp_filter", strict)
            wire.send_udp(4000, 53, b"x", src="10.6.0.9", dst=A[2])
            wire.sync()
            eq(readable(one), None if strict else b"x", f"rp_filter {strict}")


if __name__ == "__main__":
    run(globals(), limit=120)
