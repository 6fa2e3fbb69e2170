#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 4 6
"""Policy rules inside a context: its own, and they lead nowhere else.

Guards kernel/net/vrctx/rules.c, the rules that requests are about
(net/core/fib_rules.c), what look-ups of a context go by, and the parts of its
table that main and local are.
"""
import errno as E
import socket
import struct

import vr_nl as nl
from vr_fam import FORWARD, ip, packed, pick
from vr_net import UDP, Lab, inside, sock
from vr_nl import NL_ATTR, parse, table_of, u32
from vr_pkt import Wire
from vr_rt import (RTM_GETROUTE, RTN_BLACKHOLE, RTN_LOCAL,
                   Rtnl, fra, sysctl)
from vr_tap import check, eq, params, refused, run

LAB = Lab(1, 2, hosts=False)
RT = LAB.rt
ALL = (0, 1, 2)
DST = ip("192.0.2.1")
STD = [(0, 255), (32766, 254)] + pick([(32767, 253)], [])
GROUP = pick(8, 19)         # RTNLGRP_IPV4_RULE, RTNLGRP_IPV6_RULE
INVERT, FIND_SADDR = 2, 0x10000
sysctl(FORWARD, 1)
sysctl("net.ipv4.conf.all.send_redirects", 0)

# main leads by a, table 100 by b, table 200 by c
W = {}
VIEW = {}
for num in ALL:
    for i, side in enumerate("abc"):
        W[side, num] = Wire(LAB, num, dev=f"{side}{num}",
                            cidr=f"10.{i}.0.{100 + num}/24", ip=f"10.{i}.0.2")
    with inside(num):
        VIEW[num] = Rtnl()
    for i, table in enumerate((254, 100, 200)):
        VIEW[num].route("192.0.2.0/24", via=ip(f"10.{i}.0.2"),
                        dev=f"{'abc'[i]}{num}", table=table)


def ways(ctx, src=None, tos=0, more=b""):
    """By which side of the context a look-up leads to DST; or the errno."""
    bits = len(packed(DST)) * 8
    msg = struct.pack("=BBBBBBBBI", pick(2, 10), bits, bits if src else 0,
                      tos, 0, 0, 0, 0, pick(0x1000, 0))  # RTM_F_LOOKUP_TABLE
    msg += nl.attr(1, packed(DST)) + (nl.attr(2, packed(src)) if src else b"")
    try:
        body = VIEW[ctx].request(RTM_GETROUTE, 0, msg + more)[0]
    except OSError as err:
        return err.errno
    got = parse(body[12:])
    side = next(s for s in "abc" if got[4] == struct.pack(
        "=i", RT.ifindex(f"{s}{ctx}")))
    eq(struct.unpack("=I", got[15])[0], {"a": 254, "b": 100, "c": 200}[side],
       "table in the answer")
    return side


def shown(ctx):
    return [rule[:2] for rule in VIEW[ctx].rules()]


def leaves(ctx, mark=None, tos=None):
    """Sides by which a datagram of a socket leaves; no one else's."""
    with sock(UDP, ctx) as one:
        if mark is not None:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, mark)
        one.sendto(b"rule", (DST, 9))
    out = [key for key, wire in W.items()
           if any(p.dst == DST for p in wire.sync() if p.proto == 17)]
    check(all(n == ctx for _, n in out), f"left by {out}")
    return "".join(side for side, _ in out)


def crosses(ctx, sport=4000, dport=53):
    """By which side leaves a datagram that arrived by a?"""
    W["a", ctx].send_udp(sport, dport, b"over", dst=DST)
    out = [key for key, wire in W.items()
           if any(p.dst == DST for p in wire.sync() if p.proto == 17)]
    check(all(n == ctx for _, n in out), f"left by {out}")
    return "".join(side for side, _ in out)


def test_shown():
    """every host begins with the same; showing them makes none"""
    RT.rule(4000, 77)
    for n in (1, 2):
        eq(shown(n), STD, f"in {n}")
    RT.rule_del(77)


