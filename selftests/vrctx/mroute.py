#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 4 6
"""Each context routes multicast by a table and a daemon of its own.

The same groups and sources everywhere, at once. Guards the look-up of tables,
vif_add() and mif6_add(), upcalls, dumps, events, /proc and ioctls, what becomes
of it all when a device or the context goes, and PIM.
"""
import contextlib
import errno as E
import fcntl
import socket
import struct

from vr_fam import (AF, CONF, ICMP, MULTICAST_IF, MULTICAST_TTL, SOL, V6,
                    group_mac, ip, multicast_if, only, packed, pick, unpacked)
from vr_hdr import ip_header, pseudo
from vr_net import HIP, RAW, RIP, Lab, inside, readable, set_ctx
from vr_nl import NLM_F_DUMP, TABLE_BASE, attr, parse, table_of, u32
from vr_pkt import Wire, csum, udp_datagram
from vr_rt import (RTM_DELROUTE, RTM_GETLINK, RTM_GETROUTE, RTM_GETRULE,
                   RTM_NEWROUTE, Rtnl, sysctl)
from vr_tap import check, eq, params, refused, run, wait

LAB = Lab(1, 2, hosts=False)
RT, VR = LAB.rt, LAB.vr
ALL = (0, 1, 2)
# By the vif that they are: where packets come from, and two ways out
NETS = {"i": "10.0.0.1/24", "o": "10.0.1.1/24", "p": "10.0.2.1/24"}
W = {n: [Wire(LAB, n, f"{side}{n}", cidr, cidr.replace(".1/24", ".2"))
         for side, cidr in NETS.items()] for n in ALL}
# Which ways out the packets of each context take
OUTS = {0: (1,), 1: (2,), 2: (1, 2)}
GROUP, OTHER = "239.1.2.3", "239.1.2.4"

(MRT_INIT, MRT_DONE, MRT_ADD_VIF, MRT_DEL_VIF, MRT_ADD_MFC, MRT_DEL_MFC,
 MRT_VERSION, MRT_ASSERT, MRT_PIM, MRT_TABLE) = range(200, 210)
NOCACHE, WRONGVIF, WHOLEPKT = 1, 2, 3
VIFF_TUNNEL, VIFF_REGISTER, USE_IFINDEX = 1, pick(4, 1), pick(8, 0)
GETVIFCNT, GETSGCNT = 0x89e0, 0x89e1
FAMILY = pick(128, 129)                         # RTNL_FAMILY_IPMR, IP6MR
DEFAULT = pick(253, 254)                        # what the default table is called
EVENTS, REPORTS = pick((6, 30), (10, 31))       # RTNLGRP_*_MROUTE, *_MROUTE_R
RTM_NEWCACHEREPORT = 96


class Daemon:
    """A multicast routing daemon in a context, and what it is told."""

    def __init__(self, ctx, init=True):
        self.ctx = ctx
        with inside(ctx):
            self.sock = socket.socket(AF, RAW,
                                      pick(socket.IPPROTO_IGMP, ICMP))
        if init:
            self.opt(MRT_INIT, 1)

    def opt(self, name, val):
        self.sock.setsockopt(SOL, name, val)

    def vif(self, num, dev, flags=USE_IFINDEX, addr=None):
        where = packed(addr) if addr else \
            struct.pack("=i", RT.ifindex(dev) if dev else 0)
        # struct vifctl, struct mif6ctl
        self.opt(MRT_ADD_VIF, pick(
            struct.pack("=HBBI4s4x", num, flags, 1, 0, where),
            struct.pack("=HBBH2xI", num, flags, 1,
                        RT.ifindex(dev) if dev else 0, 0)))

    def vifs(self):
        for num, wire in enumerate(W[self.ctx]):
            self.vif(num, wire.dev)
        return self

    def del_vif(self, num):
        self.opt(MRT_DEL_VIF, struct.pack("=H", num) + bytes(pick(14, 0)))

    def mfc(self, outs, group=GROUP, origin=HIP, parent=0, cmd=MRT_ADD_MFC):
        if V6:                  # struct mf6cctl
            self.opt(cmd, b"".join(struct.pack("=H6x16s4x", AF, packed(addr))
                                   for addr in (origin, group))
                     + struct.pack("=H2xI28x", parent,
                                   sum(1 << n for n in outs)))
            return
        self.opt(cmd, packed(origin) + packed(group)        # struct mfcctl
                 + struct.pack("=H32s18x", parent,
                               bytes(n in outs for n in range(32))))

    def upcalls(self):
        """What the kernel has told it: (kind, vif, source, group, the rest)."""
        out = []
        for msg in iter(lambda: readable(self.sock), None):
            if V6:              # struct mrt6msg
                if msg[0]:
                    continue
                kind, vif = struct.unpack_from("=xBH", msg)
                addrs, rest = msg[8:40], msg[40:]
            else:               # struct igmpmsg
                if msg[9]:
                    continue
                kind, vif = msg[8], msg[10]
                addrs, rest = msg[12:20], msg[20:]
            half = len(addrs) // 2
            out.append((kind, vif, unpacked(addrs[:half]),
                        unpacked(addrs[half:]), rest))
        return out

    def told(self):
        return [call[:4] for call in self.upcalls()]

    def counted(self, num):
        """Packets that came by the vif, and went."""
        req = struct.pack("=H6x32x", num)
        return struct.unpack_from("=8xQQ", fcntl.ioctl(self.sock, GETVIFCNT,
                                                       req))

    def packets(self, group=GROUP):
        if V6:                  # struct sioc_sg_req6
            req = b"".join(struct.pack("=H6x16s4x", AF, packed(addr))
                           for addr in (HIP, group)) + bytes(24)
            return struct.unpack_from("=Q", fcntl.ioctl(self.sock, GETSGCNT,
                                                        req), 56)[0]
        req = packed(HIP) + packed(group) + bytes(24)
        return struct.unpack_from("=Q", fcntl.ioctl(self.sock, GETSGCNT, req),
                                  8)[0]

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


