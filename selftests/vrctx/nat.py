#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 4 6
"""Address translation: a mapping is one of its context, its port taken there.

	10.1.0.2 i ---- router, context N ---- o 10.0.0.2	for N = 0, 1, 2

Guards nf_conntrack_tuple_taken(), hash_by_src(), find_appropriate_src(),
masquerading, SO_ORIGINAL_DST and what a route leak makes of a connection.
"""
import contextlib
import re
import socket
import struct

import vr_nl as nl
from vr_fam import FORWARD, PORT_UNREACH, V6, ip, only, pick
from vr_leak import leak_attrs
from vr_net import HIP, RIP, UDP, Lab, inside, readable, serve, sock
from vr_nft import IP, Queue, chain, conns, rules
from vr_nl import table_of
from vr_pkt import ACK, SYN, Peer, Wire, quote
from vr_rt import Rtnl, sysctl
from vr_tap import check, eq, params, run, wait

LAB = Lab(1, 2, hosts=False)
ALL = (0, 1, 2)
sysctl(FORWARD, 1)
I = {n: Wire(LAB, n, dev=f"i{n}", cidr="10.1.0.1/24", ip="10.1.0.2")
     for n in ALL}
O = {n: Wire(LAB, n, dev=f"o{n}") for n in ALL}
MASQ = chain("postrouting", 'oifname "o*" masquerade', kind="nat",
             prio="srcnat")
TRACK = chain("forward", "ct state new")
SO_ORIGINAL_DST = 80


def out(ctx, sport, dport=53, data=b"out"):
    """A datagram from the inside of a context; what came out."""
    I[ctx].send_udp(sport, dport, data, dst=HIP)
    return O[ctx].expect(lambda p: p.proto == 17 and p.data == data,
                         "translated datagram")


def back(ctx, dport, data):
    """The answer; what came back in."""
    O[ctx].send_udp(53, dport, data)
    return I[ctx].expect(lambda p: p.proto == 17 and p.data == data,
                         "answer")


def test_masquerade():
    """the same five-tuple keeps its port in each context, answers come back"""
    with rules(MASQ):
        for ctx in ALL:
            pkt = out(ctx, 4000)
            eq((pkt.src, pkt.sport), (ip(RIP), 4000), f"source in {ctx}")
        for ctx in ALL:
            pkt = back(ctx, 4000, b"in %d" % ctx)
            eq((pkt.src, pkt.dst, pkt.dport),
               (ip(HIP), ip("10.1.0.2"), 4000), f"answer in {ctx}")
        for wire in (*I.values(), *O.values()):
            wire.silent("answers")
        pkt = None
        I[1].send_udp(4000, 53, b"other", src="10.1.0.3", dst=HIP)
        pkt = O[1].expect(lambda p: p.proto == 17, "second client")
        check(pkt.sport != 4000, "one port for two clients of a context")


def test_mapping():
    """a port that was picked for a source is not that of another context"""
    ports = {}
    with rules(chain("postrouting", 'oifname "o*" meta l4proto udp masquerade '
                     "to :6000-6999", kind="nat", prio="srcnat")):
        for ctx in (1, 2):
            ports[ctx] = [out(ctx, 4100 + n).sport for n in range(6)]
            eq([out(ctx, 4100 + n, 54).sport for n in range(6)], ports[ctx],
               f"the mapping of {ctx} is used again")
    check(ports[1] != ports[2], f"both contexts got {ports[1]}")


def test_error():
    """an ICMP error about a translated packet is translated back"""
    with rules(MASQ):
        sent = {ctx: out(ctx, 4200 + ctx) for ctx in (1, 2)}
        for ctx in (1, 2):
            O[ctx].send_icmp(*PORT_UNREACH, 0, quote(sent[ctx].raw))
            pkt = I[ctx].expect(lambda p: p.icmp == PORT_UNREACH, "error")
            eq(pkt.dst, ip("10.1.0.2"), f"error in {ctx}")
            # another context's: nothing there to be translated
            other = 3 - ctx
            O[other].send_icmp(*PORT_UNREACH, 0, quote(sent[ctx].raw))
            eq([p for p in I[other].sync() if p.proto != 17], [],
               f"error about a packet of {ctx} in {other}")


def original(one):
    """SO_ORIGINAL_DST: (address, port)"""
    if V6:
        raw = one.getsockopt(41, SO_ORIGINAL_DST, 28)
        return (socket.inet_ntop(socket.AF_INET6, raw[8:24]),
                struct.unpack_from("!H", raw, 2)[0])
    raw = one.getsockopt(0, SO_ORIGINAL_DST, 16)
    return socket.inet_ntoa(raw[4:8]), struct.unpack_from("!H", raw, 2)[0]


