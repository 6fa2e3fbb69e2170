#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 4 6
"""A VRCTX_ANY listener serves every context; accepted sockets have the SYN's.

Guards the ANY look-up after the specific one, the context of requests and
children, and the bind rules between ANY and specific sockets.
"""
import errno as E
import socket
import struct

from vr_fam import ip, only
from vr_net import (ANY, HIP, RIP, TCP, Lab, connect, get_ctx, pending, serve,
                    set_ctx, sock)
from vr_pkt import ACK, RST, SYN, Peer, Wire
from vr_rt import sysctl
from vr_tap import eq, params, refused, run, wait

LAB = Lab(1, 2, hosts=False)
ALL = (0, 1, 2)
W = {n: Wire(LAB, n) for n in ALL}
WILD = (ip("0.0.0.0"), 80)
RESET = struct.pack("=ii", 1, 0)        # SO_LINGER: close() sends a RST


def any_listener(port=80, **kwargs):
    return sock(TCP, ANY, ("0.0.0.0", port), listen=16, **kwargs)


def hand(ctx, listen, port=4000):
    """One connection from the wire of a context, accepted."""
    peer = Peer(W[ctx], port, 80).open()
    return peer, wait(lambda: pending(listen), f"connection from {ctx}")


def drop(peer, server):
    peer.send(RST | ACK)
    peer.wire.sync()
    server.close()


def test_option():
    """getsockopt tells ANY"""
    with any_listener() as one:
        eq(get_ctx(one), ANY, "SO_VRCTX")


def test_accept():
    """connections of every context, equal 4-tuples, at once"""
    with any_listener() as listen:
        pairs = [hand(ctx, listen) for ctx in ALL]
        for ctx, (peer, server) in enumerate(pairs):
            eq(get_ctx(server), ctx, "context of the child")
            server.send(b"in %d" % ctx)
            peer.expect(ACK, b"in %d" % ctx)
        for pair in pairs:
            drop(*pair)


@params(*[(n,) for n in ALL])
def test_specific_wins(ctx):
    """a listener of the context goes first:"""
    with any_listener() as wild, serve(ctx, 80, addr="0.0.0.0") as own:
        for n in ALL:
            peer, server = hand(n, own if n == ctx else wild)
            eq(get_ctx(server), n, "child")
            eq(pending(wild), None, "ANY queue")
            eq(pending(own), None, "own queue")
            drop(peer, server)
        own.close()
        drop(*hand(ctx, wild))          # falls back


def test_specific_address():
    """a wildcard listener of the context beats an ANY one"""
    with any_listener() as wild:
        for addr in ("0.0.0.0", RIP):
            with serve(1, 80, addr=addr) as own:
                drop(*hand(1, own))
                eq(pending(wild), None, "ANY queue")


def test_bind_rules():
    """two ANY sockets conflict, ANY and specific ones do not"""
    with any_listener():
        refused(E.EADDRINUSE, "second ANY", sock, TCP, ANY, WILD)
        for ctx in ALL:
            sock(TCP, ctx, WILD).close()
            sock(TCP, ctx, (RIP, 80)).close()
    with sock(TCP, 1, WILD), sock(TCP, 0, WILD):
        any_listener().close()


def test_bind_address():
    """ANY binds to an address whichever context has it, now or later"""
    with sock(TCP, ANY, (RIP, 80), listen=16) as listen:
        for ctx in ALL:
            drop(*hand(ctx, listen))
    sock(TCP, ANY, ("10.9.9.9", 80)).close()


def test_reuseport():
    """SO_REUSEPORT: a group of ANY listeners, none with specific ones"""
    group = [any_listener(reuseport=True) for _ in range(3)]
    own = [sock(TCP, 1, WILD, listen=16, reuseport=True) for _ in range(2)]
    for ctx, want in ((0, group), (1, own), (2, group)):
        for port in range(4000, 4012):
            peer = Peer(W[ctx], port, 80).open()
            peer.wire.sync()
            got = [(s, one) for one in group + own
                   if (s := pending(one)) is not None]
            eq(len(got), 1, "connections")
            eq(got[0][1] in want, True, f"queue of a SYN in {ctx}")
            eq(get_ctx(got[0][0]), ctx, "child")
            drop(peer, got[0][0])
    for one in group + own:
        one.close()