@contextlib.contextmanager
def daemons(outs=OUTS, contexts=ALL):
    """One in each context, all with the same vifs; outs of None: no entry."""
    with contextlib.ExitStack() as stack:
        out = {n: stack.enter_context(Daemon(n)).vifs() for n in contexts}
        for n in contexts:
            if outs:
                out[n].mfc(outs[n])
        yield out


def inject(ctx, data, group=GROUP):
    W[ctx][0].send_udp(4000, 5000, data, dst=group, mac=group_mac(group))
    W[ctx][0].sync()


def came_out():
    """By context: {vif: payloads} of UDP that left it since the last look."""
    return {n: {num: got for num, wire in enumerate(W[n])
                if (got := [p.data for p in wire.sync() if p.proto == 17])}
            for n in ALL}


def only_in(ctx, data):
    return {n: {out: [data] for out in OUTS[n]} if n == ctx else {}
            for n in ALL}


def inside_rtnl(ctx):
    with inside(ctx):
        return Rtnl()


def entries(rt, table=0, family=FAMILY):
    """Of a dump: {(table, source, group): (device it comes by, those out)}."""
    out = {}
    msg = struct.pack("=BBBBBBBBI", family, 0, 0, 0, 0, 0, 0, 0, 0)
    if table:
        msg += u32(15, table)
    for body in rt.request(RTM_GETROUTE, NLM_F_DUMP, msg):
        if body[0] == FAMILY:
            key, val = entry(body)
            out[key] = val
    return out


def entry(body):
    got = parse(body[12:])
    hops, outs = got.get(9, b""), set()
    while hops:
        size, _, _, idx = struct.unpack_from("=HBBi", hops)
        outs.add(idx)
        hops = hops[size:]
    iif = struct.unpack("=i", got[3])[0] if 3 in got else None
    return ((struct.unpack("=I", got[15])[0], unpacked(got[2]),
             unpacked(got[1])), (iif, outs))


def wanted(ctx, table=None):
    """What entries() is to say of that of daemons()."""
    return {(table or DEFAULT, ip(HIP), ip(GROUP)):
            (RT.ifindex(f"i{ctx}"),
             {RT.ifindex(W[ctx][n].dev) for n in OUTS[ctx]})}


def proc(ctx, name):
    """The lines of /proc/net/ip_mr_NAME without the title."""
    with inside(ctx), open(f"/proc/thread-self/net/{pick('ip', 'ip6')}_mr_"
                           + name, encoding="ascii") as f:
        return [line.split() for line in f][1:]


# ---- forwarding ----

