#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 4 6
"""What is not converted yet refuses contexts, with a clear error.

Keyed or refused, never silently context 0. Guards vrctx_sock_create_check(),
SO_VRCTX on other kinds of socket, and the refusals in netlink.
"""
import errno as E
import fcntl
import socket
import struct

import vr_nl as nl
from vr_fam import AF, ICMP, PROTO_UNREACH, SOL, ip, only, packed, pick
from vr_nl import ANY, nest, table_of, u32
from vr_net import (HIP, RIP, TCP, UDP, Lab, get_ctx, inside, readable, set_ctx,
                    sock)
from vr_pkt import Wire, ip_packet, udp_datagram
from vr_rt import (RTM_DELNEXTHOP, RTM_NEWNEIGH, RTM_NEWNEXTHOP, RTM_NEWROUTE,
                   Rtnl)
from vr_tap import Skip, check, eq, params, refused, run

NETLINK_GENERIC = 16
LAB = Lab(5, hosts=False)
VR, RT = LAB.vr, LAB.rt
RT.link_add("d5", "dummy")
VR.move("d5", 5)
RT.addr("d5", "10.5.0.1/24")
RT.link_set("d5", up=True)
FAMILIES = {"AF_AX25": 3, "AF_IPX": 4, "AF_APPLETALK": 5, "AF_KEY": 15,
            "AF_RDS": 21, "AF_LLC": 26, "AF_CAN": 29,
            "AF_TIPC": 30, "AF_BLUETOOTH": 31, "AF_RXRPC": 33, "AF_KCM": 41,
            "AF_QIPCRTR": 42, "AF_SMC": 43, "AF_XDP": 44, "AF_VSOCK": 40,
            "AF_PHONET": 35, "AF_IEEE802154": 36, "AF_NFC": 39}
DGRAM, STREAM, RAWT, SEQ = 2, 1, 3, 5
# What a multicast routing daemon's socket is for, and its options
MROUTER = pick(socket.IPPROTO_IGMP, ICMP)
MRT_INIT, MRT_DONE = 200, 201


@only(4)
@params(*[(name,) for name in FAMILIES])
def test_family(name):
    """no socket of family in a context:"""
    for kind in (DGRAM, STREAM, RAWT, SEQ):
        with inside(5):
            refused(E.EAFNOSUPPORT, f"{name} type {kind}", socket.socket,
                    FAMILIES[name], kind)


@params(("DCCP", 6, 33), ("SMC", STREAM, 256),
        ("L2TP", DGRAM, 115), ("the other family's ping", DGRAM, pick(58, 1)))
def test_protocol(_, kind, proto):
    """no such protocol in a context:"""
    with inside(5):
        refused((E.EPROTONOSUPPORT, E.ESOCKTNOSUPPORT), "socket",
                socket.socket, AF, kind, proto)


NETLINK = {"ROUTE": 0, "USERSOCK": 2, "SOCK_DIAG": 4, "XFRM": 6, "ISCSI": 8,
           "AUDIT": 9, "FIB_LOOKUP": 10, "CONNECTOR": 11, "NETFILTER": 12,
           "DNRTMSG": 14, "KOBJECT_UEVENT": 15, "GENERIC": 16,
           "SCSITRANSPORT": 18, "CRYPTO": 21}
NL_GOOD = ("ROUTE", "SOCK_DIAG", "GENERIC", "KOBJECT_UEVENT", "AUDIT",
           "NETFILTER", "XFRM")


@only(4)
@params(*[(name,) for name in NETLINK if name not in NL_GOOD])
def test_netlink(name):
    """no netlink in a context for:"""
    with inside(5):
        refused(E.EPROTONOSUPPORT, name, socket.socket, socket.AF_NETLINK,
                RAWT, NETLINK[name])


@only(4)
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
    """AF_UNIX and the converted protocols of the family work"""
    with inside(5):
        for one in socket.socketpair():
            one.close()
        for kind, proto in ((TCP, 0), (TCP, 6), (UDP, 0), (UDP, 17),
                            (UDP, ICMP), (UDP, 136), (RAWT, 1), (RAWT, ICMP),
                            (RAWT, 200), (RAWT, 255)):
            try:
                with socket.socket(AF, kind, proto) as one:
                    eq(get_ctx(one), 5, f"context of {kind} {proto}")
            except OSError as err:
                check(proto == 136, str(err))       # UDPLITE may be off


@params(("AF_UNIX", 1, DGRAM, 0), ("AF_NETLINK", 16, RAWT, 0),
        ("AF_PACKET", 17, RAWT, 0),
        ("L2TP", AF, DGRAM, 115), ("AF_ALG", 38, SEQ, 0))
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
    """no socket of the family in a deleted context"""
    VR.new(9)
    with inside(9):
        VR.delete(9)
        for kind, proto in ((TCP, 0), (UDP, 0), (RAWT, 200)):
            refused(E.ENETUNREACH, f"{kind}", socket.socket, AF, kind,
                    proto)
        for one in socket.socketpair():
            one.close()


