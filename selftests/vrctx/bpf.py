#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 4 6
"""BPF helpers look up routes and sockets in the context of the packet.

Guards bpf_fib_lookup(), __bpf_skc_lookup() and its kin, bpf_sk_assign(),
inet_steal_sock() and its twin, sk_lookup programs, sock_map_sk_is_suitable().
"""
import contextlib
import ctypes
import errno as E
import os
import struct
import tempfile

import vr_nl as nl
from vr_bpf import (AT_CONNECT, AT_EGRESS, AT_SK_LOOKUP, AT_TCX, AT_XDP,
                    BLACKHOLE, CGROUP_SKB, CHECK_COOKIE, DIRECT, GEN_COOKIE,
                    MARK, NOT_FWDED, OUTPUT, PROG_TEST_RUN, SCHED_CLS,
                    SK_ASSIGN, SK_LOOKUP, SK_LOOKUP_TCP, SK_LOOKUP_UDP,
                    SK_RELEASE, SKC_LOOKUP_TCP, SOCK_ADDR, SOCKHASH, SOCKMAP,
                    SRC, TBID, UNSUPP_LWT, XDP, XDP_SKB_MODE, Map, Prog,
                    at_stack, bpf, call, copy, ctx_of, elem, find, find_ctx,
                    found, ins, leave, mov, note, on_stack, route, unless_null,
                    way)
from vr_fam import AF, FORWARD, ip, pick
from vr_hdr import ETH_VLAN
from vr_leak import leak_attrs
from vr_net import (ANY, HIP, RIP, TCP, UDP, Lab, inside, libc, readable,
                    serve, sock)
from vr_nl import table_of, u32
from vr_pkt import ETH, Wire, ip_packet, tcp_segment, udp_datagram
from vr_rt import Rtnl, fra, sysctl
from vr_tap import check, eq, params, refused, run, wait

LAB = Lab(1, 2, hosts=False)
RT = LAB.rt
ALL = (0, 1, 2)
sysctl(FORWARD, 1)
W = {n: Wire(LAB, n) for n in ALL}
INDEX = {n: RT.ifindex(W[n].dev) for n in ALL}
LO = RT.ifindex("lo")
PORT = 7000
XDP_PASS = 2
RTM_NEWNSID = 88
LOOKUPS = [("sk_lookup_tcp", SK_LOOKUP_TCP), ("sk_lookup_udp", SK_LOOKUP_UDP),
           ("skc_lookup_tcp", SKC_LOOKUP_TCP)]
HOOKS = (("tc", SCHED_CLS, 0), ("XDP", XDP, XDP_PASS))
# the router's own namespace is number 9 to itself
with LAB.ns, open("/proc/thread-self/ns/net", "rb") as own:
    RT.request(RTM_NEWNSID, 0, bytes(4) + u32(1, 9) + u32(3, own.fileno()))
BOTH = [(hook[0], name) for hook in HOOKS for name, _ in LOOKUPS]


@contextlib.contextmanager
def served(*contexts, addr=RIP):
    """Servers of TCP and UDP with one address and port in these contexts."""
    with contextlib.ExitStack() as stack:
        for n in contexts:
            for kind in (TCP, UDP):
                stack.enter_context(serve(n, PORT, kind, addr))
        yield


def by_lo(ctx):
    """A packet of the context comes by the loopback device."""
    with sock(UDP, ctx, ("127.0.0.1", 0)) as one:
        one.sendto(b"round", one.getsockname())
        eq(one.recv(9), b"round", "received")


def runs(ctx, kind, code, end, lo=False):
    """What a program at the device of the context puts into its map."""
    index = LO if lo else INDEX[ctx]
    with Map() as said, \
            Prog(kind, copy(6, 1) + code + note(said.fd) + leave(end)) as prog:
        with prog.link(AT_XDP, index, XDP_SKB_MODE) if kind == XDP else \
                prog.attached(AT_TCX, index):
            if lo:
                by_lo(ctx)
            else:
                W[ctx].sync()
        result, calls = said.get()
    check(calls, f"the program at {index} did not run")
    return result


def hook(where):
    return next(kind[1:] for kind in HOOKS if kind[0] == where)


def lookups(where, name, lo=False, addr=RIP, netns=-1):
    """Which contexts find a socket?"""
    kind, end = hook(where)
    code = find(dict(LOOKUPS)[name], ip(HIP), 4000, ip(addr), PORT, netns=netns)
    return [n for n in ALL if runs(n, kind, code, end, lo)]


@params(*BOTH)
def test_lookup(where, name):
    """a socket is found for a packet of its context, and for no other:"""
    eq(lookups(where, name), [], "nobody serves")
    for n in ALL:
        with served(n):
            eq(lookups(where, name), [n], f"finds what {n} serves")


@params(*BOTH[1::3])
def test_lookup_lo(where, name):
    """so it is for one that comes by lo:"""
    for n in ALL:
        with served(n):
            eq(lookups(where, name, lo=True), [n], f"finds what {n} serves")