@params(*[(n,) for n in ALL])
def test_forward(ctx):
    """one source and group in all contexts, other ways out, packet in:"""
    with daemons() as all_of:
        came_out()
        inject(ctx, b"there")
        eq(came_out(), only_in(ctx, b"there"), "came out")
        for n, one in all_of.items():
            eq(one.told(), [], f"upcalls in {n}")
            hits = int(n == ctx)
            eq(one.packets(), hits, f"packets in {n}")
            eq([one.counted(num) for num in range(3)],
               [(hits, 0)] + [(0, int(num in OUTS[n]) * hits)
                              for num in (1, 2)], f"counted in {n}")


def test_forwarded_stats():
    """the context counts what it forwards"""
    before = VR.stats(2)["fwd-packets"]
    with daemons():
        inject(2, b"counted")
    eq(VR.stats(2)["fwd-packets"] - before, len(OUTS[2]), "forwarded")


@params(*[(n,) for n in ALL])
def test_upcall(ctx):
    """what has no entry is told to the daemon of its context, and waits:"""
    with daemons() as all_of:
        came_out()
        for n in ALL:
            if n != ctx:
                all_of[n].mfc(OUTS[n], OTHER)
        inject(ctx, b"unresolved", OTHER)
        for n, one in all_of.items():
            eq(one.told(), [(NOCACHE, 0, ip(HIP), ip(OTHER))]
               if n == ctx else [], f"upcalls in {n}")
        eq(came_out(), {n: {} for n in ALL}, "before")
        for n in ALL:
            if n != ctx:
                all_of[n].mfc((1, 2), OTHER)
        eq(came_out(), {n: {} for n in ALL}, "by entries of others")
        all_of[ctx].mfc(OUTS[ctx], OTHER)
        eq(came_out(), only_in(ctx, b"unresolved"), "by its own")


@params(*[(n,) for n in ALL])
def test_no_daemon(ctx):
    """without a daemon nothing is forwarded, whoever else has one:"""
    others = [n for n in ALL if n != ctx]
    with daemons(contexts=others), Daemon(ctx, init=False) as one:
        # by somebody else than a daemon: they stay
        one.vifs().mfc(OUTS[ctx])
        came_out()
        inject(ctx, b"nowhere")
        eq(came_out(), {n: {} for n in ALL}, "came out")
        with Daemon(ctx):
            inject(ctx, b"somewhere")
            eq(came_out(), only_in(ctx, b"somewhere"), "with one")
        inject(ctx, b"nowhere")
        eq(came_out(), {n: {} for n in ALL}, "without it again")
        for num in range(3):
            one.del_vif(num)
        one.mfc((), cmd=MRT_DEL_MFC)


@params(*[(n,) for n in ALL])
def test_own_packet(ctx):
    """what a host of the context sends itself is forwarded there:"""
    with daemons() as all_of:
        all_of[ctx].mfc(OUTS[ctx], origin=RIP)
        came_out()
        with inside(ctx), socket.socket(AF, socket.SOCK_DGRAM) as one:
            one.setsockopt(SOL, MULTICAST_IF,
                           multicast_if(RT.ifindex(f"i{ctx}")))
            one.setsockopt(SOL, MULTICAST_TTL, 8)
            one.bind((RIP, 0))
            one.sendto(b"mine", (ip(GROUP), 5000))
        want = only_in(ctx, b"mine")
        want[ctx][0] = [b"mine"]
        eq(came_out(), want, "came out")


# ---- whose devices and tables ----

@params((0, 1), (1, 0), (1, 2))
def test_foreign_device(ctx, other):
    """a daemon has no device of another context as vif, own and other:"""
    with Daemon(ctx) as one:
        refused(E.EADDRNOTAVAIL, "by index", one.vif, 0, f"i{other}")
        if ctx:
            refused(E.EADDRNOTAVAIL, "lo", one.vif, 0, "lo")
        one.vif(0, f"i{ctx}")


@only(4)
@params(*[(n,) for n in ALL])
def test_vif_by_address(ctx):
    """a vif that is named by its address, which all contexts have:"""
    with Daemon(ctx) as one:
        for num, wire in enumerate(W[ctx]):
            one.vif(num, None, 0, wire.rip)
        one.mfc(OUTS[ctx])
        came_out()
        inject(ctx, b"named")
        eq(came_out(), only_in(ctx, b"named"), "came out")


