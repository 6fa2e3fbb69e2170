#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""IPv6 sockets that do IPv4, too: both stay within the socket's context.

Guards the IPv4-mapped paths of TCP and UDP, the bind conflicts between the
families, IPV6_V6ONLY, and VRCTX_ANY with both. Hosts with equal addresses of
both families are on links of every context; addresses here are as written.
"""
import errno as E
import socket
import struct

from vr_net import (ANY, TCP, TIMEOUT, UDP, Lab, cmsg_ctx, get_ctx, inside,
                    readable, send_ctx, sock)
from vr_nl import table_of
from vr_rt import sysctl
from vr_tap import eq, params, refused, run

LAB = Lab(0, 1, 2)
RT = LAB.rt
ALL = (0, 1, 2)
SIX = socket.IPPROTO_IPV6
V6ONLY, ADDRFORM = 26, 1
# Of router and host: (IPv4, IPv6), and how an IPv6 socket calls the IPv4 one
RIPS, HIPS = ("10.0.0.1", "fd00::1"), ("10.0.0.2", "fd00::2")
FAMILIES = (socket.AF_INET, socket.AF_INET6)
KINDS = (("TCP", TCP), ("UDP", UDP))


def mapped(addr):
    return addr if ":" in addr else "::ffff:" + addr


def ipv6_on(ns, rt, dev, cidr):
    with ns:
        # a device has been told what its namespace was; withhold no errors
        for path in ("conf.all.disable_ipv6", f"conf.{dev}.disable_ipv6",
                     "icmp.ratelimit"):
            sysctl(f"net.ipv6.{path}", 0)
    rt.addr(dev, cidr)


for num, far in LAB.hosts.items():
    ipv6_on(LAB.ns, RT, f"v{num}", RIPS[1] + "/64")
    ipv6_on(far, far.rt, "eth0", HIPS[1] + "/64")


def six(kind, ctx, addr=None, port=0, only=None, listen=0):
    """An IPv6 socket of a context, for both families unless only."""
    new = sock(kind, ctx, reuse=kind == TCP, af=socket.AF_INET6)
    try:
        if only is not None:
            new.setsockopt(SIX, V6ONLY, only)
        if addr:
            new.bind((mapped(addr), port))
        if listen:
            new.listen(listen)
    except OSError:
        new.close()
        raise
    return new


def at_host(ctx, family, kind, addr=None, port=0):
    """A plain socket of the host on that link."""
    with LAB.hosts[ctx]:
        new = socket.socket(family, kind)
    new.settimeout(TIMEOUT)
    if addr:
        new.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        new.bind((addr, port))
    return new


def call(ctx, addr, port=80):
    """A TCP connection from the host to the router's address."""
    new = at_host(ctx, FAMILIES[":" in addr], TCP)
    try:
        new.connect((addr, port))
    except OSError:
        new.close()
        raise
    return new


def answered(one):
    """A connection of the listener: (socket, peer's address)."""
    new, peer = one.accept()
    new.settimeout(TIMEOUT)
    return new, peer[0]


@params(*[(n,) for n in ALL])
def test_listener(ctx):
    """a listener takes both families of its own context:"""
    with six(TCP, ctx, "::", 80, listen=4) as one:
        for n in ALL:
            for mine, his in zip(RIPS, HIPS):
                if n != ctx:
                    refused(E.ECONNREFUSED, f"{mine} in {n}", call, n, mine)
                    continue
                with call(n, mine) as peer:
                    new, who = answered(one)
                    eq((who, get_ctx(new)), (mapped(his), ctx), "child")
                    peer.send(b"ping")
                    eq(new.recv(9), b"ping", "data")
                    new.send(b"pong")
                    eq(peer.recv(9), b"pong", "answer")
                    new.close()


def test_listeners():
    """one in every context: each has its own hosts"""
    socks = {n: six(TCP, n, "::", 80, listen=4) for n in ALL}
    for n in ALL:
        for mine in RIPS:
            with call(n, mine):
                new = answered(socks[n])[0]
                eq(get_ctx(new), n, "child")
                new.close()
    for one in socks.values():
        eq(readable_listener(one), False, "connections left")
        one.close()


