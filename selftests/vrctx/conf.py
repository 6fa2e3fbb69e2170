#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 4 6
"""Sysctls in a context: forwarding and the others of conf are its own.

Guards kernel/net/vrctx/conf.c and what reads the values: IN_DEV_NET_ALL(),
vrctx_ip6_forwards(), and that a write in context 0 leaves a context that has
values of its own alone.
"""
import contextlib
import errno as E

from vr_fam import ip, only, pick
from vr_net import HIP, Lab, inside
from vr_pkt import Wire, udp_datagram
from vr_rt import Rtnl
from vr_tap import eq, params, refused, run

LAB = Lab(1, 2, hosts=False)
RT = LAB.rt
ALL = (0, 1, 2)
# two links in each context
W = {n: Wire(LAB, n) for n in ALL}
X = {n: Wire(LAB, n, dev=f"x{n}", cidr="10.0.1.1/24", ip="10.0.1.2")
     for n in ALL}
FAR = ip("10.0.1.2")
FORWARD = pick("ipv4.ip_forward", "ipv6.conf.all.forwarding")
CONF = pick("ipv4.conf", "ipv6.conf")


def path(name):
    return "/proc/sys/net/" + name.replace(".", "/")


def get(ctx, name):
    with inside(ctx), open(path(name), encoding="ascii") as f:
        return int(f.read())


def put(ctx, name, val):
    with inside(ctx), open(path(name), "w", encoding="ascii") as f:
        f.write(str(val))


def forwards(ctx):
    """Does a packet from one link of the context come out of the other?"""
    W[ctx].send_ip(17, udp_datagram(4000, 7000, b"through", HIP, FAR),
                   src=HIP, dst=FAR)
    W[ctx].sync()
    return any(p.proto == 17 for p in X[ctx].sync())


def states(want, what):
    """What forwarding is set to, and what is done, in each context."""
    eq([get(n, FORWARD) for n in ALL], want, what)
    eq([forwards(n) for n in ALL], [bool(w) for w in want], what)


def fresh():
    """New contexts of the same numbers, which have set nothing."""
    for n in (1, 2):
        LAB.vr.delete(n, force=True)
        LAB.vr.new(n)
        for one in (W[n], X[n]):
            LAB.vr.move(one.dev, n)
            one.up()
    put(0, FORWARD, 0)


def test_forwarding():
    """forwarding is on where it was set, and only there"""
    fresh()
    states([0, 0, 0], "at first")
    put(1, FORWARD, 1)
    states([0, 1, 0], "on in 1")
    put(0, FORWARD, 1)
    states([1, 1, 1], "on in 0, 2 inherits")
    put(1, FORWARD, 0)
    states([1, 0, 1], "off in 1")
    put(0, FORWARD, 0)
    put(0, FORWARD, 1)
    eq([forwards(n) for n in ALL], [True, False, True], "0 off and on")
    eq(get(1, f"{CONF}.all.forwarding"), 0, "the same by another name")
    eq(get(1, f"{CONF}.default.forwarding"), 0, "default follows")
    fresh()
    eq([get(n, FORWARD) for n in ALL], [0, 0, 0], "a new context")


def test_new_device():
    """a device that comes into the context does as it does"""
    fresh()
    put(1, FORWARD, 1)
    RT.link_add("d1", "dummy")
    eq(get(0, f"{CONF}.d1.forwarding"), 0, "outside")
    LAB.vr.move("d1", 1)
    eq(get(0, f"{CONF}.d1.forwarding"), 1, "moved in")
    put(2, FORWARD, 0)
    LAB.vr.move("d1", 2)
    eq(get(0, f"{CONF}.d1.forwarding"), 0, "moved on")
    RT.link_del("d1")
    put(0, FORWARD, 0)


@only(4)
def test_all():
    """conf.all of a context holds for its devices"""
    fresh()
    for n in ALL:
        put(0, f"ipv4.conf.{W[n].dev}.rp_filter", 0)
        put(0, f"ipv4.conf.{W[n].dev}.forwarding", 1)
    put(1, "ipv4.conf.all.rp_filter", 1)
    eq([get(n, "ipv4.conf.all.rp_filter") for n in ALL], [0, 1, 0], "values")
    for n in ALL:
        X[n].sync()
        W[n].send_ip(17, udp_datagram(4000, 7000, b"spoof", "10.0.1.9", FAR),
                     src="10.0.1.9", dst=FAR)
        W[n].sync()
        eq(any(p.proto == 17 for p in X[n].sync()), n != 1, f"through {n}")
    fresh()
    eq(get(1, "ipv4.conf.all.rp_filter"), 0, "a new context")


