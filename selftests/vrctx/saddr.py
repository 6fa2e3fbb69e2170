#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 4 6
"""Source addresses, and who owns an address: always within the context.

Guards inet_select_addr(), inet_addr_type*(), __ip_dev_find() in route output
and bind(), fib_compute_spec_dst() and the source of ICMP errors; in IPv6,
ipv6_dev_get_saddr() with the rules of RFC 6724, and ipv6_chk_addr*().
"""
import contextlib
import errno as E
import socket
import struct

from vr_fam import (AF, ICMP, JOIN, MULTICAST_IF, PKTINFO, RECVPKTINFO, SOL,
                    UNICAST_IF, V6, group_mac, ip, link_local, mreq,
                    multicast_if, only, packed, pick, pktinfo, pktinfo_of)
from vr_nl import NLM_F_REPLACE, attr, table_of
from vr_net import (HIP, RAW, TCP, UDP, Lab, connect, get_ctx, inside,
                    set_ctx, sock)
from vr_pkt import BROADCAST, Wire, ip_packet
from vr_rt import IFA_F_NODAD, RTM_NEWADDR, RTN_LOCAL, sysctl
from vr_tap import eq, params, refused, run, wait

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
SO_BINDTOIFINDEX = 62


def wired(ctx):
    """The address of the router on the wire of a context."""
    return ip(f"10.0.0.{100 + ctx}")


def source(ctx, dest, **kwargs):
    with sock(UDP, ctx, **kwargs) as one:
        one.connect((ip(dest), 9))
        return one.getsockname()[0]


@contextlib.contextmanager
def unnumbered(ctx, dest):
    """A device without an address of its own, and a route over it."""
    dev = f"u{ctx}"
    RT.link_add(dev, "dummy")
    if ctx:
        LAB.vr.move(dev, ctx)
    RT.link_set(dev, up=True)
    RT.route(dest, dev=dev, table=table_of(ctx))
    try:
        yield
    finally:
        RT.link_del(dev)


def deprecate(dev, addr):
    """No more new connections from this address, if others are there."""
    lifetimes = struct.pack("=IIII", 0, 0xffffffff, 0, 0)
    RT.request(RTM_NEWADDR, NLM_F_REPLACE,
               struct.pack("=BBBBi", AF, 128, IFA_F_NODAD, 0, RT.ifindex(dev))
               + attr(2, packed(addr)) + attr(6, lifetimes))


@params(*[(n,) for n in ALL])
def test_select(ctx):
    """the address of the device that the packet leaves by, in context"""
    near = ip(f"172.16.{ctx}.1")
    eq(source(ctx, HIP), wired(ctx), "to the wire")
    eq(source(ctx, f"172.16.{ctx}.9"), near, "to the dummy")
    eq(source(ctx, "127.0.0.1"), ip("127.0.0.1"), "to loopback")
    eq(source(ctx, near), near, "to itself")


@params(*[(n,) for n in ALL])
def test_unnumbered(ctx):
    """a device without address borrows one of its own context only:"""
    own = (wired(ctx), ip(f"172.16.{ctx}.1"))
    with unnumbered(ctx, "203.0.113.0/24"):
        got = source(ctx, "203.0.113.1")
        eq(got in own, True, f"borrowed {got}, want one of {own}")


@only(4)
def test_loopback_address():
    """context 0's address of the loopback device is no source in another"""
    RT.addr("lo", "192.0.2.77/32")
    RT.route("203.0.113.0/24", dev="lo", table=table_of(1))
    with sock(UDP, 1) as one:
        one.connect(("203.0.113.9", 9))
        eq(one.getsockname()[0], "10.0.0.101", "source")
    RT.route_del("203.0.113.0/24", dev="lo", table=table_of(1))
    RT.addr_del("lo", "192.0.2.77/32")


