#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 4 6
"""Context 0 is the host as it always was, contexts or not.

VRF devices, policy rules, SO_BINDTODEVICE and the sysctls that look across
VRFs share their plumbing with contexts: each case runs without any context,
then with contexts of the same addresses beside it.
"""
import errno as E
import socket

from vr_fam import ICMP, PORT_UNREACH, ip, only
from vr_nl import TABLE_BASE, u32
from vr_net import (HIP, RIP, TCP, UDP, Lab, connect, get_ctx, pending,
                    readable, sock)
from vr_pkt import Wire
from vr_rt import RTM_DELRULE, RTN_UNICAST, sysctl
from vr_tap import Skip, check, eq, params, refused, run, wait

LABS = {}
FAR = ip("192.0.2.1")


def lab(beside):
    """A lab; "beside": with contexts of the same addresses in use."""
    if beside not in LABS:
        one = Lab(*((1, 2) if beside else ()), hosts=False)
        one.wires = {n: Wire(one, n) for n in (1, 2)} if beside else {}
        one.noise = [sock(TCP, n, ("0.0.0.0", 80), listen=8)
                     for n in one.wires] + [sock(UDP, n, ("0.0.0.0", 53))
                                            for n in one.wires]
        LABS[beside] = one
    LABS[beside].ns.join()
    return LABS[beside]


@params((False,), (True,))
def test_vrf(beside):
    """VRF: sockets inside and outside, contexts beside:"""
    one = lab(beside)
    rt = one.rt
    try:
        rt.link_add("red", "vrf", u32(1, 100))
    except OSError as err:
        raise Skip(f"no VRF: {err}") from err
    rt.link_set("red", up=True)
    wire = Wire(one, 0, dev="port")
    rt.link_set("port", master=rt.ifindex("red"))
    wait(lambda: rt.running("port"), "port to run again")
    rt.neigh("port", HIP, b"\2\0\0\0\0\2")
    inner = sock(UDP, 0, (RIP, 53), dev="red", reuse=True)
    outer = sock(UDP, 0, ("0.0.0.0", 53), reuse=True)
    eq(get_ctx(inner), 0, "context")
    wire.send_udp(4000, 53, b"vrf")
    wire.sync()
    eq((readable(inner), readable(outer)), (b"vrf", None), "sockets")
    inner.sendto(b"back", (HIP, 4000))
    eq(wire.expect(lambda p: p.proto == 17, "answer").data, b"back", "data")
    with sock(UDP, 0) as plain:
        refused(E.ENETUNREACH, "out of the VRF", plain.sendto, b"x",
                (HIP, 9))
    inner.close()
    wire.send_udp(4000, 53, b"none")
    pkt = wire.expect(lambda p: p.proto == ICMP, "port unreachable")
    eq(pkt.icmp, PORT_UNREACH, "udp_l3mdev_accept=0")
    sysctl("net.ipv4.udp_l3mdev_accept", 1)
    wire.send_udp(4000, 53, b"global")
    wire.sync()
    eq(readable(outer), b"global", "udp_l3mdev_accept=1")
    sysctl("net.ipv4.udp_l3mdev_accept", 0)
    check((ip("10.0.0.0/24"), RTN_UNICAST) in rt.routes(100),
          "table of the VRF")
    outer.close()
    rt.link_del("port")
    rt.link_del("red")


@params((False,), (True,))
def test_bindtodevice(beside):
    """SO_BINDTODEVICE: one port on two devices, contexts beside:"""
    one = lab(beside)
    wires = [Wire(one, 0, dev="p0"),
             Wire(one, 0, dev="p1", cidr="10.0.1.1/24", ip="10.0.1.2")]
    socks = [sock(UDP, 0, ("0.0.0.0", 53), dev=f"p{n}") for n in (0, 1)]
    both = sock(UDP, 0, ("0.0.0.0", 54))
    refused(E.EADDRINUSE, "third", sock, UDP, 0, ("0.0.0.0", 53))
    for n in (0, 1):
        wires[n].send_udp(4000, 53, b"to %d" % n)
        wires[n].send_udp(4000, 54, b"to %d" % n)
        wires[n].sync()
        eq(readable(socks[n]), b"to %d" % n, "own device")
        eq(readable(socks[1 - n]), None, "other device")
        eq(readable(both), b"to %d" % n, "any device")
    for s in (*socks, both):
        s.close()
    for n in (0, 1):
        one.rt.link_del(f"p{n}")


