#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Source addresses, and who owns an address: always within the context.

Guards inet_select_addr(), inet_addr_type*(), __ip_dev_find() in route output
and bind(), fib_compute_spec_dst() and the source of ICMP errors.
"""
import errno as E
import socket
import struct

from vr_fam import packed
from vr_nl import table_of
from vr_net import HIP, RAW, TCP, UDP, Lab, connect, inside, sock
from vr_pkt import Wire
from vr_tap import eq, params, refused, run

LAB = Lab(1, 2, hosts=False)
RT = LAB.rt
ALL = (0, 1, 2)
W = {n: Wire(LAB, n, cidr=f"10.0.0.{100 + n}/24") for n in ALL}
# a second, addressed device in each context, created in reverse order so that
# a walk over all devices of the namespace meets foreign ones first
for num in reversed(ALL):
    RT.link_add(f"d{num}", "dummy")
    if num:
        LAB.vr.move(f"d{num}", num)
    RT.addr(f"d{num}", f"172.16.{num}.1/24")
    RT.link_set(f"d{num}", up=True)
IP_PKTINFO, SO_BINDTOIFINDEX = 8, 62


def source(ctx, dest, **kwargs):
    with sock(UDP, ctx, **kwargs) as one:
        one.connect((dest, 9))
        return one.getsockname()[0]


@params(*[(n,) for n in ALL])
def test_select(ctx):
    """the address of the device that the packet leaves by, in context"""
    eq(source(ctx, HIP), f"10.0.0.{100 + ctx}", "to the wire")
    eq(source(ctx, f"172.16.{ctx}.9"), f"172.16.{ctx}.1", "to the dummy")
    eq(source(ctx, "127.0.0.1"), "127.0.0.1", "to loopback")
    eq(source(ctx, f"172.16.{ctx}.1"), f"172.16.{ctx}.1", "to itself")


@params(*[(n,) for n in ALL])
def test_unnumbered(ctx):
    """a device without address borrows one of its own context only:"""
    dev = f"u{ctx}"
    RT.link_add(dev, "dummy")
    if ctx:
        LAB.vr.move(dev, ctx)
    RT.link_set(dev, up=True)
    RT.route("203.0.113.0/24", dev=dev, table=table_of(ctx))
    own = (f"10.0.0.{100 + ctx}", f"172.16.{ctx}.1")
    got = source(ctx, "203.0.113.1")
    eq(got in own, True, f"borrowed {got}, want one of {own}")
    RT.link_del(dev)


def test_loopback_address():
    """an address of the loopback device is no source in a context"""
    RT.addr("lo", "192.0.2.77/32")
    RT.route("203.0.113.0/24", dev="lo", table=table_of(1))
    with sock(UDP, 1) as one:
        one.connect(("203.0.113.9", 9))
        eq(one.getsockname()[0], "10.0.0.101", "source")
    RT.route_del("203.0.113.0/24", dev="lo", table=table_of(1))
    RT.addr_del("lo", "192.0.2.77/32")


def test_nothing_to_borrow():
    """a context without any address borrows none"""
    LAB.vr.new(9)
    wire = Wire(LAB, 9, cidr=None)
    RT.route("203.0.113.0/24", dev="w9", table=table_of(9))
    RT.neigh("w9", "203.0.113.1", b"\2\0\0\0\0\2")
    with sock(RAW, 9, proto=200) as one:
        try:
            one.sendto(b"from?", ("203.0.113.1", 0))
        except OSError as err:
            eq(err.errno in (E.ENETUNREACH, E.EADDRNOTAVAIL), True, str(err))
        else:
            pkt = wire.expect(lambda p: p.proto == 200, "raw packet")
            eq(pkt.src, "0.0.0.0", "source")
    LAB.vr.delete(9, force=True)
    RT.link_del("w9")


@params((1, 0), (1, 2), (0, 1))
def test_bind_foreign(ctx, other):
    """bind to an address of another context, own and other:"""
    for addr in (f"10.0.0.{100 + other}", f"172.16.{other}.1"):
        for kind in (TCP, UDP):
            refused(E.EADDRNOTAVAIL, f"{addr} {kind}", sock, kind, ctx,
                    (addr, 80))
        refused(E.EADDRNOTAVAIL, f"{addr} raw", sock, RAW, ctx, (addr, 0),
                proto=200)
        refused(E.EADDRNOTAVAIL, f"{addr} ping", sock, UDP, ctx, (addr, 0),
                proto=1)


@params((1, 0), (1, 2), (0, 1))
def test_pktinfo_foreign(ctx, other):
    """IP_PKTINFO cannot name an address or device of another context:"""
    idx = RT.ifindex(W[other].dev)
    rows = [(0, f"10.0.0.{100 + other}"), (idx, "0.0.0.0")]
    for ifindex, addr in rows:
        info = struct.pack("=i4s4s", ifindex, packed(addr), b"\0" * 4)
        with sock(UDP, ctx) as one:
            refused((E.EINVAL, E.ENETUNREACH, E.ENODEV, E.EADDRNOTAVAIL,
                     E.EHOSTUNREACH),
                    f"{ifindex} {addr}", one.sendmsg, [b"x"],
                    [(socket.IPPROTO_IP, IP_PKTINFO, info)], 0, (HIP, 9))
    for wire in W.values():
        wire.silent("misdirected packet")


@params((1, 0), (1, 2), (0, 1))
def test_bindtodevice_foreign(ctx, other):
    """a socket is not bound to another context's device:"""
    dev = W[other].dev
    with sock(UDP, ctx) as one:
        for opt, val in ((socket.SO_BINDTODEVICE, dev.encode()),
                         (SO_BINDTOIFINDEX, struct.pack("=i",
                                                        RT.ifindex(dev)))):
            refused(E.ENODEV, f"option {opt}", one.setsockopt,
                    socket.SOL_SOCKET, opt, val)
        one.sendto(b"x", (HIP, 9))
    W[ctx].expect(lambda p: p.proto == 17, "datagram")
    W[other].silent("misdirected packet")


