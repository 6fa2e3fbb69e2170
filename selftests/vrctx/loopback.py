#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 4 6
"""127.0.0.0/8 and a context's own addresses, on the one loopback device.

Guards that packets on lo keep their sender's context (no retagging there),
the 127/8 routes of each table and local delivery of own addresses; the same
of ::1, and that IPv6 sockets get the IPv4 of their context.
"""
import errno as E
import socket
import struct

from vr_fam import ECHO_REQUEST, ICMP, V6, ip, only, pick
from vr_nl import table_of
from vr_net import (RIP, TCP, UDP, Lab, connect, enter, get_ctx, inside,
                    pending, readable, sock)
from vr_tap import eq, params, refused, run, wait

LAB = Lab(0, 1, 2)
RT = LAB.rt
LAB.vr.new(3)                   # no device at all
ALL = (0, 1, 2, 3)


@params(("127.0.0.1", ALL), *pick([("127.9.8.7", ALL)], []),
        (RIP, (0, 1, 2)))
def test_tcp(addr, contexts):
    """TCP services on one address and port:"""
    listen = {n: sock(TCP, n, (addr, 80), listen=4) for n in contexts}
    clients, servers = {}, {}
    for n in contexts:          # the same source port in each
        clients[n] = connect((addr, 80), n, src=(addr, 4000))
        servers[n] = wait(lambda n=n: pending(listen[n]), "accept")
        eq(get_ctx(servers[n]), n, "context of the child")
    for n in contexts:
        clients[n].send(b"to %d" % n)
    for n in contexts:
        eq(servers[n].recv(100), b"to %d" % n, f"server of {n}")
        servers[n].send(b"from %d" % n)
        eq(clients[n].recv(100), b"from %d" % n, f"client of {n}")
        eq(pending(listen[n]), None, "second connection")
    for one in (*listen.values(), *clients.values(), *servers.values()):
        one.close()


@params(("127.0.0.1", ALL), (RIP, (0, 1, 2)))
def test_udp(addr, contexts):
    """UDP services on one address and port:"""
    bound = {n: sock(UDP, n, (addr, 53)) for n in contexts}
    for n in contexts:
        with sock(UDP, n) as one:
            one.sendto(b"to %d" % n, (ip(addr), 53))
    for n in contexts:
        eq(bound[n].recv(100), b"to %d" % n, f"socket of {n}")
        eq(readable(bound[n]), None, "more")
        bound[n].close()


@params(*[(n,) for n in ALL])
def test_refused(ctx):
    """nobody answers for another context's service:"""
    others = [n for n in ALL if n != ctx]
    listen = [sock(TCP, n, ("127.0.0.1", 80), listen=4) for n in others]
    bound = [sock(UDP, n, ("127.0.0.1", 53)) for n in others]
    refused(E.ECONNREFUSED, "TCP", connect, ("127.0.0.1", 80), ctx)
    with connect(("127.0.0.1", 53), ctx, kind=UDP) as one:
        one.send(b"x")
        refused(E.ECONNREFUSED, "UDP", one.recv, 1)
    for one in bound:
        eq(readable(one), None, "datagram")
    for one in listen:
        eq(pending(one), None, "connection")
    for one in listen + bound:
        one.close()


def test_task():
    """a task's ordinary sockets use its own context's loopback"""
    listen = {}
    for ctx in (0, 1, 3):
        with inside(ctx):
            listen[ctx] = sock(TCP, None, ("127.0.0.1", 80), listen=4)
    with inside(3):
        one = connect(("127.0.0.1", 80))
    two = wait(lambda: pending(listen[3]), "accept")
    eq((get_ctx(one), get_ctx(two)), (3, 3), "contexts")
    eq((pending(listen[0]), pending(listen[1])), (None, None), "others")
    for s in (one, two, *listen.values()):
        s.close()


def test_ping():
    """echo requests with one ident are answered in the context of each"""
    echo = struct.pack("!BBHHH", *ECHO_REQUEST, 0, 0, 1)
    socks = {n: sock(UDP, n, proto=ICMP) for n in ALL}
    for n, one in socks.items():
        # which they are born with
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
        one.bind((ip("0.0.0.0"), 77))
    for n, one in socks.items():
        one.sendto(echo + b"from %d" % n, (ip("127.0.0.1"), 0))
    for n, one in socks.items():
        eq(one.recv(99)[8:], b"from %d" % n, f"reply in {n}")
    for n, one in socks.items():
        eq(readable(one), None, f"another in {n}")
        one.close()


def test_fragments():
    """a datagram that is sent in fragments arrives in its context"""
    RT.link_set("lo", mtu=1500)
    for ctx in ALL:
        bound = {n: sock(UDP, n, ("127.0.0.1", 53)) for n in ALL}
        with sock(UDP, ctx) as one:
            one.sendto(bytes(4000), (ip("127.0.0.1"), 53))
        eq(len(bound[ctx].recv(9000)), 4000, f"datagram in {ctx}")
        for n, one in bound.items():
            eq(readable(one), None, f"datagram in {n}, sent in {ctx}")
            one.close()
    RT.link_set("lo", mtu=65536)


def test_other_address():
    """an address of another context is not local here"""
    RT.addr("v2", "10.2.2.2/32")
    with sock(UDP, 2, ("10.2.2.2", 53)) as bound:
        for ctx in (0, 1, 3):
            refused(E.EADDRNOTAVAIL, f"bind in {ctx}", sock, UDP, ctx,
                    ("10.2.2.2", 53))
            refused(E.ENETUNREACH, f"connect in {ctx}", connect,
                    ("10.2.2.2", 53), ctx, kind=UDP)
        with sock(UDP, 2) as one:
            one.sendto(b"own", (ip("10.2.2.2"), 53))
        eq(bound.recv(9), b"own", "own context")
    RT.addr_del("v2", "10.2.2.2/32")


