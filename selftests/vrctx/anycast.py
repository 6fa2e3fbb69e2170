#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 6
"""Anycast addresses: joined in a context, answered there, gone with a move.

Guards ipv6_sock_ac_join() and _drop(), ipv6_chk_acast_addr(), and the routes
that anycast addresses bring.
"""
import errno as E

from vr_fam import ECHO_REPLY, ECHO_REQUEST, SOL, ip, mreq
from vr_hdr import SOLICIT
from vr_net import ANY, HIP, UDP, Lab, readable, set_ctx, sock
from vr_nl import table_of
from vr_pkt import NEIGH, Packet, Wire, neigh_of, neigh_request
from vr_rt import sysctl
from vr_six import tables
from vr_tap import eq, params, refused, run

LAB = Lab(1, 2, hosts=False)
RT = LAB.rt
ALL = (0, 1, 2)
W = {n: Wire(LAB, n) for n in ALL}
DEV = {n: W[n].dev for n in ALL}
JOIN_ANYCAST, LEAVE_ANYCAST = 27, 28
NEAR = ip("10.0.0.200")         # of the network that every context has
RTN_ANYCAST = 4


def prompt(dev):
    """Anycast solicitations are answered without delay."""
    sysctl(f"net.ipv6.neigh.{dev}.proxy_delay", 0)


for name in DEV.values():
    prompt(name)


def join(ctx, dev=None, addr=NEAR):
    """A socket that keeps the membership; dev None: by the routes."""
    one = sock(UDP, ctx)
    try:
        one.setsockopt(SOL, JOIN_ANYCAST, mreq(addr, RT.ifindex(dev)
                                               if dev else 0))
    except OSError:
        one.close()
        raise
    return one


def told(wire, addr=NEAR, sender=HIP):
    """Who answers to a solicitation?"""
    wire.send_neigh(neigh_request(sender, addr))
    return [neigh_of(p)[2] for p in wire.sync((NEIGH,))
            if Packet(p).type != SOLICIT and neigh_of(p)[3] == addr]


def echoed(wire, addr=NEAR):
    """Is a ping of it answered?"""
    wire.send_icmp(*ECHO_REQUEST, 7, b"any", dst=addr)
    return [p.icmp for p in wire.sync()] == [ECHO_REPLY]


def here(*contexts, addr=NEAR):
    """The address is one of these contexts, and of no other."""
    for n in ALL:
        eq(told(W[n], addr), [W[n].rmac] if n in contexts else [],
           f"solicitation in {n}")
        eq(echoed(W[n], addr), n in contexts, f"ping in {n}")
    eq(tables(RT, addr + "/128", RTN_ANYCAST),
       sorted(255 if n == 0 else table_of(n) for n in contexts), "routes")


@params(*[(n, how) for n in ALL for how in ("device", "route")])
def test_joined(ctx, how):
    """an address is that of one context until left, joined by:"""
    here()
    with join(ctx, DEV[ctx] if how == "device" else None) as one:
        here(ctx)
        one.setsockopt(SOL, LEAVE_ANYCAST, mreq(NEAR, RT.ifindex(DEV[ctx])))
        here()


def test_everywhere():
    """the same address in every context, left one by one"""
    socks = {n: join(n, DEV[n]) for n in ALL}
    left = set(ALL)
    for n in (1, 0, 2):
        here(*left)
        socks[n].close()
        left.remove(n)
    here()


@params(*[(n,) for n in ALL])
def test_datagrams(ctx):
    """datagrams for it reach sockets of:"""
    socks = {n: sock(UDP, n, ("::", 53)) for n in ALL}
    with join(ctx, DEV[ctx]):
        for n in ALL:
            W[n].send_udp(4000, 53, b"for %d" % n, dst=NEAR)
            W[n].sync()
            eq(readable(socks[n]), b"for %d" % n if n == ctx else None,
               f"in {n}")
    for one in socks.values():
        one.close()


@params(*[(n, o) for n in ALL for o in ALL if n != o])
def test_foreign(ctx, other):
    """a device of another context is no place to join, own and other:"""
    refused(E.ENODEV, "join", join, ctx, DEV[other])
    with sock(UDP, ctx) as one:
        refused((E.ENODEV, E.ENOENT), "leave", one.setsockopt, SOL,
                LEAVE_ANYCAST, mreq(NEAR, RT.ifindex(DEV[other])))
    here()


def test_foreign_member():
    """whoever leaves in a context leaves for that"""
    with join(1, DEV[1]), sock(UDP, 2) as two:
        refused((E.ENODEV, E.ENOENT), "leave", two.setsockopt, SOL,
                LEAVE_ANYCAST, mreq(NEAR, RT.ifindex(DEV[1])))
        here(1)


def test_unicast():
    """what another context has as its own address can be joined here"""
    RT.addr(DEV[2], "10.0.0.201/24")
    addr = ip("10.0.0.201")
    refused(E.EINVAL, "in 2", join, 2, DEV[2], addr)
    with join(1, DEV[1], addr):
        eq((told(W[1], addr), told(W[0], addr)), ([W[1].rmac], []), "answers")
    RT.addr_del(DEV[2], "10.0.0.201/24")


def test_no_route():
    """no route and no device: nowhere to join"""
    RT.addr(DEV[2], "10.9.0.1/24")
    for n in (1, 0):
        refused((E.EADDRNOTAVAIL, E.ENODEV), f"in {n}", join, n, None,
                ip("10.9.0.200"))
    join(2, None, ip("10.9.0.200")).close()
    RT.addr_del(DEV[2], "10.9.0.1/24")


def test_one_context():
    """a socket that has joined stays in its context; none serves all"""
    with join(1, DEV[1]) as one:
        refused(E.EINVAL, "SO_VRCTX", set_ctx, one, 2)
    refused((E.ENODEV, E.EINVAL, E.EOPNOTSUPP), "all contexts", join, ANY,
            DEV[1])


@params((1, 2), (1, 0), (0, 1))
def test_moved(ctx, other):
    """membership ends when the device moves, from and to:"""
    dev = f"m{ctx}{other}"
    addr = ip("10.3.0.200")
    wire = Wire(LAB, ctx, dev=dev, cidr="10.3.0.1/24", ip="10.3.0.2")
    prompt(dev)
    old = join(ctx, dev, addr)
    eq(told(wire, addr, "10.3.0.2"), [wire.rmac], "before")
    RT.link_set(dev, up=False)
    LAB.vr.move(dev, other)
    wire.up()
    prompt(dev)
    eq(told(wire, addr, "10.3.0.2"), [], "after")
    eq(tables(RT, addr + "/128", RTN_ANYCAST), [], "routes")
    new = join(other, dev, addr)
    old.close()
    eq(told(wire, addr, "10.3.0.2"), [wire.rmac], "joined again")
    new.close()
    eq(told(wire, addr, "10.3.0.2"), [], "left")
    RT.link_del(dev)
    wire.far.close()


def test_deleted_context():
    """what a deleted context had joined, the next one has not"""
    with join(1, DEV[1]):
        pass
    LAB.vr.new(5)
    wire = Wire(LAB, 5, dev="m5")
    prompt("m5")
    one = join(5, "m5")
    eq(told(wire), [wire.rmac], "before")
    LAB.vr.delete(5, force=True)
    one.close()
    LAB.vr.new(5)
    LAB.vr.move("m5", 5)
    wire.up()
    prompt("m5")
    eq((told(wire), echoed(wire)), ([], False), "after")
    RT.link_del("m5")
    wire.far.close()


run(globals())