def test_tables():
    """a context has one table, without rules and tunnels"""
    with Daemon(1, init=False) as one:
        one.opt(MRT_TABLE, DEFAULT)
        refused(E.EOPNOTSUPP, "another table", one.opt, MRT_TABLE, 7)
        refused(E.EOPNOTSUPP, "that of context 2", one.opt, MRT_TABLE,
                table_of(2))
        if not V6:
            refused(E.EOPNOTSUPP, "tunnel", one.vif, 0, None, VIFF_TUNNEL)
        eq(struct.unpack("=i", one.sock.getsockopt(SOL, MRT_VERSION, 4))[0],
           0x305, "version")
    rt = inside_rtnl(1)
    err = refused(E.EAFNOSUPPORT, "rules", rt.request, RTM_GETRULE, NLM_F_DUMP,
                  struct.pack("=BBBBBBBBI", FAMILY, *[0] * 8))
    check(err.extack, "no extack text")
    rt.close()


def test_two_daemons():
    """one daemon in a context, whatever others have"""
    with daemons(None):
        for n in ALL:
            with Daemon(n, init=False) as one:
                refused(E.EADDRINUSE, f"second in {n}", one.opt, MRT_INIT, 1)


@params(0, 2)
def test_socket_stays(to):
    """the socket of a daemon does not leave its context, for:"""
    with Daemon(1) as one:
        refused(E.EINVAL, "move", set_ctx, one.sock, to)
        one.opt(MRT_DONE, 1)
        set_ctx(one.sock, to)


# ---- what is seen ----

def test_dump():
    """entries are shown to their context, all of them to context 0"""
    with daemons():
        for n in (1, 2):
            rt = inside_rtnl(n)
            eq(entries(rt), wanted(n), f"in {n}")
            eq(entries(rt, DEFAULT), wanted(n), f"in {n}, by its name")
            eq(entries(rt, family=0), wanted(n), f"in {n}, of all families")
            for other in (7, table_of(0), table_of(3 - n), table_of(n)):
                if other != DEFAULT:
                    eq(entries(rt, other), {}, f"in {n}, table {other}")
            rt.close()
        every = {**wanted(0), **wanted(1, table_of(1)),
                 **wanted(2, table_of(2))}
        eq(entries(RT), every, "in 0")
        eq(entries(RT, DEFAULT), wanted(0), "in 0, its own")
        eq(entries(RT, table_of(1)), wanted(1, table_of(1)), "in 0, of 1")


def test_get():
    """an entry is got from the table of the context"""
    with daemons() as all_of:
        all_of[0].mfc((1,), OTHER)
        msg = struct.pack("=BBBBBBBBI", FAMILY, pick(32, 128), pick(32, 128),
                          *[0] * 6) + attr(2, packed(HIP))
        for n in (1, 2):
            rt = inside_rtnl(n)
            eq(dict([entry(rt.request(RTM_GETROUTE, 0, msg + attr(
                1, packed(GROUP)))[0])]), wanted(n), f"in {n}")
            refused(E.ENOENT, f"context 0's, in {n}", rt.request, RTM_GETROUTE,
                    0, msg + attr(1, packed(OTHER)))
            rt.close()


@only(4)
def test_route_get():
    """the way of a packet is that of its context"""
    with daemons() as all_of:
        all_of[0].mfc((1,), OTHER)
        all_of[1].mfc((1,), OTHER)
        for n in (1, 2):
            rt = inside_rtnl(n)
            got = rt.route_get(ip(GROUP), ip(HIP), iif=f"i{n}")[1]
            eq(entry(bytes(12) + attr(15, bytes(4)) + attr(1, packed(GROUP))
                     + attr(2, packed(HIP)) + attr(3, got[3])
                     + attr(9, got[9]))[1],
               list(wanted(n).values())[0], f"in {n}")
            rt.close()
        # context 2 has no such entry: the request waits for one
        rt = inside_rtnl(2)
        rt.send(RTM_GETROUTE, 0, struct.pack("=BBBBBBBBI", AF, 32, 32,
                                             *[0] * 6)
                + attr(1, packed(OTHER)) + attr(2, packed(HIP))
                + u32(3, RT.ifindex("i2")))
        wait(lambda: all_of[2].told() == [(NOCACHE, 0, HIP, OTHER)], "upcall")
        rt.close()


