#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 4 6
"""BPF helpers that look up state find none in a context.

Guards __bpf_skc_lookup() and its kin, bpf_fib_lookup(), bpf_redirect_neigh(),
bpf_sk_assign(), inet_steal_sock() and its twin, sk_lookup programs and
sock_map_sk_is_suitable().
"""
import contextlib
import errno as E
import os
import struct
import tempfile

import vr_nl as nl
from vr_bpf import (AT_CONNECT, AT_SK_LOOKUP, AT_TCX, AT_XDP, REDIRECT_NEIGH,
                    SCHED_CLS, SK_ASSIGN, SK_LOOKUP, SK_LOOKUP_TCP,
                    SK_LOOKUP_UDP, SK_RELEASE, SKC_LOOKUP_TCP, SOCK_ADDR,
                    SOCKHASH, SOCKMAP, XDP, XDP_SKB_MODE, Map, Prog, call,
                    copy, elem, find, ins, leave, mov, note, route,
                    unless_null)
from vr_fam import AF, ip, pick
from vr_hdr import ETH_VLAN
from vr_net import HIP, RIP, TCP, UDP, Lab, libc, readable, serve, sock
from vr_nl import table_of, u32
from vr_pkt import ETH, Wire, ip_packet, udp_datagram
from vr_rt import sysctl
from vr_tap import check, eq, params, refused, run, wait

LAB = Lab(1, 2, hosts=False)
RT = LAB.rt
ALL = (0, 1, 2)
W = {n: Wire(LAB, n) for n in ALL}
PORT = 7000
XDP_PASS, NOT_FWDED = 2, 4
LOOKUPS = [("sk_lookup_tcp", SK_LOOKUP_TCP), ("sk_lookup_udp", SK_LOOKUP_UDP),
           ("skc_lookup_tcp", SKC_LOOKUP_TCP)]


@contextlib.contextmanager
def served():
    """A server of TCP and UDP with one address and port in each context."""
    with contextlib.ExitStack() as stack:
        for n in ALL:
            for kind in (TCP, UDP):
                stack.enter_context(serve(n, PORT, kind))
        yield


def runs(ctx, kind, code, end):
    """What a program at the device of the context puts into its map."""
    index = RT.ifindex(W[ctx].dev)
    with Map() as said, \
            Prog(kind, copy(6, 1) + code + note(said.fd) + leave(end)) as prog:
        if kind == XDP:
            with prog.link(AT_XDP, index, XDP_SKB_MODE):
                W[ctx].sync()
        else:
            with prog.attached(AT_TCX, index):
                W[ctx].sync()
        result, calls = said.get()
    check(calls, f"the program at {W[ctx].dev} did not run")
    return result


HOOKS = (("tc", SCHED_CLS, 0), ("XDP", XDP, XDP_PASS))


@params(*[(hook[0], name) for hook in HOOKS for name, _ in LOOKUPS])
def test_lookup(where, name):
    """no socket is found for a packet of a context, of context 0 one is:"""
    kind, end = next(hook[1:] for hook in HOOKS if hook[0] == where)
    code = find(dict(LOOKUPS)[name], ip(HIP), 4000, ip(RIP), PORT)
    with served():
        for n in ALL:
            eq(runs(n, kind, code, end), n == 0, f"found in {n}")


@params(*HOOKS)
def test_fib(_, kind, end):
    """no route is found for a device of a context:"""
    for n in ALL:
        got = runs(n, kind, route(AF, RT.ifindex(W[n].dev), ip(HIP), ip(HIP)),
                   end)
        if n:
            eq(got, -E.EOPNOTSUPP, f"in {n}")
        else:
            check(got >= 0, f"in 0: {got}")


@params((1,), (2,))
def test_fib_far(ctx):
    """nor for a device of a context, asked about at one of context 0:"""
    for name, kind, end in HOOKS:
        code = route(AF, RT.ifindex(W[ctx].dev), ip(HIP), ip(HIP))
        eq(runs(0, kind, code, end), -E.EOPNOTSUPP, name)


@params(*HOOKS)
def test_fib_table(_, kind, end):
    """nor in the table of a context, named by number:"""
    with forwarding(W[0].dev):
        for n in ALL:
            got = runs(0, kind, route(AF, RT.ifindex(W[0].dev), ip(HIP),
                                      ip(HIP), table_of(n) if n else 254), end)
            eq(got, NOT_FWDED if n else 0, f"table of {n}")


@contextlib.contextmanager
def forwarding(dev):
    name = f"net.{pick('ipv4', 'ipv6')}.conf.{dev}.forwarding"
    before = sysctl(name)
    sysctl(name, 1)
    try:
        yield
    finally:
        sysctl(name, before)


