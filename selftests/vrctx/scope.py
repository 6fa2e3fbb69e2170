#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 6
"""Link-local addresses and ::1: equal in every context, and separate.

Guards the scope id in bind(), connect() and sendmsg(), the socket options that
name a device, and the local routes of the shared loopback device.
"""
import errno as E
import socket
import struct

from vr_fam import (ECHO_REQUEST, MULTICAST_IF, PKTINFO, RECVPKTINFO, SOL,
                    UNICAST_IF, pktinfo, pktinfo_of)
from vr_net import (RAW, TCP, UDP, Lab, connect, get_ctx, pending, readable,
                    sock)
from vr_pkt import SYN, Peer, Wire
from vr_tap import check, eq, params, refused, run, wait

LAB = Lab(1, 2, hosts=False)
RT = LAB.rt
ALL = (0, 1, 2)
LL, HOST = "fe80::1", "fe80::2"
W = {n: Wire(LAB, n, cidr=LL + "/64", ip=HOST) for n in ALL}
DEV = {n: W[n].dev for n in ALL}
IDX = {n: RT.ifindex(DEV[n]) for n in ALL}
PAIRS = [(n, other) for n in ALL for other in ALL if n != other]
# What says no to a device depends on who is asked
NO = (E.ENODEV, E.EINVAL, E.EADDRNOTAVAIL)
BINDTOIFINDEX = 62
PING = socket.IPPROTO_ICMPV6


def at(ctx, port, addr=LL):
    """The address on the device of a context."""
    return addr, port, 0, IDX[ctx]


def nothing_sent():
    for wire in W.values():
        wire.silent("nobody may send")


# ---- bind ----

@params(("TCP", TCP, 0), ("UDP", UDP, 0), ("raw", RAW, 200),
        ("ping", UDP, PING))
def test_bind(_, kind, proto):
    """the same address and port on a device of each context:"""
    socks = {n: sock(kind, n, at(n, 99), proto=proto) for n in ALL}
    for n, one in socks.items():
        eq(one.getsockname()[3], IDX[n], "scope id")
        eq(get_ctx(one), n, "context")
        if kind == TCP or not proto:
            refused(E.EADDRINUSE, f"again in {n}", sock, kind, n, at(n, 99),
                    proto=proto)
        one.close()


@params(*PAIRS)
def test_bind_foreign(ctx, other):
    """bind names a device of another context, own and other:"""
    for kind, proto in ((TCP, 0), (UDP, 0), (RAW, 200), (UDP, PING)):
        refused(NO, f"{kind} {proto}", sock, kind, ctx, at(other, 99),
                proto=proto)
        refused(NO, f"{kind} {proto}, group", sock, kind, ctx,
                at(other, 99, "ff02::1:3"), proto=proto)


def test_bind_absent():
    """a link-local address that only another context has"""
    RT.addr(DEV[2], "fe80::22/64")
    for n in (0, 1):
        refused(E.EADDRNOTAVAIL, f"in {n}", sock, UDP, n,
                at(n, 99, "fe80::22"))
    sock(UDP, 2, at(2, 99, "fe80::22")).close()
    RT.addr_del(DEV[2], "fe80::22/64")


# ---- in ----

@params(("its address", True), ("any address", False))
def test_listener(_, exact):
    """connections to a listener of each context, bound to:"""
    socks = {n: sock(TCP, n, at(n, 80) if exact else ("::", 80), listen=4,
                     reuse=True) for n in ALL}
    for n in ALL:
        peer = Peer(W[n], 4000, 80).open()
        new = wait(lambda one=socks[n]: pending(one), "connection")
        eq((get_ctx(new), new.getpeername()), (n, at(n, 4000, HOST)), "child")
        eq([pending(one) for one in socks.values()], [None] * 3, "others")
        new.send(b"hello")
        peer.expect(0, b"hello")
        new.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                       struct.pack("=ii", 1, 0))
        new.close()
    for n, one in socks.items():
        W[n].sync()
        one.close()