def test_redirect():
    """a server asks where a redirected connection was to go"""
    with rules(chain("prerouting", "tcp dport 80-89 redirect to :8080",
                     kind="nat", prio="dstnat")):
        listen = {n: serve(n, 8080) for n in ALL}
        peers, served = {}, {}
        for n in ALL:
            peers[n] = Peer(O[n], 4300, 80 + n).open()
            served[n] = listen[n].accept()[0]
        for n in ALL:
            eq(original(served[n]), (ip(RIP), 80 + n), f"original in {n}")
        for one in (*listen.values(), *served.values()):
            one.close()


def test_down():
    """a device that goes down ends what was masqueraded for it, no more"""
    with rules(MASQ):
        for ctx in (1, 2):
            out(ctx, 4400, 55)
        LAB.rt.link_set("o1", up=False)
        wait(lambda: [c.ctx for c in conns(55)] == [2], "the flush")
        O[1].up()


def leak(frm, prefix, to, cmd=nl.LEAK_NEW):
    LAB.vr.bodies(cmd, leak_attrs(frm, prefix, to))


@contextlib.contextmanager
def crossing(frm, to, back=True):
    """near in one context, far in another: a leak leads there, and back."""
    near = Wire(LAB, frm, dev="near", cidr="10.8.0.1/24", ip="10.8.0.2")
    far = Wire(LAB, to, dev="far", cidr="10.9.0.1/24", ip="10.9.0.2")
    leak(frm, "10.9.0.0/24", to)
    if back:
        leak(to, "10.8.0.0/24", frm)
    try:
        yield near, far
    finally:
        leak(frm, "10.9.0.0/24", None, nl.LEAK_DEL)
        if back:
            leak(to, "10.8.0.0/24", None, nl.LEAK_DEL)
        LAB.rt.link_del("near")
        LAB.rt.link_del("far")


@params((1, 2), (1, 0), (0, 1))
def test_leak(frm, to):
    """a connection that crosses by a route leak is one, answers find it:"""
    port = 4500 + 10 * frm + to
    with crossing(frm, to) as (near, far), \
            rules(chain("postrouting", 'oifname "far" masquerade', kind="nat",
                        prio="srcnat")
                  + chain("forward", 'iifname "far" ct state new drop')):
        near.send_udp(port, 53, b"over", dst="10.9.0.2")
        pkt = far.expect(lambda p: p.proto == 17, "datagram that crossed")
        eq((pkt.src, pkt.sport), (ip("10.9.0.1"), port), "source")
        far.send_udp(53, port, b"back")
        pkt = near.expect(lambda p: p.proto == 17, "answer that crossed")
        eq((pkt.src, pkt.dst, pkt.dport),
           (ip("10.9.0.2"), ip("10.8.0.2"), port), "answer")
        far.send_udp(53, port, b"new", dst="10.8.0.2")
        near.silent("no answer")
        for ctx in (frm, to):
            with inside(ctx):
                # who reads the table misses one if another goes meanwhile
                eq(wait(lambda: len([c for c in conns(53)
                                     if c.orig[1] == port]),
                        f"the connection in {ctx}"), 1, f"seen in {ctx}")


class Heard(nl.Netlink):
    """New connections, as a context hears of them."""
    def __init__(self, ctx):
        with inside(ctx):
            super().__init__(12)
        self.sock.setsockopt(nl.SOL_NETLINK, 1, 1)

    def count(self, sport):
        num = 0
        while body := readable(self.sock):
            for _, _, _, msg in self.split(body):
                ports = nl.parse(nl.parse(nl.parse(msg[4:])[1])[2])
                num += ports.get(2) == struct.pack("!H", sport)
        self.close()
        return num


@params((1, 2), (1, 0), (0, 1))
def test_leak_event(frm, to):
    """both contexts, and context 0, hear of one that crosses:"""
    port = 4550 + 10 * frm + to
    with crossing(frm, to) as (near, far), rules(TRACK):
        hear = {n: Heard(n) for n in ALL}
        near.send_udp(port, 53, b"over", dst="10.9.0.2")
        far.expect(lambda p: p.proto == 17, "datagram that crossed")
        eq([hear[n].count(port) for n in ALL],
           [int(n in (0, frm, to)) for n in ALL], "events")


