#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 4 6
"""Fragments with equal source, destination, id and protocol never mix.

Guards the vif part of the fragment queue key (ip_find(), fq_find(),
ip_frag_ecn_table and the ICMP error when a queue expires).
"""
import itertools

from vr_fam import FRAG_TIME, RAW_HEAD, REASM_EXCEEDED
from vr_net import RAW, RIP, UDP, Lab, readable, sock
from vr_pkt import MF, Wire, udp_datagram
from vr_rt import sysctl
from vr_tap import eq, params, run

LAB = Lab(1, 2, hosts=False)
ALL = (0, 1, 2)
W = {n: Wire(LAB, n) for n in ALL}
BOUND = {n: sock(UDP, n, (RIP, 53)) for n in ALL}


def fragments(ctx, parts=3):
    """One datagram, cut into parts; the text names its context."""
    data = (b"context %d " % ctx) * 200
    whole = udp_datagram(4000, 53, data)
    size = (len(whole) // parts + 7) & ~7
    out = []
    for off in range(0, len(whole), size):
        more = MF if off + size < len(whole) else 0
        out.append((whole[off:off + size], more | off >> 3))
    return data, out


def send(ctx, piece, ident=4711):
    W[ctx].send_ip(17, piece[0], ident=ident, frag=piece[1])


@params((3,), (2,), (7,))
def test_interleaved(parts):
    """interleaved fragments of equal id in every context, parts:"""
    cut = {n: fragments(n, parts) for n in ALL}
    for index in range(len(cut[0][1])):
        for ctx in ALL:
            send(ctx, cut[ctx][1][index])
    for ctx in ALL:
        W[ctx].sync()
        eq(readable(BOUND[ctx]), cut[ctx][0], f"datagram in {ctx}")
        eq(readable(BOUND[ctx]), None, f"second datagram in {ctx}")


@params(*itertools.permutations(ALL, 2))
def test_halves(one, two):
    """halves from different contexts make no datagram:"""
    _, first = fragments(one, 2)
    data, second = fragments(two, 2)
    send(one, first[0], 99)
    send(two, second[1], 99)
    W[one].sync()
    W[two].sync()
    for ctx in ALL:
        eq(readable(BOUND[ctx]), None, f"datagram in {ctx}")
    send(two, second[0], 99)
    W[two].sync()
    eq(readable(BOUND[two]), data, "completed in its context")
    eq(readable(BOUND[one]), None, "datagram in the other")
    send(one, first[1], 99)
    W[one].sync()
    eq(readable(BOUND[one]), fragments(one, 2)[0], "completed in the other")


def test_reverse():
    """fragments out of order, contexts in opposite order"""
    cut = {n: fragments(n, 4) for n in ALL}
    for step in range(4):
        for num, ctx in enumerate(ALL):
            send(ctx, cut[ctx][1][(step if num & 1 else 3 - step)], 5)
    for ctx in ALL:
        W[ctx].sync()
        eq(readable(BOUND[ctx]), cut[ctx][0], f"datagram in {ctx}")


def test_raw():
    """reassembled packets of a raw protocol"""
    socks = {n: sock(RAW, n, (RIP, 0), proto=200) for n in ALL}
    for off in (0, 64):
        for ctx in ALL:
            W[ctx].send_ip(200, bytes([ctx]) * 64, ident=6,
                           frag=(MF if not off else 0) | off >> 3)
    for ctx in ALL:
        W[ctx].sync()
        eq(socks[ctx].recv(1000)[RAW_HEAD:], bytes([ctx]) * 128,
           f"packet in {ctx}")
        socks[ctx].close()


def test_expire():
    """an expired queue is reported in its context only"""
    old = sysctl(FRAG_TIME)
    sysctl(FRAG_TIME, 1)
    _, cut = fragments(1, 2)
    send(1, cut[0], 7)
    W[1].expect(lambda p: p.icmp == REASM_EXCEEDED, "time exceeded")
    for ctx in (0, 2):
        W[ctx].silent("time exceeded of context 1")
    sysctl(FRAG_TIME, old)


@params(*[(n,) for n in ALL])
def test_output(ctx):
    """fragmented output leaves by its context, whole:"""
    with sock(UDP, ctx, (RIP, 4001)) as one:
        one.sendto(b"o" * 4000, (W[ctx].ip, 9))
    got = [p for p in W[ctx].sync() if p.proto == 17]
    eq(sum(len(p.body) for p in got), 4008, "bytes")
    eq(len({p.ident for p in got}), 1, "ids")
    for other in set(ALL) - {ctx}:
        W[other].silent("fragments of another context")


run(globals())