def received(dev):
    """Packets and errors (IFLA_STATS64)."""
    stats = struct.unpack_from("=6Q", RT.link(dev)[23])
    return stats[0] + stats[4]


TUNNELS = pick((("ipip", 4), ("sit", 41), ("gre", 47)),
               (("ip6tnl", 4), ("ip6tnl", 41), ("ip6gre", 47)))


@params(*TUNNELS)
def test_tunnel_packet(kind, proto):
    """a tunnel of context 0 takes no packet of a context:"""
    wire = Wire(LAB, 5, dev="w8")
    local, remote = (6, 7) if "gre" in kind else (2, 3)
    RT.link_add("t8", kind, nl.attr(local, packed(RIP))
                + nl.attr(remote, packed(HIP)))
    RT.link_set("t8", up=True)
    before = received("t8")
    inner = ip_packet(17, udp_datagram(1, 2, b"x", HIP, RIP), HIP, RIP)
    if "gre" in kind:
        inner = struct.pack("!HH", 0, pick(0x800, 0x86dd)) + inner
    wire.send_ip(proto, inner)
    wire.sync()
    eq(received("t8"), before, "at the tunnel")
    RT.link_del("t8")
    RT.link_del("w8")
    wire.far.close()


def test_protocol_packet():
    """protocols of the kernel that know no contexts do not exist in one"""
    wire = Wire(LAB, 5, dev="w9")
    # DCCP, MPLS in IP
    for proto in (33, 137):
        before = VR.stats(5)["wrong-ctx"]
        wire.send_ip(proto, bytes(64))
        pkt = wire.expect(lambda p: p.proto == ICMP, f"error about {proto}")
        eq(pkt.icmp, PROTO_UNREACH, f"error about {proto}")
        eq(VR.stats(5)["wrong-ctx"] - before, 1, f"counted {proto}")
    RT.link_del("w9")
    wire.far.close()


def nexthop(ident, *attrs, group=False):
    msg = bytes([0 if group else AF, 0, 0, 0]) + b"\0" * 4
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


# Kinds with a valid body: an MPLS label, an identifier of 8 bytes and an
# address
ENCAPS = {1: nl.attr(1, b"\0\1\1\0"),
          2: nl.attr(1, bytes(8)) + nl.attr(2, bytes([10, 9, 9, 9])),
          4: nl.attr(1, bytes(8)) + nl.attr(2, bytes(15) + b"\2")}


@params(("MPLS", 1), ("IP", 2), ("IP6", 4))
def test_encap_valid(_, kind):
    """a lightweight tunnel that main takes, alone and in a multipath route:"""
    encap = nl.attr(21, bytes([kind, 0])) + nest(22, ENCAPS[kind])
    RT.link_add("d0", "dummy")
    RT.addr("d0", "10.0.0.1/24")
    RT.link_set("d0", up=True)
    try:
        for table, dev, net in ((254, "d0", "10.0.0."),
                                (table_of(5), "d5", "10.5.0.")):
            bare = RT.route_msg("192.0.2.0/24", table=table, scope=0)
            # with gateways, because IPv6 wants it so
            more = [nl.attr(5, packed(net + host)) + encap for host in "23"]
            idx = RT.ifindex(dev)
            hops = b"".join(struct.pack("=HBBi", 8 + len(hop), 0, 0, idx) + hop
                            for hop in more)
            for what, how in (("alone", u32(4, idx) + more[0]),
                              ("multipath", nl.attr(9, hops))):
                if table == 254:
                    RT.request(RTM_NEWROUTE, 0x600, bare + how)
                    RT.route_del("192.0.2.0/24")
                    continue
                err = refused(E.EOPNOTSUPP, what, RT.request, RTM_NEWROUTE,
                              0x600, bare + how)
                check("context" in err.extack, f"{what}: {err.extack!r}")
    finally:
        RT.link_del("d0")


def test_udp_encap():
    """tunnels in UDP on a context's socket, but for ESP"""
    with sock(UDP, 5) as one:
        for kind in (3, 4, 5, 6):       # L2TP, GTP, rxrpc
            refused(E.EOPNOTSUPP, f"UDP_ENCAP {kind}", one.setsockopt,
                    socket.IPPROTO_UDP, 100, kind)
    with sock(UDP, 0) as one:           # nor does such a socket go into one
        one.setsockopt(socket.IPPROTO_UDP, 100, 2)
        refused(E.EINVAL, "to the context", set_ctx, one, 5)
        eq(get_ctx(one), 0, "context")


def test_espintcp():
    """IPsec in TCP on a context's socket, no context for a socket with it"""
    ulp = socket.IPPROTO_TCP, 31, b"espintcp"           # TCP_ULP
    for ctx in (5, ANY):
        with sock(TCP, ctx) as one:
            refused(E.EOPNOTSUPP, f"in {ctx}", one.setsockopt, *ulp)
    with sock(TCP, 0) as one:
        one.setsockopt(*ulp)
        refused(E.EINVAL, "to the context", set_ctx, one, 5)
        eq(get_ctx(one), 0, "context")


