#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""IPv4 routes by way of IPv6 gateways, the same ones in every context.

Guards fib_check_nh_v6_gw() and ip_neigh_for_gw(): the gateway is looked up,
and resolved, in the context of the route.
"""
import errno as E
import socket

from vr_nl import table_of
from vr_net import UDP, Lab, sock
from vr_pkt import Wire
from vr_rt import sysctl
from vr_tap import check, eq, params, refused, run

LAB = Lab(1, 2, hosts=False)
RT = LAB.rt
ALL = (0, 1, 2)
for conf in ("all", "default"):
    sysctl(f"net.ipv6.conf.{conf}.disable_ipv6", 0)
sysctl("net.ipv4.ip_forward", 1)
A = {n: Wire(LAB, n, dev=f"a{n}") for n in ALL}
B = {n: Wire(LAB, n, dev=f"b{n}", cidr="10.1.0.1/24", ip="10.1.0.2")
     for n in ALL}
GATES = ("fe80::77", "fd00::77")
MAC = {n: bytes([2, 0, 0, 0, 8, n]) for n in ALL}
for num in ALL:
    RT.addr(f"b{num}", "fd00::1/64")
    B[num].far.rt.link_set("eth0", mac=MAC[num])
    for gate in GATES:
        RT.neigh(f"b{num}", gate, MAC[num])


def route(ctx, via, dev, dst="192.0.2.0/24"):
    RT.route(dst, via=via, dev=dev, table=table_of(ctx))


def arrived(wire):
    """(destination's MAC, data) of datagrams."""
    out = []
    wire.send_icmp(8, 0, 0x7e57, b"end")
    while True:
        frame, addr = wire.sock.recvfrom(65536)
        if addr[2] == socket.PACKET_OUTGOING or frame[12:14] != b"\x08\0":
            continue
        if frame[23] == 17:
            out.append((frame[:6], frame[42:]))
        elif frame[23] == 1 and frame[34] == 0:
            return out


@params(*[(g,) for g in GATES])
def test_same_gateway(gate):
    """the same route in every context: sent and forwarded there, by"""
    for n in ALL:
        route(n, gate, f"b{n}")
    for n in ALL:
        with sock(UDP, n) as one:
            one.sendto(b"own %d" % n, ("192.0.2.1", 9))
        A[n].send_udp(4000, 53, b"over %d" % n, dst="192.0.2.1")
        A[n].sync()
    for n in ALL:
        eq(arrived(B[n]), [(MAC[n], b"own %d" % n), (MAC[n], b"over %d" % n)],
           f"on wire {n}")
        RT.route_del("192.0.2.0/24", table=table_of(n))


@params((0, 1), (1, 0), (1, 2))
def test_foreign(ctx, other):
    """a gateway on a device of another context is refused:"""
    for gate in GATES:
        err = refused((E.EINVAL, E.ENODEV, E.EHOSTUNREACH, E.ENETUNREACH,
                       E.EOPNOTSUPP), gate, route, ctx, gate, f"b{other}")
        check(err.extack, "no extack text")


def test_local():
    """an own address is no gateway, another context's may be one"""
    RT.addr("b2", "fd00::99/64")
    refused(E.EINVAL, "own", route, 2, "fd00::99", "b2")
    route(1, "fd00::99", "b1")
    RT.route_del("192.0.2.0/24", table=table_of(1))
    RT.addr_del("b2", "fd00::99/64")


def test_moved():
    """the route goes with its device"""
    RT.link_add("d1", "dummy")
    LAB.vr.move("d1", 1)
    RT.addr("d1", "fd09::1/64")
    RT.link_set("d1", up=True)
    route(1, "fd09::77", "d1", "198.51.100.0/24")
    RT.link_set("d1", up=False)
    LAB.vr.move("d1", 2)
    RT.link_set("d1", up=True)
    for n in (1, 2):
        check(("198.51.100.0/24", 1) not in RT.routes(table_of(n)),
              f"route in {n}")
    RT.link_del("d1")


run(globals())
