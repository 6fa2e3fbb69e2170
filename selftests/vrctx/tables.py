#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 4 6
"""Further routing tables: a context numbers its own as it likes.

Guards kernel/net/vrctx/table.c, the tables that requests, dumps and messages
mean (rtnl.c), what device events visit, and the end of a context.
"""
import errno as E
import socket
import struct

import vr_nl as nl
from vr_fam import ip, pick
from vr_net import Lab, inside
from vr_nl import NL_ATTR, NL_TABLE, SUBTABLE_BASE, parse, table_of, u32
from vr_rt import RTM_NEWROUTE, RTN_BLACKHOLE, RTN_LOCAL, Rtnl
from vr_tap import check, eq, params, refused, run

LAB = Lab(1, 2, hosts=False)
RT = LAB.rt
ALL = (0, 1, 2)
NET = ip("192.0.2.0/24")
GROUP = pick(7, 11)         # RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE

# An ordinary table with the number that the first one of a context would get
RT.route("198.51.100.0/24", table=SUBTABLE_BASE + 1, kind=RTN_BLACKHOLE)
for num in ALL:
    for side in "ab":
        RT.link_add(f"{side}{num}", "dummy")
        if num:
            LAB.vr.move(f"{side}{num}", num)
        RT.addr(f"{side}{num}", pick(f"10.{ord(side)}.{num}.1/24",
                                     f"fd00:{ord(side)}:{num + 1}::1/64"))
        RT.link_set(f"{side}{num}", up=True)
VIEW = {}
for num in ALL:
    with inside(num):
        VIEW[num] = Rtnl()


def dev_of(routes, key=(NET, 1)):
    """Name of the device of a route, None if there is no such route."""
    got = routes.get(key)
    if not got:
        return None
    idx = struct.unpack("=i", got[4])[0]
    return next(d for n in ALL for d in (f"a{n}", f"b{n}")
                if RT.ifindex(d) == idx)


def number(got, key):
    return int.from_bytes(got.get(key, b""), "little")


def elsewhere():
    """{(context, its number): [(prefix, number)]} that context 0 sees."""
    out = {}
    for (dst, _), got in RT.all_routes(0):
        if NL_TABLE in got:
            key = (number(got, NL_ATTR), number(got, NL_TABLE))
            out.setdefault(key, []).append((dst, number(got, 15)))
    return out


def fill(*tables):
    for n in ALL:
        for table in tables:
            VIEW[n].route(NET, dev=f"a{n}", table=table)


def clear(*tables):
    for n in ALL:
        for table in tables:
            VIEW[n].route_del(NET, table=table)


def test_three():
    """table 100 of three contexts is three tables"""
    refused(E.ENOENT, "a table that is not there", VIEW[1].request, 26, 0x300,
            struct.pack("=BBBBBBBBI", pick(2, 10), 0, 0, 0, 0, 0, 0, 0, 0)
            + u32(15, 100))
    fill(100, 70000)
    for n in ALL:
        for table in (100, 70000):
            have = VIEW[n].routes(table)
            eq((list(have), dev_of(have)), ([(NET, 1)], f"a{n}"),
               f"table {table} in {n}")
        check((NET, 1) not in VIEW[n].routes(254), f"main in {n}")
    for n in (1, 2):
        have = {number(got, 15) for _, got in VIEW[n].all_routes(0)}
        eq(have, {100, 254, 255, 70000}, f"all tables in {n}")
    have = elsewhere()
    eq(sorted(have), [(1, 100), (1, 70000), (2, 100), (2, 70000)],
       "in context 0")
    ids = {routes[0][1] for routes in have.values()}
    eq(len(ids), 4, "numbers there")
    check(SUBTABLE_BASE + 1 not in ids, "an ordinary table is taken")
    for key, routes in have.items():
        eq(dev_of(RT.routes(routes[0][1])), f"a{key[0]}", f"{key} by number")
        eq(number(RT.routes(table_of(key[0]))[
            (ip(pick(f"10.97.{key[0]}.1/32", f"fd00:97:{key[0] + 1}::1/128")),
             RTN_LOCAL)], NL_ATTR), key[0], "first table")
    clear(100, 70000)
    eq(elsewhere(), {}, "when empty")
    refused(E.ESRCH, "delete again", VIEW[1].route_del, NET, table=100)


@params((1,), (2,))
def test_refused(ctx):
    """what is not the context's is not reached:"""
    rt = VIEW[ctx]
    for table in (table_of(3 - ctx), table_of(77), SUBTABLE_BASE,
                  SUBTABLE_BASE + 1, SUBTABLE_BASE + 2):
        err = refused(E.EPERM, f"table {table}", rt.route, NET,
                      dev=f"a{ctx}", table=table)
        check("reserved" in err.extack, err.extack)
        eq(rt.routes(table), {}, f"table {table}")
    refused(E.ESRCH, "delete from none", rt.route_del, NET, table=4711)
    rt.index["a0"], rt.index["other"] = RT.ifindex("a0"), \
        RT.ifindex(f"a{3 - ctx}")
    for dev in "a0", "other":
        refused(E.ENODEV, dev, rt.route, NET, dev=dev, table=100)
        eq(rt.routes(100), {}, f"after {dev}")
    eq(elsewhere(), {}, "nothing made")


