#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 6
"""Neighbour discovery: a context answers for its own, and learns for itself.

Guards ndisc_recv_ns() and ndisc_recv_na(), the source of own solicitations,
detection of duplicate addresses, proxy entries and what a moved device keeps.
"""
import errno as E

from vr_fam import ip
from vr_net import HIP, RIP, UDP, Lab, sock
from vr_pkt import HMAC, NEIGH, Wire, neigh_of, neigh_reply, neigh_request
from vr_rt import (IFA_F_DADFAILED, IFA_F_TENTATIVE, NUD_REACHABLE, NUD_STALE,
                   RTM_DELNEIGH, sysctl)
from vr_six import na
from vr_tap import check, eq, params, refused, run, wait

LAB = Lab(1, 2, hosts=False)
RT = LAB.rt
ALL = (0, 1, 2)
W = {n: Wire(LAB, n) for n in ALL}
for num in ALL:         # an address that nobody else has, and one elsewhere
    RT.addr(W[num].dev, f"10.0.0.{100 + num}/24")
    RT.link_add(f"d{num}", "dummy")
    if num:
        LAB.vr.move(f"d{num}", num)
    RT.addr(f"d{num}", f"172.16.{num}.1/24")
    RT.link_set(f"d{num}", up=True)
GATE = "10.0.0.77"
MAC1, MAC2 = b"\2\0\0\0\0\x11", b"\2\0\0\0\0\x12"


def told(wire):
    """Advertisements since the last look: (sender's MAC, address)."""
    return [(mac, target) for reply, _, mac, target
            in map(neigh_of, wire.sync((NEIGH,))) if reply]


def ask(wire, target, sender=HIP):
    """Advertisements in reply to a solicitation."""
    told(wire)
    wire.send_neigh(neigh_request(sender, target))
    return told(wire)


@params(*[(n,) for n in ALL])
def test_own(ctx):
    """asked for an address all have, the device asked answers:"""
    for n in ALL:
        told(W[n])
    for target in (RIP, f"10.0.0.{100 + ctx}"):
        eq(ask(W[ctx], target), [(W[ctx].rmac, ip(target))], target)
        for n in set(ALL) - {ctx}:
            eq(told(W[n]), [], f"told on wire {n}")


@params(*[(n,) for n in ALL])
def test_foreign(ctx):
    """another context's addresses are not told:"""
    for other in set(ALL) - {ctx}:
        for target in (f"10.0.0.{100 + other}", f"172.16.{other}.1"):
            eq(ask(W[ctx], target), [], target)
    # unlike ARP: nor is what another device of the context has
    for target in (f"172.16.{ctx}.1", "::1"):
        eq(ask(W[ctx], target), [], target)


def test_probe():
    """one who tests for a duplicate is told by the owner alone"""
    for ctx in ALL:
        for n in ALL:
            got = ask(W[n], f"10.0.0.{100 + ctx}", "::")
            eq(len(got), int(n == ctx), f"address of {ctx} on wire {n}")


def asked(wire, target):
    """Who asks for the target next?"""
    for kind, payload in wire.frames(5):
        if kind == NEIGH:
            reply, sender, _, what = neigh_of(payload)
            if not reply and what == ip(target):
                return sender
    raise AssertionError(f"no solicitation on {wire.dev}")


@params(*[(n,) for n in ALL])
def test_request(ctx):
    """own solicitations leave there, with an address of the device:"""
    for target, source in ((f"10.0.0.{50 + ctx}", None),
                           (f"10.0.0.{60 + ctx}", f"172.16.{ctx}.1")):
        with sock(UDP, ctx, source and (source, 0)) as one:
            one.sendto(b"x", (ip(target), 9))
        sender = asked(W[ctx], target)
        check(sender in (RIP, ip(f"10.0.0.{100 + ctx}"))
              or sender.startswith("fe80:"), f"asked by {sender}")
        for n in set(ALL) - {ctx}:
            seen = [neigh_of(p)[3] for p in W[n].sync((NEIGH,))]
            check(ip(target) not in seen, f"asked on wire {n}")


