#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 4 6
"""Addresses that a context has on the one loopback device.

Guards kernel/net/vrctx/lo.c and lo6.c, the context of in_device and
inet6_dev, and that every look-up of an address asks for it.
"""
import contextlib
import ctypes
import errno as E
import fcntl
import socket
import struct

import vr_nl as nl
from vr_fam import AF, V6, ip, only, packed, pick, split_prefix
from vr_net import (HIP, TCP, UDP, Lab, Netns, connect, inside, pending,
                    readable, sock)
from vr_nl import (ANY, NL_ATTR, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL,
                   NLM_F_REPLACE, Vrctx, attr, parse, table_of, u32)
from vr_pkt import Wire
from vr_rt import (IFA_F_NODAD, RTM_DELADDR, RTM_GETADDR, RTM_NEWADDR,
                   RTN_LOCAL, Rtnl)
from vr_tap import check, eq, params, refused, run, wait

SIOCGIFCONF, SIOCSIFFLAGS, SIOCGIFADDR, SIOCSIFADDR, SIOCDIFADDR = (
    0x8912, 0x8914, 0x8915, 0x8916, 0x8936)
IFA_F_NOPREFIXROUTE, IFA_F_MCAUTOJOIN = 0x200, 0x400
LO, LOBITS = "10.255.0.1", "10.255.0.1/32"
HOST = (ip(LOBITS), RTN_LOCAL)

LAB = Lab(1, 2, hosts=False)
RT = LAB.rt
ALL = (0, 1, 2)
W = {n: Wire(LAB, n, cidr=f"10.0.0.{100 + n}/24") for n in ALL}
VIEW = {0: RT}
for num in (1, 2):
    with inside(num):
        VIEW[num] = Rtnl()
SHARED = pick(["127.0.0.1/8"], ["::1/128"])


def lo_addr(rt, cidr, *extra, cmd=RTM_NEWADDR, flags=0, dev="lo", more=0):
    """A request about an address, with attributes that addr() has not."""
    local, plen = split_prefix(cidr)
    if cmd == RTM_NEWADDR and not flags:
        flags = NLM_F_CREATE | NLM_F_EXCL
    rt.request(cmd, flags, struct.pack("=BBBBi", AF, plen, 0, 0,
                                       rt.ifindex(dev))
               + attr(2, packed(local)) + attr(1, packed(local))
               + u32(8, more | (IFA_F_NODAD if V6 else 0)) + b"".join(extra))


@contextlib.contextmanager
def having(*contexts, cidr=LOBITS):
    """The contexts have the address; what it changed is gone after."""
    def state(n):
        return set(RT.routes(table_of(n))), VIEW[n].addrs("lo")
    before = {n: state(n) for n in ALL}
    with contextlib.ExitStack() as stack:
        for n in contexts:
            VIEW[n].addr("lo", cidr)
            stack.callback(VIEW[n].addr_del, "lo", cidr)
        yield
    for n in ALL:
        eq(state(n), before[n], f"routes and addresses in {n}")


def test_tcp():
    """one address in every context: each reaches its own service"""
    with having(*ALL):
        listen = {n: sock(TCP, n, (LO, 80), listen=4) for n in ALL}
        for n in ALL:
            check(HOST in RT.routes(table_of(n) if n else 255), f"route in {n}")
            with connect((LO, 80), n, src=(LO, 4000)) as one:
                one.send(b"%d" % n)
                with wait(lambda n=n: pending(listen[n]), "accept") as peer:
                    eq(peer.recv(9), b"%d" % n, f"at the server of {n}")
        for n in ALL:
            eq(pending(listen[n]), None, f"more in {n}")
            listen[n].close()


@params(*ALL)
def test_wire(ctx):
    """packets that come by a wire reach the context's address only:"""
    with having(*ALL):
        bound = {n: sock(UDP, n, (LO, 53)) for n in ALL}
        W[ctx].send_udp(4000, 53, b"hello", dst=LO)
        eq(wait(lambda: readable(bound[ctx]), "datagram"), b"hello", "data")
        for n, one in bound.items():
            eq(readable(one), None, f"in {n}")
        # the answer has it as its source
        bound[ctx].sendto(b"back", (ip(HIP), 4000))
        pkt = W[ctx].expect(lambda p: p.proto == 17, "answer")
        eq(pkt.src, ip(LO), "source")
        for one in bound.values():
            one.close()


