#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 4 6
"""Multipath TCP: connections and their tokens are of one context.

Equal addresses and ports everywhere. Guards the context of subflows, the
look-up by token, SO_VRCTX, sock_diag, what is known of a network without MPTCP,
and the end of all of it with its context.
"""
import errno as E
import os
import socket
import struct

import vr_mptcp as mp
import vr_nl as nl
from vr_fam import AF, ip
from vr_mptcp import (PORT, MpPeer, Join, MpLab, Pm, accepted, both, close,
                      counter, info, mp_connect, mp_option, mp_serve, mp_sock,
                      subflows, token)
from vr_net import ANY, HIP, RIP, get_ctx, inside, pending, set_ctx
from vr_nl import NL_ATTR, NLM_F_DUMP, parse
from vr_pkt import ACK, RST, SYN, Wire
from vr_rt import sysctl
from vr_tap import check, eq, params, refused, run, wait

ALL = (0, 1, 2)
PAIRS = [(0, 1), (1, 0), (1, 2)]
LAB = MpLab(*ALL)
VR = LAB.vr
# A second link, whose far end is hand made
W = {n: Wire(LAB, n, cidr="10.9.0.1/24", ip="10.9.0.2") for n in ALL}


def test_serve():
    """one address and port is served in all contexts"""
    lsn = {n: mp_serve(n, PORT) for n in ALL}
    conns = {n: LAB.come(n, lsn[n]) for n in ALL}
    for n, (client, server) in conns.items():
        eq((get_ctx(lsn[n]), get_ctx(server)), (n, n), "contexts")
        server.sendall(b"%d" % n)
        eq(client.recv(9), b"%d" % n, "who answered")
        eq(pending(lsn[n]), None, "somebody else's connection")
    close(*lsn.values(), *[one for conn in conns.values() for one in conn])


def test_connect():
    """connect() leads to the context's host, from inside and by SO_VRCTX"""
    for n in ALL:
        with inside(n):
            inner = mp_sock()
        eq(get_ctx(inner), n, "context inside")
        for made in (inner, None):
            client, server = LAB.go(n, made)
            eq(server.getpeername()[0], RIP, "peer")
            close(client, server)


def test_fallback():
    """a plain TCP client is served, in the context"""
    lsn = {n: mp_serve(n, PORT) for n in ALL}
    for n in ALL:
        with LAB.hosts[n]:
            client = socket.create_connection((RIP, PORT))
        server = accepted(lsn[n])
        eq(get_ctx(server), n, "context")
        server.sendall(b"hello")
        eq(client.recv(5), b"hello", "data")
        close(client, server)
    close(*lsn.values())


# ---- tokens ----

def hand_made(ctx, port=4000):
    """(peer, server, listener)"""
    lsn = mp_serve(ctx, PORT)
    peer = MpPeer(W[ctx], port, PORT, isn=1000).open()
    W[ctx].sync()
    return peer, accepted(lsn), lsn


def done(ctx, *peers):
    for peer in peers:
        peer.send(RST | ACK)
    W[ctx].sync()


@params(*PAIRS)
def test_join(one, two):
    """a token of one context is no good in another:"""
    pa, sa, la = hand_made(one)
    pb, sb, lb = hand_made(two)
    had = counter("MPJoinNoTokenFound")
    evil = Join(W[two], 4100, PORT)
    eq(evil.join_syn(pa).flags, RST | ACK, "answer to the stolen token")
    eq(counter("MPJoinNoTokenFound") - had, 1, "counted")
    eq((subflows(sa), subflows(sb)), (0, 0), "subflows")
    # the same in its own context
    good = Join(W[one], 4100, PORT)
    pkt = good.join_syn(pa)
    eq(pkt.flags, SYN | ACK, "answer to the token")
    good.join_ack(pkt)
    W[one].sync()
    wait(lambda: subflows(sa) == 1, "the subflow")
    eq(subflows(sb), 0, "subflows of the other")
    done(one, pa, good)
    done(two, pb)
    close(sa, la, sb, lb)