def readable_listener(one):
    one.settimeout(0)
    try:
        one.accept()[0].close()
        return True
    except BlockingIOError:
        return False


def reset(one):
    """Close a connection so that no TIME_WAIT is left of it."""
    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                   struct.pack("=ii", 1, 0))
    one.close()


def test_connected_children():
    """equal IPv4 connections to IPv6 listeners of two contexts"""
    socks = {n: six(TCP, n, "::", 80, listen=4) for n in ALL}
    pairs = {}
    for n in ALL:
        peer = at_host(n, socket.AF_INET, TCP, HIPS[0], 4000)
        peer.connect((RIPS[0], 80))
        pairs[n] = peer, answered(socks[n])[0]
    for n, (peer, new) in pairs.items():
        new.send(b"in %d" % n)
        eq(peer.recv(9), b"in %d" % n, "data")
        peer.send(b"at %d" % n)
        eq(new.recv(9), b"at %d" % n, "answer")
    for n, (peer, new) in pairs.items():
        reset(new)
        peer.close()
        socks[n].close()


@params(*[(n,) for n in ALL])
def test_only_six(ctx):
    """IPV6_V6ONLY leaves IPv4 to another listener of the context:"""
    with six(TCP, ctx, "::", 80, only=1, listen=4) as one:
        refused(E.ECONNREFUSED, "IPv4", call, ctx, RIPS[0])
        with sock(TCP, ctx, ("0.0.0.0", 80), 4, reuse=True) as four:
            for mine, owner in zip(RIPS, (four, one)):
                with call(ctx, mine):
                    new = owner.accept()[0]
                    eq(get_ctx(new), ctx, "child")
                    new.close()
        # that of another context is none
        with six(TCP, (ctx + 1) % 3, "::", 80, listen=4):
            refused(E.ECONNREFUSED, "IPv4", call, ctx, RIPS[0])


# ---- bind ----

CLASHES = (("::", "0.0.0.0"), ("::", "10.0.0.1"), ("::ffff:10.0.0.1",
           "10.0.0.1"), ("::ffff:10.0.0.1", "0.0.0.0"))


@params(*[(k, c, a, b) for k, _ in KINDS for c in (0, 1) for a, b in CLASHES])
def test_conflict(kind, ctx, wide, four):
    """taken within one context, free in others:"""
    kind = dict(KINDS)[kind]
    listen = 1 if kind == TCP else 0
    with six(kind, ctx, wide, 99, listen=listen):
        refused(E.EADDRINUSE, "IPv4 second", sock, kind, ctx, (four, 99))
        for n in (*(set(ALL) - {ctx}), ANY):
            sock(kind, n, (four, 99)).close()
            six(kind, n, wide, 99).close()
    with sock(kind, ctx, (four, 99), listen=listen):
        refused(E.EADDRINUSE, "IPv6 second", six, kind, ctx, wide, 99)
        for n in (*(set(ALL) - {ctx}), ANY):
            six(kind, n, wide, 99).close()
        if wide == "::":
            six(kind, ctx, wide, 99, only=1).close()


@params(*KINDS)
def test_conflict_any(_, kind):
    """two sockets that serve all contexts are in each other's way:"""
    listen = 1 if kind == TCP else 0
    with six(kind, ANY, "::", 99, listen=listen):
        refused(E.EADDRINUSE, "IPv4", sock, kind, ANY, ("0.0.0.0", 99))
        refused(E.EADDRINUSE, "IPv6", six, kind, ANY, "::", 99)
        refused(E.EADDRINUSE, "IPv6 only", six, kind, ANY, "::", 99, 1)
    with six(kind, ANY, "::", 99, 1, listen):
        sock(kind, ANY, ("0.0.0.0", 99)).close()