@only(4)
def test_no_change():
    """forwarding written as it is leaves it to the devices"""
    fresh()
    for n in ALL:
        put(n, FORWARD, 1)
        put(n, f"{CONF}.{W[n].dev}.forwarding", 0)
        put(n, FORWARD, 1)
        eq(get(n, f"{CONF}.{W[n].dev}.forwarding"), 0, f"device in {n}")
        put(n, FORWARD, 0)
    fresh()


@only(4)
def test_default():
    """conf.default of a context holds for devices without a value"""
    fresh()
    name = "ipv4.conf.default.send_redirects"
    for n in (1, 2):
        RT.link_add(f"d{n}", "dummy")
        LAB.vr.move(f"d{n}", n)
    put(1, name, 0)
    eq([get(n, name) for n in ALL], [1, 0, 1], "values")
    for n in (1, 2):
        eq(get(n, f"ipv4.conf.d{n}.send_redirects"), n - 1, f"in {n}")
    LAB.vr.move("d2", 1)
    eq(get(1, "ipv4.conf.d2.send_redirects"), 0, "moved in")
    put(0, name, 0)
    put(0, name, 1)
    eq(get(1, "ipv4.conf.d1.send_redirects"), 0, "0 changes its own")
    for n in (1, 2):
        RT.link_del(f"d{n}")


@only(4)
def test_default_marked():
    """what a device has from conf.default of 0 is not a value of its own"""
    fresh()
    put(0, "ipv4.conf.default.rp_filter", 0)
    put(1, "ipv4.conf.default.rp_filter", 1)
    RT.link_add("d1", "dummy")
    LAB.vr.move("d1", 1)
    with inside(1), contextlib.closing(Rtnl()) as own:
        own.link_add("d2", "dummy")
    for dev in ("d1", "d2"):
        eq(get(1, f"ipv4.conf.{dev}.rp_filter"), 1, dev)
        RT.link_del(dev)
    # but one that the device was given stays
    RT.link_add("d1", "dummy")
    put(0, "ipv4.conf.d1.rp_filter", 2)
    LAB.vr.move("d1", 1)
    eq(get(1, "ipv4.conf.d1.rp_filter"), 2, "its own")
    RT.link_del("d1")


@params((1, 2), (2, 1))
def test_devices(ctx, other):
    """sysctls of the devices of the context may be set, others not seen:"""
    name = f"{CONF}.{W[ctx].dev}.accept_redirects"
    old = get(ctx, name)
    put(ctx, name, 1 - old)
    eq(get(0, name), 1 - old, "set")
    put(ctx, name, old)
    for what in ("conf", "neigh"):
        for dev in (W[other].dev, W[0].dev):
            entry = f"{CONF[:4]}.{what}.{dev}." + (
                "accept_redirects" if what == "conf" else "app_solicit")
            refused(E.EACCES, f"read {entry}", get, ctx, entry)
            refused(E.EACCES, f"write {entry}", put, ctx, entry, 1)
    entry = f"{CONF}.lo.accept_redirects"
    refused(E.EACCES, "write lo", put, ctx, entry, 1)
    get(ctx, entry)


def test_others():
    """what is the namespace's can be read, not written"""
    for name in (pick("ipv4.ip_default_ttl", "ipv6.bindv6only"),
                 pick("ipv4.tcp_syncookies", "ipv6.conf.all.disable_ipv6"),
                 "core.somaxconn"):
        old = get(1, name)
        eq(old, get(0, name), name)
        refused(E.EACCES, f"write {name}", put, 1, name, old)


def test_opened_before():
    """a file of a device that has left cannot be written any more"""
    name = f"{CONF}.d1.forwarding"
    RT.link_add("d1", "dummy")
    LAB.vr.move("d1", 1)
    with inside(1), open(path(name), "w", encoding="ascii") as f:
        LAB.vr.move("d1", 2)
        f.write("1")
        refused(E.EPERM, "write", f.flush)
        LAB.vr.move("d1", 1)
    RT.link_del("d1")


run(globals())