@params((1, 2), (2, 1), (1, 0), (0, 1))
def test_others(ctx, other):
    """it is nobody else's:"""
    with having(ctx):
        refused(E.EADDRNOTAVAIL, "bind", sock, UDP, other, (LO, 53))
        refused((E.ENETUNREACH, E.EADDRNOTAVAIL), "connect", connect,
                (LO, 80), other, timeout=3)
        with sock(UDP, other) as one:
            refused(E.ENETUNREACH, "send", one.sendto, b"x", (ip(LO), 53))
        with sock(UDP, ctx, (LO, 53)) as one:
            W[other].send_udp(4000, 53, b"x", dst=LO)
            W[other].sync()
            eq(readable(one), None, "from another's wire")
        check(HOST not in RT.routes(table_of(other) if other else 255),
              "route")
        eq(VIEW[other].addrs("lo"), SHARED, "dump")
        eq(VIEW[ctx].addrs("lo") != SHARED, True, "own dump")
        # deleted elsewhere, and again
        refused(E.EADDRNOTAVAIL, "delete", VIEW[other].addr_del, "lo", LOBITS)
        refused(E.EEXIST, "twice", VIEW[ctx].addr, "lo", LOBITS)


def loose(rt, *extra):
    """(address, context) in a dump for a program that is not strict."""
    rt.sock.setsockopt(nl.SOL_NETLINK, 12, 0)
    msg = struct.pack("=BBBBi", AF, 0, 0, 0, 0) + b"".join(extra)
    try:
        for body in rt.request(RTM_GETADDR, NLM_F_DUMP, msg):
            got = parse(body[8:])
            if struct.unpack_from("=i", body, 4)[0] == 1:
                yield (socket.inet_ntop(AF, got[1]),
                       int.from_bytes(got.get(NL_ATTR, b""), "little"))
    finally:
        rt.sock.setsockopt(nl.SOL_NETLINK, 12, 1)


def test_dump():
    """who sees it in a dump; context 0 names whom it asks for"""
    own = (SHARED[0].split("/")[0], 0)
    with having(1, 2):
        # in the order in which a host has them
        eq(VIEW[1].addrs("lo"), [*pick(SHARED, []), ip(LOBITS),
                                 *pick([], SHARED)], "in 1, strict")
        VIEW[2].addr("lo", "10.255.0.2/32")
        eq(set(loose(VIEW[1])), {own, (ip(LO), 1)}, "in 1")
        eq(set(loose(VIEW[2])), {own, (ip(LO), 2), (ip("10.255.0.2"), 2)},
           "in 2")
        eq(set(loose(RT)), {own}, "in 0")
        eq(set(loose(RT, u32(NL_ATTR, 2))),
           {own, (ip(LO), 2), (ip("10.255.0.2"), 2)}, "in 0, of 2")
        eq(set(loose(VIEW[1], u32(NL_ATTR, 2))), {own, (ip(LO), 1)},
           "in 1, of 2")
        eq(set(loose(RT, u32(NL_ATTR, 77))), {own}, "of nobody")
        eq(RT.addrs("lo"), SHARED, "strict, in 0")
        VIEW[2].addr_del("lo", "10.255.0.2/32")


def test_many():
    """more addresses than a message holds"""
    want = [f"10.254.{n >> 8}.{n & 255}/32" for n in range(500)]
    for cidr in want:
        lo_addr(VIEW[1], cidr)
    eq(sorted(VIEW[1].addrs("lo")), sorted(SHARED + [ip(w) for w in want]),
       "dump")
    for cidr in want:
        VIEW[1].addr_del("lo", cidr)


