#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 4 6
"""What a process in a context sees of the network, and may change: its own.

Guards kernel/net/vrctx/rtnl.c, what dumps leave out, the context of netlink
sockets, and which of them hear of a change.
"""
import errno as E
import fcntl
import socket
import struct

import vr_nl as nl
from vr_fam import AF, ip, pick
from vr_net import HIP, Lab, inside
from vr_nl import NLM_F_DUMP, parse, table_of
from vr_pkt import Wire
from vr_rt import (RTM_GETLINK, RTM_GETADDR, RTN_LOCAL, Rtnl)
from vr_tap import check, eq, params, refused, run

LAB = Lab(1, 2, hosts=False)
RT = LAB.rt
ALL = (0, 1, 2)
W = {n: Wire(LAB, n, cidr=f"10.0.0.{100 + n}/24") for n in ALL}
for num in ALL:
    RT.link_add(f"d{num}", "dummy")
    if num:
        LAB.vr.move(f"d{num}", num)
    RT.addr(f"d{num}", f"172.16.{num}.1/24")
    RT.link_set(f"d{num}", up=True)
VIEW = {}
for num in ALL:
    with inside(num):
        VIEW[num] = Rtnl()
OWN = {n: {"lo", W[n].dev, f"d{n}"} for n in ALL}


def links(rt):
    """Names of the links in a dump."""
    msg = struct.pack("=BxHiII", 0, 0, 0, 0, 0)
    return {parse(body[16:])[3].rstrip(b"\0").decode()
            for body in rt.request(RTM_GETLINK, NLM_F_DUMP, msg)}


def addresses(rt):
    """{(ifindex, address)} in a dump of the family."""
    out = set()
    msg = struct.pack("=BBBBI", AF, 0, 0, 0, 0)
    for body in rt.request(RTM_GETADDR, NLM_F_DUMP, msg):
        addr = socket.inet_ntop(AF, parse(body[8:])[1])
        out.add((struct.unpack_from("=i", body, 4)[0], addr))
    return out


@params((1, 2), (2, 1))
def test_links(ctx, other):
    """links of the context and lo, no other by any name:"""
    rt = VIEW[ctx]
    eq(links(rt), OWN[ctx], "dump")
    check(OWN[0] | OWN[1] | OWN[2] <= links(VIEW[0]), "context 0 sees all")
    for dev in OWN[ctx]:
        eq(rt.link(dev)[1], RT.link(dev)[1], dev)
    for dev in (OWN[0] | OWN[other]) - {"lo"}:
        rt.index.pop(dev, None)
        refused(E.ENODEV, f"{dev} by name", rt.ifindex, dev)
        rt.index[dev] = RT.ifindex(dev)
        refused(E.ENODEV, f"{dev} by number", rt.link, dev)
        for what, fn, args in (("up", rt.link_set, (dev, True)),
                               ("delete", rt.link_del, (dev,)),
                               ("address", rt.addr, (dev, "10.9.9.9/24")),
                               ("neighbour", rt.neigh,
                                (dev, "10.9.9.8", b"\2\0\0\0\0\1"))):
            refused(E.ENODEV, f"{what} of {dev}", fn, *args)
        rt.index.pop(dev, None)


@params((1,), (2,))
def test_addresses(ctx):
    """addresses of the context's links, and the loopback address:"""
    RT.addr("lo", "192.0.2.77/32")
    have = addresses(VIEW[ctx])
    want = {(RT.ifindex(W[ctx].dev), ip(f"10.0.0.{100 + ctx}")),
            (RT.ifindex(f"d{ctx}"), ip(f"172.16.{ctx}.1")),
            (1, pick("127.0.0.1", "::1"))}
    eq({a for a in have if not a[1].startswith("fe80:")}, want, "addresses")
    RT.addr_del("lo", "192.0.2.77/32")