def test_bind_foreign():
    """a mapped address has to be one of the context"""
    RT.addr("v2", "10.2.2.2/32")
    for kind in (TCP, UDP):
        for n in (0, 1):
            refused(E.EADDRNOTAVAIL, f"in {n}", six, kind, n, "10.2.2.2", 99)
        six(kind, 2, "10.2.2.2", 99).close()
        six(kind, ANY, "10.2.2.2", 99).close()
    RT.addr_del("v2", "10.2.2.2/32")


# ---- the router as the client ----

@params(*[(n,) for n in ALL])
def test_connect(ctx):
    """connect to a mapped address goes out in:"""
    socks = {n: [at_host(n, f, TCP, a, 80) for f, a in zip(FAMILIES, HIPS)]
             for n in ALL}
    for pair in socks.values():
        for one in pair:
            one.listen(4)
    for his, mine, one in zip(HIPS, RIPS, socks[ctx]):
        with six(TCP, ctx) as new:
            new.connect((mapped(his), 80))
            peer, who = one.accept()
            eq((who[0], get_ctx(new)), (mine, ctx), "connection")
            peer.send(b"hello")
            eq(new.recv(9), b"hello", "data")
            peer.close()
    for n, pair in socks.items():
        for one in pair:
            eq(readable_listener(one), False, f"connection at host {n}")
            one.close()


@params(("TCP", TCP), ("UDP", UDP))
def test_connect_route(_, kind):
    """a mapped destination needs a route of the context:"""
    RT.route("192.0.2.0/24", via=HIPS[0], dev="v1", table=table_of(1))
    dest = (mapped("192.0.2.1"), 9)
    for n in (0, 2):
        with six(kind, n) as one:
            refused(E.ENETUNREACH, f"connect in {n}", one.connect, dest)
            if kind == UDP:
                refused(E.ENETUNREACH, f"send in {n}", one.sendto, b"x", dest)
    with six(kind, 1) as one:
        one.settimeout(0)
        try:
            one.connect(dest)
        except BlockingIOError:         # nobody is there to answer
            pass
        eq(one.getsockname()[0], mapped(RIPS[0]), "own address")
    RT.route_del("192.0.2.0/24", table=table_of(1))


def test_connect_any():
    """what serves all contexts connects to nobody"""
    for kind in (TCP, UDP):
        for dest in HIPS:
            with six(kind, ANY) as one:
                refused(E.EINVAL, dest, one.connect, (mapped(dest), 9))


def test_loopback():
    """::ffff:127.0.0.1 and ::1 are the context's own"""
    for ctx in ALL:
        with six(TCP, ctx, "::", 80, listen=4) as one:
            for n in ALL:
                for addr in ("127.0.0.1", "::1"):
                    with six(TCP, n) as new:
                        if n != ctx:
                            refused(E.ECONNREFUSED, f"{addr} in {n}",
                                    new.connect, (mapped(addr), 80))
                            continue
                        new.connect((mapped(addr), 80))
                        peer, who = answered(one)
                        eq((who, get_ctx(peer)), (mapped(addr), n), "child")
                        peer.close()


def test_converted():
    """IPV6_ADDRFORM makes it an IPv4 socket of the same context"""
    LAB.vr.new(3)
    with sock(TCP, 3, ("127.0.0.1", 80), listen=4) as one, six(TCP, 3) as new:
        new.connect((mapped("127.0.0.1"), 80))
        new.setsockopt(SIX, ADDRFORM, struct.pack("=i", socket.AF_INET))
        eq(get_ctx(new), 3, "context")
        peer = one.accept()[0]
        peer.send(b"still here")
        eq(new.recv(20), b"still here", "data")
        reset(peer)
    LAB.quiet(3)                        # it was counted once, and is still
    LAB.vr.delete(3)


# ---- UDP ----

@params(*[(n,) for n in ALL])
def test_datagrams(ctx):
    """datagrams of both families, in and out, within:"""
    with six(UDP, ctx, "::", 53) as one:
        for n in ALL:
            for family, mine, his in zip(FAMILIES, RIPS, HIPS):
                with at_host(n, family, UDP, his, 4000) as peer:
                    peer.connect((mine, 53))
                    peer.send(b"at %d" % n)
                    if n != ctx:
                        refused(E.ECONNREFUSED, f"{mine} in {n}", peer.recv, 9)
                        continue
                    data, who = one.recvfrom(9)
                    eq((data, who[:2]), (b"at %d" % n, (mapped(his), 4000)),
                       "datagram")
                    one.sendto(b"back", who)
                    eq(peer.recv(9), b"back", "answer")
        eq(readable(one), None, "another datagram")


