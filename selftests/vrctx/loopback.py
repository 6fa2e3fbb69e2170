#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""127.0.0.0/8 and a context's own addresses, on the one loopback device.

Guards that packets on lo keep their sender's context (no retagging there),
the 127/8 routes of each table and local delivery of own addresses.
"""
import errno as E

from vr_nl import table_of
from vr_net import (RIP, TCP, UDP, Lab, connect, enter, get_ctx, inside,
                    pending, readable, sock)
from vr_tap import eq, params, refused, run, wait

LAB = Lab(0, 1, 2)
RT = LAB.rt
LAB.vr.new(3)                   # no device at all
ALL = (0, 1, 2, 3)


@params(("127.0.0.1", ALL), ("127.9.8.7", ALL), (RIP, (0, 1, 2)))
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
            one.sendto(b"to %d" % n, (addr, 53))
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
            one.sendto(b"own", ("10.2.2.2", 53))
        eq(bound.recv(9), b"own", "own context")
    RT.addr_del("v2", "10.2.2.2/32")


def hears(ctx):
    """Does a datagram to 127.0.0.1 arrive in the context?"""
    with sock(UDP, ctx, ("127.0.0.1", 53)) as bound:
        with sock(UDP, ctx) as one:
            try:
                one.sendto(b"up", ("127.0.0.1", 53))
            except OSError:
                return False
        return readable(bound) == b"up"


def test_lo_down_up():
    """lo down silences 127/8 of every context, up brings it back"""
    RT.link_set("lo", up=False)
    for ctx in (0, 1, 3):
        eq(hears(ctx), False, f"{ctx} with lo down")
    LAB.vr.new(4)
    with inside(4):             # its routes are due when lo comes up
        refused(E.ENETUNREACH, "new context with lo down", connect,
                ("127.0.0.1", 53), kind=UDP)
    RT.link_set("lo", up=True)
    for ctx in (0, 1, 3, 4):
        eq(hears(ctx), True, f"{ctx} with lo up")
    LAB.vr.delete(4)


def test_routes():
    """127.0.0.0/8 is in the table of a context without devices"""
    enter(3)
    enter(0)
    have = sorted(k[0] for k in RT.routes(table_of(3)))
    eq([k for k in have if k in ("127.0.0.0/8", "127.0.0.1/32")],
       ["127.0.0.0/8", "127.0.0.1/32"], f"routes {have}")


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
