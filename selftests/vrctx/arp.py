#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""ARP: a context answers for its own addresses only, and asks with them.

Guards arp_process() (the route look-up of the target, proxy ARP) and
arp_solicit() (the choice of the sender address).
"""
from vr_nl import table_of
from vr_net import HIP, UDP, Lab, sock
from vr_pkt import BROADCAST, ETH_ARP, HMAC, Wire, arp
from vr_rt import NUD_REACHABLE, RTM_DELNEIGH, sysctl
from vr_tap import check, eq, params, run, wait

LAB = Lab(1, 2, hosts=False)
RT = LAB.rt
ALL = (0, 1, 2)
W = {n: Wire(LAB, n, cidr=f"10.0.0.{100 + n}/24") for n in ALL}
for num in ALL:         # a second address, on another device of the context
    RT.link_add(f"d{num}", "dummy")
    if num:
        LAB.vr.move(f"d{num}", num)
    RT.addr(f"d{num}", f"172.16.{num}.1/24")
    RT.link_set(f"d{num}", up=True)
GATE = "10.0.0.77"


def ask(wire, target, sender=HIP):
    """ARP replies to a request, as (sender MAC, sender address)."""
    wire.send(arp(1, sender, target), ETH_ARP, BROADCAST)
    out = []
    for frame in wire.sync((ETH_ARP,)):
        if frame[6:8] == b"\0\2":
            out.append((frame[8:14], ".".join(map(str, frame[14:18]))))
    return out


@params(*[(n,) for n in ALL])
def test_own(ctx):
    """requests for the context's own addresses are answered:"""
    for target in (f"10.0.0.{100 + ctx}", f"172.16.{ctx}.1"):
        eq(ask(W[ctx], target), [(W[ctx].rmac, target)], target)


@params(*[(n,) for n in ALL])
def test_foreign(ctx):
    """requests for another context's addresses are not:"""
    for other in set(ALL) - {ctx}:
        for target in (f"10.0.0.{100 + other}", f"172.16.{other}.1"):
            eq(ask(W[ctx], target), [], target)
    eq(ask(W[ctx], "127.0.0.1"), [], "loopback")


def test_probe():
    """duplicate address probes too: answered by the owner alone"""
    for ctx in ALL:
        for wire in ALL:
            target = f"10.0.0.{100 + ctx}"
            got = ask(W[wire], target, "0.0.0.0")
            eq(len(got), int(wire == ctx), f"{target} on {W[wire].dev}")


def test_proxy():
    """proxy ARP offers what the context can route, and no more"""
    for ctx in ALL:
        for key in ("proxy_arp", "forwarding"):
            sysctl(f"net.ipv4.conf.{W[ctx].dev}.{key}", 1)
        sysctl(f"net.ipv4.conf.d{ctx}.forwarding", 1)
        sysctl(f"net.ipv4.neigh.{W[ctx].dev}.proxy_delay", 0)
    for ctx in ALL:
        for other in ALL:
            got = ask(W[ctx], f"172.16.{other}.50")
            eq(len(got), int(ctx == other), f"net of {other} on wire {ctx}")
    for ctx in ALL:
        sysctl(f"net.ipv4.conf.{W[ctx].dev}.proxy_arp", 0)


def test_proxy_entry():
    """a proxy entry without a device is context 0's"""
    for ctx in ALL:
        sysctl(f"net.ipv4.conf.{W[ctx].dev}.forwarding", 1)
        sysctl(f"net.ipv4.neigh.{W[ctx].dev}.proxy_delay", 0)
        RT.proxy(f"172.16.{ctx}.60")
        eq(len(ask(W[ctx], f"172.16.{ctx}.60")), int(ctx == 0), f"in {ctx}")
        RT.proxy(f"172.16.{ctx}.60", RTM_DELNEIGH)


def request(wire):
    """The sender address of the next ARP request."""
    for ethertype, frame in wire.frames(5):
        if ethertype == ETH_ARP and frame[6:8] == b"\0\1":
            return ".".join(map(str, frame[14:18]))
    raise AssertionError(f"no ARP request on {wire.dev}")