def vif_names(rt):
    """Of a dump of vifs: {table: indices of the devices}."""
    out = {}
    for body in rt.request(RTM_GETLINK, NLM_F_DUMP,
                           struct.pack("=BxHiII", FAMILY, 0, 0, 0, 0)):
        table = parse(parse(body[16:])[26])             # IFLA_AF_SPEC
        rest, found = table.get(6, b""), set()          # IPMRA_TABLE_VIFS
        while rest:
            size = struct.unpack_from("=H", rest)[0]
            found.add(struct.unpack("=I", parse(rest[4:size])[1])[0])
            rest = rest[size + 3 & ~3:]
        out[struct.unpack("=I", table[1])[0]] = found
    return out


@only(4)
def test_vif_dump():
    """vifs are shown to their context, all of them to context 0"""
    of = {n: {RT.ifindex(w.dev) for w in W[n]} for n in ALL}
    with daemons():
        for n in (1, 2):
            rt = inside_rtnl(n)
            eq(vif_names(rt), {DEFAULT: of[n]}, f"in {n}")
            rt.close()
        got = vif_names(RT)
        eq({k: got.get(k) for k in (DEFAULT, table_of(1), table_of(2))},
           {DEFAULT: of[0], table_of(1): of[1], table_of(2): of[2]}, "in 0")


def test_proc():
    """/proc/net shows the table of the context of who opens it"""
    with daemons() as all_of:
        for n in ALL:
            all_of[n].mfc(OUTS[n], f"239.7.7.{n}")
        for n in ALL:
            eq([line[1] for line in proc(n, "vif")], [w.dev for w in W[n]],
               f"vifs in {n}")
            groups = [packed(GROUP), packed(f"239.7.7.{n}")]
            eq([line[0].lower().replace(":", "") for line in proc(n, "cache")],
               [(g if V6 else g[::-1]).hex() for g in groups],
               f"entries in {n}")


def test_events():
    """those in a context hear of its entries and reports, no others"""
    ears = {n: inside_rtnl(n) for n in ALL}
    for one in ears.values():
        for group in (EVENTS, REPORTS):
            one.sock.setsockopt(270, 1, group)          # ADD_MEMBERSHIP
    with daemons() as all_of:
        inject(1, b"unresolved", OTHER)
        eq(all_of[1].told(), [(NOCACHE, 0, ip(HIP), ip(OTHER))], "upcall")
    heard = {n: [] for n in ALL}
    for n, one in ears.items():
        for buf in iter(lambda one=one: readable(one.sock), None):
            for kind, _, _, body in one.split(buf):
                if kind == RTM_NEWCACHEREPORT:
                    got = parse(body[4:])
                    heard[n].append((kind, unpacked(got[4])))
                else:
                    heard[n].append((kind, *entry(body)[0]))
        one.close()
    reports = [(RTM_NEWCACHEREPORT, ip(OTHER))]

    def changes(ctx, table, more=()):
        groups = [GROUP, *more]
        return ([(RTM_NEWROUTE, table, ip(HIP), ip(g)) for g in groups],
                [(RTM_DELROUTE, table, ip(HIP), ip(g)) for g in groups])

    def sort(told):
        return ([t for t in told if t[0] == RTM_NEWROUTE],
                [t for t in told if t[0] == RTM_DELROUTE],
                [t for t in told if t[0] == RTM_NEWCACHEREPORT])
    eq(sort(heard[1]), (*changes(1, DEFAULT, [OTHER]), reports), "in 1")
    eq(sort(heard[2]), (*changes(2, DEFAULT), []), "in 2")
    new, gone, told = sort(heard[0])
    eq(told, [], "reports in 0")
    want = [changes(0, DEFAULT), changes(1, table_of(1), [OTHER]),
            changes(2, table_of(2))]
    eq(sorted(new), sorted(t for w in want for t in w[0]), "new in 0")
    eq(sorted(gone), sorted(t for w in want for t in w[1]), "gone in 0")


def test_conf():
    """mc_forwarding tells of the daemon and the vifs of the context"""
    def conf(ctx, dev):
        with inside(ctx):
            return int(sysctl(f"{CONF}.{dev}.mc_forwarding"))
    for n in ALL:
        with daemons(contexts=(n,)):
            for m in ALL:
                if not V6:
                    eq(conf(m, "all"), int(m == n), f"all in {m}, daemon in {n}")
                eq(conf(m, f"i{m}"), int(m == n), f"i{m}, daemon in {n}")


# ---- requests ----