@params(*BOTH)
def test_lookup_any(where, name):
    """what serves all contexts is found for packets of each:"""
    with served(ANY, addr="0.0.0.0"):
        eq(lookups(where, name), list(ALL), "found")


@params(*BOTH[1::3])
def test_lookup_far(where, name):
    """a namespace named by its number is no place for a context:"""
    with served(*ALL):
        eq(lookups(where, name, netns=9), [0], "find something")


@params(SK_LOOKUP_UDP, SKC_LOOKUP_TCP)
def test_read_found(helper):
    """a program reads the context of a socket that it found:"""
    code = find_ctx(helper, ip(HIP), 4000, ip(RIP), PORT)
    with served(*ALL):
        for n in ALL:
            eq(runs(n, SCHED_CLS, code, 0), n, f"in {n}")
    with served(ANY, addr="0.0.0.0"):
        eq(runs(1, SCHED_CLS, code, 0), ANY, "of one that serves all")


@params(*ALL)
def test_read(ctx):
    """and that of a packet:"""
    eq(runs(ctx, SCHED_CLS, ctx_of(), 0), ctx, "from outside")
    eq(runs(ctx, SCHED_CLS, ctx_of(), 0, lo=True), ctx, "by lo")


@params(ins(0x63, 6, 7, 192).hex(), ins(0x61, 7, 6, 196).hex())
def test_read_only(code):
    """it cannot write there, nor read behind it:"""
    refused(E.EACCES, "loading", Prog, SCHED_CLS, copy(6, 1) + mov(7, 0)
            + bytes.fromhex(code) + leave(0))


@params(*ALL)
def test_test_run(ctx):
    """a test run for a device is one in its context:"""
    pkt = ctypes.create_string_buffer(64)
    given = ctypes.create_string_buffer(struct.pack("=40xI", INDEX[ctx]), 192)
    with Map() as said, Prog(SCHED_CLS, copy(6, 1) + ctx_of()
                             + note(said.fd) + leave(0)) as prog:
        bpf(PROG_TEST_RUN, struct.pack(
            "=IIIIQQIIIIQQ", prog.fd, 0, 64, 0, ctypes.addressof(pkt), 0, 0, 0,
            192, 0, ctypes.addressof(given), 0))
        eq(said.get(), (ctx, 1), "context, calls")


@params((CHECK_COOKIE, 0x10), (GEN_COOKIE, 2))
def test_cookie(helper, flags):
    """no cookies of connections to those of a context:"""
    seg = tcp_segment(4000, PORT, 1, 1, flags, b"", HIP, RIP)
    code = on_stack(-72, seg) + on_stack(-112, bytes([pick(0x45, 0x60)])
                                         + bytes(39)) \
        + found(SKC_LOOKUP_TCP, ip(HIP), 4000, ip(RIP), PORT) + mov(7, 99) \
        + unless_null(0, copy(8, 0) + copy(1, 8) + at_stack(2, -112)
                      + mov(3, 40) + at_stack(4, -72) + mov(5, 20)
                      + call(helper) + copy(7, 0) + copy(1, 8)
                      + call(SK_RELEASE))
    with served(*ALL):
        for n in ALL:
            eq(runs(n, SCHED_CLS, code, 0), -(E.EOPNOTSUPP if n else E.ENOENT),
               f"in {n}")


# ---- routes ----

def routes(at, index, lo=False, **kwargs):
    """(what a look-up at context's device says, by which device), for both
    hooks the same
    """
    out = {way(runs(at, kind, route(AF, index, ip(HIP), **kwargs), end, lo))
           for _, kind, end in HOOKS}
    eq(len(out), 1, f"kinds of answers {out}")
    return out.pop()


@params(*[(n, flags) for n in ALL for flags in (0, DIRECT, OUTPUT, SRC)])
def test_fib(ctx, flags):
    """the route is that of the context whose device is asked about, in it and
    elsewhere:
    """
    for at in ALL:
        eq(routes(at, INDEX[ctx], flags=flags), (0, INDEX[ctx]), f"at {at}")


@params(*[(n, flags) for n in ALL for flags in (0, DIRECT)])
def test_fib_lo(ctx, flags):
    """of the packet's context, if it is about lo:"""
    sysctl(f"net.{pick('ipv4', 'ipv6')}.conf.lo.forwarding", 1)
    eq(routes(ctx, LO, lo=True, flags=flags), (0, INDEX[ctx]), "answer")


@params(*[(n, m) for n in ALL for m in ALL])
def test_fib_table(ctx, table):
    """another context's table is none, named by number:"""
    want = (0, INDEX[ctx]) if ctx == table else (NOT_FWDED, INDEX[ctx])
    eq(routes(ctx, INDEX[ctx], flags=DIRECT | TBID,
              table=table_of(table) if table else 254), want, "answer")


