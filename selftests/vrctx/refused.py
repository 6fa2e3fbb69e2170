#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""What is not converted yet refuses contexts, with a clear error.

Keyed or refused, never silently context 0. Guards vrctx_sock_create_check(),
SO_VRCTX on other kinds of socket, and the refusals in netlink.
"""
import errno as E
import socket
import struct

import vr_nl as nl
from vr_fam import packed
from vr_nl import nest, table_of, u32
from vr_net import (HIP, RIP, TCP, UDP, Lab, get_ctx, inside, readable, set_ctx,
                    sock)
from vr_pkt import BROADCAST, ETH_IPV6, Wire, ip_packet, udp_datagram
from vr_rt import (RTM_NEWADDR, RTM_NEWNEIGH, RTM_NEWNEXTHOP, Rtnl,
                   have_sysctl, sysctl)
from vr_tap import Skip, check, eq, params, refused, run

LAB = Lab(5, hosts=False)
VR, RT = LAB.vr, LAB.rt
RT.link_add("d5", "dummy")
VR.move("d5", 5)
RT.addr("d5", "10.5.0.1/24")
RT.link_set("d5", up=True)
AF = {"AF_AX25": 3, "AF_IPX": 4, "AF_APPLETALK": 5, "AF_INET6": 10,
      "AF_KEY": 15, "AF_PACKET": 17, "AF_RDS": 21, "AF_LLC": 26,
      "AF_CAN": 29, "AF_TIPC": 30, "AF_BLUETOOTH": 31, "AF_RXRPC": 33,
      "AF_KCM": 41, "AF_QIPCRTR": 42, "AF_SMC": 43, "AF_XDP": 44,
      "AF_VSOCK": 40, "AF_PHONET": 35, "AF_IEEE802154": 36, "AF_NFC": 39}
DGRAM, STREAM, RAWT, SEQ = 2, 1, 3, 5


@params(*[(name,) for name in AF])
def test_family(name):
    """no socket of family in a context:"""
    for kind in (DGRAM, STREAM, RAWT, SEQ):
        with inside(5):
            refused(E.EAFNOSUPPORT, f"{name} type {kind}", socket.socket,
                    AF[name], kind)


@params(("SCTP", SEQ, 132), ("SCTP one-to-one", STREAM, 132),
        ("DCCP", 6, 33), ("MPTCP", STREAM, 262), ("SMC", STREAM, 256),
        ("L2TP", DGRAM, 115))
def test_protocol(_, kind, proto):
    """no such protocol in a context:"""
    with inside(5):
        refused((E.EPROTONOSUPPORT, E.ESOCKTNOSUPPORT), "socket",
                socket.socket, socket.AF_INET, kind, proto)


NETLINK = {"ROUTE": 0, "USERSOCK": 2, "SOCK_DIAG": 4, "XFRM": 6, "ISCSI": 8,
           "AUDIT": 9, "FIB_LOOKUP": 10, "CONNECTOR": 11, "NETFILTER": 12,
           "DNRTMSG": 14, "KOBJECT_UEVENT": 15, "GENERIC": 16,
           "SCSITRANSPORT": 18, "CRYPTO": 21}
NL_GOOD = ("ROUTE", "GENERIC", "KOBJECT_UEVENT", "AUDIT")


@params(*[(name,) for name in NETLINK if name not in NL_GOOD])
def test_netlink(name):
    """no netlink in a context for:"""
    with inside(5):
        refused(E.EPROTONOSUPPORT, name, socket.socket, socket.AF_NETLINK,
                RAWT, NETLINK[name])


@params(*[(name,) for name in NL_GOOD])
def test_netlink_good(name):
    """netlink in a context works for:"""
    def make():
        try:
            socket.socket(socket.AF_NETLINK, RAWT, NETLINK[name]).close()
        except OSError as err:          # audit may be off
            return err.errno
        return 0

    outside = make()
    with inside(5):
        eq(make(), outside, "errno inside")


def test_good_families():
    """AF_UNIX and the converted protocols of AF_INET work"""
    with inside(5):
        for one in socket.socketpair():
            one.close()
        for kind, proto in ((TCP, 0), (TCP, 6), (UDP, 0), (UDP, 17),
                            (UDP, 136), (RAWT, 1), (RAWT, 200), (RAWT, 255)):
            try:
                with socket.socket(socket.AF_INET, kind, proto) as one:
                    eq(get_ctx(one), 5, f"context of {kind} {proto}")
            except OSError as err:
                check(proto == 136, str(err))       # UDPLITE may be off


@params(("AF_UNIX", 1, DGRAM, 0), ("AF_NETLINK", 16, RAWT, 0),
        ("AF_INET6 UDP", 10, DGRAM, 0), ("AF_INET6 TCP", 10, STREAM, 0),
        ("AF_INET6 raw", 10, RAWT, 200), ("AF_PACKET", 17, RAWT, 0),
        ("SCTP", 2, SEQ, 132), ("MPTCP", 2, STREAM, 262),
        ("AF_ALG", 38, SEQ, 0))
def test_option(_, family, kind, proto):
    """SO_VRCTX is refused on:"""
    try:
        one = socket.socket(family, kind, proto)
    except OSError as err:
        raise Skip(f"not in this kernel: {err}") from err
    with one:
        for num in (5, nl.ANY):
            refused(E.EOPNOTSUPP, f"set {num}", set_ctx, one, num)
        try:
            eq(get_ctx(one), 0, "context")
        except OSError as err:
            eq(err.errno, E.EOPNOTSUPP, "get")


def test_deleted_context():
    """no AF_INET socket in a deleted context"""
    VR.new(9)
    with inside(9):
        VR.delete(9)
        for kind, proto in ((TCP, 0), (UDP, 0), (RAWT, 200)):
            refused(E.ENETUNREACH, f"{kind}", socket.socket, socket.AF_INET,
                    kind, proto)
        for one in socket.socketpair():
            one.close()


def test_ipv6_dropped():
    """an IPv6 packet into a context: dropped, counted, no answer"""
    wire = Wire(LAB, 5, dev="w5")
    eth = b"\xfe\x80" + b"\0" * 13 + b"\1"
    probe = b"\x60\0\0\0\0\x08\x3a\xff" + eth + b"\xff\2" + b"\0" * 13 \
        + b"\1" + b"\x80\0\0\0\0\1\0\1"
    before = VR.stats(5)["wrong-ctx"]
    wire.send(probe, ETH_IPV6, BROADCAST)
    wire.send(probe, ETH_IPV6)
    got = wire.sync((ETH_IPV6,))
    eq(got, [], "answers")
    eq(VR.stats(5)["wrong-ctx"] - before, 2, "counted")
    RT.link_del("w5")
    wire.far.close()


def test_tunnel_packet():
    """a tunnel of context 0 takes no packet of a context"""
    wire = Wire(LAB, 5, dev="w8")
    RT.link_add("t8", "ipip", nl.attr(2, packed(RIP)) + nl.attr(3, packed(HIP)))
    RT.link_set("t8", up=True)
    before = VR.stats(5)["wrong-ctx"]
    wire.send_ip(4, ip_packet(17, udp_datagram(1, 2, b"x", HIP, RIP), HIP, RIP))
    pkt = wire.expect(lambda p: p.proto == 1, "protocol unreachable")
    eq((pkt.type, pkt.code), (3, 2), "error")
    eq(VR.stats(5)["wrong-ctx"] - before, 1, "counted")
    RT.link_del("t8")
    RT.link_del("w8")
    wire.far.close()


def nexthop(ident, *attrs, group=False):
    msg = bytes([0 if group else socket.AF_INET, 0, 0, 0]) + b"\0" * 4
    RT.request(RTM_NEWNEXTHOP, 0x600, msg + u32(1, ident) + b"".join(attrs))


def test_nexthop_objects():
    """nexthop objects neither name a context's device nor serve its table"""
    idx = RT.ifindex("d5")
    err = refused((E.EOPNOTSUPP, E.EINVAL, E.ENETUNREACH), "device", nexthop,
                  1, u32(5, idx))
    check(err.extack, "no extack text")
    RT.link_add("d0", "dummy")
    RT.addr("d0", "10.0.0.1/24")
    RT.link_set("d0", up=True)
    nexthop(2, u32(5, RT.ifindex("d0")))
    err = refused((E.EOPNOTSUPP, E.EINVAL), "route", RT.route,
                  "192.0.2.0/24", nhid=2, table=table_of(5))
    check(err.extack, "no extack text")
    nexthop(3, nl.attr(4))                      # blackhole
    refused((E.EOPNOTSUPP, E.EINVAL), "blackhole", RT.route, "192.0.2.0/24",
            nhid=3, table=table_of(5))
    RT.link_del("d0")


