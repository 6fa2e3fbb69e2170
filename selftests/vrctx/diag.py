#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 4 6
"""sock_diag: a process in a context sees and destroys its sockets alone.

Guards vrctx_diag_ok(), vrctx_diag_l3dom(), what dumps of sockets leave out,
and the attribute that tells context 0 where a socket is.
"""
import errno as E
import os
import socket
import struct

import vr_nl as nl
from vr_fam import AF, ip, pick
from vr_net import (ANY, RAW, RIP, TCP, UDP, Lab, connect, inside, pending,
                    serve, set_ctx, sock)
from vr_nl import NL_ATTR, NLM_F_DUMP, parse
from vr_pkt import Peer, Wire
from vr_sctp import Assoc, serve as sctp_serve
from vr_tap import check, eq, params, refused, run

LAB = Lab(1, 2, hosts=False)
ALL = (0, 1, 2)
W = {n: Wire(LAB, n) for n in ALL}
NETLINK_SOCK_DIAG, BY_FAMILY, DESTROY = 4, 20, 21
VIEW = {}
for num in ALL:
    with inside(num):
        VIEW[num] = nl.Netlink(NETLINK_SOCK_DIAG)


def sockid(src=("", 0), dst=("", 0), cookie=b"\xff" * 8):
    def raw(addr):
        return (socket.inet_pton(AF, addr) if addr else b"").ljust(16, b"\0")
    return struct.pack("!HH16s16s", src[1], dst[1], raw(src[0]),
                       raw(dst[0])) + struct.pack("=I", 0) + cookie


def request(ctx, kind, flags, proto, ident=None, family=AF, attrs=b""):
    return VIEW[ctx].request(kind, flags, struct.pack(
        "=BBBxI", family, proto, 0, 0xffffffff) + (ident or sockid())
        + attrs)


def dump(ctx, proto):
    """{inode: context} in a dump."""
    out = {}
    for body in request(ctx, BY_FAMILY, NLM_F_DUMP, proto):
        where = parse(body[72:]).get(NL_ATTR)
        out[struct.unpack_from("=I", body, 68)[0]] = \
            struct.unpack("=I", where)[0] if where else 0
    return out


def inode(one):
    return os.fstat(one.fileno()).st_ino


MAKE = {
    "listener": (6, lambda n: serve(n, 7000)),
    "bound": (6, lambda n: sock(TCP, n, (RIP, 7000))),
    "udp": (17, lambda n: serve(n, 7000, UDP)),
    "raw": (255, lambda n: sock(RAW, n, proto=97)),
    "SCTP": (132, lambda n: sctp_serve(n, 7000)),
}


@params(*MAKE)
def test_dump(what):
    """sockets of the context, and where they are in context 0:"""
    proto, make = MAKE[what]
    made = {n: make(n) for n in ALL}
    for n in ALL:
        got = dump(n, proto)
        for m in ALL:
            if n in (0, m):
                eq(got.get(inode(made[m])), m, f"{what} of {m} in {n}")
            else:
                check(inode(made[m]) not in got, f"{what} of {m} in {n}")
    for one in made.values():
        one.close()


def test_any():
    """a socket that serves all contexts is context 0's"""
    one = sock(TCP)
    set_ctx(one, ANY)
    one.bind((ip("0.0.0.0"), 7000))
    one.listen()
    eq(dump(0, 6).get(inode(one)), ANY, "in 0")
    check(inode(one) not in dump(1, 6), "in 1")
    one.close()


def connections(sport):
    """The same connection in every context: {context: (server, peer)}."""
    out = {}
    for n in ALL:
        lsn = serve(n, 7000)
        peer = Peer(W[n], sport, 7000, isn=1000)
        peer.open()
        conn = pending(lsn)
        lsn.close()
        out[n] = conn, peer
    return out


def alive(conn):
    return not conn.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)


@params((1, None), (2, None), (0, 0), (0, 2))
def test_destroy_tcp(ctx, where):
    """one connection of equal ones is destroyed, by whom, where:"""
    sport = 4000 + ctx * 10 + (where or 0)
    made = connections(sport)
    ident = sockid((RIP, 7000), (W[0].ip, sport))
    attrs = nl.u32(NL_ATTR, where) if where else b""
    request(ctx, DESTROY, 0, 6, ident, attrs=attrs)
    for n, (conn, _) in made.items():
        eq(alive(conn), n != (where or ctx), f"connection of {n}")
    for conn, peer in made.values():
        conn.close()
        peer.wire.sync()


@params((1, None), (2, None), (0, 0), (0, 2))
def test_destroy_udp(ctx, where):
    """one UDP socket of equal ones is destroyed, by whom, where:"""
    made = {n: connect((W[0].ip, 4000), n, (RIP, 7000), kind=UDP)
            for n in ALL}
    ident = sockid((RIP, 7000), (W[0].ip, 4000))
    attrs = nl.u32(NL_ATTR, where) if where else b""
    request(ctx, DESTROY, 0, 17, ident, attrs=attrs)
    for n, one in made.items():
        eq(alive(one), n != (where or ctx), f"socket of {n}")
        one.close()