def test_connected_datagrams():
    """an IPv6 socket connected to a mapped address, in every context"""
    socks = {}
    for n in ALL:
        socks[n] = six(UDP, n, "::", 53)
        socks[n].connect((mapped(HIPS[0]), 4000))
    for n in ALL:
        with at_host(n, socket.AF_INET, UDP, HIPS[0], 4000) as peer:
            peer.sendto(b"for %d" % n, (RIPS[0], 53))
            eq(socks[n].recv(9), b"for %d" % n, "datagram")
            socks[n].send(b"back")
            eq(peer.recv(9), b"back", "answer")
    for one in socks.values():
        eq(readable(one), None, "another datagram")
        one.close()


# ---- sockets of all contexts ----

def test_any_listener():
    """a listener of all contexts, in both families"""
    with six(TCP, ANY, "::", 80, listen=8) as one:
        for n in ALL:
            for mine, his in zip(RIPS, HIPS):
                with call(n, mine) as peer:
                    new, who = answered(one)
                    eq((who, get_ctx(new)), (mapped(his), n), "child")
                    new.send(b"from %d" % n)
                    eq(peer.recv(9), b"from %d" % n, "data")
                    new.close()


@params(*[(n, f) for n in ALL for f in (0, 1)])
def test_specific_wins(ctx, index):
    """what a listener of the context takes, ANY does not see:"""
    with six(TCP, ANY, "::", 80, listen=8) as one:
        own = (sock(TCP, ctx, ("0.0.0.0", 80), 4, reuse=True) if index == 0
               else six(TCP, ctx, "::", 80, 1, 4))
        for n in ALL:
            for i, mine in enumerate(RIPS):
                with call(n, mine):
                    new = (own if (n, i) == (ctx, index) else one).accept()[0]
                    eq(get_ctx(new), n, "child")
                    new.close()
        own.close()


def test_any_datagrams():
    """a UDP socket of all contexts: told whence, and answers there"""
    with six(UDP, ANY, "::", 53) as one:
        for n in ALL:
            for family, mine, his in zip(FAMILIES, RIPS, HIPS):
                with at_host(n, family, UDP, his, 4000) as peer:
                    peer.connect((mine, 53))
                    peer.send(b"at %d" % n)
                    data, anc, _, who = one.recvmsg(99, 99)
                    eq((data, cmsg_ctx(anc), who[:2]),
                       (b"at %d" % n, n, (mapped(his), 4000)), "datagram")
                    refused(E.EDESTADDRREQ, "no context", one.sendto, b"x",
                            who)
                    for other in set(ALL) - {n}:
                        send_ctx(one, b"stray", who, other)
                    send_ctx(one, b"from %d" % n, who, n)
                    eq(peer.recv(9), b"from %d" % n, "answer")


def test_specific_cmsg():
    """a socket of one context names no other, whatever the destination"""
    with six(UDP, 1) as one:
        for dest in map(mapped, HIPS):
            for n in (0, 2, ANY):
                refused(E.EINVAL, f"{dest}, {n}", send_ctx, one, b"x",
                        (dest, 9), n)
            eq(send_ctx(one, b"x", (dest, 9), 1), 1, "its own")


def test_inside():
    """a task in a context has IPv6 sockets of that, for both families"""
    with inside(2):
        one = socket.create_server(("::", 80), family=socket.AF_INET6,
                                   dualstack_ipv6=True)
    with one:
        one.settimeout(TIMEOUT)
        eq(get_ctx(one), 2, "context")
        for mine in RIPS:
            with call(2, mine):
                new = one.accept()[0]
                eq(get_ctx(new), 2, "child")
                new.close()
            refused(E.ECONNREFUSED, mine, call, 1, mine)


run(globals())