def test_learn():
    """an answer fills the table of its own device only"""
    for ctx in ALL:
        with sock(UDP, ctx) as one:
            one.sendto(b"x", (ip(GATE), 9))
    W[1].send_neigh(neigh_reply(GATE, "10.0.0.101", HMAC, W[1].rmac))
    W[1].expect(lambda p: p.dst == ip(GATE), "datagram")
    eq(RT.neighs(W[1].dev)[ip(GATE)], (NUD_REACHABLE, HMAC), "own device")
    for ctx in (0, 2):
        state, mac = RT.neighs(W[ctx].dev).get(ip(GATE), (0, None))
        check(mac is None and not state & NUD_REACHABLE,
              f"learnt on {W[ctx].dev}")


def entry(ctx, addr):
    return RT.neighs(W[ctx].dev).get(ip(addr), (None, None))[1]


@params(*[(n,) for n in ALL])
def test_unsolicited(ctx):
    """a new MAC told to all is that of one context's neighbour:"""
    for n in ALL:
        RT.neigh(W[n].dev, "10.0.0.80", MAC1, NUD_STALE)
    W[ctx].send_neigh(na("10.0.0.80", MAC2))
    W[ctx].sync()
    for n in ALL:
        eq(entry(n, "10.0.0.80"), MAC2 if n == ctx else MAC1, f"in {n}")


@params(*[(n,) for n in ALL])
def test_solicitation_learns(ctx):
    """who asks becomes known in one context, whatever others know:"""
    told(W[ctx])
    RT.neigh(W[(ctx + 1) % 3].dev, f"10.0.0.9{ctx}", MAC1, NUD_STALE)
    W[ctx].send_neigh(neigh_request(f"10.0.0.9{ctx}", RIP, MAC2))
    W[ctx].sync()
    eq([entry((ctx + n) % 3, f"10.0.0.9{ctx}") for n in ALL],
       [MAC2, MAC1, None], "here, there, elsewhere")


# ---- duplicates ----

def watch(dev, msecs):
    """Look for duplicates from now on, for that long."""
    for key, val in (("accept_dad", 1), ("dad_transmits", 1),
                     ("router_solicitation_delay", 0)):
        sysctl(f"net.ipv6.conf.{dev}.{key}", val)
    sysctl(f"net.ipv6.neigh.{dev}.retrans_time_ms", msecs)


def probed(wire, target):
    eq(asked(wire, target), "::", "sender of the probe")


def state(dev, addr):
    """Neither, tentative, or a duplicate."""
    flags = RT.addr_flags(dev, addr)
    if flags & IFA_F_DADFAILED:
        return "duplicate"
    return "tentative" if flags & IFA_F_TENTATIVE else "good"


def settle(dev, addr):
    return wait(lambda: (now := state(dev, addr)) != "tentative" and now,
                f"{addr} on {dev}")


def test_no_duplicate():
    """the same address new in every context is nobody's duplicate"""
    for n in ALL:
        watch(W[n].dev, 100)
    for n in ALL:
        RT.addr(W[n].dev, "10.7.0.1/24", dad=True)
    for n in ALL:
        probed(W[n], "10.7.0.1")
        eq(settle(W[n].dev, "10.7.0.1"), "good", f"in {n}")
    for n in ALL:
        eq(ask(W[n], "10.7.0.1"), [(W[n].rmac, ip("10.7.0.1"))], f"in {n}")
        eq(state(W[n].dev, "10.7.0.1"), "good", f"in {n} later")
        RT.addr_del(W[n].dev, "10.7.0.1/24")


@params(("advertisement",), ("probe",))
def test_duplicate(how):
    """somebody else on one segment has it, found by:"""
    addr = "10.7.0.2"
    for n in ALL:
        watch(W[n].dev, 60000)
        RT.addr(W[n].dev, addr + "/24", dad=True)
        probed(W[n], addr)
    want = {n: "tentative" for n in ALL}
    for n in (1, 0):
        W[n].send_neigh(na(addr) if how == "advertisement"
                        else neigh_request("::", addr))
        want[n] = settle(W[n].dev, addr)
        eq(want[n], "duplicate", f"in {n}")
        eq({n: state(W[n].dev, addr) for n in ALL}, want, "states")
    for n in ALL:
        RT.addr_del(W[n].dev, addr + "/24")