@params(*ALL)
def test_own(ctx):
    """a rule is of its context, and of no other:"""
    others = set(ALL) - {ctx}
    before = {n: shown(n) for n in ALL}
    VIEW[ctx].rule(100, 10)
    eq(shown(ctx), [before[ctx][0], (10, 100)] + before[ctx][1:], "shown")
    for n in others:
        eq(shown(n), before[n], f"in {n}")
        eq((ways(n), leaves(n), crosses(n)), ("a",) * 3, f"in {n}")
        refused(E.ENOENT, f"delete in {n}", VIEW[n].rule_del, 10)
    eq((ways(ctx), leaves(ctx), crosses(ctx)), ("b",) * 3, "own")
    refused(E.EEXIST, "twice", VIEW[ctx].rule, 100, 10)
    VIEW[ctx].rule_del(10)
    eq(shown(ctx), before[ctx], "deleted")
    eq((ways(ctx), leaves(ctx), crosses(ctx)), ("a",) * 3, "as before")


@params(*ALL)
def test_all_at_once(ctx):
    """the same rule in all, to tables of the same number:"""
    for n in ALL:
        VIEW[n].rule(200 if n == ctx else 100, 10)
    for n in ALL:
        side = "c" if n == ctx else "b"
        eq((ways(n), leaves(n), crosses(n)), (side,) * 3, f"in {n}")
    for n in ALL:
        VIEW[n].rule_del(10)


SELECT = {
    "from": ({"src": "10.0.0.0/24"}, None, {"src": "OWN"}),
    "to": ({"dst": "192.0.2.0/25"}, {"dst": "192.0.2.128/25"}, {}),
    "mark": ({"more": fra(mark=5)}, None, {"more": u32(16, 5)}),
    "mask": ({"more": fra(mark=0x10, mask=0xf0)}, None,
             {"more": u32(16, 0x1f)}),
    "proto": ({"more": fra(proto=17)}, {"more": fra(proto=6)},
              {"more": nl.attr(27, b"\x11")}),
    "dport": ({"more": fra(dports=(50, 60))}, {"more": fra(dports=(54, 60))},
              {"more": nl.attr(27, b"\x11")
               + nl.attr(29, struct.pack("!H", 53))}),
    "sport": ({"more": fra(sports=(4000, 4000))}, {"more": fra(sports=(1, 9))},
              {"more": nl.attr(27, b"\x11")
               + nl.attr(28, struct.pack("!H", 4000))}),
    "iif": ({"more": fra(iif="lo")}, {"more": fra(iif="SIDE")}, {}),
    "uid": ({"more": fra(uids=(0, 0))}, {"more": fra(uids=(1, 5))},
            {"more": u32(25, 0)}),
    "not": ({"more": fra(mark=5), "flags": INVERT}, None, {}),
}


@params(*[(key, n) for key in SELECT for n in (1, 2)])
def test_selector(key, ctx):
    """selectors:"""
    def mine(keys):
        out = dict(keys)
        if out.get("src") == "OWN":
            out["src"] = ip(f"10.0.0.{100 + ctx}")
        if b"SIDE" in out.get("more", b""):
            out["more"] = fra(iif=f"a{ctx}")
        return out

    does, not_, how = map(lambda k: k and mine(k), SELECT[key])
    other = {"more": u32(16, 5)} if key == "not" else {}
    if not_:
        VIEW[ctx].rule(100, 10, **not_)
        eq(ways(ctx, **how), "a", "one that does not match")
        VIEW[ctx].rule_del(10)
    VIEW[ctx].rule(100, 10, **does)
    eq(ways(ctx, **how), "b", "one that matches")
    if not not_:
        eq(ways(ctx, **other), "a", "otherwise")
    for n in set(ALL) - {ctx}:
        eq(ways(n, **{k: v for k, v in how.items() if k != "src"}), "a",
           f"in {n}")
    VIEW[ctx].rule_del(10)


@params((1,), (2,))
def test_packets(ctx):
    """marks, ports and devices of real packets:"""
    rt = VIEW[ctx]
    rt.rule(100, 10, more=fra(mark=7))
    rt.rule(200, 11, more=fra(proto=17, dports=(53, 53)))
    rt.rule(100, 12, more=fra(iif=f"a{ctx}"))
    eq((leaves(ctx), leaves(ctx, mark=7)), ("a", "b"), "by mark")
    eq((crosses(ctx), crosses(ctx, dport=54)), ("c", "b"), "by port, device")
    for n in set(ALL) - {ctx}:
        eq((leaves(n, mark=7), crosses(n)), ("a", "a"), f"in {n}")
    for pref in (10, 11, 12):
        rt.rule_del(pref)
    eq((leaves(ctx, mark=7), crosses(ctx)), ("a", "a"), "deleted")


