#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 4 6
"""What matches of iptables look up or remember is of the packet's context.

	10.1.0.2 i ---- router, context N ---- o 10.0.0.2	for N = 0, 1, 2

The way to 10.1.0.0/24 has another MTU in each context. Guards rpfilter_mt(),
rpfilter_lookup_reverse6(), tcpmss_reverse_mtu() and get_tcpmss(), and what
keeps the addresses of contexts apart in recent_mt() and hashlimit_init_dst().
"""
import contextlib

from vr_fam import FORWARD, pick
from vr_net import HIP, Lab
from vr_nft import chain, networks, only_own, rules, xtables
from vr_pkt import SYN, Wire
from vr_rt import sysctl
from vr_tap import eq, params, run

LAB = Lab(1, 2, hosts=False)
ALL = (0, 1, 2)
sysctl(FORWARD, 1)
MTU = {n: 1400 - 10 * n for n in ALL}
I = {n: Wire(LAB, n, dev=f"i{n}", cidr="10.1.0.1/24", ip="10.1.0.2",
             mtu=MTU[n]) for n in ALL}
O = {n: Wire(LAB, n, dev=f"o{n}") for n in ALL}
HEADERS = pick(40, 60)
MSS = b"\2\4"           # kind and length of the option
MOST = 100              # addresses on a list, xt_recent.ip_list_tot


@params(("strict",), ("loose",))
def test_rpfilter(how):
    """the way back to a source is looked for in the packet's context:"""
    loose = ["--loose"] if how == "loose" else []
    with networks(LAB.rt, O), xtables(
            "raw", "PREROUTING", "-p", "udp", "--dport", "83", "-m",
            "rpfilter", "--invert", *loose, "-j", "DROP"):
        only_own(O, 83)


def clamped(ctx, sport):
    """The MSS that a SYN is forwarded with."""
    I[ctx].send_tcp(sport, 80, 1000, flags=SYN, dst=HIP,
                    options=MSS + b"\5\xb4")
    pkt = O[ctx].expect(lambda p: p.proto == 6 and p.sport == sport, "SYN")
    eq(pkt.body[20:22], MSS, "option")
    return int.from_bytes(pkt.body[22:24], "big")


def test_mss():
    """TCPMSS --clamp-mss-to-pmtu: what the way back has, in each context"""
    with xtables("mangle", "FORWARD", "-p", "tcp", "--tcp-flags", "SYN,RST",
                 "SYN", "-j", "TCPMSS", "--clamp-mss-to-pmtu"):
        eq([clamped(n, 4100 + n) for n in ALL],
           [MTU[n] - HEADERS for n in ALL], "MSS")


def test_mss_nft():
    """"rt mtu" of nft: the same"""
    with rules(chain("forward", "tcp flags syn tcp option maxseg size set rt "
                     "mtu")):
        eq([clamped(n, 4200 + n) for n in ALL],
           [MTU[n] - HEADERS for n in ALL], "MSS")


def forwarded(ctx, dport):
    """Is a datagram forwarded?"""
    I[ctx].send_udp(4300, dport, b"x", dst=HIP)
    return any(p.proto == 17 and p.dport == dport for p in O[ctx].sync())


@contextlib.contextmanager
def listed():
    """A source is put on a list by port 84, stopped at 85 if it is on it, and
    taken from it by 86.
    """
    names = ["-m", "recent", "--name", "r", "--rsource"]
    with xtables("filter", "FORWARD", "-p", "udp", "--dport", "84", *names,
                 "--set"), \
         xtables("filter", "FORWARD", "-p", "udp", "--dport", "85", *names,
                 "--rcheck", "-j", "DROP"), \
         xtables("filter", "FORWARD", "-p", "udp", "--dport", "86", *names,
                 "--remove"):
        yield


@params((0, 1), (1, 0), (1, 2))
def test_recent(ctx, other):
    """recent: an address on the list of a context is on no other:"""
    with listed():
        eq(forwarded(ctx, 84), True, "put on the list")
        eq(forwarded(other, 85), True, "in the other context")
        eq(forwarded(other, 86), True, "taken from the other's list")
        eq(forwarded(ctx, 85), False, "in its context")
        eq(forwarded(ctx, 86), True, "taken from the list")
        eq(forwarded(ctx, 85), True, "after that")


@params((1, 2), (2, 0))
def test_recent_full(ctx, other):
    """a context that fills the list takes its own addresses from it:"""
    with listed():
        eq(forwarded(other, 84), True, "put on the list")
        for num in range(MOST + 20):
            I[ctx].send_udp(4300, 84, b"x", src=f"10.1.0.{3 + num}", dst=HIP)
        O[ctx].sync()
        eq(forwarded(other, 85), False, "after many of the other context")


def test_recent_reused():
    """a new context of the number of another has an empty list and limits"""
    with listed(), xtables(
            "filter", "FORWARD", "-p", "udp", "--dport", "88", "-m",
            "hashlimit", "--hashlimit-name", "h2", "--hashlimit-mode", "srcip",
            "--hashlimit-above", "1/hour", "--hashlimit-burst", "1", "-j",
            "DROP"):
        eq([forwarded(2, port) for port in (84, 85, 88, 88)],
           [True, False, True, False], "before")
        LAB.vr.delete(2, force=True)
        LAB.vr.new(2)
        for wire in (I[2], O[2]):
            LAB.vr.move(wire.dev, 2)
            wire.up()
        eq([forwarded(2, port) for port in (85, 88)], [True, True], "after")


def test_hashlimit():
    """hashlimit: an address has its limit in each context"""
    with xtables("filter", "FORWARD", "-p", "udp", "--dport", "87", "-m",
                 "hashlimit", "--hashlimit-name", "h", "--hashlimit-mode",
                 "srcip", "--hashlimit-above", "1/hour", "--hashlimit-burst",
                 "1", "-j", "DROP"):
        for ctx in ALL:
            eq([forwarded(ctx, 87), forwarded(ctx, 87)], [True, False],
               f"the first and the second in {ctx}")


run(globals())