def test_connect():
    """an ANY socket cannot connect"""
    with sock(TCP, ANY) as one:
        refused(E.EINVAL, "connect", one.connect, (HIP, 80))
        one.bind((WILD[0], 0))
        refused(E.EINVAL, "connect when bound", one.connect, (HIP, 80))


def test_back_to_specific():
    """ANY is no one-way street before bind"""
    with sock(TCP, ANY) as one:
        set_ctx(one, 1)
        eq(get_ctx(one), 1, "context")
        one.bind(WILD)
        refused((E.EINVAL, E.EISCONN), "ANY after bind", set_ctx, one, ANY)


def stolen_ack():
    """The last ACK of a handshake is good in the SYN's context only."""
    with any_listener() as listen:
        peer = Peer(W[1], 4000, 80, 1000)
        peer.syn()
        W[2].send_tcp(4000, 80, peer.seq, peer.ack, ACK)
        pkt = W[2].expect(lambda p: p.proto == 6, "answer")
        eq(pkt.flags, RST, "answer to the stolen ACK")
        eq(pending(listen), None, "accept queue")
        peer.send(ACK)
        W[1].sync()
        server = wait(lambda: pending(listen), "accept")
        eq(get_ctx(server), 1, "child")
        drop(peer, server)


def test_half_open():
    """a request made by ANY is completed in its own context only"""
    stolen_ack()


def test_cookie():
    """SYN cookies of an ANY listener are per context"""
    sysctl("net.ipv4.tcp_syncookies", 2)
    try:
        stolen_ack()
    finally:
        sysctl("net.ipv4.tcp_syncookies", 1)


def test_loopback():
    """ANY listens on loopback of every context"""
    with any_listener() as listen:
        for ctx in ALL:
            with connect(("127.0.0.1", 80), ctx):
                server = wait(lambda: pending(listen), "accept")
                eq(get_ctx(server), ctx, "child")
                server.close()


@only(6)
def test_v6only():
    """an ANY listener for IPv6 alone leaves IPv4 to others"""
    with sock(TCP, ANY) as listen:
        listen.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listen.bind(WILD)
        listen.listen(4)
        for ctx in ALL:
            refused(E.ECONNREFUSED, f"IPv4 in {ctx}", connect,
                    ("127.0.0.1", 80), ctx, af=socket.AF_INET)
        with sock(TCP, ANY, ("0.0.0.0", 80), 4, af=socket.AF_INET) as four:
            for ctx in ALL:
                connect(("127.0.0.1", 80), ctx, af=socket.AF_INET).close()
                connect(("127.0.0.1", 80), ctx).close()
                for one in (four, listen):
                    with pending(one) as child:
                        eq(get_ctx(child), ctx, "context of the child")
                    eq(pending(one), None, "second connection")


def test_new_context():
    """a context made later is served, one deleted takes its children only"""
    with any_listener() as listen:
        LAB.vr.new(3)
        one = connect(("127.0.0.1", 80), 3)
        three = wait(lambda: pending(listen), "accept")
        eq(get_ctx(three), 3, "child")
        peer, server = hand(1, listen)
        LAB.vr.delete(3)
        refused((E.ECONNABORTED, E.ENETUNREACH, E.ECONNRESET), "child of 3",
                three.recv, 1)
        server.send(b"alive")
        peer.expect(ACK, b"alive")
        drop(peer, server)
        drop(*hand(2, listen))
        one.close()
        three.close()


def test_closed():
    """after close of the ANY listener every context answers with RST"""
    any_listener().close()
    for ctx in ALL:
        W[ctx].send_tcp(4000, 80, 1, flags=SYN)
        pkt = W[ctx].expect(lambda p: p.proto == 6, "RST")
        eq(pkt.flags, RST | ACK, f"answer in {ctx}")
    for ctx in (1, 2):          # no request of ANY is left behind
        LAB.vr.delete(ctx, force=True)
        LAB.vr.new(ctx)


run(globals())