@params((1,), (2,))
def test_routes(ctx):
    """main and local are names of the context's table:"""
    rt = VIEW[ctx]
    own = RT.routes(table_of(ctx))
    main, local = rt.routes(254), rt.routes(255)
    eq(set(main) | set(local), set(own), "routes")
    check(main and local and not set(main) & set(local), "main and local")
    check(all(k[1] != RTN_LOCAL for k in main), "local ones in main")
    eq(set(rt.routes(0)), set(own), "all tables")
    eq({got[15] for _, got in rt.all_routes(0)},
       {struct.pack("=I", n) for n in (254, 255)}, "numbers of tables")
    eq(set(rt.routes(table_of(ctx))), set(own), "by its number")
    for table in (table_of(3 - ctx), nl.SUBTABLE_BASE + 1):
        eq(rt.routes(table), {}, f"table {table}")
        refused(E.EPERM, f"add to {table}", rt.route, "192.0.2.0/24",
                via=HIP, dev=W[ctx].dev, table=table)
    rt.route("192.0.2.0/24", via=HIP, dev=W[ctx].dev)
    for n in ALL:
        eq((ip("192.0.2.0/24"), 1) in RT.routes(table_of(n)), n == ctx,
           f"route in {n}")
    kind, got = rt.route_get("192.0.2.1")
    eq((kind, got[4]), (1, struct.pack("=i", RT.ifindex(W[ctx].dev))), "get")
    rt.route_del("192.0.2.0/24")
    refused(E.ENETUNREACH, "deleted", rt.route_get, "192.0.2.1")


def test_lo_neighbours():
    """of lo's neighbours, what all talk to on it, none is seen inside"""
    for n in ALL:
        with inside(n), socket.socket(AF, socket.SOCK_DGRAM) as one:
            one.sendto(b"to myself", (ip(f"10.0.0.{100 + n}"), 9))
    check(RT.neighs("lo"), "outside")
    for n in (1, 2):
        eq(VIEW[n].neighs("lo"), {}, f"in {n}")


def listener(ctx):
    """A socket of a context that hears of links, addresses, routes, …"""
    with inside(ctx):
        one = nl.Netlink(socket.NETLINK_ROUTE)
    for group in (1, 3, 5, 7, 9, 11):   # link, neigh, addr and route of both
        one.sock.setsockopt(nl.SOL_NETLINK, 1, group)   # ADD_MEMBERSHIP
    return one


def heard(one, ctx=None):
    """Types of the messages that wait; with ctx without what its own devices
    say whenever they like: a neighbour is stale, an address no longer tentative.
    """
    own = {RT.ifindex(d) for d in (W[ctx].dev, f"d{ctx}")} if ctx else ()
    out = []
    one.sock.setblocking(False)
    try:
        while True:
            out += [kind for kind, _, _, body
                    in one.split(one.sock.recv(1 << 16))
                    if kind in (24, 25)     # routes
                    or struct.unpack_from("=I", body, 4)[0] not in own]
    except BlockingIOError:
        return out


@params((0,), (1,), (2,))
def test_events(ctx):
    """changes are heard in their own context, and in 0:"""
    ears = {n: listener(n) for n in ALL}
    RT.link_set(f"d{ctx}", mtu=1400)
    RT.addr(f"d{ctx}", "10.9.9.9/24")
    RT.route("192.0.2.0/24", via=HIP, dev=W[ctx].dev, table=table_of(ctx))
    RT.neigh(W[ctx].dev, "10.0.0.77", b"\2\0\0\0\0\1")
    RT.route_del("192.0.2.0/24", table=table_of(ctx))
    RT.addr_del(f"d{ctx}", "10.9.9.9/24")
    for n, one in ears.items():
        got = set(heard(one, n if n not in (0, ctx) else None))
        eq(got >= {16, 20, 21, 24, 25, 28}, n in (0, ctx), f"{got} in {n}")
        if n not in (0, ctx):
            eq(got, set(), f"in {n}")
        one.close()


def test_events_table():
    """inside a route is in main or local, outside in the context's table"""
    ears = {n: listener(n) for n in (0, 1)}
    RT.route("192.0.2.0/24", via=HIP, dev=W[1].dev, table=table_of(1))
    for n, one in ears.items():
        (kind, _, _, body), = one.split(one.sock.recv(1 << 16))
        want = table_of(1) if not n else 254
        eq((kind, parse(body[12:])[15]), (24, struct.pack("=I", want)),
           f"heard in {n}")
        eq(heard(one), [], f"more in {n}")
        one.close()
    RT.route_del("192.0.2.0/24", table=table_of(1))