def test_ipv6_output():
    """no IPv6 leaves by a context's device, whatever is configured on it"""
    wire = Wire(LAB, 5, dev="w6")
    for key, val in (("accept_dad", 0), ("disable_ipv6", 0)):
        if have_sysctl(f"net.ipv6.conf.w6.{key}"):
            sysctl(f"net.ipv6.conf.w6.{key}", val)
    addr = b"\x20\1\x0d\xb8" + b"\0" * 11 + b"\1"
    try:
        RT.request(RTM_NEWADDR, 0x600, bytes([10, 64, 2, 0])
                   + RT.ifindex("w6").to_bytes(4, "little")
                   + nl.attr(2, addr) + nl.attr(1, addr))
    except OSError as err:
        check(err.errno in (E.EOPNOTSUPP, E.EACCES, E.EINVAL, E.EPERM,
                            E.ENODEV), str(err))
    with socket.socket(socket.AF_INET6, DGRAM) as one:
        for dest in (("2001:db8::2", 9), ("ff02::1", 9, 0, RT.ifindex("w6"))):
            try:
                one.sendto(b"x", dest)
            except OSError:
                pass
    eq(wire.sync((ETH_IPV6,)), [], "IPv6 on the wire")
    RT.link_del("w6")
    wire.far.close()


