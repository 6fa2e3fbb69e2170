#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 4 6
"""A VRCTX_ANY UDP socket: SCM_VRCTX on every datagram, in and out.

Guards the ANY look-up, the control message in both directions, and its
refusals.
"""
import errno as E
import socket
import struct

import vr_nl as nl
from vr_fam import AF, ICMP, group_mac, ip, only, pick
from vr_net import (ANY, HIP, RAW, RIP, UDP, Lab, cmsg_ctx, get_ctx, readable,
                    send_ctx, set_ctx, sock)
from vr_pkt import BROADCAST, Wire
from vr_tap import check, eq, params, refused, run

LAB = Lab(1, 2, hosts=False)
ALL = (0, 1, 2)
W = {n: Wire(LAB, n) for n in ALL}
WILD = (ip("0.0.0.0"), 53)


def receive(one):
    data, anc, _, src = one.recvmsg(100, 100)
    return data, cmsg_ctx(anc), src[:2]


def test_receive_and_answer():
    """datagrams of every context, answered where they came from"""
    with sock(UDP, ANY, WILD) as one:
        eq(get_ctx(one), ANY, "SO_VRCTX")
        for ctx in ALL:
            W[ctx].send_udp(4000, 53, b"to %d" % ctx)
        for _ in ALL:
            data, ctx, src = receive(one)
            eq((data, src), (b"to %d" % ctx, (HIP, 4000)), "datagram")
            eq(send_ctx(one, b"from %d" % ctx, src, ctx), 6, "sent")
        for ctx in ALL:
            pkt = W[ctx].expect(lambda p: p.proto == 17, "answer")
            eq((pkt.data, pkt.src), (b"from %d" % ctx, RIP), "answer")
            W[ctx].silent("a second answer")


@params(*[(n,) for n in ALL])
def test_specific_wins(ctx):
    """a socket of the context goes first:"""
    with sock(UDP, ANY, WILD) as wild, sock(UDP, ctx, WILD) as own:
        for n in ALL:
            W[n].send_udp(4000, 53, b"to %d" % n)
            W[n].sync()
        eq(readable(own), b"to %d" % ctx, "own socket")
        eq(readable(own), None, "own socket again")
        got = sorted(receive(wild)[1] for _ in range(2))
        eq(got, sorted(set(ALL) - {ctx}), "contexts at ANY")
        eq(readable(wild), None, "ANY socket again")


def test_connected_elsewhere():
    """a connected socket of another context does not outweigh ANY"""
    with sock(UDP, ANY, WILD) as wild, sock(UDP, 2, (RIP, 53)) as other:
        other.connect((HIP, 4000))
        W[1].send_udp(4000, 53, b"x")
        W[1].sync()
        eq(readable(other), None, "connected socket of 2")
        eq(receive(wild)[:2], (b"x", 1), "ANY")


def test_bind_rules():
    """two ANY sockets conflict, ANY and specific ones do not"""
    with sock(UDP, ANY, WILD):
        refused(E.EADDRINUSE, "second ANY", sock, UDP, ANY, WILD)
        for ctx in ALL:
            sock(UDP, ctx, WILD).close()
            sock(UDP, ctx, (RIP, 53)).close()
    with sock(UDP, 1, WILD), sock(UDP, 0, WILD):
        sock(UDP, ANY, WILD).close()


def test_send_needs_context():
    """sending without SCM_VRCTX: EDESTADDRREQ"""
    with sock(UDP, ANY, WILD) as one:
        refused(E.EDESTADDRREQ, "sendto", one.sendto, b"x", (HIP, 9))
        refused(E.EINVAL, "connect", one.connect, (HIP, 9))
    with sock(UDP, ANY) as one:                 # not bound: autobind
        refused(E.EDESTADDRREQ, "sendto", one.sendto, b"x", (HIP, 9))
        send_ctx(one, b"auto", (HIP, 9), 2)
        eq(W[2].expect(lambda p: p.proto == 17, "datagram").data, b"auto",
           "data")
    for wire in W.values():
        wire.silent("refused datagram")


def raw_cmsg(one, data, dest=(HIP, 9)):
    return one.sendmsg([b"x"], [(socket.SOL_SOCKET, nl.SCM_VRCTX, data)], 0,
                       dest)


def test_bad_cmsg():
    """wrong sizes and numbers in SCM_VRCTX"""
    with sock(UDP, ANY, WILD) as one:
        for data in (b"", b"\1", b"\1\0\0", b"\1\0\0\0\0\0\0\0"):
            refused(E.EINVAL, f"{len(data)} bytes", raw_cmsg, one, data)
        for num, want in ((ANY, E.EINVAL), (0x80000000, E.EINVAL),
                          (nl.ID_MAX + 1, E.EINVAL),
                          (nl.ID_MAX, (E.ENOENT, E.ENETUNREACH)),
                          (4242, (E.ENOENT, E.ENETUNREACH))):
            refused(want, hex(num), raw_cmsg, one, struct.pack("=I", num))
    for wire in W.values():
        wire.silent("refused datagram")