@params((1, None), (2, None), (0, 2))
def test_destroy_raw(ctx, where):
    """one raw socket of equal ones is destroyed, by whom, where:"""
    made = {n: sock(RAW, n, proto=97) for n in ALL}
    attrs = nl.u32(NL_ATTR, where) if where else b""
    VIEW[ctx].request(DESTROY, 0, struct.pack(
        "=BBBBI", AF, 255, 0, 97, 0xffffffff) + sockid() + attrs)
    for n, one in made.items():
        eq(alive(one), n != (where or ctx), f"socket of {n}")
        one.close()


@params(6, 17)
def test_get(proto):
    """one socket is found in its context only, protocol"""
    kind = TCP if proto == 6 else UDP
    one = serve(1, 7100, kind)
    # a look-up of UDP takes source and destination the other way round
    ends = ((RIP, 7100), (W[0].ip, 4000))
    ident = sockid(*(ends if proto == 6 else ends[::-1]))
    eq(struct.unpack_from("=I", request(1, BY_FAMILY, 0, proto, ident)[0],
                          68)[0], inode(one), "inode")
    for n in (0, 2):
        refused(E.ENOENT, f"in {n}", request, n, BY_FAMILY, 0, proto, ident)
    eq(len(request(0, BY_FAMILY, 0, proto, ident,
                   attrs=nl.u32(NL_ATTR, 1))), 1, "by its context")
    one.close()


def test_sctp():
    """an association is found in its context only"""
    made = {}
    for n in ALL:
        with sctp_serve(n, 7000) as lsn:
            made[n] = Assoc(W[n], 4000, 7000).open(), pending(lsn)
    ident = sockid((RIP, 7000), (W[0].ip, 4000))
    for n in ALL:
        for m in ALL:
            got = request(n, BY_FAMILY, 0, 132, ident,
                          attrs=nl.u32(NL_ATTR, m) if m else b"")
            eq(struct.unpack_from("=I", got[0], 68)[0],
               inode(made[n or m][1]), f"that of {m} for {n}")
        eq(set(dump(n, 132)), {inode(made[m][1]) for m in (ALL if not n
                                                           else (n,))},
           f"dump in {n}")
    for peer, conn in made.values():
        peer.abort()
        conn.close()


def test_timewait():
    """connections in TIME-WAIT are listed in their context"""
    made = connections(4100)
    for conn, peer in made.values():
        conn.close()
        peer.ack = peer.expect(0x11).seq + 1
        peer.send(0x11)
        peer.wire.sync()
    for n in ALL:
        states = [body[1] for body in request(
            n, BY_FAMILY, NLM_F_DUMP, 6,
            sockid((RIP, 7000), (W[0].ip, 4100)))]
        eq(states.count(6), 3 if not n else 1, f"TIME-WAIT in {n}: {states}")


def test_closed():
    """what does not do contexts is not there in one"""
    for family, proto in ((AF, 33), (40, 0), (44, 0)):
        refused(E.ENOENT, f"{family} {proto}", request, 1, BY_FAMILY,
                NLM_F_DUMP, proto, family=family)
    refused(E.ENOENT, "SMC", request, 1, BY_FAMILY, NLM_F_DUMP, 0,
            attrs=nl.u32(3, 256))


def test_destroyed():
    """who listens for destroyed sockets hears of those of the context"""
    ears = {}
    for n in ALL:
        with inside(n):
            ears[n] = nl.Netlink(NETLINK_SOCK_DIAG)
        ears[n].sock.setsockopt(nl.SOL_NETLINK, 1,
                                pick(2, 4))     # INET_UDP_DESTROY
    for n in (2, 1):
        serve(n, 7200 + n, UDP).close()
    for n in (0, 1):
        want = (7202, 7201) if not n else (7201,)
        for port in want:
            (_, _, _, body), = ears[n].split(ears[n].sock.recv(1 << 16))
            eq(struct.unpack_from("!H", body, 4)[0], port, f"heard in {n}")
    for one in ears.values():
        one.close()


@params(("packet", socket.AF_PACKET), ("netlink", socket.AF_NETLINK))
def test_other_families(what, family):
    """sockets of the context in a dump of"""
    made = {}
    for n in ALL:
        with inside(n):
            made[n] = socket.socket(family, RAW, 0)
            if what == "netlink":
                made[n].bind((0, 0))
    req = struct.pack("=BBHIIII", family, 255 if what == "netlink" else 0, 0,
                      0, 0, 0xffffffff, 0xffffffff)
    for n in ALL:
        got = {struct.unpack_from("=I", body, 4 if what == "packet" else 16)[0]
               for body in VIEW[n].request(BY_FAMILY, NLM_F_DUMP, req)}
        for m in ALL:
            eq(inode(made[m]) in got, n in (0, m), f"{m} in {n}: {got}")
    for one in made.values():
        one.close()


run(globals())