def test_events():
    """a change is heard in its context"""
    ears = {}
    for n in ALL:
        with inside(n):
            ears[n] = nl.Netlink(socket.NETLINK_ROUTE)
        ears[n].sock.setsockopt(nl.SOL_NETLINK, 1, pick(5, 9))
        ears[n].sock.setblocking(False)
    with having(1):
        pass
    RT.addr("lo", LOBITS)
    RT.addr_del("lo", LOBITS)
    for n, one in ears.items():
        got = []
        with contextlib.suppress(BlockingIOError):
            while True:
                for kind, _, _, body in one.split(one.sock.recv(1 << 16)):
                    own = parse(body[8:]).get(NL_ATTR)
                    got.append((kind, own and own[0]))
        want = {0: {(RTM_NEWADDR, None), (RTM_DELADDR, None)},
                1: {(RTM_NEWADDR, 1), (RTM_DELADDR, 1)}, 2: set()}[n]
        eq(set(got), want, f"heard in {n}")
        one.close()


@params(*ALL)
def test_source(ctx):
    """it is what a device without an address borrows, as on any host:"""
    with having(*ALL):
        RT.link_add("u0", "dummy")
        if ctx:
            LAB.vr.move("u0", ctx)
        RT.link_set("u0", up=True)
        RT.route("10.255.0.0/30", dev="u0", table=table_of(ctx))
        with sock(UDP, ctx) as one:
            one.connect((ip("10.255.0.2"), 9))
            eq(one.getsockname()[0], ip(LO), "source")
        RT.link_del("u0")


@params(1, 2)
def test_preferred(ctx):
    """a route may prefer it, until it is deleted:"""
    key = (ip("192.0.2.0/24"), 1)

    def sources():
        return {n: RT.routes(table_of(n)).get(key, {}).get(7) for n in (1, 2)}
    with having(3 - ctx):
        VIEW[ctx].addr("lo", LOBITS)
        for n in (1, 2):
            VIEW[n].route("192.0.2.0/24", via=HIP, dev=W[n].dev, src=LO)
        eq(sources(), {1: packed(LO), 2: packed(LO)}, "before")
        VIEW[ctx].addr_del("lo", LOBITS)
        eq(sources(), {ctx: None, 3 - ctx: packed(LO)}, "after")
        refused(E.EINVAL, "not there", VIEW[ctx].route, "192.0.2.128/25",
                via=HIP, dev=W[ctx].dev, src=LO)
        for n in (1, 2):
            with contextlib.suppress(OSError):  # IPv4: went with the address
                VIEW[n].route_del("192.0.2.0/24")


def test_prefix():
    """a prefix has its route in the context's table"""
    key = (ip("10.255.1.0/24"), pick(RTN_LOCAL, 1))
    with having(1, cidr="10.255.1.1/24"):
        for n in ALL:
            for table in {0: (254, 255)}.get(n, (table_of(n),)):
                eq(key in RT.routes(table), n == 1, f"in table {table}")
        # a metric of its own: the route is another one
        lo_addr(VIEW[1], "10.255.1.1/24", u32(9, 77), flags=NLM_F_REPLACE)
        eq(RT.routes(table_of(1))[key][6], struct.pack("=I", 77), "metric")
        lo_addr(VIEW[1], "10.255.1.1/24", u32(9, pick(78, 1024)),
                flags=NLM_F_REPLACE)


@only(4)
def test_secondary():
    """a second address of a prefix goes with the first"""
    before = set(RT.routes(table_of(1)))
    with having(0, cidr="10.255.1.1/24"), having(2, cidr="10.255.1.2/24"):
        VIEW[1].addr("lo", "10.255.1.2/24")
        VIEW[1].addr("lo", "10.255.1.3/24")
        VIEW[1].addr_del("lo", "10.255.1.2/24")
        eq(VIEW[1].addrs("lo"), SHARED, "left in 1")
        eq(set(RT.routes(table_of(1))), before, "routes in 1")
        eq(VIEW[2].addrs("lo"), [*SHARED, "10.255.1.2/24"], "left in 2")
        eq(RT.addrs("lo"), [*SHARED, "10.255.1.1/24"], "left in 0")