def test_device_moves():
    """a device that moves appears in one context, disappears in the other"""
    RT.link_add("x0", "dummy")
    ears = {n: listener(n) for n in ALL}
    for ctx, want in ((1, {0: [16], 1: [16], 2: []}),
                      (2, {0: [16], 1: [17], 2: [16]}),
                      (0, {0: [16], 1: [], 2: [17]})):
        LAB.vr.move("x0", ctx)
        for n, one in ears.items():
            eq([k for k in heard(one) if k in (16, 17)], want[n],
               f"in {n}, to {ctx}")
    RT.link_del("x0")
    for one in ears.values():
        one.close()


def test_made_inside():
    """what is made in a context is in it, both ends of a pair"""
    rt = VIEW[1]
    rt.link_add("x0", "dummy")
    rt.veth("x1", "x2")
    for dev in ("x0", "x1", "x2"):
        eq(LAB.vr.call(nl.DEV_GET, ifname=dev)["id"], 1, dev)
    refused(E.EEXIST, "a name that is taken", rt.link_add, "d2", "dummy")
    refused(E.EOPNOTSUPP, "a kind that does not do contexts", rt.link_add,
            "x3", "vrf", nl.u32(1, 1000))
    refused(E.ENODEV, "not made", RT.ifindex, "x3")
    low = nl.u32(5, rt.ifindex("x0"))           # IFLA_LINK
    rt.link_add("x3", "vlan", nl.attr(1, struct.pack("=H", 7)), low)
    rt.link_add("x4", "bridge")
    rt.link_set("x1", master=rt.ifindex("x4"))
    for dev in ("x3", "x4"):
        eq(LAB.vr.call(nl.DEV_GET, ifname=dev)["id"], 1, dev)
    eq(RT.link("x4")[nl.NL_ATTR], struct.pack("=I", 1), "for context 0")
    check(nl.NL_ATTR not in RT.link("d0"), "for context 0, of its own")
    rt.veth("y1", "y2", LAB.ns.fd)      # names the namespace that it is in
    eq(LAB.vr.call(nl.DEV_GET, ifname="y2")["id"], 1, "y2")
    for dev in ("y1", "x3", "x4", "x0", "x1"):
        rt.link_del(dev)


def test_tun():
    """a tun device belongs to the context of who makes it"""
    req = struct.pack("=16sH22x", b"t0", 0x1001)        # IFF_TUN, IFF_NO_PI
    with inside(1), open("/dev/net/tun", "rb+", buffering=0) as one:
        fcntl.ioctl(one, 0x400454ca, req)               # TUNSETIFF
        eq(LAB.vr.call(nl.DEV_GET, ifname="t0")["id"], 1, "context")
        check("t0" in links(VIEW[1]), "seen")
        fcntl.ioctl(one, 0x400454cb, 1)                 # TUNSETPERSIST
    for ctx in (2, 1):
        with inside(ctx), open("/dev/net/tun", "rb+", buffering=0) as one:
            if ctx == 2:
                refused(E.EBUSY, "attach", fcntl.ioctl, one, 0x400454ca, req)
            else:
                fcntl.ioctl(one, 0x400454ca, req)
                fcntl.ioctl(one, 0x400454cb, 0)
    refused(E.ENODEV, "gone with its file", RT.ifindex, "t0")


def test_lo():
    """lo is up, stays so, and belongs to all"""
    rt = VIEW[1]
    rt.link_set("lo", up=True)
    refused(E.EPERM, "down", rt.link_set, "lo", up=False)
    refused(E.EPERM, "delete", rt.link_del, "lo")


def test_closed():
    """messages that were not made to know contexts are refused"""
    rt = VIEW[1]
    for kind, size in ((36, 20), (44, 20), (48, 20), (67, 20), (88, 4)):
        err = refused((E.EOPNOTSUPP, E.EPERM), f"type {kind}", rt.request,
                      kind, 0, bytes([AF]) + bytes(size - 1))
        check(err.extack, f"no text for {kind}")


def test_rules():
    """the rules that every host begins with"""
    RT.rule(100, 10)
    out = VIEW[1].request(34, NLM_F_DUMP, bytes([AF]) + bytes(11))
    eq(len(out), pick(3, 2), "rules")
    RT.rule(100, 10, 33)


run(globals())