@params(*PAIRS)
def test_join_cookie(one, two):
    """what is kept of a join for its cookie is not another context's:"""
    pa, sa, la = hand_made(one)
    pb, sb, lb = hand_made(two)
    sysctl("net.ipv4.tcp_syncookies", 2)        # always
    try:
        ja = Join(W[one], 4200, PORT, isn=5000)
        jb = Join(W[two], 4200, PORT, isn=5000)
        pkt_a, pkt_b = ja.join_syn(pa), jb.join_syn(pb)
        eq((pkt_a.flags, pkt_b.flags), (SYN | ACK,) * 2, "answers")
        ja.join_ack(pkt_a)
        W[one].sync()
        wait(lambda: subflows(sa) == 1, "the subflow")
        eq(subflows(sb), 0, "subflows of the other")
        jb.join_ack(pkt_b)
        W[two].sync()
        wait(lambda: subflows(sb) == 1, "the other's subflow")
    finally:
        sysctl("net.ipv4.tcp_syncookies", 1)
    done(one, pa, ja)
    done(two, pb, jb)
    close(sa, la, sb, lb)


@params(*PAIRS)
def test_join_cookie_stolen(one, two):
    """a cookie of one context does not join in another:"""
    pa, sa, la = hand_made(one)
    pb, sb, lb = hand_made(two)
    sysctl("net.ipv4.tcp_syncookies", 2)
    try:
        ja = Join(W[one], 4300, PORT, isn=5000)
        jb = Join(W[two], 4300, PORT, isn=5000)
        jb.join_syn(pb)
        pkt_a = ja.join_syn(pa)
        # all that the first's peer knows, in the second
        jb.join_ack(pkt_a, pa)
        pkt = W[two].expect(jb.mine, "answer to the ACK")
        check(pkt.flags & RST, f"answer {pkt.flags}")
        eq((subflows(sa), subflows(sb)), (0, 0), "subflows")
    finally:
        sysctl("net.ipv4.tcp_syncookies", 1)
    done(one, pa)
    done(two, pb)
    close(sa, la, sb, lb)


# ---- SO_VRCTX ----

def test_move():
    """SO_VRCTX moves a socket that has a first subflow, but is not bound"""
    with Pm(1) as pm:
        pm.add("10.0.0.3", flags=mp.SUBFLOW)
        one = mp_sock()
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        refused(E.EOPNOTSUPP, "all", set_ctx, one, ANY)
        for n in (1, 2, 0, 1):
            set_ctx(one, n)
            eq(get_ctx(one), n, "context")
        # with the endpoints and limits of where it is
        conn = LAB.go(1, one)
        both(conn)
        refused(E.EISCONN, "connected", set_ctx, one, 2)
        close(*conn)
    with mp_sock(1, (RIP, PORT)) as one:
        refused(E.EINVAL, "bound", set_ctx, one, 2)
    with mp_sock(1, dev="v1") as one:
        refused(E.EINVAL, "bound to a device", set_ctx, one, 2)
        refused(E.ENODEV, "a device of another", one.setsockopt,
                socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"v2")
    with mp_serve(1, PORT) as one:
        refused(E.EISCONN, "listens", set_ctx, one, 2)


# ---- sock_diag ----

def diag(ctx, flags, cookie=b"\xff" * 8):
    with inside(ctx):
        one = nl.Netlink(mp.SOCK_DIAG)
    try:
        return one.request(20, flags, struct.pack("=BBBxI", AF, mp.MPTCP & 255,
                                                  0, 0xffffffff)
                           + bytes(40) + cookie + nl.u32(3, mp.MPTCP))
    finally:
        one.close()


def where(body):
    got = parse(body[72:]).get(NL_ATTR)
    return struct.unpack("=I", got)[0] if got else 0


def inode(one):
    return os.fstat(one.fileno()).st_ino


def test_diag():
    """sock_diag shows listeners and connections of the context"""
    lsn = {n: mp_serve(n, PORT) for n in ALL}
    conns = {n: LAB.come(n, lsn[n]) for n in ALL}
    for n in ALL:
        got = {struct.unpack_from("=I", body, 68)[0]: where(body)
               for body in diag(n, NLM_F_DUMP)}
        for m in ALL:
            for one in (lsn[m], conns[m][1]):
                eq(got.get(inode(one)), m if n in (0, m) else None,
                   f"socket of {m} in {n}")
            cookie = struct.pack("=II", token(conns[m][1]), 0)
            if n in (0, m):
                eq([where(body) for body in diag(n, 0, cookie)], [m],
                   f"by its token in {n}")
            else:
                refused(E.ENOENT, f"token of {m} in {n}", diag, n, 0, cookie)
    close(*lsn.values(), *[one for conn in conns.values() for one in conn])


# ---- the end of a context ----