@params((True,), (False,))
def test_clash(back):
    """two packets at once, one each way, are of one connection if it leads back
    to the context where it began:"""
    port = 4590 + back
    sysctl("net.netfilter.nf_conntrack_acct", 1)
    if not back:
        LAB.rt.route("10.8.0.0/24", via=HIP, dev="o2", table=table_of(2))
    with crossing(1, 2, back) as (near, far), Queue(7) as queue, rules(
            TRACK + chain("postrouting", f"udp sport {port} queue num 7",
                          f"udp dport {port} queue num 7")):
        near.send_udp(port, 53, b"over", dst="10.9.0.2")
        waiting = [queue.packet()]
        far.send_udp(53, port, b"back", dst="10.8.0.2")
        waiting.append(queue.packet())
        for num in waiting:
            queue.verdict(num, 1)
        far.expect(lambda p: p.proto == 17, "datagram that crossed")
        (near if back else O[2]).expect(lambda p: p.proto == 17, "the other")
        # the table is read in pieces: it may miss one when another goes
        got, = wait(lambda: [c for c in conns(53) if c.orig[1] == port],
                    "the connection")
        eq(re.findall(r"packets=(\d+)", got.line), [str(1 + back), "0"],
           "packets of the first")
    if not back:
        LAB.rt.route_del("10.8.0.0/24", table=table_of(2))
    sysctl("net.netfilter.nf_conntrack_acct", 0)


@params((1, 2), (1, 0), (0, 1))
def test_leak_port(frm, to):
    """a port that is taken where a connection crosses to is not its:"""
    with crossing(frm, to) as (near, far), serve(to, 6100, addr="10.9.0.1"), \
            rules(chain("postrouting", 'oifname "far" meta l4proto tcp '
                        "masquerade to :6100-6101", kind="nat",
                        prio="srcnat")):
        for num in range(8):
            far.send_tcp(7000 + num, 6100, 1000, flags=SYN)
            far.expect(lambda p: p.proto == 6 and p.flags & SYN, "SYN|ACK")
            near.send_tcp(4800 + num, 7000 + num, 1000, flags=SYN,
                          dst="10.9.0.2")
            pkt = far.expect(lambda p: (p.proto == 6 and p.flags & SYN
                                        and not p.flags & ACK), "SYN")
            eq((pkt.src, pkt.sport), (ip("10.9.0.1"), 6101), f"source {num}")


NOTHING = chain("postrouting", 'oifname "none" masquerade', kind="nat",
                prio="srcnat")


@params(*((*way, nat) for nat in range(3) for way in ((1, 2), (1, 0), (0, 1))))
def test_leak_taken(frm, to, nat):
    """what goes the other way there is another flow, not its answers:"""
    port = 4900 + 10 * frm + to + 100 * nat
    way = {"via": HIP, "dev": f"o{to}", "table": nl.table_of(to)}
    LAB.rt.route("10.8.0.0/24", **way)
    with contextlib.ExitStack() as after, \
            crossing(frm, to, back=False) as (near, far), \
            rules((TRACK, NOTHING, MASQ)[nat]):
        after.callback(LAB.rt.route_del, "10.8.0.0/24", **way)
        far.send_udp(53, port, b"own", dst="10.8.0.2")
        O[to].expect(lambda p: p.proto == 17 and p.data == b"own",
                     "flow that does not cross")
        near.send_udp(port, 53, b"over", dst="10.9.0.2")
        if nat:
            pkt = far.expect(lambda p: p.proto == 17, "datagram that crossed")
            check(pkt.sport != port, "one port for two flows")
        else:
            near.sync()
            far.silent("a flow of the same ports")


def test_flow_table():
    """a flow table takes connections of context 0, others stay as they are"""
    devs = ", ".join(f"i{n}, o{n}" for n in ALL)
    with rules("flowtable f {\nhook ingress priority 0;\n"
               f"devices = {{ {devs} }};\n}}\n"
               + chain("forward", "udp dport 56 flow add @f")):
        def to_and_fro(ctx):
            out(ctx, 4700, 56, b"ask")
            O[ctx].send_udp(56, 4700, b"answer", dst="10.1.0.2")
            I[ctx].expect(lambda p: p.proto == 17, "answer")

        def taken():
            return [c.ctx for c in conns(56) if "OFFLOAD" in c.line]

        # context 0 last: half a minute without a packet ends a flow
        for ctx in reversed(ALL):
            for _ in range(3):
                to_and_fro(ctx)
        # and so does any change of a route, until the flow is collected
        wait(lambda: taken() or to_and_fro(0), "a flow in the table")
        eq(taken(), [0], "owners of flows")