@params((1, 1), (1, 2), (0, 1))
def test_pair(ctx, other):
    """a cable between two devices: what both have is a duplicate:"""
    near, far = f"p{ctx}{other}a", f"p{ctx}{other}b"
    RT.veth(near, far)
    for dev, num in ((near, ctx), (far, other)):
        if num:
            LAB.vr.move(dev, num)
    for dev in (near, far):
        RT.link_set(dev, up=True)
    wait(lambda: RT.running(near) and RT.running(far), "the pair to run")
    watch(far, 60000)
    RT.addr(near, "10.8.0.1/24")
    RT.addr(far, "10.8.0.1/24", dad=True)
    eq(settle(far, "10.8.0.1"), "duplicate", "second address")
    eq(state(near, "10.8.0.1"), "good", "first address")
    RT.link_del(near)


def test_moved_probe():
    """an address that a device took along is looked at again"""
    wire = Wire(LAB, 1, dev="m1", cidr="10.6.0.1/24", ip="10.6.0.2")
    watch("m1", 100)
    RT.addr("m1", "10.6.0.9/24", dad=True)
    probed(wire, "10.6.0.9")
    eq(settle("m1", "10.6.0.9"), "good", "in 1")
    RT.link_set("m1", up=False)
    LAB.vr.move("m1", 2)
    watch("m1", 60000)
    RT.link_set("m1", up=True)
    probed(wire, "10.6.0.9")
    # the carrier, noticed later, has all start again: who answers the first
    # probe only may be too early
    wait(lambda: wire.send_neigh(na("10.6.0.9"))
         or state("m1", "10.6.0.9") == "duplicate", "a duplicate in 2")
    RT.link_del("m1")


# ---- proxies ----

def proxying(dev):
    for key in ("forwarding", "proxy_ndp"):
        sysctl(f"net.ipv6.conf.{dev}.{key}", 1)
    sysctl(f"net.ipv6.neigh.{dev}.proxy_delay", 0)


def test_proxy():
    """a proxy entry is good on its own device"""
    X = {n: Wire(LAB, n, dev=f"x{n}", cidr="10.1.0.1/24", ip="10.1.0.2")
         for n in ALL}
    for wire in (*W.values(), *X.values()):
        proxying(wire.dev)
    for ctx in ALL:
        target = f"10.0.5.{ctx}"
        RT.proxy(target, dev=W[ctx].dev)
        for n in ALL:
            eq(ask(W[n], target), [(W[n].rmac, ip(target))] if n == ctx
               else [], f"{target} on {W[n].dev}")
            eq(ask(X[n], target, "10.1.0.2"), [], f"{target} on {X[n].dev}")
        RT.proxy(target, RTM_DELNEIGH, dev=W[ctx].dev)
        eq(ask(W[ctx], target), [], "removed")
    for wire in X.values():
        RT.link_del(wire.dev)


def test_proxy_everywhere():
    """there are no proxy entries for all devices, hence all contexts"""
    refused((E.ENOBUFS, E.EINVAL), "no device", RT.proxy, "10.0.6.1")
    for n in ALL:
        proxying(W[n].dev)
        eq(ask(W[n], "10.0.6.1"), [], f"in {n}")


# ---- moved devices: the last test, it moves W[2] ----

def test_move_flushes():
    """a moved device takes no neighbour along, and no proxy entry"""
    dev = W[2].dev
    proxying(dev)
    RT.neigh(dev, "10.0.0.9", HMAC)
    RT.neigh(dev, "10.0.0.8", HMAC, NUD_STALE)
    RT.proxy("10.0.5.9", dev=dev)
    eq(len(ask(W[2], "10.0.5.9")), 1, "proxy entry before")
    RT.link_set(W[1].dev, up=False)     # else the ping goes out by it
    RT.link_set(dev, up=False)
    LAB.vr.move(dev, 1)
    # multicast needs no resolution: what is sent to the group, on the way
    eq([a for a in RT.neighs(dev) if not a.startswith("ff")], [],
       "neighbours")
    W[2].up()
    eq(ask(W[2], "10.0.0.102"), [(W[2].rmac, ip("10.0.0.102"))], "own address")
    eq(ask(W[2], "10.0.5.9"), [], "proxy entry")
    check({ip("10.0.0.9"), ip("10.0.0.8")}.isdisjoint(RT.neighs(dev)),
          "neighbours of before")


run(globals())