@params((1,), (2,))
def test_action(ctx):
    """unreachable, prohibit, blackhole, nop, goto, throw:"""
    rt = VIEW[ctx]
    for action, want in ((7, (E.ENETUNREACH,)), (8, (E.EACCES,)),
                         (6, (E.EINVAL, E.ENETUNREACH)), (3, ("a",))):
        rt.rule(0, 10, action=action)
        check(ways(ctx) in want, f"action {action}: {ways(ctx)}")
        eq(ways(3 - ctx), "a", "elsewhere")
        rt.rule_del(10)
    rt.rule(0, 10, action=2, more=fra(goto=20))
    eq(ways(ctx), "a", "goto nowhere")
    check(rt.rules()[1][2] & 4, "unresolved")
    rt.rule(100, 15)
    rt.rule(200, 20)
    eq(ways(ctx), "c", "goto")
    for pref in (10, 15, 20):
        rt.rule_del(pref)
    rt.route("192.0.2.1/32", kind=9, table=300)         # throw
    rt.rule(300, 10)
    eq(ways(ctx), "a", "throw")
    rt.rule_del(10)
    rt.route_del("192.0.2.1/32", table=300)
    for more in (fra(plen=pick(24, 120)), fra(ifgroup=0)):
        rt.rule(100, 10, more=more)
        eq(ways(ctx), "a", "suppressed")
        rt.rule_del(10)
    rt.rule(100, 10, more=fra(plen=pick(23, 119)))
    eq(ways(ctx), "b", "not suppressed")
    rt.rule_del(10)


@params((1,), (2,))
def test_main_local(ctx):
    """main and local are two: a context can do without either"""
    rt, me = VIEW[ctx], ip(f"10.0.0.{100 + ctx}")
    eq(rt.route_get(me)[0], RTN_LOCAL, "before")
    rt.rule_del(32766)
    eq(ways(ctx), E.ENETUNREACH, "without main")
    eq(rt.route_get(me)[0], RTN_LOCAL, "without main")
    rt.rule(254, 32766)
    eq(ways(ctx), "a", "with main")
    rt.rule_del(0)
    eq(rt.route_get(ip("10.0.0.2"))[0], 1, "without local")
    try:
        eq(rt.route_get(me)[0], 1, "without local")
    except OSError:
        pass                # no source address that would be local
    eq(VIEW[3 - ctx].route_get(ip(f"10.0.0.{103 - ctx}"))[0], RTN_LOCAL,
       "elsewhere")
    rt.rule(255, None, more=u32(6, 0))
    eq(shown(ctx), STD, "restored")
    eq(rt.route_get(me)[0], RTN_LOCAL, "with local")
    W["a", ctx].send_icmp(*pick((8, 0), (128, 0)), rest=1, data=b"x")
    check(any(p.proto == pick(1, 58) and p.type == pick(0, 129)
              for p in W["a", ctx].sync()), "an answer")


@params((1, 0), (1, 2), (2, 1))
def test_names(ctx, other):
    """a rule is bound to devices of its context alone:"""
    rt = VIEW[ctx]
    rt.rule(100, 10, more=fra(oif="x0"))
    RT.link_add("x0", "dummy")

    def bound():
        return not rt.rules()[1][2] & 16        # FIB_RULE_OIF_DETACHED

    if other:
        LAB.vr.move("x0", other)
    check(not bound(), "to a device elsewhere")
    LAB.vr.move("x0", ctx)
    check(bound(), "when it has come")
    RT.link_set("x0", name="y0")
    check(not bound(), "with another name")
    RT.link_set("y0", name="x0")
    check(bound(), "with its name again")
    LAB.vr.move("x0", other)
    check(not bound(), "when it has gone")
    rt.rule_del(10)
    rt.rule(100, 10, more=fra(oif="x0"))
    check(not bound(), "there before the rule")
    LAB.vr.move("x0", ctx)
    RT.link_del("x0")
    check(not bound(), "deleted")
    rt.rule_del(10)