@only(6)
def test_loopback_address6():
    """an address of the loopback device is context 0's alone"""
    # IPv6 has no routes over lo: let it be the best candidate elsewhere
    RT.addr("lo", "2001:db8::77/128")
    refused(E.EADDRNOTAVAIL, "bind", sock, UDP, 1, ("2001:db8::77", 9))
    refused(E.ENETUNREACH, "connect", source, 1, "2001:db8::77")
    for ctx in ALL:
        with unnumbered(ctx, "2001:db8::/32"):
            got = source(ctx, "2001:db8::78")
            want = (wired(ctx), ip(f"172.16.{ctx}.1")) if ctx else \
                ("2001:db8::77",)
            eq(got in want, True, f"{got} in {ctx}, want one of {want}")
    RT.addr_del("lo", "2001:db8::77/128")


@only(6)
def test_loopback_only():
    """use_oif_addrs_only: what the loopback device has is context 0's"""
    dest = "2001:db8:1::5"
    RT.addr("lo", "2001:db8::77/128")
    sysctl("net.ipv6.conf.lo.use_oif_addrs_only", 1)
    for table in (255, table_of(1)):
        RT.route("2001:db8:1::/48", dev="lo", kind=RTN_LOCAL, table=table)
    eq(source(0, dest), "2001:db8::77", "source in 0")
    refused(E.EADDRNOTAVAIL, "in 1", source, 1, dest)
    for table in (255, table_of(1)):
        RT.route_del("2001:db8:1::/48", table=table)
    sysctl("net.ipv6.conf.lo.use_oif_addrs_only", 0)
    RT.addr_del("lo", "2001:db8::77/128")


@only(6)
@params((1, 0), (1, 2), (0, 1))
def test_rules(ctx, other):
    """RFC 6724 compares addresses of the context, own and other:"""
    plain = (wired(ctx), ip(f"172.16.{ctx}.1"))
    own, dest = f"d{ctx}", "2001:db8::2"
    added = [(f"d{other}", "2001:db8::1"), (own, "2001:db8:1::1"),
             (own, "2001:db8:0:1::1")]

    def add(num):
        RT.addr(*added[num])
        return added[num][1]

    with unnumbered(ctx, "2001:db8::/32"):
        best = add(0)           # as rules 1, 6 and 8 would have it
        eq(source(other, best), best, "where it belongs")
        for addr in (best, dest):
            got = source(ctx, addr)
            eq(got in plain, True, f"{got} to {addr}")
        label = add(1)
        eq(source(ctx, dest), label, "by label (rule 6)")
        prefix = add(2)
        eq(source(ctx, dest), prefix, "by prefix (rule 8)")
        deprecate(own, prefix)
        eq(source(ctx, dest), label, "one is deprecated (rule 3)")
        deprecate(own, label)
        eq(source(ctx, dest) in plain, True, "both are deprecated")
    for dev, addr in added:
        RT.addr_del(dev, addr)


@only(6)
def test_deprecated():
    """a context with nothing but a deprecated address uses that"""
    LAB.vr.new(9)
    RT.link_add("d9", "dummy")
    LAB.vr.move("d9", 9)
    RT.link_set("d9", up=True)
    RT.addr("d9", "2001:db8::9/128")
    RT.route("2001:db8::/32", dev="d9", table=table_of(9))
    deprecate("d9", "2001:db8::9")
    eq(source(9, "2001:db8::1"), "2001:db8::9", "source")
    LAB.vr.delete(9, force=True)
    RT.link_del("d9")