def hears(ctx):
    """Does a datagram to 127.0.0.1 arrive in the context?"""
    # while lo is down, ::1 is no address to bind to
    with sock(UDP, ctx, (pick("127.0.0.1", "::"), 53)) as bound:
        with sock(UDP, ctx) as one:
            try:
                one.sendto(b"up", (ip("127.0.0.1"), 53))
            except OSError:
                return False
        return readable(bound) == b"up"


def test_lo_down_up():
    """lo down silences 127/8 of every context, up brings it back"""
    RT.link_set("lo", up=False)
    for ctx in (0, 1, 3):
        eq(hears(ctx), False, f"{ctx} with lo down")
        if V6:                  # IPv4 keeps local routes
            eq([k for k in RT.routes(table_of(ctx) if ctx else 255)
                if k[0] == "::1/128"], [], f"routes of {ctx}")
    LAB.vr.new(4)
    with inside(4):             # its routes are due when lo comes up
        # IPv6 may miss a source address before it misses the route
        refused(pick(E.ENETUNREACH, (E.ENETUNREACH, E.EADDRNOTAVAIL)),
                "new context with lo down", connect, ("127.0.0.1", 53),
                kind=UDP)
    RT.link_set("lo", up=True)
    for ctx in (0, 1, 3, 4):
        eq(hears(ctx), True, f"{ctx} with lo up")
    LAB.vr.delete(4)


def test_routes():
    """127.0.0.0/8 is in the table of a context without devices"""
    enter(3)
    enter(0)
    have = sorted(k[0] for k in RT.routes(table_of(3)))
    want = pick(["127.0.0.0/8", "127.0.0.1/32"], ["::1/128"])
    eq([k for k in have if k in want], want, f"routes {have}")


@only(6)
def test_dual_stack():
    """IPv6 sockets for both families get the IPv4 of their context"""
    mapped, four = "::ffff:127.0.0.1", {"af": socket.AF_INET}
    listen = {n: sock(TCP, n, ("::", 80), listen=4) for n in ALL}
    bound = {n: sock(UDP, n, ("::", 53)) for n in ALL}
    clients, servers = {}, {}
    for n in ALL:               # an IPv4 peer, and one that writes it as IPv6
        clients[n] = connect(("127.0.0.1", 80), n, src=("127.0.0.1", 4000),
                             **four)
        clients[n, 6] = connect((mapped, 80), n, src=(mapped, 4001))
        for port in (4000, 4001):
            one = servers[n, port] = wait(lambda n=n: pending(listen[n]),
                                          "accept")
            eq((get_ctx(one), one.getpeername()[:2]), (n, (mapped, port)),
               "child")
        with sock(UDP, n, ("127.0.0.1", 4000), **four) as udp:
            udp.sendto(b"to %d" % n, ("127.0.0.1", 53))
            data, src = bound[n].recvfrom(9)
            eq((data, src[:2]), (b"to %d" % n, (mapped, 4000)), "datagram")
            bound[n].sendto(b"back", src)
            eq(udp.recv(9), b"back", "answer")
    for n in ALL:
        for num, port in ((n, 4000), ((n, 6), 4001)):
            servers[n, port].send(b"from %d" % n)
            eq(clients[num].recv(9), b"from %d" % n, f"client of {num}")
        eq(pending(listen[n]), None, "second connection")
        eq(readable(bound[n]), None, "second datagram")
    # IPV6_ADDRFORM makes an IPv4 socket of it, in the same context
    servers[2, 4000].setsockopt(socket.IPPROTO_IPV6, 1, socket.AF_INET)
    eq(get_ctx(servers[2, 4000]), 2, "context of a turned socket")
    servers[2, 4000].send(b"turned")
    eq(clients[2].recv(9), b"turned", "data")
    for num in (0, 1):          # nobody answers for the others
        listen[num].close()
        refused(E.ECONNREFUSED, f"closed in {num}", connect,
                ("127.0.0.1", 80), num, **four)
    for one in (*listen.values(), *bound.values(), *clients.values(),
                *servers.values()):
        one.close()


@only(6)
def test_mapped_foreign():
    """an IPv4-mapped address of another context is no address here"""
    RT.addr4("v2", "10.2.2.2/32")
    foreign = "::ffff:10.2.2.2"
    for kind in (TCP, UDP):
        sock(kind, 2, (foreign, 53)).close()
        for ctx in (0, 1, 3):
            refused(E.EADDRNOTAVAIL, f"bind in {ctx}", sock, kind, ctx,
                    (foreign, 53))
    for ctx in (0, 1, 3):
        refused(E.ENETUNREACH, f"connect in {ctx}", connect, (foreign, 53),
                ctx, kind=UDP)


def test_deleted():
    """connections over loopback end with their context"""
    LAB.vr.new(5)
    listen = sock(TCP, 5, ("127.0.0.1", 80), listen=4)
    one = connect(("127.0.0.1", 80), 5)
    two = wait(lambda: pending(listen), "accept")
    LAB.vr.delete(5)
    for s in (one, two):
        refused((E.ECONNABORTED, E.ENETUNREACH, E.ECONNRESET), "recv",
                s.recv, 1)
        s.close()
    listen.close()


run(globals())