def test_set_after_bindtodevice():
    """SO_VRCTX on a socket bound to a device of another context"""
    with sock(UDP, 0, dev=W[0].dev) as one:
        try:
            one.setsockopt(socket.SOL_SOCKET, 0x5652, struct.pack("=I", 1))
        except OSError as err:
            eq(err.errno, E.EINVAL, "errno")
        else:
            refused((E.ENETUNREACH, E.ENODEV, E.EINVAL), "send", one.sendto,
                    b"x", (HIP, 9))
    for wire in W.values():
        wire.silent("misdirected packet")


@params(*[(n,) for n in ALL])
def test_more(ctx):
    """a datagram in two parts (MSG_MORE) leaves by the socket's context:"""
    with sock(UDP, ctx) as one:
        one.sendto(b"first ", socket.MSG_MORE, (HIP, 9))
        one.sendto(b"second", (HIP, 9))
    pkt = W[ctx].expect(lambda p: p.proto == 17, "datagram")
    eq(pkt.data, b"first second", "datagram")


def test_hdrincl():
    """IP_HDRINCL with a foreign source leaves by the socket's context"""
    with sock(RAW, 1, proto=255) as one:
        head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 24, 1, 0, 64, 200, 0,
                           packed("10.0.0.102"), packed(HIP)) + b"spoo"
        one.sendto(head, (HIP, 0))
    W[1].expect(lambda p: p.proto == 200, "packet")
    for ctx in (0, 2):
        W[ctx].silent("packet of context 1")


def test_error_source():
    """ICMP errors come from an address of the context they concern"""
    for ctx in ALL:
        W[ctx].send_udp(4000, 9, b"x")
        pkt = W[ctx].expect(lambda p: p.proto == 1, "port unreachable")
        eq(pkt.src, f"10.0.0.{100 + ctx}", f"source in {ctx}")


def test_pktinfo_received():
    """IP_PKTINFO tells addresses of the context"""
    for ctx in ALL:
        with sock(UDP, ctx, ("0.0.0.0", 53)) as one:
            one.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
            W[ctx].send_udp(4000, 53, b"to")
            W[ctx].send_udp(4000, 53, b"bcast", dst="10.0.0.255",
                            mac=b"\xff" * 6)
            for dst in (f"10.0.0.{100 + ctx}", "10.0.0.255"):
                anc = one.recvmsg(100, 100)[1]
                idx, spec, addr = struct.unpack("=i4s4s", anc[0][2])
                eq(idx, RT.ifindex(W[ctx].dev), "device")
                eq(socket.inet_ntoa(spec), f"10.0.0.{100 + ctx}", "spec_dst")
                eq(socket.inet_ntoa(addr), dst, "destination")


def test_connect_zero():
    """connect to 0.0.0.0 means loopback, inside the context"""
    with sock(TCP, 1, ("127.0.0.1", 80), listen=2) as listen:
        connect(("0.0.0.0", 80), 1).close()
        listen.accept()[0].close()
        for ctx in (0, 2):
            refused(E.ECONNREFUSED, f"from {ctx}", connect, ("0.0.0.0", 80),
                    ctx)
    with inside(2):
        eq(source(None, HIP), "10.0.0.102", "task in context 2")


run(globals())