@params(*[(n,) for n in ALL])
def test_specific_socket(ctx):
    """a socket of a context may only name its own:"""
    # the "port" of a raw socket is the protocol in IPv6: none is always right
    for kind, proto, port in ((UDP, 0, 9), (RAW, 200, 0)):
        with sock(kind, ctx, proto=proto) as one:
            for n in ALL:
                if n == ctx:
                    eq(send_ctx(one, b"own", (HIP, port), n), 3, "own")
                else:
                    refused(E.EINVAL, f"{kind}: {n}", send_ctx, one, b"x",
                            (HIP, port), n)
            refused(E.EINVAL, "ANY", send_ctx, one, b"x", (HIP, port), ANY)
    got = [p.proto for p in W[ctx].sync() if p.proto != ICMP]
    eq(got, [17, 200], "packets")
    for n in set(ALL) - {ctx}:
        W[n].silent("another context")


def test_specific_gets_no_cmsg():
    """sockets of one context are told nothing they did not ask for"""
    with sock(UDP, 1, WILD) as one:
        W[1].send_udp(4000, 53, b"x")
        eq(one.recvmsg(10, 100)[1], [], "control messages")


def test_loopback():
    """over loopback, from and to every context"""
    with sock(UDP, ANY, WILD) as one:
        for ctx in ALL:
            with sock(UDP, ctx, ("127.0.0.1", 0)) as peer:
                peer.sendto(b"lo", (ip("127.0.0.1"), 53))
                data, got, src = receive(one)
                eq((data, got), (b"lo", ctx), "datagram")
                send_ctx(one, b"back", src, ctx)
                eq(peer.recv(10), b"back", "answer")
                for other in set(ALL) - {ctx}:
                    send_ctx(one, b"stray", src, other)
                eq(readable(peer), None, "answer sent into another context")


def test_broadcast():
    """a broadcast (IPv6: to all nodes) reaches ANY with its context"""
    dst, mac = pick(("10.0.0.255", BROADCAST),
                    ("ff02::1", group_mac("ff02::1")))
    with sock(UDP, ANY, WILD) as one:
        for ctx in ALL:
            W[ctx].send_udp(68, 53, b"bc", dst=dst, mac=mac)
            eq(receive(one)[:2], (b"bc", ctx), "datagram")


@only(6)
def test_dual_stack():
    """IPv4 at an ANY socket of both families, and from it"""
    for ctx in ALL:
        LAB.rt.addr4(f"w{ctx}", "10.0.0.1/24")
        W[ctx].far.rt.addr4("eth0", "10.0.0.2/24")
    peers = {}
    for ctx in ALL:
        with W[ctx].far:
            peers[ctx] = sock(UDP, None, ("10.0.0.2", 4000),
                              af=socket.AF_INET)
    mapped = ("::ffff:10.0.0.2", 4000)
    with sock(UDP, ANY, WILD) as wild:
        for ctx in ALL:
            peers[ctx].sendto(b"to %d" % ctx, ("10.0.0.1", 53))
            eq(receive(wild), (b"to %d" % ctx, ctx, mapped), "datagram")
        for ctx in ALL:
            eq(send_ctx(wild, b"from %d" % ctx, mapped, ctx), 6, "sent")
        for ctx in ALL:
            eq(peers[ctx].recvfrom(9), (b"from %d" % ctx, ("10.0.0.1", 53)),
               "answer")
            eq(readable(peers[ctx]), None, "a second answer")
        refused(E.EDESTADDRREQ, "without context", wild.sendto, b"x", mapped)
        for data in (b"\1", b"\1\0\0\0\0\0\0\0"):
            refused(E.EINVAL, f"{len(data)} bytes", raw_cmsg, wild, data,
                    mapped)
        refused((E.ENOENT, E.ENETUNREACH), "no such context", send_ctx, wild,
                b"x", mapped, 4242)
        for af in (AF, socket.AF_INET):
            own = sock(UDP, 1, ("0.0.0.0", 53), af=af)
            for ctx in (1, 2):          # one of the context goes first
                peers[ctx].sendto(b"again", ("10.0.0.1", 53))
            eq(own.recv(9), b"again", "own socket")
            eq(receive(wild), (b"again", 2, mapped), "ANY")
            eq((readable(own), readable(wild)), (None, None), "more")
            own.close()
        refused(E.EADDRINUSE, "IPv4 ANY beside it", sock, UDP, ANY,
                ("0.0.0.0", 53), af=socket.AF_INET)
    with sock(UDP, 1) as one:           # one context: its own or none
        refused(E.EINVAL, "foreign", send_ctx, one, b"x", mapped, 2)
        eq(send_ctx(one, b"own", mapped, 1), 3, "own")
    eq(peers[1].recv(9), b"own", "datagram")
    for one in peers.values():
        eq(readable(one), None, "refused datagram")
        one.close()


def test_only_tcp_udp():
    """ANY is for TCP and UDP"""
    for kind, proto in ((RAW, 200), (RAW, 255), (UDP, ICMP)):
        with sock(kind, proto=proto) as one:
            refused(E.EOPNOTSUPP, f"type {kind} protocol {proto}", set_ctx,
                    one, ANY)
            eq(get_ctx(one), 0, "context after")


def test_gone_context():
    """sending into a deleted context fails, others go on"""
    with sock(UDP, ANY, WILD) as one:
        LAB.vr.new(3)
        LAB.vr.delete(3)
        refused((E.ENOENT, E.ENETUNREACH), "deleted", send_ctx, one, b"x",
                (HIP, 9), 3)
        send_ctx(one, b"fine", (HIP, 9), 1)
        eq(W[1].expect(lambda p: p.proto == 17, "datagram").data, b"fine",
           "data")
    for ctx in (1, 2):
        check(LAB.sockets(ctx) == 0, f"sockets left in {ctx}")


run(globals())