@params(*[(n,) for n in ALL])
def test_request(ctx):
    """own requests carry an address of the context:"""
    with sock(UDP, ctx) as one:
        one.sendto(b"x", (f"10.0.0.{50 + ctx}", 9))
        eq(request(W[ctx]), f"10.0.0.{100 + ctx}", "sender")
    with sock(UDP, ctx, (f"172.16.{ctx}.1", 0)) as one:
        one.sendto(b"x", (f"10.0.0.{60 + ctx}", 9))
        eq(request(W[ctx]) in (f"10.0.0.{100 + ctx}", f"172.16.{ctx}.1"),
           True, "sender when bound to the other address")
    for other in set(ALL) - {ctx}:
        eq(W[other].sync((ETH_ARP,)), [], "frames on another wire")


def test_learn():
    """a reply fills the neighbour table of its own device only"""
    for ctx in ALL:
        with sock(UDP, ctx) as one:
            one.sendto(b"x", (GATE, 9))
    W[1].send(arp(2, GATE, "10.0.0.101", HMAC, W[1].rmac), ETH_ARP)
    W[1].expect(lambda p: p.dst == GATE, "datagram")
    eq(RT.neighs(W[1].dev)[GATE], (NUD_REACHABLE, HMAC), "own device")
    for ctx in (0, 2):
        state, mac = RT.neighs(W[ctx].dev).get(GATE, (0, None))
        check(mac is None and not state & NUD_REACHABLE,
              f"learnt on {W[ctx].dev}")


def test_arp_ignore_and_filter():
    """arp_ignore and arp_filter look at the context's routes"""
    for ctx in ALL:
        sysctl(f"net.ipv4.conf.{W[ctx].dev}.arp_ignore", 1)
        eq(ask(W[ctx], f"172.16.{ctx}.1"), [], "arp_ignore=1")
        sysctl(f"net.ipv4.conf.{W[ctx].dev}.arp_ignore", 0)
        sysctl(f"net.ipv4.conf.{W[ctx].dev}.arp_filter", 1)
        own = f"10.0.0.{100 + ctx}"
        eq(ask(W[ctx], own), [(W[ctx].rmac, own)], "arp_filter=1")
        sysctl(f"net.ipv4.conf.{W[ctx].dev}.arp_filter", 0)
    # 3: not for addresses of host scope, whatever the others have
    for ctx, scope in ((0, 0), (1, 254), (2, 0)):
        RT.addr(W[ctx].dev, "10.0.0.150/32", scope=scope)
    for ignore, answers in ((0, 1), (3, 0)):
        sysctl(f"net.ipv4.conf.{W[1].dev}.arp_ignore", ignore)
        eq(len(ask(W[1], "10.0.0.150")), answers, f"arp_ignore={ignore}")
    sysctl(f"net.ipv4.conf.{W[1].dev}.arp_ignore", 0)
    for ctx in ALL:
        RT.addr_del(W[ctx].dev, "10.0.0.150/32")


def test_move_flushes():
    """a moved device takes no neighbour along"""
    RT.neigh(W[2].dev, "10.0.0.9", HMAC)
    RT.link_set(W[1].dev, up=False)     # else the ping goes out by it
    RT.link_set(W[2].dev, up=False)
    LAB.vr.move(W[2].dev, 1)
    eq(RT.neighs(W[2].dev), {}, "neighbours")
    W[2].up()
    eq(ask(W[2], "10.0.0.102"), [(W[2].rmac, "10.0.0.102")], "own address")
    # now it shares context 1, whose addresses it answers for
    eq(ask(W[2], "172.16.1.1"), [(W[2].rmac, "172.16.1.1")], "new context")
    eq(ask(W[2], "172.16.2.1"), [], "old context")
    wait(lambda: ("10.0.0.0/24", 1) in RT.routes(table_of(1)), "route")


run(globals())