def test_lifetime():
    """it ends when its time is over"""
    with having(2):
        # the route of a prefix has a lifetime of its own
        lo_addr(VIEW[1], LOBITS, attr(6, struct.pack("=IIII", 1, 1, 0, 0)),
                more=IFA_F_NOPREFIXROUTE)
        wait(lambda: HOST in RT.routes(table_of(1)), "route")
        wait(lambda: VIEW[1].addrs("lo") == SHARED, "end of the address")
        # a dump of addresses takes no lock: the route goes just after
        wait(lambda: HOST not in RT.routes(table_of(1)), "end of the route")


def test_down_up():
    """the loopback device goes down and comes up: they are there again"""
    with having(*pick(ALL, (1, 2))), having(1, cidr="10.255.1.1/24"):
        RT.link_set("lo", up=False)
        for n in (1, 2):
            # IPv4 keeps local routes, here as in context 0
            eq(HOST in RT.routes(table_of(n)), not V6, f"route in {n}")
            check(ip(LOBITS) in VIEW[n].addrs("lo"), f"address in {n}")
        RT.link_set("lo", up=True)
        for n in (1, 2):
            wait(lambda n=n: HOST in RT.routes(table_of(n)), f"route in {n}")
            with sock(TCP, n, (LO, 81), listen=4):
                connect((LO, 81), n).close()


def test_deleted():
    """a context takes its addresses along; its number comes back without"""
    with having(1, 2):
        LAB.vr.new(3)
        lo_addr(RT, LOBITS, u32(NL_ATTR, 3))
        lo_addr(RT, "10.255.1.1/24", u32(NL_ATTR, 3))
        wait(lambda: HOST in RT.routes(table_of(3)), "route in 3")
        eq({a for a, n in loose(RT, u32(NL_ATTR, 3)) if n},
           {ip(LO), ip("10.255.1.1")}, "in 3")
        LAB.vr.delete(3)
        eq([a for a, n in loose(RT, u32(NL_ATTR, 3)) if n], [], "after")
        refused(E.ENOENT, "deleted", lo_addr, RT, LOBITS, u32(NL_ATTR, 3))
        LAB.vr.new(3)
        eq([a for a, n in loose(RT, u32(NL_ATTR, 3)) if n], [], "in the next")
        refused(E.EADDRNOTAVAIL, "bind", sock, UDP, 3, (LO, 53))
        LAB.vr.delete(3)


def test_namespace():
    """a namespace ends with addresses in its contexts"""
    other = Netns()
    with other:
        vr = Vrctx()
        vr.new(1)
        lo_addr(other.rt, LOBITS, u32(NL_ATTR, 1))
        lo_addr(other.rt, "10.255.1.1/24", u32(NL_ATTR, 1))
        refused(E.EADDRNOTAVAIL, "bind", sock, UDP, 0, (LO, 53))
        sock(UDP, 1, (LO, 53)).close()
        vr.close()
    other.close()
    eq(VIEW[1].addrs("lo"), SHARED, "context 1 here")


def test_named():
    """context 0 names whose address it means"""
    with having(2):
        lo_addr(RT, LOBITS, u32(NL_ATTR, 1))
        refused(E.EADDRNOTAVAIL, "own", RT.addr_del, "lo", LOBITS)
        RT.addr("lo", LOBITS)
        lo_addr(RT, LOBITS, u32(NL_ATTR, 1), cmd=RTM_DELADDR)
        eq([VIEW[n].addrs("lo") == SHARED for n in ALL], [False, True, False],
           "left")
        RT.addr_del("lo", LOBITS)
        lo_addr(RT, LOBITS, u32(NL_ATTR, 0))
        eq(len(RT.addrs("lo")), 2, "context 0 by its number")
        RT.addr_del("lo", LOBITS)


def test_flush():
    """context 0 flushes its loopback device: what it sees there is its own"""
    with having(1, 2):
        RT.addr("lo", LOBITS)
        msg = struct.pack("=BBBBi", AF, 0, 0, 0, 1)
        for body in RT.request(RTM_GETADDR, NLM_F_DUMP, msg):
            if socket.inet_ntop(AF, parse(body[8:])[1]) == ip(LO):
                RT.request(RTM_DELADDR, 0, body)
        eq(RT.addrs("lo"), SHARED, "left in 0")
        for n in (1, 2):
            eq(len(VIEW[n].addrs("lo")), 2, f"left in {n}")