@params((1,), (2,))
def test_refused(ctx):
    """what a context cannot have, and nothing is left of it:"""
    rt = VIEW[ctx]
    for what, err, table, more in (
            ("VRF", E.EOPNOTSUPP, 0, fra(l3mdev=1)),
            ("tunnel", E.EOPNOTSUPP, 100, fra(tun_id=5)),
            ("another context", E.EPERM, table_of(3 - ctx), b""),
            ("no context", E.EPERM, table_of(99), b""),
            ("a subtable", E.EPERM, nl.SUBTABLE_BASE + 1, b""),
            ("goto back", E.EINVAL, 0, fra(goto=5)),
            ("ports upside down", E.EINVAL, 100, fra(dports=(9, 2)))):
        got = refused(err, what, rt.rule, table, 10, more=more)
        check(got.extack, f"no text: {what}")
    refused(E.EAFNOSUPPORT, "family", rt.rule, 100, 10, family=128)
    refused(E.ENOENT, "delete", rt.rule_del, 4711)
    eq(shown(ctx), STD, "after")
    # context 0: none of a context's tables, under any number
    for table in (table_of(ctx), next(
            struct.unpack("=I", got[15])[0] for _, got in RT.all_routes(0)
            if nl.NL_TABLE in got)):
        got = refused(E.EOPNOTSUPP, f"table {table}", RT.rule, table, 10)
        check("context" in got.extack, got.extack)


def test_by_attribute():
    """context 0 names the context whose rules it means"""
    who = u32(NL_ATTR, 1)
    RT.rule(100, 10, more=who)
    eq(ways(1), "b", "in 1")
    eq([rule[:2] for rule in RT.rules(more=who)],
       [STD[0], (10, 100)] + STD[1:], "shown")
    check((10, 100) not in shown(0) + shown(2), "elsewhere")
    eq(set(rule[3].get(NL_ATTR) for rule in RT.rules(more=who)),
       {struct.pack("=I", 1)}, "says so")
    RT.rule_del(10, more=who)
    eq((ways(1), shown(1)), ("a", STD), "deleted")
    for bad in (u32(NL_ATTR, 99), nl.attr(NL_ATTR, b"\1")):
        refused(E.ENOENT, "unknown context", RT.rule, 100, 10, more=bad)
    check((10, 100) not in shown(0), "nothing in context 0")


def test_events():
    """heard in the context, and in context 0 with its number"""
    ears = {}
    for n in ALL:
        with inside(n):
            ears[n] = nl.Netlink(socket.NETLINK_ROUTE)
        ears[n].sock.setsockopt(nl.SOL_NETLINK, 1, GROUP)
        ears[n].sock.setblocking(False)
    VIEW[1].rule(100, 10)
    VIEW[1].rule_del(10)
    RT.rule(100, 11)
    RT.rule_del(11)
    for n, one in ears.items():
        got = []
        try:
            while True:
                got += [(kind, parse(body[12:]).get(NL_ATTR)) for
                        kind, _, _, body in one.split(one.sock.recv(1 << 16))]
        except BlockingIOError:
            pass
        one.close()
        mine = [(kind, struct.pack("=I", 1)) for kind in (32, 33)]
        eq(got, {0: mine + [(32, None), (33, None)], 1: mine, 2: []}[n],
           f"in {n}")


def test_deleted():
    """rules end with their context; one with its number begins without"""
    LAB.vr.new(3)
    with inside(3):
        rt = Rtnl()
    for pref in range(10, 20):
        rt.rule(100, pref, more=fra(dports=(1, 2), proto=17))
    rt.rule(0, 20, action=7)
    rt.close()
    LAB.vr.delete(3)
    LAB.vr.new(3)
    with inside(3):
        rt = Rtnl()
    eq([rule[:2] for rule in rt.rules()], STD, "of the new one")
    rt.route(DST, kind=RTN_BLACKHOLE, table=100)
    rt.rule(100, 10)
    eq(rt.route_get(pick("127.0.0.1", "::1"))[0], RTN_LOCAL, "in use")
    rt.close()
    LAB.vr.delete(3, force=True)


@params((1, 2), (2, 1))
def test_source(ctx, other):
    """a source is checked by the rules of the context (rp_filter):"""
    if pick(0, 1):
        return                  # IPv6 has no such check
    dev = f"a{ctx}"
    sysctl(f"net.ipv4.conf.{dev}.rp_filter", 1)
    VIEW[ctx].rule(100, 10, dst="192.0.2.0/24")
    VIEW[other].rule(200, 10, dst="192.0.2.0/24")
    with sock(UDP, ctx, ("0.0.0.0", 5353)) as one:
        for way, want in ((True, False), (False, True)):
            if not way:
                VIEW[ctx].rule_del(10)
            W["a", ctx].send_udp(9, 5353, b"spoof", src=DST)
            W["a", ctx].sync()
            one.setblocking(False)
            try:
                got = bool(one.recv(100))
            except BlockingIOError:
                got = False
            eq(got, want, f"with the rule: {way}")
    VIEW[other].rule_del(10)
    sysctl(f"net.ipv4.conf.{dev}.rp_filter", 0)


run(globals())