def test_ipsec_policy():
    """a socket with a policy stays in its context, one for all has none"""
    option = pick(17, 35)               # IP_XFRM_POLICY, IPV6_XFRM_POLICY
    # struct xfrm_userpolicy_info: everything of the family, to be sent
    policy = (bytes(40) + struct.pack("=H", AF) + bytes(118) + b"\1").ljust(168,
                                                                          b"\0")
    with sock(UDP, ANY) as one:
        refused(E.EOPNOTSUPP, "in all", one.setsockopt, SOL, option, policy)
    for ctx, other in ((0, 5), (5, 0)):
        with sock(UDP, ctx) as one:
            one.setsockopt(SOL, option, policy)
            refused(E.EINVAL, f"from {ctx}", set_ctx, one, other)
            one.setsockopt(SOL, option, None, 0)
            set_ctx(one, other)


# Kinds of requests; SIOCDIFADDR is IPv6's, SIOCSARP is IPv4's
IOCTLS = {"SIOCADDRT": 0x890b, "SIOCDELRT": 0x890c, "SIOCSIFADDR": 0x8916,
          "SIOCSIFDSTADDR": 0x8918,
          **pick({"SIOCSIFNETMASK": 0x891c, "SIOCSARP": 0x8955,
                  "SIOCGARP": 0x8954, "SIOCDARP": 0x8953},
                 {"SIOCDIFADDR": 0x8936})}


@params(*[(name,) for name in IOCTLS])
def test_ioctl(name):
    """the old ioctls, which work on context 0:"""
    for ctx in (5, ANY):
        with sock(UDP, ctx) as one:
            refused(E.EOPNOTSUPP, f"{name} in {ctx}", fcntl.ioctl, one,
                    IOCTLS[name], bytes(256))


@only(4)
def test_fdb_nexthop():
    """a vxlan of a context has no group of nexthops, which are context 0's"""
    RT.request(RTM_NEWNEXTHOP, 0x600, bytes([AF]) + bytes(7) + u32(1, 71)
               + nl.attr(6, packed(HIP)) + nl.attr(11))
    RT.request(RTM_NEWNEXTHOP, 0x600, bytes(8) + u32(1, 72)
               + nl.attr(2, struct.pack("=IBBH", 71, 0, 0, 0)) + nl.attr(11))
    with inside(5):
        rt = Rtnl()
    rt.link_add("t5", "vxlan", u32(1, 5) + nl.attr(2, packed(HIP))
                + nl.attr(15, b"\x12\xb5"))
    err = refused(E.EOPNOTSUPP, "entry", rt.request, RTM_NEWNEIGH, 0x400,
                  struct.pack("=BxxxiHBB", 7, rt.ifindex("t5"), 0x80, 2, 0)
                  + nl.attr(2, b"\2\0\0\0\0\x77") + u32(13, 72))
    check(err.extack, "no extack text")
    rt.link_del("t5")
    rt.close()
    for ident in (72, 71):
        RT.request(RTM_DELNEXTHOP, 0, bytes(8) + u32(1, ident))


def test_router_alert():
    """a multicast router's or router alert socket does not go into a context"""
    # name, protocol of the socket, option, (option, value) that ends it
    for name, proto, opt, off in (
            ("MRT_INIT", MROUTER, MRT_INIT, (MRT_DONE, 0)),
            ("ROUTER_ALERT", *pick((2, 5, (5, 0)), (255, 22, (22, -1))))):
        with socket.socket(AF, RAWT, proto) as one:
            one.setsockopt(SOL, opt, 1)
            refused(E.EINVAL, name, set_ctx, one, 5)
            eq(get_ctx(one), 0, f"context with {name}")
            one.setsockopt(SOL, *off)
            set_ctx(one, 5)


# port 4789, MPLS
@only(4)
@params(("bareudp", nl.attr(1, b"\x12\xb5") + nl.attr(2, b"\x88\x47")))
def test_kernel_sockets(kind, data):
    """a device that needs a socket of the kernel is not made in a context:"""
    with inside(5):
        rt = Rtnl()
        err = refused(E.EOPNOTSUPP, kind, rt.link_add, "t0", kind, data)
        check(err.extack, "no extack text")
        refused(E.ENODEV, "not there", rt.ifindex, "t0")
        rt.close()
    RT.link_add("t0", kind, data)
    RT.link_set("t0", up=True)          # fine in context 0
    RT.link_del("t0")


@params("netdev", "devlink")
def test_genl(name):
    """a generic netlink family that does no contexts:"""
    try:
        num = nl.Netlink(NETLINK_GENERIC).genl_family(name)[0]
    except OSError:
        return                          # not in this kernel
    with inside(5):
        one = nl.Netlink(NETLINK_GENERIC)
    for flags in (0, nl.NLM_F_DUMP):
        err = refused(E.EOPNOTSUPP, name, one.request, num, flags,
                      struct.pack("=BBH", 1, 1, 0))
        check(err.extack, "no extack text")
    one.close()


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
        check(ip("10.5.1.1/24") in rt.addrs("d5"), "address")
        rt.addr_del("d5", "10.5.1.1/24")
        rt.close()


run(globals())
