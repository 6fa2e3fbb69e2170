#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 4
"""IPVS, whose services are context 0's, sees no packet of a context.

	10.1.0.2 i ---- router, context N ---- o 10.0.0.2	for N = 0, 1

Guards ip_vs_in_hook(), ip_vs_out_hook() and ip_vs_forward_icmp().
"""
import socket
import struct

import vr_nl as nl
from vr_fam import FORWARD, PORT_UNREACH, ip, packed
from vr_net import HIP, RIP, Lab, serve
from vr_pkt import ACK, SYN, Wire, ip_packet, quote, tcp_segment
from vr_rt import sysctl
from vr_tap import eq, run

LAB = Lab(1, hosts=False)
sysctl(FORWARD, 1)
CLIENT = ip("10.1.0.2")
I = {n: Wire(LAB, n, dev=f"i{n}", cidr="10.1.0.1/24", ip=CLIENT)
     for n in (0, 1)}
O = {n: Wire(LAB, n, dev=f"o{n}") for n in (0, 1)}
# The service, and where it is: at HIP, by translation
PORT, THERE, SPORT = 90, 9090, 4000
# IPVS_CMD_*, IPVS_CMD_ATTR_*, IPVS_SVC_ATTR_*, IPVS_DEST_ATTR_*
NEW_SERVICE, NEW_DEST = 1, 5
SERVICE, DEST = 1, 2
MASQ, FAMILY = 0, 11


def addr(text):
    return packed(text).ljust(16, b"\0")


def port(num):
    return struct.pack("!H", num)


def configure():
    one = nl.Netlink(16)
    family = one.genl_family("IPVS")[0]
    name = nl.nest(SERVICE, nl.attr(1, struct.pack("=H", socket.AF_INET)),
                   nl.attr(2, struct.pack("=H", 6)), nl.attr(3, addr(RIP)),
                   nl.attr(4, port(PORT)))
    full = nl.nest(SERVICE, name[4:], nl.text(6, "rr"),
                   nl.attr(7, struct.pack("=II", 0, 0xffffffff)),
                   nl.u32(8, 0), nl.attr(9, b"\xff" * 4))
    dest = nl.nest(DEST, nl.attr(1, addr(HIP)), nl.attr(2, port(THERE)),
                   nl.u32(3, MASQ), nl.u32(4, 1), nl.u32(5, 0), nl.u32(6, 0),
                   nl.attr(FAMILY, struct.pack("=H", socket.AF_INET)))
    for cmd, body in ((NEW_SERVICE, full), (NEW_DEST, name + dest)):
        one.request(family, 0, struct.pack("=BBH", cmd, 1, 0) + body)
    one.close()


configure()


def ends(pkt):
    return (pkt.src, pkt.sport), (pkt.dst, pkt.dport)


def test_in():
    """a SYN for a service's address and port is a context's own"""
    I[0].send_tcp(SPORT, PORT, 1000, flags=SYN, dst=RIP)
    pkt = O[0].expect(lambda p: p.proto == 6, "SYN at the server of 0")
    eq(ends(pkt), ((CLIENT, SPORT), (HIP, THERE)), "it")
    with serve(1, PORT):
        I[1].send_tcp(SPORT, PORT, 1000, flags=SYN, dst=RIP)
        pkt = I[1].expect(lambda p: p.proto == 6, "SYN|ACK")
        eq((ends(pkt), pkt.flags), (((RIP, PORT), (CLIENT, SPORT)), SYN | ACK),
           "answer")
    O[1].silent("a SYN to the service")


def test_out():
    """what looks like a server's answer is forwarded as it is"""
    for ctx, src in ((0, (RIP, PORT)), (1, (HIP, THERE))):
        O[ctx].send_tcp(THERE, SPORT, 1, 1001, SYN | ACK, dst=CLIENT)
        pkt = I[ctx].expect(lambda p: p.proto == 6, "the answer")
        eq(ends(pkt), (src, (CLIENT, SPORT)), f"in {ctx}")


def test_icmp():
    """an ICMP error about such a packet, too"""
    answer = ip_packet(6, tcp_segment(PORT, SPORT, 1, 1001, SYN | ACK,
                                      src=RIP, dst=CLIENT), RIP, CLIENT)
    for ctx, want in ((0, THERE), (1, PORT)):
        I[ctx].send_icmp(*PORT_UNREACH, 0, quote(answer), dst=HIP)
        pkt = O[ctx].expect(lambda p: p.icmp == PORT_UNREACH, "the error")
        eq(struct.unpack_from("!H", pkt.data, 20)[0], want,
           f"port that it is about in {ctx}")


run(globals())