def test_by_attribute():
    """context 0 names a context's table by the context and its number"""
    RT.route(NET, dev="a0", table=100)
    msg = RT.route_msg(NET, dev="a1", table=100) + u32(NL_ATTR, 1)
    RT.request(RTM_NEWROUTE, 0x600, msg)
    eq(dev_of(VIEW[1].routes(100)), "a1", "in 1")
    eq(dev_of(RT.routes(100)), "a0", "in 0")
    eq(VIEW[2].routes(100), {}, "in 2")
    refused((E.EINVAL, E.ENODEV), "a device elsewhere", RT.request,
            RTM_NEWROUTE, 0x600, RT.route_msg(NET, dev="a2", table=101)
            + u32(NL_ATTR, 1))
    for what, bad in (("unknown", u32(NL_ATTR, 99)), ("any", u32(
            NL_ATTR, nl.ANY)), ("short", nl.attr(NL_ATTR, b"\1\0"))):
        err = refused(E.ENOENT, what, RT.request, RTM_NEWROUTE, 0x600,
                      RT.route_msg(NET, dev="a0", table=102) + bad)
        eq(err.extack, "No such context", what)
    eq(RT.routes(102), {}, "nothing in context 0")
    # inside it says nothing
    VIEW[2].request(RTM_NEWROUTE, 0x600, VIEW[2].route_msg(
        NET, dev="a2", table=100) + u32(NL_ATTR, 1))
    eq(dev_of(VIEW[2].routes(100)), "a2", "in 2")
    for n, one in ((1, RT), (2, VIEW[2])):
        one.request(25, 0, RT.route_msg(NET, dev=f"a{n}", table=100)
                    + u32(NL_ATTR, 1))
    RT.route_del(NET, table=100)
    eq(elsewhere(), {}, "when empty")


@params((1,), (2,))
def test_device(ctx):
    """a device that goes takes its routes of all tables of its context:"""
    for table in (100, 200):
        fill(table)
        VIEW[ctx].route("198.51.100.0/24", dev=f"b{ctx}", table=table)
    RT.link_set(f"a{ctx}", up=False)
    for n in ALL:
        for table in (100, 200):
            eq(dev_of(VIEW[n].routes(table)), None if n == ctx else f"a{n}",
               f"table {table} in {n}")
    for table in (100, 200):
        eq(len(VIEW[ctx].routes(table)), 1, "by the other device")
    RT.link_set(f"a{ctx}", up=True)
    RT.link_set(f"b{ctx}", up=False)
    LAB.vr.move(f"b{ctx}", 3 - ctx)
    for table in (100, 200):
        eq(VIEW[ctx].routes(table), {}, "moved away")
    LAB.vr.move(f"b{ctx}", ctx)
    RT.link_set(f"b{ctx}", up=True)
    for table in (100, 200):
        VIEW[ctx].route(NET, dev=f"a{ctx}", table=table)
    clear(100, 200)


def ear(ctx):
    with inside(ctx):
        one = nl.Netlink(socket.NETLINK_ROUTE)
    one.sock.setsockopt(nl.SOL_NETLINK, 1, GROUP)
    one.sock.setblocking(False)
    return one


def test_events():
    """heard inside with the context's number, in context 0 with the context"""
    ears = {n: ear(n) for n in ALL}
    VIEW[1].route(NET, dev="a1", table=100)
    VIEW[1].route_del(NET, table=100)
    for n, one in ears.items():
        got = []
        try:
            while True:
                got += [(kind, parse(body[12:])) for kind, _, _, body in
                        one.split(one.sock.recv(1 << 16))]
        except BlockingIOError:
            pass
        one.close()
        if n == 2:
            eq(got, [], "elsewhere")
            continue
        eq([kind for kind, _ in got], [24, 25], f"in {n}")
        for _, route in got:
            if n:
                eq(number(route, 15), 100, "table inside")
            else:
                eq((number(route, NL_ATTR), number(route, NL_TABLE)),
                   (1, 100), "outside")
                check(number(route, 15) > SUBTABLE_BASE, "number outside")


def test_deleted():
    """tables end with their context; one with its number begins without"""
    LAB.vr.new(3)
    RT.link_add("a3", "dummy")
    LAB.vr.move("a3", 3)
    RT.link_set("a3", up=True)
    with inside(3):
        rt = Rtnl()
    for table in (100, 101, 102):
        rt.route(NET, dev="a3", table=table)
    rt.close()
    LAB.vr.delete(3, force=True)
    eq(elsewhere(), {}, "deleted")
    LAB.vr.new(3)
    with inside(3):
        rt = Rtnl()
    for table in (100, 101, 102):
        eq(rt.routes(table), {}, f"table {table}")
        refused(E.ESRCH, f"table {table}", rt.route_del, NET, table=table)
    rt.route(NET, kind=RTN_BLACKHOLE, table=100)
    eq(list(elsewhere()), [(3, 100)], "of the new one")
    rt.close()
    LAB.vr.delete(3)
    RT.link_del("a3")


def test_many():
    """more than a message of them, dumped inside and outside"""
    for table in range(300, 420):
        VIEW[1].route(NET, dev="a1", table=table)
        VIEW[2].route(NET, dev="a2", table=table)
    for n in (1, 2):
        have = [number(got, 15) for _, got in VIEW[n].all_routes(0)
                if number(got, 15) not in (254, 255)]
        eq(have, list(range(300, 420)), f"in {n}")
    have = elsewhere()
    eq(len(have), 240, "in context 0")
    check(all(len(routes) == 1 for routes in have.values()), "once each")
    for table in range(300, 420):
        VIEW[1].route_del(NET, table=table)
        VIEW[2].route_del(NET, table=table)


run(globals())