def test_flow_crosses():
    """nor one of context 0 whose packets cross to another meanwhile"""
    devs = ", ".join(f"i{n}, o{n}" for n in ALL)
    add = ("flowtable f {\nhook ingress priority 0;\n"
           f"devices = {{ {devs} }};\n}}\n"
           + chain("forward", "udp dport 57 flow add @f"))
    far = Wire(LAB, 1, dev="far", cidr="10.9.0.1/24", ip="10.9.0.2")
    with rules(TRACK, "track"):
        LAB.rt.route("10.9.0.0/24", via=HIP, dev="o0")
        I[0].send_udp(4701, 57, b"one", dst="10.9.0.2")
        O[0].expect(lambda p: p.proto == 17 and p.dport == 57, "datagram")
        LAB.rt.route_del("10.9.0.0/24", via=HIP, dev="o0")
        leak(0, "10.9.0.0/24", 1)
        with rules(add):
            for data in (b"two", b"three"):
                I[0].send_udp(4701, 57, data, dst="10.9.0.2")
                far.expect(lambda p: p.proto == 17, "datagram that crossed")
            eq([(c.ctx, "OFFLOAD" in c.line) for c in conns(57)],
               [(0, False)], "its entry")
        leak(0, "10.9.0.0/24", None, nl.LEAK_DEL)
    LAB.rt.link_del("far")


@params((0,), (1,))
def test_bridged(ctx):
    """what is translated on a bridge is bridged on, as the routes say in:"""
    sysctl(pick("net.bridge.bridge-nf-call-iptables",
                "net.bridge.bridge-nf-call-ip6tables"), 1)
    LAB.rt.link_add("b0", "bridge")
    if ctx:
        LAB.vr.move("b0", ctx)
    ports = [Wire(LAB, ctx, dev=f"p{n}", cidr=None, ip="10.7.0.2", static=False)
             for n in (1, 2)]
    for port in ports:
        LAB.rt.link_set(port.dev, master=LAB.rt.ifindex("b0"))
    LAB.rt.addr("b0", "10.7.0.1/24")
    LAB.rt.link_set("b0", up=True)
    # no port knows these two, so what goes to them goes to both
    first, then = b"\2\0\0\0\0\x55", b"\2\0\0\0\0\x77"
    LAB.rt.neigh("b0", "10.7.0.9", then)
    with rules(chain("prerouting", f"udp dport 54 dnat {IP} to {ip('10.7.0.9')}",
                     kind="nat", prio="dstnat")):
        ports[0].send_udp(4800, 54, b"bridged", dst=ip("10.7.0.3"), mac=first)
        pkt = ports[1].expect(lambda p: p.proto == 17, "translated datagram")
        eq((pkt.src, pkt.dst, ports[1].head[:6]),
           (ip("10.7.0.2"), ip("10.7.0.9"), then), "it")
    for dev in ("p1", "p2", "b0"):
        LAB.rt.link_del(dev)
    for port in ports:
        port.far.close()


@only(6)
def test_loopback():
    """what goes to ::1 is masqueraded as ::1 in each context"""
    with rules(chain("postrouting", 'oifname "lo" udp dport 59 masquerade',
                     kind="nat", prio="srcnat")):
        for ctx in (0, 1):
            with sock(UDP, ctx, ("::1", 4703)) as one, \
                    sock(UDP, ctx, ("::1", 59)) as two:
                one.sendto(b"x", ("::1", 59))
                eq(two.recvfrom(9)[1][0], "::1", f"source in {ctx}")


def test_lo_address():
    """an address that context 0 removes from lo is nobody else's there"""
    def change(ctx, cmd):
        with inside(ctx), contextlib.closing(Rtnl()) as own:
            getattr(own, cmd)("lo", "10.5.0.1/32")

    with rules(chain("postrouting", 'oifname "lo" udp dport 58 masquerade',
                     kind="nat", prio="srcnat")):
        for ctx in (0, 1):
            change(ctx, "addr")
            with sock(UDP, ctx, (RIP, 4702)) as one, \
                    sock(UDP, ctx, ("10.5.0.1", 58)) as two:
                one.sendto(b"x", (ip("10.5.0.1"), 58))
                eq(two.recvfrom(9)[1][0], ip("10.5.0.1"), f"source in {ctx}")
        eq(sorted(c.ctx for c in conns(58)), [0, 1], "before")
        change(0, "addr_del")
        wait(lambda: 0 not in [c.ctx for c in conns(58)], "the flush")
        eq([c.ctx for c in conns(58)], [1], "after")
        change(1, "addr_del")


@only(4)
def test_local():
    """what a socket sends is translated in its context"""
    with rules(chain("output", "udp dport 5300 dnat ip to 10.0.0.2:53",
                     kind="nat", prio="-100")):
        for ctx in ALL:
            with sock(UDP, ctx, (RIP, 4600)) as one:
                one.sendto(b"q%d" % ctx, ("10.0.0.9", 5300))
                O[ctx].expect(lambda p: (p.proto == 17 and p.dport == 53
                                         and p.data == b"q%d" % ctx), "query")
                O[ctx].send_udp(53, 4600, b"a%d" % ctx)
                O[ctx].sync()
                eq(one.recvfrom(99), (b"a%d" % ctx, ("10.0.0.9", 5300)),
                   f"answer in {ctx}")


run(globals())
