#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 4 6
"""Multicast groups that are joined on the one loopback device.

Guards vrctx_mc4(), vrctx_mc6() and who asks for them: a membership is one of
its context only, what is sent there reaches its members and, as ever, sockets
that take what any member would (IP_MULTICAST_ALL).
"""
import errno as E
import socket
import struct

from vr_fam import (AF, ICMP, JOIN, LEAVE, MULTICAST_IF, SOL, V6, group_mac, ip,
                    mreq, multicast_if, only, packed, pick, proc_net, sockaddr,
                    unpacked)
from vr_hdr import ETH, ip_header, pseudo
from vr_net import RAW, TIMEOUT, UDP, Lab, Netns, inside, readable, sock
from vr_nl import ANY, NLM_F_DUMP, parse
from vr_pkt import csum, ip_packet, udp_datagram
from vr_rt import RTN_LOCAL, RTN_UNICAST, Rtnl
from vr_tap import check, eq, params, refused, run, wait

JOIN_SOURCE, LEAVE_SOURCE = 46, 47
RTM_GETMULTICAST = 58
LO, PORT = 1, 5353
GROUP, OTHER = "239.7.7.7", "239.7.7.8"
HOSTS = "224.0.0.1"             # IPv6: all nodes of the link
LOCAL = pick("127.0.0.1", "::1")

LAB = Lab(1, 2, hosts=False)
VR = LAB.vr
ALL = (0, 1, 2)
PAIRS = ((0, 1), (1, 0), (1, 2))
VIEW = {}


def set_up(ctx):
    """Its groups are on lo by the routes, too; in IPv6 only local ones lead
    there.
    """
    with inside(ctx):
        VIEW[ctx] = Rtnl()
    VIEW[ctx].route("224.0.0.0/4", dev="lo",
                    kind=pick(RTN_UNICAST, RTN_LOCAL))


for num in ALL:
    set_up(num)


def ear(ctx):
    """A socket that has not joined."""
    return sock(UDP, ctx, ("0.0.0.0", PORT), reuse=True)


def member(ctx, group=GROUP, how=None):
    one = ear(ctx)
    try:
        one.setsockopt(SOL, JOIN, how or mreq(group, LO))
    except OSError:
        one.close()
        raise
    return one


def source(group, src):
    """struct group_source_req of lo."""
    return struct.pack("=I4x", LO) + sockaddr(group) + sockaddr(src)


def send(ctx, data, group=GROUP):
    """By a socket: the route that it takes says who gets it."""
    with sock(UDP, ctx, (LOCAL, 0)) as one:
        one.setsockopt(SOL, MULTICAST_IF, multicast_if(LO))
        one.sendto(data, (ip(group), PORT))


def tap(ctx):
    """A packet socket on lo."""
    with inside(ctx):
        one = socket.socket(socket.AF_PACKET, RAW, socket.htons(3))
    one.bind(("lo", 3))
    one.settimeout(TIMEOUT)
    return one


def put(ctx, packet, group):
    with tap(ctx) as one:
        one.send(group_mac(group) + bytes(6) + struct.pack("!H", ETH) + packet)


def inject(ctx, data, group=GROUP, src="10.9.9.9"):
    """As a frame: it has no route, one is looked for when it is received."""
    put(ctx, ip_packet(17, udp_datagram(4000, PORT, data, src, group), src,
                       group), group)


def drain(one):
    return list(iter(lambda: readable(one), None))


WAYS = {"socket": send, "frame": inject}


@params(*[(n, way) for n in ALL for way in WAYS])
def test_members(ctx, way):
    """one group joined in every context, datagram sent in:"""
    socks = {n: [member(n) for _ in range(2)] for n in ALL}
    WAYS[way](ctx, b"group")
    for n in ALL:
        for one in socks[n]:
            eq(drain(one), [b"group"] if n == ctx else [], f"member in {n}")
            one.close()


@params(*[(*pair, way) for pair in PAIRS for way in WAYS])
def test_not_joined(here, there, way):
    """membership in another context is none here:"""
    with ear(here) as one, member(there) as two:
        WAYS[way](here, b"nobody")
        WAYS[way](there, b"member")
        eq((drain(one), drain(two)), ([], [b"member"]), "heard")
        with member(here):      # then it takes what that would take
            WAYS[way](here, b"now")
        eq((drain(one), drain(two)), ([b"now"], []), "with a member")


@params(*[(*pair, how) for pair in PAIRS for how in ("close", "leave")])
def test_end(here, there, how):
    """a membership ends, the other one stays:"""
    with ear(here) as one, member(there) as two:
        last = member(here)
        send(here, b"before")
        if how == "leave":
            last.setsockopt(SOL, LEAVE, mreq(GROUP, LO))
        last.close()
        send(here, b"after")
        send(there, b"member")
        eq((drain(one), drain(two)), ([b"before"], [b"member"]), "heard")


@params(*[(n, how) for n in ALL for how in pick(("address", "route"),
                                                ("route",))])