def test_ipv6_neighbour():
    """an IPv6 neighbour on a context's device"""
    msg = struct.pack("=BxxxiHBB", 10, RT.ifindex("d5"), 0x80, 0, 0)
    err = refused(E.EOPNOTSUPP, "neighbour", RT.request, RTM_NEWNEIGH, 0x400,
                  msg + nl.attr(1, b"\x20" + b"\0" * 15)
                  + nl.attr(2, b"\2\0\0\0\0\1"))
    check(err.extack, "no extack text")


def test_encap():
    """lightweight tunnels in a context's route"""
    encap = nest(22, nl.attr(1, b"\x00\x00\x11\x00"))
    msg = RT.route_msg("192.0.2.0/24", dev="d5", table=table_of(5))
    for kind in (1, 2, 5, 8):           # MPLS, IP, SEG6, RPL
        try:
            RT.request(24, 0x600, msg + nl.attr(21, bytes([kind, 0])) + encap)
        except OSError as err:
            check(err.errno in (E.EOPNOTSUPP, E.EINVAL, E.EAFNOSUPPORT),
                  str(err))
            continue
        raise AssertionError(f"encap {kind} accepted")


def test_udp_encap():
    """IPsec in UDP on a context's socket"""
    with sock(UDP, 5) as one:
        for kind in (2, 3):             # ESP, L2TP in UDP
            refused(E.EOPNOTSUPP, f"UDP_ENCAP {kind}", one.setsockopt,
                    socket.IPPROTO_UDP, 100, kind)


def test_mroute():
    """multicast routing tables in a context"""
    with inside(5):
        one = socket.socket(socket.AF_INET, RAWT, 2)
    with one:
        refused((E.EOPNOTSUPP, E.ENOPROTOOPT), "MRT_INIT", one.setsockopt,
                socket.IPPROTO_IP, 200, 1)
        eq(get_ctx(one), 5, "context")


def test_router_alert():
    """a multicast router's or router alert socket does not go into a context"""
    for name, opt in (("MRT_INIT", 200), ("IP_ROUTER_ALERT", 5)):
        with socket.socket(socket.AF_INET, RAWT, 2) as one:
            one.setsockopt(socket.IPPROTO_IP, opt, 1)
            refused(E.EINVAL, name, set_ctx, one, 5)
            eq(get_ctx(one), 0, f"context with {name}")
            # 201 is MRT_DONE
            one.setsockopt(socket.IPPROTO_IP, 201 if opt == 200 else opt, 0)
            set_ctx(one, 5)


# id and port 4789
@params(("vxlan", u32(1, 77) + nl.attr(15, b"\x12\xb5")), ("wireguard", b""))
def test_kernel_sockets(kind, data):
    """the kernel opens no socket of context 0 for a task in a context:"""
    with inside(5):
        rt = Rtnl()
        rt.link_add("t0", kind, data)
        refused(E.EOPNOTSUPP, kind, rt.link_set, "t0", up=True)
        rt.close()
    RT.link_set("t0", up=True)          # fine in context 0
    RT.link_del("t0")


def test_af_packet_sees_devices():
    """a packet socket of context 0 still sees a context's device"""
    wire = Wire(LAB, 5, dev="w7", ip=HIP)
    spy = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    spy.bind(("w7", 3))
    wire.send_udp(1, 2, b"seen")
    wire.sync()
    seen = b""
    while (frame := readable(spy)) is not None:
        seen += frame
    check(b"seen" in seen, "nothing seen")
    # what it injects is not IP output of context 0
    spy.close()
    with sock(UDP, 5) as one:
        one.sendto(b"x", (HIP, 9))
        wire.expect(lambda p: p.proto == 17, "datagram")
    RT.link_del("w7")


def test_rtnetlink_inside():
    """rtnetlink from inside a context works on its own devices"""
    with inside(5):
        rt = Rtnl()
        rt.addr("d5", "10.5.1.1/24")
        check("10.5.1.1/24" in rt.addrs("d5"), "address")
        rt.addr_del("d5", "10.5.1.1/24")
        rt.close()


run(globals())