@params(*LOOKUPS)
def test_connect(_, helper):
    """nor for a socket of a context that connects, as a program of a cgroup:"""
    with served(), tempfile.TemporaryDirectory() as top, Map() as said, \
            Prog(SOCK_ADDR, copy(6, 1)
                 + find(helper, ip(HIP), 4000, ip(RIP), PORT)
                 + note(said.fd) + leave(1), AT_CONNECT) as prog:
        libc("mount", b"none", top.encode(), b"cgroup2", 0, None)
        group = os.open(top, os.O_RDONLY)
        try:
            with prog.attached(AT_CONNECT, group):
                for n in ALL:
                    with sock(UDP, n) as one:
                        one.connect((ip(RIP), PORT))
                    eq(said.get(), (n == 0, n + 1), f"found, calls, in {n}")
        finally:
            os.close(group)
            libc("umount2", top.encode(), 2)


def test_sk_lookup():
    """programs that choose a socket are not asked about packets of a context"""
    with Map() as said, LAB.ns, \
            open("/proc/thread-self/ns/net", "rb") as ns, \
            Prog(SK_LOOKUP, mov(7, 1) + note(said.fd) + leave(1),
                 AT_SK_LOOKUP) as prog, \
            prog.link(AT_SK_LOOKUP, ns.fileno()), served():
        before = 0
        for n in ALL:
            W[n].send_udp(4000, PORT, b"asked")
            W[n].send_tcp(4000, PORT, 1, flags=2)
            W[n].expect(lambda pkt: pkt.proto == 6, "answer")
            calls = said.get()[1] - before
            eq(calls, 0 if n else 2, f"calls in {n}")
            before += calls


@params((SOCKMAP,), (SOCKHASH,))
def test_sockmap(kind):
    """a socket of a context does not go into a map of sockets:"""
    with Map(kind, 8) as one, served():
        for n in ALL:
            with sock(UDP, n, (ip("0.0.0.0"), 0)) as mine:
                if n:
                    refused(E.EOPNOTSUPP, f"of {n}", one.put,
                            struct.pack("=Q", mine.fileno()))
                else:
                    one.put(struct.pack("=Q", mine.fileno()))


@params(*[(n,) for n in ALL])
def test_assign(ctx):
    """a socket of context 0 cannot be given a packet of a context:"""
    with Map(SOCKMAP, 8) as held, serve(0, PORT, UDP) as mine:
        held.put(struct.pack("=Q", mine.fileno()))
        code = elem(held.fd) + mov(7, 99) + unless_null(
            0, copy(8, 0) + copy(1, 6) + copy(2, 8) + mov(3, 0)
            + call(SK_ASSIGN) + copy(7, 0) + copy(1, 8) + call(SK_RELEASE))
        eq(runs(ctx, SCHED_CLS, code, 0), -E.ENETUNREACH if ctx else 0,
           "bpf_sk_assign()")


@params(*[(n,) for n in ALL])
def test_assigned_below(ctx):
    """what it is given at a device below is not its own above, in:"""
    wire, addr = W[0], "10.9.0.1"
    RT.link_add("above", "vlan", nl.attr(1, struct.pack("=H", 5)),
                u32(5, RT.ifindex(wire.dev)))
    if ctx:
        LAB.vr.move("above", ctx)
    RT.addr("above", addr + "/24")
    RT.link_set("above", up=True)
    wait(lambda: RT.running("above"), "the device to run")
    with Map(SOCKMAP, 8) as held, serve(0, PORT, UDP, "0.0.0.0") as given, \
            sock(UDP, ctx, (addr, PORT + 1)) as mine:
        held.put(struct.pack("=Q", given.fileno()))
        with Prog(SCHED_CLS, copy(6, 1) + elem(held.fd) + unless_null(
                0, copy(8, 0) + copy(1, 6) + copy(2, 8) + mov(3, 0)
                + call(SK_ASSIGN) + copy(1, 8) + call(SK_RELEASE))
                  + leave(0)) as prog:
            with prog.attached(AT_TCX, RT.ifindex(wire.dev)):
                pkt = ip_packet(17, udp_datagram(4000, PORT + 1, b"above",
                                                 "10.9.0.2", addr),
                                "10.9.0.2", addr)
                wire.send(struct.pack("!HH", 5, ETH) + pkt, ETH_VLAN)
                wire.sync()
        eq((readable(given), readable(mine)),
           (None, b"above") if ctx else (b"above", None), "received")
    RT.link_del("above")


@params((0, 0), (1, 1), (0, 1), (1, 0), (1, 2))
def test_redirect(one, two):
    """bpf_redirect_neigh() to or from a context drops the packet:"""
    # all that comes to one goes out of two, to a neighbour there
    index = RT.ifindex(W[two].dev)
    with Prog(SCHED_CLS, mov(1, index) + mov(2, 0) + mov(3, 0) + mov(4, 0)
              + call(REDIRECT_NEIGH) + ins(0x95)) as prog:
        with prog.attached(AT_TCX, RT.ifindex(W[one].dev)):
            W[one].send_udp(4000, PORT, b"sent on", dst=ip(HIP))
            if (one, two) == (0, 0):
                W[two].expect(lambda pkt: b"sent on" in pkt.raw, "packet")
        W[one].sync()
        W[two].silent("redirected")


run(globals())