def test_refused():
    """what cannot be, and why"""
    for err, what, rt, cidr, extra, kwargs in (
            (E.EEXIST, "that of all", VIEW[1], SHARED[0], (), {}),
            (E.EEXIST, "replace that of all", VIEW[1], SHARED[0], (),
             {"flags": NLM_F_REPLACE}),
            (E.EPERM, "delete that of all", VIEW[1], SHARED[0], (),
             {"cmd": RTM_DELADDR}),
            (E.EOPNOTSUPP, "group", VIEW[1], "239.1.2.3/32", (),
             {"more": IFA_F_MCAUTOJOIN}),
            (E.EPERM, "another's, from inside", VIEW[1], LOBITS,
             (u32(NL_ATTR, 2),), {}),
            (E.EPERM, "0's, from inside", VIEW[1], LOBITS,
             (u32(NL_ATTR, 0),), {}),
            (E.ENOENT, "nobody's", RT, LOBITS, (u32(NL_ATTR, 77),), {}),
            (E.ENOENT, "everybody's", RT, LOBITS, (u32(NL_ATTR, ANY),), {}),
            (E.ENOENT, "delete nobody's", RT, LOBITS, (u32(NL_ATTR, 77),),
             {"cmd": RTM_DELADDR}),
            (E.EXDEV, "device of another", RT, LOBITS, (u32(NL_ATTR, 1),),
             {"dev": W[2].dev}),
            (E.EADDRNOTAVAIL, "not there", VIEW[1], LOBITS, (),
             {"cmd": RTM_DELADDR})):
        got = refused(err, what, lo_addr, rt, cidr, *extra, **kwargs)
        check(got.extack, f"no text for {what}")
    for n in ALL:
        eq(VIEW[n].addrs("lo"), SHARED, f"left in {n}")


@only(4)
def test_martian():
    """nobody else has sent a packet with the context's own address"""
    with having(1), sock(UDP, 1, ("10.0.0.101", 53)) as one, \
            sock(UDP, 2, ("10.0.0.102", 53)) as two:
        for n in (1, 2):
            W[n].send_udp(4000, 53, b"x", src=LO)
            W[n].sync()
        eq((readable(one), readable(two)), (None, b"x"), "received")


def ioctl(ctx, cmd, arg):
    with inside(ctx), socket.socket(AF, UDP) as one:
        return fcntl.ioctl(one, cmd, arg)


def ifreq(name, addr="0.0.0.0", flags=None):
    if flags is not None:
        return struct.pack("16sH22x", name.encode(), flags)
    return struct.pack("16sH2x4s16x", name.encode(), socket.AF_INET,
                       socket.inet_aton(addr))


def gifconf(ctx):
    """The addresses in SIOCGIFCONF."""
    buf = ctypes.create_string_buffer(4096)
    out = ioctl(ctx, SIOCGIFCONF, struct.pack("=i4xQ", len(buf),
                                              ctypes.addressof(buf)))
    return [buf.raw[n + 20:n + 24]
            for n in range(0, struct.unpack_from("=i", out)[0], 40)]


@only(4)
def test_ioctl():
    """ioctls: an alias of lo is an address of the context"""
    RT.addr("lo", "192.0.2.77/32")
    with having(2):
        ioctl(1, SIOCSIFADDR, ifreq("lo:1", LO))
        eq(VIEW[1].addrs("lo"), [*SHARED, "10.255.0.1/8"], "in 1")
        eq(ioctl(1, SIOCGIFADDR, ifreq("lo:1"))[20:24],
           socket.inet_aton(LO), "lo:1 in 1")
        for n, name in ((0, "lo:1"), (2, "lo:1")):
            refused(E.EADDRNOTAVAIL, f"lo:1 in {n}", ioctl, n, SIOCGIFADDR,
                    ifreq(name))
        for n in ALL:
            eq(ioctl(n, SIOCGIFADDR, ifreq("lo"))[20:24], b"\x7f\0\0\1",
               f"lo in {n}")
        for n in ALL:
            eq([socket.inet_aton(a) in gifconf(n) for a in ("192.0.2.77", LO)],
               [not n, bool(n)], f"in SIOCGIFCONF of {n}")
        refused(E.EEXIST, "that of all", ioctl, 2, SIOCSIFADDR,
                ifreq("lo:1", "127.0.0.1"))
        refused(E.EPERM, "lo itself", ioctl, 1, SIOCSIFADDR, ifreq("lo", LO))
        refused(E.EADDRNOTAVAIL, "no alias", ioctl, 2, SIOCSIFFLAGS,
                ifreq("lo:1", flags=0))
        ioctl(1, SIOCSIFFLAGS, ifreq("lo:1", flags=0))
        eq(VIEW[1].addrs("lo"), SHARED, "deleted in 1")
    RT.addr_del("lo", "192.0.2.77/32")