def no_subflow(ctx, client, server):
    """Kill the subflow of the client; it waits for another one."""
    with inside(ctx):
        one = nl.Netlink(mp.SOCK_DIAG)
    src, dst = client.getsockname(), client.getpeername()
    one.request(21, 0, struct.pack("=BBBxI", AF, 6, 0, 0xffffffff)
                + struct.pack("!HH16s16s", src[1], dst[1],
                              *[socket.inet_pton(AF, end[0]).ljust(16, b"\0")
                                for end in (src, dst)])
                + bytes(4) + b"\xff" * 8)
    one.close()
    server.close()


def test_deleted():
    """connections end with their context, the number's next user has none"""
    LAB.add(3)
    pm = Pm(3)
    pm.set_limits(3, 3)
    pm.add("10.0.0.3", ident=5, flags=mp.SIGNAL, port=7100)
    pm.close()
    lsn = mp_serve(3, PORT)
    client, server = LAB.come(3, lsn)
    with LAB.hosts[3]:
        queued = mp_connect((RIP, PORT))
    lone, gone = LAB.go(3)
    no_subflow(3, lone, gone)
    eq(lone.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), 0, "before")
    syn = mp_sock(3)
    syn.setblocking(False)
    refused(E.EINPROGRESS, "connect", syn.connect, (ip("10.0.0.9"), PORT))
    # closed here, while the other end does not answer any more
    orphan, far = LAB.go(3)
    with LAB.hosts[3] as host:
        host.rt.link_set("eth0", up=False)
    orphan.sendall(b"unheard")
    orphan.close()
    VR.delete(3, force=True)
    for one, what in ((server, "connection"), (lone, "without a subflow"),
                      (syn, "not yet connected")):
        refused(E.ECONNABORTED, what, one.recv, 1)
    refused(E.EINVAL, "listener", lsn.accept)
    for one in (server, lone, syn, lsn):
        one.close()
    VR.new(3)
    LAB.quiet(3)
    pm = Pm(3)
    eq((pm.limits(), pm.endpoints()), ((0, 2), []), "of the new one")
    pm.close()
    mp_serve(3, PORT).close()
    close(client, queued, far)
    LAB.rt.link_del("v3")
    LAB.quiet(3)
    VR.delete(3)


# ---- a network that loses SYNs of MPTCP ----

def syns(ctx, port):
    """Connect to the wire: (socket, function that waits for a SYN)."""
    one = mp_sock(ctx, (ip("10.9.0.1"), port))
    one.setblocking(False)
    refused(E.EINPROGRESS, "connect", one.connect, (ip("10.9.0.2"), 80))

    def syn():
        return W[ctx].expect(lambda p: p.proto == 6 and p.sport == port
                             and p.flags == SYN, "SYN", timeout=20)
    return one, syn


def tries(ctx, port):
    """Does a connection of the context ask for MPTCP?"""
    one, syn = syns(ctx, port)
    got = mp_option(syn(), mp.CAPABLE)
    one.close()
    return bool(got)


@params(*PAIRS)
def test_blackhole(one, two):
    """that MPTCP is lost on the way is noted for one context:"""
    lost, syn = syns(one, 4400)
    while mp_option(pkt := syn(), mp.CAPABLE):
        pass
    W[one].send_tcp(80, 4400, 1, pkt.seq + 1, SYN | ACK)
    W[one].sync()
    eq((tries(one, 4401), tries(two, 4402)), (False, True), "MPTCP is tried")
    close(*LAB.go(two))             # which is a reason to try it, there
    eq(tries(one, 4403), False, "MPTCP is tried after all")
    client = mp_sock(one)
    client.connect((HIP, PORT))
    server = accepted(LAB.serving[one])
    refused((E.EOPNOTSUPP, E.ENOPROTOOPT), "MPTCP_INFO", info, client)
    close(lost, client, server)
    if not one:
        sysctl("net.mptcp.blackhole_timeout", 3600)
    else:
        renew(one)


def renew(ctx):
    """The context forgets: delete it and make it again."""
    W[ctx].reborn()
    LAB.rt.link_set(f"v{ctx}", up=False)
    VR.move(f"v{ctx}", ctx)
    LAB.rt.link_set(f"v{ctx}", up=True)


def test_clean():
    """nothing that is closed keeps a number from being used again"""
    for n in (1, 2):
        VR.delete(n, force=True)
        VR.new(n)
        eq(LAB.sockets(n), 0, "sockets")


run(globals(), limit=120)