@only(6)
@params((1, 0), (1, 2), (0, 1))
def test_scope(ctx, other):
    """link-local and multicast: from the device, which is no foreign one:"""
    own = link_local(W[ctx].rmac)
    wait(lambda: RT.settled(W[ctx].dev, own), "link-local address")
    near, foreign = (RT.ifindex(W[n].dev) for n in (ctx, other))
    errors = (E.ENODEV, E.EINVAL, E.ENETUNREACH, E.EADDRNOTAVAIL)
    for addr in ("fe80::99", "ff02::99"):
        dest = (addr, 9, 0, foreign)
        for kind in (TCP, UDP):
            refused(errors, f"connect to {addr}", connect, dest, ctx,
                    kind=kind)
        with sock(UDP, ctx) as one:
            refused(errors, f"send to {addr}", one.sendto, b"x", dest)
    with sock(UDP, ctx) as one:
        one.connect(("fe80::99", 9, 0, near))
        eq(one.getsockname()[0], own, "to link-local")
    eq(source(ctx, "ff05::9", dev=f"d{ctx}"), ip(f"172.16.{ctx}.1"),
       "to a group")
    for wire in W.values():
        wire.silent("misdirected packet")


# Options that name a device: value of it
OPTIONS = {PKTINFO: lambda dev: pktinfo(dev, "0.0.0.0"),
           UNICAST_IF: lambda dev: struct.pack("!i", dev),
           MULTICAST_IF: multicast_if,
           JOIN: lambda dev: mreq("239.1.2.3", dev)}


@only(6)
@params(*[(opt,) for opt in OPTIONS])
def test_device_options(opt):
    """no device of another context by an option, no other context after it:"""
    own, foreign = (RT.ifindex(W[n].dev) for n in (1, 2))
    with sock(UDP, 1) as one:
        refused((E.ENODEV, E.EINVAL, E.EADDRNOTAVAIL), "foreign device",
                one.setsockopt, SOL, opt, OPTIONS[opt](foreign))
        set_ctx(one, 2)         # that has left nothing behind
        set_ctx(one, 1)
        one.setsockopt(SOL, opt, OPTIONS[opt](own))
        refused(E.EINVAL, "SO_VRCTX", set_ctx, one, 2)
        eq(get_ctx(one), 1, "context")


@params(*[(n,) for n in ALL])
def test_lender_moves(ctx):
    """the device that lends its address goes, and comes back, to context:"""
    lender, dest, far = f"l{ctx}", "10.77.0.0/24", "10.77.0.9"
    LAB.vr.new(7)
    RT.link_add(lender, "dummy")
    RT.addr(lender, "10.66.0.1/24")

    def lent():
        """What context 7 has else is no address, or a link-local one."""
        try:
            got = source(7, far)
        except OSError as err:
            eq(err.errno in (E.EADDRNOTAVAIL, E.ENETUNREACH), True, str(err))
            return None
        return None if got == "0.0.0.0" or got.startswith("fe80:") else got

    with unnumbered(7, dest):
        for other in (7, ctx, 7):
            LAB.vr.move(lender, other)
            RT.link_set(lender, up=True)
            eq(lent(), ip("10.66.0.1") if other == 7 else None, "source")
            RT.link_set(lender, up=False)
        # without IP for a while, and the address with it
        RT.link_set(lender, up=True)
        RT.link_set(lender, mtu=pick(67, 1279))
        eq(lent(), None, "source without IP")
        RT.link_set(lender, mtu=1500)
        RT.addr(lender, "10.66.0.2/24")
        eq(lent(), ip("10.66.0.2"), "source with IP again")
    RT.link_del(lender)
    LAB.vr.delete(7)


def test_nothing_to_borrow():
    """a context without any address borrows none"""
    LAB.vr.new(9)
    wire = Wire(LAB, 9, cidr=None)
    own = pick("0.0.0.0", link_local(wire.rmac))
    wait(lambda: RT.settled("w9", own), "link-local address")
    RT.route("203.0.113.0/24", dev="w9", table=table_of(9))
    RT.neigh("w9", "203.0.113.1", b"\2\0\0\0\0\2")
    with sock(RAW, 9, proto=200) as one:
        try:
            one.sendto(b"from?", (ip("203.0.113.1"), 0))
        except OSError as err:
            eq(err.errno in (E.ENETUNREACH, E.EADDRNOTAVAIL), True, str(err))
        else:
            pkt = wire.expect(lambda p: p.proto == 200, "raw packet")
            eq(pkt.src, own, "source")
    LAB.vr.delete(9, force=True)
    RT.link_del("w9")