@only(6)
def test_ioctl6():
    """ioctls on lo are about the context's addresses"""
    def arg(addr):
        return struct.pack("=16sIi", packed(addr), 128, 1)

    def seen(ctx):
        with inside(ctx), open("/proc/thread-self/net/if_inet6",
                               encoding="ascii") as f:
            return [line.split()[0] for line in f
                    if line.split()[-1] == "lo"]
    RT.addr("lo", "192.0.2.77/32")
    with having(2):
        ioctl(1, SIOCSIFADDR, arg(LO))
        wait(lambda: HOST in RT.routes(table_of(1)), "route in 1")
        one, own = packed("::1").hex(), packed(LO).hex()
        eq(set(seen(0)), {one, packed("192.0.2.77").hex()}, "if_inet6 in 0")
        for n in (1, 2):
            eq(sorted(seen(n)), sorted([one, own]), f"if_inet6 in {n}")
        refused(E.EEXIST, "::1", ioctl, 1, SIOCSIFADDR, arg("::1"))
        refused(E.EPERM, "delete ::1", ioctl, 1, SIOCDIFADDR, arg("::1"))
        ioctl(1, SIOCDIFADDR, arg(LO))
        refused(E.EADDRNOTAVAIL, "again", ioctl, 1, SIOCDIFADDR, arg(LO))
    RT.addr_del("lo", "192.0.2.77/32")


@only(6)
def test_get():
    """RTM_GETADDR finds the context's, or none"""
    msg = struct.pack("=BBBBi", AF, 0, 0, 0, 0) + attr(1, packed(LO))
    with having(1):
        eq(len(VIEW[1].request(RTM_GETADDR, 0, msg)), 1, "in 1")
        for n in (0, 2):
            refused(E.EADDRNOTAVAIL, f"in {n}", VIEW[n].request, RTM_GETADDR,
                    0, msg)
    msg = msg[:8] + attr(1, packed("10.0.0.102"))
    refused(E.EADDRNOTAVAIL, "of a device elsewhere", VIEW[1].request,
            RTM_GETADDR, 0, msg)


def test_bucket():
    """300 contexts have it, and the look-up of it shares a bucket with some"""
    msg = struct.pack("=BBBBi", AF, 0, 0, 0, 0) + attr(1, packed(LO))
    have = range(100, 400)
    # IPv4 has 4,096 buckets, and those of contexts side by side
    others = (*range(1000, 1030), *range(4196, 4226))
    for n in (*have, *others):
        LAB.vr.new(n)
    for n in have:
        lo_addr(RT, LOBITS, u32(NL_ATTR, n))
    for n in others:
        with inside(n):
            view = Rtnl()
            refused(E.EADDRNOTAVAIL, f"bind in {n}", sock, UDP, n, (LO, 9))
            if V6:
                refused(E.EADDRNOTAVAIL, f"get in {n}", view.request,
                        RTM_GETADDR, 0, msg)
            else:   # a source that is not local
                refused(E.ENETUNREACH, f"route in {n}", view.route_get,
                        "224.0.0.5", LO)
            view.addr("lo", LOBITS)
        sock(UDP, n, (LO, 9)).close()
    for n in (*have, *others):
        LAB.vr.delete(n)


run(globals(), 120)