@params((False,), (True,))
def test_rules(beside):
    """policy rules choose the table, contexts beside:"""
    one = lab(beside)
    Wire(one, 0, dev="p0")
    one.rt.route("192.0.2.0/24", via=HIP, dev="p0", table=100)
    with sock(UDP, 0) as udp:
        refused(E.ENETUNREACH, "no rule", udp.connect, (FAR, 9))
    one.rt.rule(100, 50)
    with sock(UDP, 0) as udp:
        udp.connect((FAR, 9))
        eq(udp.getsockname()[0], RIP, "source")
    one.rt.rule(100, 50, RTM_DELRULE)
    one.rt.link_del("p0")


@params((False,), (True,))
def test_sockets(beside):
    """a SYN over its own timewait, contexts beside:"""
    lab(beside)
    with sock(TCP, 0, ("127.0.0.1", 80), listen=8, reuse=True) as listen:
        for _ in range(3):      # the same 4-tuple over its own timewait
            with connect(("127.0.0.1", 80), 0, src=("127.0.0.1", 4000)) as c:
                server = wait(lambda: pending(listen), "accept")
                c.send(b"x")
                eq(server.recv(9), b"x", "data")
                server.close()
                eq(c.recv(9), b"", "end")
    refused(E.ECONNREFUSED, "closed", connect, ("127.0.0.1", 80), 0,
            ("127.0.0.1", 4001))


@params((False,), (True,))
def test_tables(beside):
    """ordinary tables with any number work, contexts beside:"""
    one = lab(beside)
    Wire(one, 0, dev="p0")
    for table in (1000, TABLE_BASE - 1, TABLE_BASE, TABLE_BASE + 0x1000000,
                  0xffffffff, TABLE_BASE + 4242):
        one.rt.route("192.0.2.0/24", via=HIP, dev="p0", table=table)
        check((ip("192.0.2.0/24"), RTN_UNICAST) in one.rt.routes(table),
              f"table {table:#x}")
        one.rt.rule(table, 60)
        with sock(UDP, 0) as udp:
            udp.connect((FAR, 9))
        one.rt.rule(table, 60, RTM_DELRULE)
        one.rt.route_del("192.0.2.0/24", table=table)
    one.rt.link_del("p0")


@only(4)
@params((False,), (True,))
def test_ipv6(beside):
    """IPv6 of context 0, contexts beside:"""
    lab(beside)
    try:
        sysctl("net.ipv6.conf.lo.disable_ipv6", 0)
        with socket.create_server(("::1", 80), family=socket.AF_INET6) as lst:
            with socket.create_connection(("::1", 80), 5) as c:
                with lst.accept()[0] as s:
                    c.send(b"six")
                    eq(s.recv(9), b"six", "data")
        with socket.socket(socket.AF_INET6, TCP) as dual:
            dual.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            dual.bind(("::", 81))
            dual.listen(2)
            connect(("127.0.0.1", 81), 0).close()
            dual.accept()[0].close()
            if beside:          # a dual-stack listener is of context 0 too
                refused(E.ECONNREFUSED, "from context 1", connect,
                        ("127.0.0.1", 81), 1)
    except FileNotFoundError as err:
        raise Skip("no IPv6") from err


def test_noise_untouched():
    """the contexts beside got nothing of all that"""
    one = lab(True)
    for s in one.noise[:2]:
        eq(pending(s), None, "connection")
    for s in one.noise[2:]:
        eq(readable(s), None, "datagram")


run(globals())