def test_join_by(ctx, how):
    """the device is not named by its number, in:"""
    how = mreq(GROUP, addr=LOCAL) if how == "address" else mreq(GROUP)
    with member(ctx, how=how) as one:
        for n in ALL:
            with ear(n) as here:
                send(n, b"%d" % n)
                eq(drain(here), [b"%d" % n] if n == ctx else [], f"in {n}")
        eq(drain(one), [b"%d" % ctx], "member")
        one.setsockopt(SOL, LEAVE, how)
        send(ctx, b"left")
        eq(drain(one), [], "member that left")


@params(*PAIRS)
def test_sources(here, there):
    """sources that a member chooses are those of its context:"""
    mine, more, foreign = "10.9.9.1", "10.9.9.2", "10.9.9.3"
    with ear(here) as one, member(there), ear(here) as taker:
        def heard(src):
            inject(here, b"src", src=src)
            return len(drain(one)), len(drain(taker))

        one.setsockopt(SOL, JOIN_SOURCE, source(GROUP, mine))
        eq([heard(src) for src in (mine, more, foreign)],
           [(1, 1), (0, 0), (0, 0)], "from one source")
        one.setsockopt(SOL, JOIN_SOURCE, source(GROUP, more))
        eq([heard(src) for src in (mine, more, foreign)],
           [(1, 1), (1, 1), (0, 0)], "from two")
        one.setsockopt(SOL, LEAVE_SOURCE, source(GROUP, mine))
        eq([heard(src) for src in (mine, more, foreign)],
           [(0, 0), (1, 1), (0, 0)], "from the other")
        one.setsockopt(SOL, LEAVE_SOURCE, source(GROUP, more))
        with member(here):
            eq(heard(foreign)[1], 1, "from any, with a member")


@params(*pick((HOSTS,), (HOSTS, "ff01::1")))
def test_all_hosts(group):
    """nobody needs to join:"""
    VR.new(5)                   # nobody there has joined anything
    set_up(5)
    for n in (*ALL, 5):
        with ear(n) as one:
            for way in WAYS.values():
                way(n, b"all", group)
                eq(drain(one), [b"all"], f"in {n}")
            with member(n):
                send(n, b"all", group)
            eq(drain(one), [b"all"], f"in {n}, with a member of another")
    VIEW.pop(5).close()
    LAB.quiet(5)
    VR.delete(5)


# ---- what is shown ----

def read(ctx, name):
    with inside(ctx):
        with open(proc_net(name), encoding="ascii") as f:
            return f.read().splitlines()


def shown(ctx):
    """Groups on lo in /proc/net/igmp and igmp6, as there are."""
    if V6:
        return [unpacked(bytes.fromhex(line.split()[2]))
                for line in read(ctx, "igmp") if line.split()[1] == "lo"]
    out, count = [], 0
    for line in read(ctx, "igmp")[1:]:
        words = line.split()
        if line[0] != "\t":
            dev, count = words[1], int(words[3])
        elif dev == "lo":
            out.append(socket.inet_ntoa(struct.pack("=I", int(words[0], 16))))
    eq(len(out), count, "number of groups")
    return out


def dumped(ctx):
    """The same by rtnetlink."""
    for body in VIEW[ctx].request(RTM_GETMULTICAST, NLM_F_DUMP,
                                  struct.pack("=BBBBi", AF, 0, 0, 0, 0)):
        if struct.unpack_from("=i", body, 4)[0] == LO:
            yield unpacked(parse(body[8:])[7])


def test_view():
    """a process sees the groups of its context, no others"""
    all_hosts = pick(["224.0.0.1"], ["ff02::1", "ff01::1"])
    want = {n: [ip(f"239.8.8.{n}"), *all_hosts] for n in ALL}
    socks = [member(n, f"239.8.8.{n}") for n in ALL]
    for n in ALL:
        eq(shown(n), want[n], f"in {n}")
        if V6:
            eq(list(dumped(n)), want[n], f"dump in {n}")
    for one in socks:
        one.close()
    VR.new(5)
    with inside(5):
        VIEW[5] = Rtnl()
    with member(0), member(1):
        eq(shown(5), [], "where nobody ever joined")
        if V6:
            eq(list(dumped(5)), [], "dump")
    VIEW.pop(5).close()
    VR.delete(5)


def test_view_sources():
    """a process sees the sources of its context, no others"""
    def text(addr):
        return pick("0x", "") + packed(addr).hex()

    socks = []
    for n in ALL:
        socks.append(ear(n))
        socks[-1].setsockopt(SOL, JOIN_SOURCE, source(GROUP, f"10.9.9.{n}"))
    for n in ALL:
        got = [line.split()[3] for line in read(n, "mcfilter")[1:]
               if line.split()[1] == "lo"]
        eq(got, [text(f"10.9.9.{n}")], f"in {n}")
    for one in socks:
        one.close()


# ---- the rest ----