def test_datagrams_in():
    """datagrams for the address all have, told with the scope"""
    socks = {n: sock(UDP, n, at(n, 53)) for n in ALL}
    for n in ALL:
        W[n].send_udp(4000, 53, b"for %d" % n)
        W[n].sync()
    for n, one in socks.items():
        data, who = one.recvfrom(99)
        eq((data, who), (b"for %d" % n, at(n, 4000, HOST)), "datagram")
        eq(readable(one), None, "second datagram")
        one.sendto(b"back", who)
        eq(W[n].expect(lambda p: p.proto == 17, "answer").data, b"back",
           "answer")
        one.close()
    nothing_sent()


def test_pktinfo_in():
    """IPV6_RECVPKTINFO tells the device of the context"""
    for n in ALL:
        with sock(UDP, n, ("::", 53)) as one:
            one.setsockopt(SOL, RECVPKTINFO, 1)
            W[n].send_udp(4000, 53, b"x")
            anc = one.recvmsg(99, 99)[1]
            eq([pktinfo_of(data)[::2] for *_, data in anc], [(IDX[n], LL)],
               "device and destination")


# ---- out ----

@params(*[(n,) for n in ALL])
def test_connect(ctx):
    """connect goes out by the device named, in:"""
    one = sock(TCP, ctx)
    one.setblocking(False)
    one.connect_ex(at(ctx, 80, HOST))
    pkt = W[ctx].expect(lambda p: p.proto == 6, "SYN")
    check(pkt.src.startswith("fe80:"), f"sent by {pkt.src}")
    eq((pkt.dst, pkt.flags), (HOST, SYN), "SYN")
    one.close()
    nothing_sent()


@params(*PAIRS)
def test_connect_foreign(ctx, other):
    """connect and send by a device of another context, own and other:"""
    for kind, proto in ((TCP, 0), (UDP, 0), (RAW, 200), (UDP, PING)):
        with sock(kind, ctx, proto=proto) as one:
            refused((*NO, E.ENETUNREACH), f"connect {kind} {proto}",
                    one.connect, at(other, 80, HOST))
    data = bytes([ECHO_REQUEST[0]]) + bytes(7)
    for kind, proto in ((UDP, 0), (RAW, 200), (UDP, PING)):
        for addr in (HOST, "ff02::1"):
            with sock(kind, ctx, proto=proto) as one:
                refused((*NO, E.ENETUNREACH), f"send {kind} {proto} {addr}",
                        one.sendto, data, at(other, 80, addr))
    nothing_sent()


def test_no_scope():
    """no scope id: no device of any context is guessed"""
    for n in ALL:
        with sock(UDP, n) as one:
            refused((E.EINVAL, E.ENETUNREACH), f"connect in {n}", one.connect,
                    (HOST, 80))
        refused(E.EINVAL, f"bind in {n}", sock, UDP, n, (LL, 99))
    nothing_sent()


# ---- options that name a device ----

def options(idx):
    """(name, option, value)"""
    return (("IPV6_MULTICAST_IF", MULTICAST_IF, struct.pack("=i", idx)),
            ("IPV6_UNICAST_IF", UNICAST_IF, struct.pack("!i", idx)),
            ("IPV6_PKTINFO", PKTINFO, pktinfo(idx, "::")),
            ("IPV6_PKTINFO with address", PKTINFO, pktinfo(idx, LL)))


@params(*PAIRS)
def test_options_foreign(ctx, other):
    """socket options with a device of another context, own and other:"""
    for name, opt, val in options(IDX[other]):
        for kind, proto in ((UDP, 0), (RAW, 200)):
            with sock(kind, ctx, proto=proto) as one:
                refused(NO, name, one.setsockopt, SOL, opt, val)
    with sock(UDP, ctx) as one:
        refused(NO, "SO_BINDTODEVICE", one.setsockopt, socket.SOL_SOCKET,
                socket.SO_BINDTODEVICE, DEV[other].encode())
        refused(NO, "SO_BINDTOIFINDEX", one.setsockopt, socket.SOL_SOCKET,
                BINDTOIFINDEX, IDX[other])
        for addr in ("::", LL):
            for dest in (at(ctx, 9, HOST), (HOST, 9)):
                refused(NO, f"control message with {addr} for {dest}",
                        one.sendmsg, [b"x"],
                        [(SOL, PKTINFO, pktinfo(IDX[other], addr))], 0, dest)
    nothing_sent()


