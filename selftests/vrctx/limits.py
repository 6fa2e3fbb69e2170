#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 4 6
"""What one context uses up is not missing in another: memory for fragments,
tracked connections, expectations, what is remembered of peers.

Guards struct vrctx_budget, the trees of peers, and who makes room in a full
table. (Errors: icmp_errors; challenge ACKs and timewait sockets: tcp_state; the
collector of connections: ct_collect.)
"""
import itertools

from vr_fam import RATELIMIT, RATEMASK, UNREACH, ip, only, pick, ratemask
from vr_net import RIP, UDP, Lab, readable, sock
from vr_nft import (LO, TRACK, begin, chain, expected, flush, maximum,
                    of_machine, owned, rules)
from vr_pkt import HMAC, MF, Wire, udp_datagram
from vr_rt import sysctl
from vr_tap import check, eq, params, run

LAB = Lab(1, 2, hosts=False)
ALL = (0, 1, 2)
PAIRS = [(1, 2), (1, 0), (0, 1)]
W = {n: Wire(LAB, n) for n in ALL}
IDENTS = itertools.count(100)
DATA = b"a datagram in two parts " * 10
WHOLE = udp_datagram(4000, 53, DATA)
PARTS = (WHOLE[:128], MF), (WHOLE[128:], 128 >> 3)
FRAG = pick("net.ipv4.ipfrag", "net.ipv6.ip6frag")


def part(ctx, num, ident):
    W[ctx].send_ip(17, PARTS[num][0], ident=ident, frag=PARTS[num][1])


def reassembled(ctx):
    """A datagram in two parts arrives: what a socket there gets."""
    ident = next(IDENTS)
    with sock(UDP, ctx, (RIP, 53)) as one:
        for num in (0, 1):
            part(ctx, num, ident)
        W[ctx].sync()
        return readable(one)


def fragments(one, two, name):
    """Parts of many datagrams come to a context; the sysctl says how many are
    kept.
    """
    before = sysctl(f"{name}_high_thresh")
    sysctl(f"{name}_low_thresh", 0)
    sysctl(f"{name}_high_thresh", 60000)
    for _ in range(200):
        part(one, 1, next(IDENTS))
    eq((reassembled(one), reassembled(two)), (None, DATA),
       "datagrams in the context that has too many, and in the other")
    sysctl(f"{name}_high_thresh", before)
    eq(reassembled(one), DATA, "datagram below the limit")


def memory():
    """What fragments of all contexts use."""
    with open("/proc/thread-self/net/" + pick("sockstat", "sockstat6"),
              encoding="ascii") as f:
        return [int(line.split()[4]) for line in f
                if line.startswith("FRAG")][0]


def test_memory():
    """fragments of each context are shown, and forgotten"""
    for ctx in ALL:
        ident, before = next(IDENTS), memory()
        with sock(UDP, ctx, (RIP, 53)) as one:
            part(ctx, 0, ident)
            W[ctx].sync()
            check(memory() > before, f"no fragments in {ctx}")
            part(ctx, 1, ident)
            W[ctx].sync()
            eq((readable(one), memory()), (DATA, before), f"after, in {ctx}")


@params(*PAIRS)
def test_fragments(one, two):
    """fragments that wait in one context leave room in another:"""
    fragments(one, two, FRAG)
    if one:
        W[one].reborn()         # and is rid of them


@params(*PAIRS)
def test_peers(one, two):
    """many peers of one context do not displace those of another:"""
    src = f"10.0.0.{50 + 3 * one + two}"
    sysctl(RATELIMIT, 20000)
    sysctl(RATEMASK, ratemask(UNREACH))
    for what in ("per_sec", "burst"):
        sysctl(f"net.ipv4.icmp_msgs_{what}", 100000)
    LAB.rt.neigh(W[one].dev, src, HMAC)
    with of_machine("/proc/sys/net/ipv4/inet_peer_threshold", 20):
        check(0 < W[one].port_errors(20, src=src) < 20, "no limit")
        eq(W[one].port_errors(5, src=src), 0, "errors beyond the limit")
        for num in range(100, 200):
            other = ip(f"10.0.0.{num}")
            LAB.rt.neigh(W[two].dev, other, HMAC)
            check(W[two].port_errors(1, src=other), f"no error to {other}")
        eq(W[one].port_errors(5, src=src), 0, "errors: the peer is forgotten")
    sysctl(RATEMASK, ratemask())


# ---- connection tracking ----

TFTP = """ct helper tftp { type "tftp" protocol udp; }
""" + chain("output", "udp dport 69 ct helper set \"tftp\"")


def send(ctx, port, data=b"x"):
    """From a port of its own: a new connection, or EPERM."""
    with sock(UDP, ctx) as one:
        try:
            one.sendto(data, (LO, port))
        except PermissionError:
            pass


def share(ctx, whole, others=0):
    """What a context gets: all, or as much as it leaves free."""
    return (whole - others) // 2 if ctx else whole


@only(6)
def test_fragments_tracked():
    """fragments that wait for connection tracking leave room in another"""
    with rules(TRACK):
        fragments(1, 2, "net.netfilter.nf_conntrack_frag6")


@params(*PAIRS)
def test_connections(one, two):
    """a context leaves connections to others, and 0 has its own:"""
    with rules(TRACK), maximum("max", 40):
        flush()
        got = []
        for ctx in (one, two):
            begin(ctx, 60)
            most = share(ctx, 40, got[0] if one and got else 0)
            got.append(owned(ctx))
            # what made room may have been two in a bucket
            check(most - 2 <= got[-1] <= most, f"{got} of {most} in {ctx}")
        eq(owned(one), got[0], f"connections of {one} after {two} began its")
    flush()


@params(*PAIRS)
def test_room(one, two):
    """who finds the table full makes room among the own connections:"""
    hashsize = "/sys/module/nf_conntrack/parameters/hashsize"
    with rules(TRACK), of_machine(hashsize, 512), maximum("max", 1000):
        flush()
        begin(two, 300)
        eq(owned(two), 300, f"connections of {two}")
        begin(one, 1100)
        most = share(one, 1000, 300 if two else 0)
        check(most / 2 < owned(one) <= most, f"{owned(one)} of {most}")
        eq(owned(two), 300, f"connections of {two} after {one} filled its")
        flush()


@params(*PAIRS)
def test_expectations(one, two):
    """what one context expects leaves room for another, and 0 has its own:"""
    with rules(TFTP), maximum("expect_max", 8):
        flush()
        for ctx in (one, two):
            for _ in range(12):
                send(ctx, 69, b"\0\1name\0octet\0")
        got = expected("tftp")
        first = share(one, 8)
        eq((got.count(one), got.count(two)),
           (first, share(two, 8, first if one else 0)), "expectations")
        flush()
        eq(expected("tftp"), [], "expectations of no connection")


run(globals())