@params((1, 0), (1, 2), (0, 1))
def test_bind_foreign(ctx, other):
    """bind to an address of another context, own and other:"""
    for addr in (wired(other), f"172.16.{other}.1"):
        for kind in (TCP, UDP):
            refused(E.EADDRNOTAVAIL, f"{addr} {kind}", sock, kind, ctx,
                    (addr, 80))
        refused(E.EADDRNOTAVAIL, f"{addr} raw", sock, RAW, ctx, (addr, 0),
                proto=200)
        refused(E.EADDRNOTAVAIL, f"{addr} ping", sock, UDP, ctx, (addr, 0),
                proto=ICMP)


@params((1, 0), (1, 2), (0, 1))
def test_pktinfo_foreign(ctx, other):
    """IP_PKTINFO cannot name an address or device of another context:"""
    idx = RT.ifindex(W[other].dev)
    rows = [(0, wired(other)), (idx, "0.0.0.0")]
    for ifindex, addr in rows:
        with sock(UDP, ctx) as one:
            refused((E.EINVAL, E.ENETUNREACH, E.ENODEV, E.EADDRNOTAVAIL,
                     E.EHOSTUNREACH),
                    f"{ifindex} {addr}", one.sendmsg, [b"x"],
                    [(SOL, PKTINFO, pktinfo(ifindex, addr))], 0, (HIP, 9))
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
        one.sendto(ip_packet(200, b"spoo", "10.0.0.102", HIP, 1), (HIP, 0))
    W[1].expect(lambda p: p.proto == 200, "packet")
    for ctx in (0, 2):
        W[ctx].silent("packet of context 1")


def test_error_source():
    """ICMP errors come from an address of the context they concern"""
    for ctx in ALL:
        # that which the packet was for, if it is one of the context
        RT.addr(W[ctx].dev, "10.0.0.210/24")
        for dest in (f"10.0.0.{100 + ctx}", "10.0.0.210"):
            W[ctx].send_udp(4000, 9, b"x", dst=dest)
            pkt = W[ctx].expect(lambda p: p.proto == ICMP, "port unreachable")
            eq(pkt.src, ip(dest), f"source in {ctx}")
        RT.addr_del(W[ctx].dev, "10.0.0.210/24")


def test_pktinfo_received():
    """IP_PKTINFO tells addresses of the context"""
    group, mac = pick(("10.0.0.255", BROADCAST),
                      ("ff02::1", group_mac("ff02::1")))
    for ctx in ALL:
        with sock(UDP, ctx, ("0.0.0.0", 53)) as one:
            one.setsockopt(SOL, RECVPKTINFO, 1)
            W[ctx].send_udp(4000, 53, b"to")
            W[ctx].send_udp(4000, 53, b"bcast", dst=group, mac=mac)
            for dst in (wired(ctx), group):
                anc = one.recvmsg(100, 100)[1]
                idx, spec, addr = pktinfo_of(anc[0][2])
                eq(idx, RT.ifindex(W[ctx].dev), "device")
                eq(spec, None if V6 else wired(ctx), "spec_dst")
                eq(addr, dst, "destination")


def test_connect_zero():
    """connect to 0.0.0.0 means loopback, inside the context"""
    with sock(TCP, 1, ("127.0.0.1", 80), listen=2) as listen:
        connect(("0.0.0.0", 80), 1).close()
        listen.accept()[0].close()
        for ctx in (0, 2):
            refused(E.ECONNREFUSED, f"from {ctx}", connect, ("0.0.0.0", 80),
                    ctx)
    with inside(2):
        eq(source(None, HIP), wired(2), "task in context 2")


run(globals())