@only(4)
def test_static():
    """an entry that is made by a request is in the context of who makes it"""
    def request(rt, cmd, idx):
        hops = b"".join(struct.pack("=HBBi", 8, 0, n in OUTS[1], 0)
                        for n in range(3))
        rt.request(cmd, 0x400, struct.pack("=BBBBBBBBI", FAMILY, 32, 32, 0, 0,
                                           4, 0, 5, 0)
                   + attr(2, packed(HIP)) + attr(1, packed(GROUP))
                   + u32(3, idx) + attr(9, hops))
    rt = inside_rtnl(1)
    with daemons(None):
        request(rt, RTM_NEWROUTE, RT.ifindex("i1"))
        for n in ALL:
            with contextlib.closing(inside_rtnl(n)) as look:
                eq(entries(look, DEFAULT), wanted(1) if n == 1 else {},
                   f"entries in {n}")
        came_out()
        inject(1, b"static")
        eq(came_out(), only_in(1, b"static"), "came out")
        refused(E.ENODEV, "device of context 2", request, rt, RTM_NEWROUTE,
                RT.ifindex("i2"))
        refused(E.ENOENT, "in 0", request, RT, RTM_DELROUTE, RT.ifindex("i0"))
        request(rt, RTM_DELROUTE, RT.ifindex("i1"))
        eq(entries(rt), {}, "after")
    rt.close()


# ---- the end ----

def test_device_gone():
    """a device that goes is no vif any more, others stay"""
    RT.link_add("d1", "dummy")
    VR.move("d1", 1)
    with daemons() as all_of:
        all_of[1].vif(3, "d1")
        for dev, to in (("d1", 2), ("d1", 0), ("i0", 1)):
            err = refused(E.EBUSY, f"move {dev}", VR.move, dev, to)
            check(err.extack, "no extack text")
        RT.link_del("d1")
        for n in ALL:
            eq([line[1] for line in proc(n, "vif")], [w.dev for w in W[n]],
               f"vifs in {n}")


@only(6)
def test_mif_without_ipv6():
    """a mif that has no IPv6 is none of a context that it has left"""
    RT.link_add("d1", "dummy", b"", u32(4, 1000))
    VR.move("d1", 1)
    with daemons() as all_of:
        all_of[1].vif(3, "d1")
        eq(proc(1, "vif")[3][1], "d1", "before")
        VR.move("d1", 2)
        for n in ALL:
            eq([line[1] for line in proc(n, "vif")], [w.dev for w in W[n]],
               f"vifs in {n}")
    RT.link_del("d1")


def test_daemon_gone():
    """the end of a daemon ends its vifs and entries, no others'"""
    with daemons() as all_of:
        all_of[1].opt(MRT_DONE, 1)
        for n in ALL:
            eq((len(proc(n, "vif")), len(proc(n, "cache"))),
               (0, 0) if n == 1 else (3, 1), f"in {n}")
        came_out()
        for n in ALL:
            inject(n, b"still")
        eq(came_out(), {**only_in(0, b"still"), 1: {},
                        2: only_in(2, b"still")[2]}, "came out")
        all_of[1].opt(MRT_INIT, 1)
        all_of[1].vifs().mfc(OUTS[1])
        inject(1, b"again")
        eq(came_out(), only_in(1, b"again"), "came out")


@params(True, False)
def test_delete(used):
    """a context of the same number knows nothing of the deleted one"""
    VR.new(9)
    wires = [Wire(LAB, 9, f"{side}9", cidr, cidr.replace(".1/24", ".2"))
             for side, cidr in NETS.items()]
    with contextlib.ExitStack() as stack:
        one = stack.enter_context(Daemon(9))
        one.vif(3, None, VIFF_REGISTER)
        name = proc(9, "vif")[0][1]
        still = stack.enter_context(Daemon(9, init=False))
        for num, wire in enumerate(wires):
            still.vif(num, wire.dev)
        still.mfc((1, 2))
        if used:                # what waits holds the number
            wires[0].send_udp(1, 2, b"waits", dst=OTHER, mac=group_mac(OTHER))
            wires[0].sync()
            eq(len(one.told()), 1, "upcalls")
        VR.delete(9, force=True)
        check(name not in devices(), "the device for PIM is left")
        for wire in wires:
            eq(RT.link(wire.dev)["flags"] & 1, 0, f"{wire.dev} is up")
            with inside(0):
                eq(int(sysctl(f"{CONF}.{wire.dev}.mc_forwarding")), 0,
                   f"{wire.dev} forwards")
        refused((E.ENOENT, E.ENETUNREACH, E.EADDRNOTAVAIL), "vif", one.vif, 0,
                wires[0].dev)
    VR.new(9)
    for wire in wires:
        VR.move(wire.dev, 9)
        wire.up()
    eq((proc(9, "vif"), proc(9, "cache")), ([], []), "before a daemon")
    with Daemon(9) as new:
        for num, wire in enumerate(wires):
            new.vif(num, wire.dev)
        rt = inside_rtnl(9)
        eq(entries(rt), {}, "entries")
        rt.close()
        wires[0].send_udp(1, 2, b"new", dst=GROUP, mac=group_mac(GROUP))
        wires[0].sync()
        eq(new.told(), [(NOCACHE, 0, ip(HIP), ip(GROUP))], "upcalls")
        for wire in wires[1:]:
            wire.silent("unresolved")
    LAB.quiet(9)
    VR.delete(9, force=True)
    for wire in wires:
        RT.link_del(wire.dev)
        wire.far.close()