def test_any():
    """a socket of all contexts joins as one of context 0 does"""
    with member(ANY) as one, ear(0) as zero, ear(1) as other:
        for n in (0, 1):
            send(n, b"%d" % n)
        eq([drain(s) for s in (one, zero, other)], [[b"0"], [b"0"], []],
           "heard")


def test_deleted():
    """a membership ends with its context, not with the socket"""
    VR.new(6)
    one = member(6)
    VR.delete(6)
    refused((E.ENODEV, E.EINVAL, E.ENETUNREACH), "to join another",
            one.setsockopt, SOL, JOIN, mreq(OTHER, LO))
    one.setsockopt(SOL, LEAVE, mreq(GROUP, LO))
    refused(E.EADDRNOTAVAIL, "to leave twice", one.setsockopt, SOL, LEAVE,
            mreq(GROUP, LO))
    one.close()

    def again():
        try:
            VR.new(6)
        except OSError:
            return False
        return True
    wait(again, "number 6 to be free")
    set_up(6)
    with ear(6) as one:
        send(6, b"nobody")
        with member(6):
            send(6, b"member")
        eq(drain(one), [b"member"], "in the next one")
    VIEW.pop(6).close()
    LAB.quiet(6)
    VR.delete(6)


def test_namespace_exit():
    """a namespace goes with what was joined in its contexts"""
    far = Netns()
    with far:
        lab_vr = type(VR)()
        lab_vr.new(1)
        one = member(1)
        one.setsockopt(SOL, JOIN_SOURCE, source(OTHER, "10.9.9.1"))
        lab_vr.close()
    far.close()
    one.close()


def reports(one, group):
    """What was heard until the report that the group was joined, or left."""
    out = []
    while True:
        frame = one.recv(65536)
        kind, = struct.unpack_from("!H", frame, 12)
        if kind != ETH or frame[14 + pick(9, 6)] not in pick((2,), (0,)):
            continue            # no IGMP, no hop-by-hop options
        out.append(frame)
        if packed(group) in frame:
            return out


def test_silent():
    """what is joined in a context is reported to nobody"""
    # of no other group here, as what was left is reported for a while
    quiet = "239.9.8.1", "239.9.8.2"
    with tap(0) as all_of, ear(1) as one:
        one.setsockopt(SOL, JOIN, mreq(quiet[0], LO))
        for opt in (JOIN_SOURCE, LEAVE_SOURCE):
            one.setsockopt(SOL, opt, source(quiet[1], "10.9.9.1"))
        one.setsockopt(SOL, LEAVE, mreq(quiet[0], LO))
        # one after the other: what is late comes before the second
        for group in ("239.9.9.1", "239.9.9.2"):
            with member(0, group):
                for frame in reports(all_of, group):
                    check(not any(packed(q) in frame for q in quiet),
                          f"report: {frame}")


@only(4)
def test_query():
    """nobody asks there what others have joined"""
    def version(ctx):
        return [line.split()[4] for line in read(ctx, "igmp")
                if line.split()[1:2] == ["lo"]]

    query = struct.pack("!BBH4x", 0x11, 0, csum(b"\x11" + bytes(7)))
    with member(1), member(2):
        for ctx, want in ((1, "V3"), (0, "V1")):
            with sock(RAW, ctx, (LOCAL, 0), proto=2) as one:
                one.setsockopt(SOL, MULTICAST_IF, multicast_if(LO))
                one.sendto(query, (HOSTS, 0))
            eq([version(n) for n in ALL], [[want], ["V3"], ["V3"]],
               f"version of IGMP after a query in {ctx}")


def mld(ctx, kind, group):
    """A message of MLD in version 1, by a frame on lo."""
    src, dst = "fe80::9", ip(HOSTS)
    msg = struct.pack("!BBHHxx16s", kind, 0, 0, 10000, packed(group))
    msg = msg[:2] + struct.pack("!H", pseudo(ICMP, msg, src, dst)) + msg[4:]
    alert = bytes([ICMP, 0, 5, 2, 0, 0, 1, 0])
    put(ctx, ip_header(0, len(alert + msg), src, dst, ttl=1) + alert + msg, dst)


def asked(group):
    """Is an answer about the group due in context 0, or was it given?"""
    for line in read(0, "igmp"):
        words = line.split()
        if words[1] == "lo" and words[2] == packed(group).hex():
            return bool(int(words[4], 16) & 3)
    raise AssertionError(f"{group} is not joined")


@only(6)
def test_query6():
    """nobody asks there what others have joined"""
    query, report = 130, 131
    with member(0, GROUP), member(0, OTHER):
        mld(1, query, GROUP)
        mld(0, query, OTHER)     # dealt with in this order
        wait(lambda: asked(OTHER), "the query to be heard")
        check(not asked(GROUP), "a query in 1 was heard in 0")
        # nor that somebody else has answered
        mld(0, query, GROUP)
        wait(lambda: asked(GROUP), "the query to be heard")
        mld(1, report, OTHER)
        mld(0, report, GROUP)
        wait(lambda: not asked(GROUP), "the report to be heard")
        check(asked(OTHER), "a report in 1 was heard in 0")


run(globals())