@params(*ALL)
def test_fib_rule(ctx):
    """rules are those of the context, for what has their mark:"""
    with inside(ctx):
        rt = Rtnl()
    rt.rule(0, 100, action=6, more=fra(mark=5))
    for n in ALL:
        for mark in (0, 5):
            got = routes(n, INDEX[n], flags=MARK, mark=mark)
            eq(got, (pick(BLACKHOLE, NOT_FWDED) if (n, mark) == (ctx, 5)
                     else 0, INDEX[n]), f"in {n}, mark {mark}")
    rt.rule_del(100)
    rt.close()


def test_fib_leak():
    """a leak is not followed"""
    LAB.vr.bodies(nl.LEAK_NEW, leak_attrs(1, "10.3.0.0/24", 2))
    for where, kind, end in HOOKS:
        code = route(AF, INDEX[1], ip("10.3.0.2"))
        eq(way(runs(1, kind, code, end)), (UNSUPP_LWT, INDEX[1]), where)
    LAB.vr.bodies(nl.LEAK_DEL, leak_attrs(1, "10.3.0.0/24"))


# ---- programs of a cgroup ----

@contextlib.contextmanager
def cgroup():
    """The uppermost one, as a descriptor."""
    with tempfile.TemporaryDirectory() as top:
        libc("mount", b"none", top.encode(), b"cgroup2", 0, None)
        group = os.open(top, os.O_RDONLY)
        try:
            yield group
        finally:
            os.close(group)
            libc("umount2", top.encode(), 2)


@params(*LOOKUPS)
def test_connect(_, helper):
    """a socket that connects finds those of its context:"""
    with cgroup() as group, Map() as said, \
            Prog(SOCK_ADDR, copy(6, 1)
                 + find(helper, ip(HIP), 4000, ip(RIP), PORT)
                 + note(said.fd) + leave(1), AT_CONNECT) as prog, \
            prog.attached(AT_CONNECT, group):
        calls = 0
        for other in ALL:
            with served(other):
                for n in ALL:
                    with sock(UDP, n) as one:
                        one.connect((ip(RIP), PORT))
                    calls += 1
                    eq(said.get(), (n == other, calls),
                       f"found, calls, in {n} when {other} serves")


def test_read_own():
    """a program reads the context of the socket that it is about"""
    code = ins(0x79, 1, 6, 64) + ctx_of(1)
    with cgroup() as group, Map() as said, \
            Prog(SOCK_ADDR, copy(6, 1) + code + note(said.fd) + leave(1),
                 AT_CONNECT) as prog, prog.attached(AT_CONNECT, group):
        for calls, n in enumerate(ALL, 1):
            with sock(UDP, n) as one:
                one.connect((ip(RIP), PORT))
            eq(said.get(), (n, calls), f"context, calls, in {n}")


@params(*LOOKUPS)
def test_egress(_, helper):
    """so does a packet that a socket sends:"""
    code = mov(7, 0) + ins(0x61, 1, 6, 136)     # local_port
    look = find(helper, ip(HIP), 4000, ip(RIP), PORT)
    with cgroup() as group, Map() as said:
        look += note(said.fd)
        code += ins(0x55, 1, off=len(look) // 8, imm=PORT + 1) + look
        with Prog(CGROUP_SKB, copy(6, 1) + code + leave(1)) as prog, \
                prog.attached(AT_EGRESS, group):
            calls = 0
            for other in ALL:
                with served(other):
                    for n in ALL:
                        with sock(UDP, n, (RIP, PORT + 1)) as one:
                            one.sendto(b"out", (ip(HIP), PORT))
                        calls += 1
                        eq(said.get(), (n == other, calls),
                           f"found, calls, in {n} when {other} serves")


def test_sk_lookup():
    """programs that choose a socket are not asked about packets of a context"""
    with Map() as said, LAB.ns, \
            open("/proc/thread-self/ns/net", "rb") as ns, \
            Prog(SK_LOOKUP, mov(7, 1) + note(said.fd) + leave(1),
                 AT_SK_LOOKUP) as prog, \
            prog.link(AT_SK_LOOKUP, ns.fileno()), served(*ALL):
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
    with Map(kind, 8) as one:
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


def test_assign_found():
    """one of its own that was looked up can be, and gets it"""
    code = found(SK_LOOKUP_UDP, ip(HIP), 4000, ip(RIP), PORT) + mov(7, 99) \
        + unless_null(0, copy(8, 0) + copy(1, 6) + copy(2, 8) + mov(3, 0)
                      + call(SK_ASSIGN) + copy(7, 0) + copy(1, 8)
                      + call(SK_RELEASE))
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(serve(n, PORT, UDP)) for n in ALL]
        for n in ALL:
            with Prog(SCHED_CLS, copy(6, 1) + code + leave(0)) as prog, \
                    prog.attached(AT_TCX, INDEX[n]):
                W[n].send_udp(4000, PORT + 1, b"assigned")
                W[n].sync()
            eq([readable(one) for one in servers],
               [b"assigned" if m == n else None for m in ALL], f"from {n}")


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


run(globals())