# ---- PIM ----

def register(ctx, data):
    """A packet that another router has put into a PIM register message."""
    inner = udp_datagram(4000, 5000, data, ip("10.8.0.1"), ip(GROUP))
    inner = ip_header(17, len(inner), ip("10.8.0.1"), ip(GROUP)) + inner
    head = b"\x21\0\0\0" + bytes(4)
    val = pseudo(103, head, HIP, RIP) if V6 else csum(head)
    W[ctx][0].send_ip(103, head[:2] + struct.pack("!H", val) + head[4:]
                      + inner)
    W[ctx][0].sync()


def whole(all_of, ctx, data):
    """The daemon of the context alone is given the packet."""
    for n, one in all_of.items():
        calls = one.upcalls()
        if n != ctx:
            eq(calls, [], f"upcalls in {n}")
            continue
        eq([call[0] for call in calls], [WHOLEPKT], f"upcalls in {n}")
        check(calls[0][4].endswith(data), f"not the packet: {calls}")


@params(*[(n,) for n in ALL])
def test_pim(ctx):
    """packets in PIM registers, and those to be put into some, in:"""
    with daemons() as all_of:
        for n, one in all_of.items():
            one.opt(MRT_PIM, 1)
            one.vif(3, None, VIFF_REGISTER)
            one.mfc(OUTS[n], origin="10.8.0.1", parent=3)
            one.mfc((3,))
        names = {n: proc(n, "vif")[3][1] for n in ALL}
        eq(len(set(names.values())), 3, f"devices {names}")
        if ctx:
            with contextlib.closing(inside_rtnl(ctx)) as rt:
                rt.link(names[ctx])
                refused(E.ENODEV, "another's", rt.link, names[3 - ctx])
            refused(E.EOPNOTSUPP, "move", VR.move, names[ctx], 3 - ctx)
        came_out()
        register(ctx, b"registered")
        wait(lambda: all_of[ctx].counted(3)[0], "the packet inside")
        eq(came_out(), only_in(ctx, b"registered"), "came out")
        inject(ctx, b"to be registered")
        whole(all_of, ctx, b"to be registered")
        # by a route
        RT.route("10.8.1.0/24", dev=names[ctx], table=table_of(ctx))
        with inside(ctx), socket.socket(AF, socket.SOCK_DGRAM) as one:
            one.sendto(b"to be sent", (ip("10.8.1.1"), 5000))
        whole(all_of, ctx, b"to be sent")
    for n in ALL:
        eq(proc(n, "vif"), [], f"vifs in {n}")
    check(not [d for d in names.values() if d in devices()],
          "devices for PIM are left")


def devices():
    with open("/proc/thread-self/net/dev", encoding="ascii") as f:
        return [line.split(":")[0].strip() for line in f][2:]


# Last: the table stays
def test_same_number():
    """a table of context 0 with the number of a context's is none of its"""
    with daemons(contexts=(1,)), Daemon(0, init=False) as one:
        one.opt(MRT_TABLE, TABLE_BASE + 1)
        one.opt(MRT_INIT, 1)
        one.vifs().mfc((1, 2))
        came_out()
        inject(1, b"context")
        eq(came_out(), only_in(1, b"context"), "came out")
        inject(0, b"no rule leads there")
        eq(came_out(), {n: {} for n in ALL}, "came out of 0")
        rt = inside_rtnl(1)
        eq(entries(rt), wanted(1), "entries")
        rt.close()


run(globals())