@params(*[(n,) for n in ALL])
def test_options_own(ctx):
    """the same options with the context's own device work:"""
    for name, opt, val in options(IDX[ctx]):
        with sock(UDP, ctx) as one:
            one.setsockopt(SOL, opt, val)
            dest = "ff02::1" if opt == MULTICAST_IF else HOST
            one.sendto(name.encode(), (dest, 9, 0, 0 if opt == MULTICAST_IF
                                       else IDX[ctx]))
            pkt = W[ctx].expect(lambda p: p.proto == 17, name)
            eq(pkt.data, name.encode(), "datagram")
    with sock(UDP, ctx) as one:
        one.sendmsg([b"x"], [(SOL, PKTINFO, pktinfo(IDX[ctx], LL))], 0,
                    (HOST, 9))
        eq(W[ctx].expect(lambda p: p.proto == 17, "datagram").src, LL,
           "source")
    nothing_sent()


@params(*PAIRS)
def test_bound_device(ctx, other):
    """a socket bound to its device takes no scope elsewhere, of:"""
    with sock(UDP, ctx, dev=DEV[ctx]) as one:
        refused((*NO, E.ENETUNREACH), "connect", one.connect,
                at(other, 9, HOST))
        refused((*NO, E.ENETUNREACH), "send", one.sendto, b"x",
                at(other, 9, HOST))
        refused(NO, "bind", one.bind, at(other, 99))
        one.sendto(b"own", (HOST, 9))           # the device says which
        eq(W[ctx].expect(lambda p: p.proto == 17, "datagram").data, b"own",
           "datagram")
    nothing_sent()


# ---- ::1 ----

def test_loopback():
    """::1 is there in each context, with whoever listens"""
    for ctx in ALL:
        with sock(TCP, ctx, ("::1", 80), listen=4, reuse=True) as one:
            for n in ALL:
                if n != ctx:
                    refused(E.ECONNREFUSED, f"{ctx} from {n}", connect,
                            ("::1", 80), n)
                    continue
                with connect(("::1", 80), n) as new:
                    peer = wait(lambda: pending(one), "connection")
                    eq((get_ctx(peer), peer.getpeername()[0]), (n, "::1"),
                       "child")
                    peer.send(b"hi")
                    eq(new.recv(9), b"hi", "data")
                    peer.close()


def test_loopback_datagrams():
    """the same port on ::1 in every context"""
    socks = {n: sock(UDP, n, ("::1", 53)) for n in ALL}
    for n in ALL:
        with sock(UDP, n, ("::1", 0)) as one:
            one.sendto(b"in %d" % n, ("::1", 53))
            data, who = socks[n].recvfrom(99)
            eq(data, b"in %d" % n, "datagram")
            socks[n].sendto(b"back", who)
            eq(one.recv(9), b"back", "answer")
    for one in socks.values():
        eq(readable(one), None, "another datagram")
        one.close()


def test_loopback_device():
    """other addresses of lo are context 0's"""
    RT.addr("lo", "fd99::1/128")
    with sock(TCP, 0, ("fd99::1", 80), listen=4):
        connect(("fd99::1", 80), 0).close()
        for n in (1, 2):
            refused(E.EADDRNOTAVAIL, f"bind in {n}", sock, TCP, n,
                    ("fd99::1", 80))
            refused((E.ENETUNREACH, E.EADDRNOTAVAIL), f"connect in {n}",
                    connect, ("fd99::1", 80), n)
    RT.addr_del("lo", "fd99::1/128")


def test_loopback_from_outside():
    """::1 is nobody's address on a wire"""
    socks = {n: sock(UDP, n, ("::1", 53)) for n in ALL}
    for n in ALL:
        W[n].send_udp(4000, 53, b"forged", dst="::1")
        W[n].send_udp(4000, 53, b"forged", src="::1")
        W[n].sync()
    for one in socks.values():
        eq(readable(one), None, "datagram")
        one.close()


run(globals())
