#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 4 6
"""Distributed hosts: one address in two contexts of one machine.

Guards that nothing of the one is taken for the other's: addresses, port maps,
sockets, fragments, neighbours, grants, events. The far end of each link is the
client and the member at once, so that what is handed over is seen as it is on
the wire. What becomes of each packet is seen by counters, tracepoints and
drop reasons.
"""
import contextlib
import errno
import os
import socket
import struct

from vr_dhost import (EVENTS, HOST_DEL, HOST_GET, HOST_NEW, HOST_SET,
                      MEMBER_DEL, MEMBER_NEW, PORT_DEL, PORT_SET, SHARED,
                      SNET, SOCK_NTF, TCP_P, UDP_P, Dhost, load, mac)
from vr_fam import CONF, FORWARD, PORT_UNREACH, ip, pick
from vr_hdr import (BROADCAST, ETH, NEIGH, kind_of, neigh_of, neigh_reply,
                    neigh_request)
from vr_net import (ANY, HIP, TCP, TIMEOUT, UDP, Lab, Netns, both_run, connect,
                    pending, sock)
from vr_pkt import (ACK, FIN, MF, RST, SYN, Packet, Wire, ip_packet,
                    tcp_segment, udp_datagram)
from vr_rt import sysctl
from vr_tap import check, eq, params, refused, run, wait

LAB = Lab(0, 7, hosts=False)
load()
DH = Dhost()
W = {ctx: Wire(LAB, ctx, cidr="10.0.0.11/24") for ctx in (0, 7)}
CTX = params(*[(ctx,) for ctx in W])
ME, OTHER, THERE = 1, 2, mac(22)
# In enum vrctx_drop_reason, which has no names in the trace
VRCTX_DHOST, VRCTX_HANDOVER = 3, 4
TRACING = "/sys/kernel/tracing/instances/vr_dhost"


def call(cmd, ctx, **kwargs):
    return DH.call(cmd, context=ctx, **kwargs)


for num, w in W.items():
    call(HOST_NEW, num, own=ME, lead=ME)
    call(MEMBER_NEW, num, node=OTHER, ifname=w.dev, lladdr=THERE)
    LAB.rt.addr(w.dev, SNET)


class Counted:
    """with Counted({0: "local"}): that, and nothing else, is counted."""

    def __init__(self, want):
        self.want, self.before = want, None

    @staticmethod
    def now():
        return {ctx: call(HOST_GET, ctx)["stats"] for ctx in W}

    def __enter__(self):
        self.before = self.now()

    def __exit__(self, kind, *_):
        if kind:
            return
        for wire in W.values():
            wire.sync()
        now = self.now()
        got = {ctx: {key: val - self.before[ctx][key]
                     for key, val in now[ctx].items()
                     if val != self.before[ctx][key]} for ctx in W}
        want = {ctx: {key: 1 for key in self.want.get(ctx, "").split()}
                for ctx in W}
        eq(got, want, "counted")


@contextlib.contextmanager
def owned(ctx, proto, port, node=OTHER):
    """The port map of one context has this."""
    call(PORT_SET, ctx, protocol=proto, port=port, node=node)
    try:
        yield
    finally:
        call(PORT_DEL, ctx, protocol=proto, port=port)


@contextlib.contextmanager
def lead(node, *contexts):
    for ctx in contexts:
        call(HOST_SET, ctx, lead=node)
        W[ctx].sync()
    try:
        yield
    finally:
        for ctx in contexts:
            call(HOST_SET, ctx, lead=ME)
            W[ctx].sync()


def said(wire, port):
    """ICMP types, and TCP flags of what came to the port."""
    return [pkt.icmp or pkt.flags for pkt in wire.sync()
            if pkt.icmp or pkt.dport == port]


def handed(wire, at=THERE):
    """The next packet that the lead gives to somebody else."""
    for _, payload in wire.frames(5):
        if wire.head[:6] == at:
            eq(wire.head[6:12], wire.rmac, "sender on the wire")
            return payload
    raise AssertionError("nothing is handed over")


@CTX
def test_sockets(ctx):
    """a socket's port is this node's in its own context only:"""
    other, port = 7 - ctx, 4000 + ctx
    with sock(TCP, ctx, (SHARED, 80), listen=8), sock(UDP, ctx, (SHARED, 80)):
        for where, what, answers in (
                (ctx, "local", ([SYN | ACK], [])),
                (other, "lead", ([RST | ACK], [PORT_UNREACH]))):
            wire = W[where]
            with Counted({where: what}):
                wire.send_tcp(port, 80, 1, flags=SYN, dst=SHARED)
                eq(said(wire, port), answers[0], f"SYN in context {where}")
            with Counted({where: what}):
                wire.send_udp(port, 80, b"?", dst=SHARED)
                eq(said(wire, port), answers[1], f"datagram in context {where}")


@CTX
def test_connections(ctx):
    """so is a connection, on a node that is not the lead:"""
    # the connection is remembered after its end, by these
    other, wire, far = 7 - ctx, W[ctx], 4100 + ctx
    with lead(OTHER, 0, 7), \
            sock(UDP, ctx, (SHARED, 4001)) as datagrams, \
            sock(TCP, ctx, (SHARED, 81), listen=1) as listener:
        datagrams.connect((HIP, 4001))
        wire.send_tcp(far, 81, 1, flags=SYN, dst=SHARED)
        reply = wire.expect(lambda p: p.flags == SYN | ACK, "SYN|ACK")
        ack = {"ack": reply.seq + 1, "flags": ACK, "dst": SHARED}
        wire.send_tcp(far, 81, 2, **ack)
        wire.sync()
        with pending(listener) as one:
            listener.close()
            for where, what in ((ctx, "local"), (other, "ignored")):
                with Counted({where: what}):
                    W[where].send_tcp(far, 81, 2, data=b"x", **ack)
                with Counted({where: what}):
                    W[where].send_udp(4001, 4001, b"y", dst=SHARED)
            eq((one.recv(9), datagrams.recv(9)), (b"x", b"y"), "what came")
            # or its FIN comes again while other tests look
            wire.send_tcp(far, 81, 3, flags=RST, dst=SHARED)
            wire.sync()


@CTX
def test_time_wait(ctx):
    """a port that moves takes new connections along, of old peers, too:"""
    wire, far = W[ctx], 4200 + ctx
    with sock(TCP, ctx, (SHARED, 91), listen=1) as listener:
        wire.send_tcp(far, 91, 1, flags=SYN, dst=SHARED)
        ack = wire.expect(lambda p: p.flags == SYN | ACK, "SYN|ACK").seq + 1
        wire.send_tcp(far, 91, 2, ack, dst=SHARED)
        wire.sync()
        pending(listener).close()
        wire.expect(lambda p: p.flags == FIN | ACK, "FIN")
        wire.send_tcp(far, 91, 2, ack + 1, FIN | ACK, dst=SHARED)
        wire.expect(lambda p: p.flags == ACK, "the last ACK")
    with owned(ctx, TCP_P, 91):
        with Counted({ctx: "local"}):
            wire.send_tcp(far, 91, 3, ack + 1, dst=SHARED)
        with Counted({ctx: "handed_over"}):
            wire.send_tcp(far, 91, 1 << 20, flags=SYN, dst=SHARED)


@CTX
def test_handed_over_as_it_is(ctx):
    """each has a port map; not a byte of the packet changes:"""
    wire, other = W[ctx], W[7 - ctx]
    whole = (
        ip_packet(TCP_P, tcp_segment(4002, 82, 9, 0, SYN, b"", HIP, SHARED),
                  HIP, SHARED, ttl=1),
        # sums are for who takes it
        ip_packet(UDP_P, udp_datagram(4002, 82, b"x", HIP, SHARED)[:6]
                  + b"\xba\xd0x", HIP, SHARED, ttl=255))
    with owned(ctx, TCP_P, 82), owned(ctx, UDP_P, 82):
        for packet in whole:
            with Counted({ctx: "handed_over"}):
                wire.send(packet, ETH)
                eq(handed(wire), packet, "as sent")
            # in the other context nobody has it, which is for the lead to say
            with Counted({7 - ctx: "lead"}):
                other.send(packet, ETH)
    # to all, once: nobody has the port, somebody may have the connection
    packet = ip_packet(TCP_P, tcp_segment(4002, 82, 9, 9, ACK, b"", HIP,
                                          SHARED), HIP, SHARED)
    call(MEMBER_NEW, ctx, node=3, ifname=wire.dev, lladdr=mac(33))
    with Counted({ctx: "flooded"}):
        wire.send(packet, ETH)
        eq(handed(wire, BROADCAST), packet, "as sent")
        eq([pkt for pkt in wire.sync() if pkt.dst == SHARED], [],
           "a second time")
    call(MEMBER_DEL, ctx, node=3)


@CTX
def test_itself(ctx):
    """what a node sends to itself is no other's business:"""
    with lead(OTHER, ctx), Counted({}), \
            sock(TCP, ctx, (SHARED, 92), listen=1) as listener, \
            connect((SHARED, 92), ctx) as one:
        with pending(listener) as other:
            one.send(b"here")
            eq(other.recv(9), b"here", "what came")
        refused(errno.ECONNREFUSED, "nobody's port", connect, (SHARED, 93),
                ctx)


@CTX
def test_fragments(ctx):
    """datagrams of the same numbers are two, one in each:"""
    wire, other = W[ctx], W[7 - ctx]
    data = udp_datagram(4003, 83, b"x" * 1600, HIP, SHARED)
    ident = 4000 + ctx

    def part(where, first):
        where.send_ip(UDP_P, data[:800] if first else data[800:], dst=SHARED,
                      ident=ident, frag=MF if first else 100)

    with owned(ctx, UDP_P, 83):
        with Counted({ctx: "handed_over"}):
            part(wire, True)
        with Counted({7 - ctx: "flooded fragments"}):
            part(other, False)
        with Counted({ctx: "handed_over"}):
            part(wire, False)


def asked(wire):
    """Who says that the address is there?"""
    wire.send_neigh(neigh_request(HIP, SHARED))
    return [at for reply, _, at, target in map(neigh_of, wire.sync((NEIGH,)))
            if reply and target == SHARED]


@CTX
def test_neighbours(ctx):
    """the lead of one answers and announces in that one:"""
    other = 7 - ctx
    with lead(OTHER, ctx):
        with Counted({ctx: "arp_ignored"}):
            eq(asked(W[ctx]), [], "not the lead")
            eq(asked(W[other]), [W[other].rmac], "the lead")
        call(HOST_SET, ctx, lead=ME)
        told = {where: [neigh_of(f)[2] for f in wire.sync((NEIGH,))]
                for where, wire in W.items()}
        eq(told, {ctx: [W[ctx].rmac], other: []}, "announced")


@CTX
def test_link_up(ctx):
    """a node that is not the lead does not say so when its link comes up:"""
    wire = W[ctx]
    key = f"{CONF}.{wire.dev}.{pick('arp', 'ndisc')}_notify"
    sysctl(key, 1)
    with lead(OTHER, ctx):
        before = call(HOST_GET, ctx)["stats"]["arp_silenced"]
        LAB.rt.link_set(wire.dev, up=False)
        wire.up()
        wait(lambda: call(HOST_GET, ctx)["stats"]["arp_silenced"] > before,
             "what it would have said")
        told = [neigh_of(f) for f in wire.sync((NEIGH,))]
        eq([one for one in told if SHARED in (one[1], one[3])], [], "told")
    sysctl(key, 0)


@contextlib.contextmanager
def third(ctx):
    """A member at x0, which takes less than the client's link."""
    far = Netns(ipv6=False)
    LAB.rt.veth("x0", "eth0", far.fd, mtu=1400)
    if ctx:
        LAB.vr.move("x0", ctx)
    far.rt.link_set("eth0", up=True)
    LAB.rt.link_set("x0", up=True)
    both_run(LAB.rt, "x0", far.rt)
    call(MEMBER_NEW, ctx, node=3, ifname="x0", lladdr=mac(33))
    try:
        yield far
    finally:
        call(MEMBER_DEL, ctx, node=3)
        if "x0" in LAB.rt.index:
            LAB.rt.link_del("x0")
        far.close()


@CTX
def test_device(ctx):
    """a member is given nothing over a device that does not take it:"""
    def one(what, size=100):
        with Counted({ctx: what}):
            W[ctx].send_udp(4004, 84, bytes(size), dst=SHARED)

    with third(ctx) as far, owned(ctx, UDP_P, 84, 3):
        one("handed_over")
        one("failed", 1420)             # larger than its MTU
        far.rt.link_set("eth0", up=False)
        one("failed")                   # no carrier
        far.rt.link_set("eth0", up=True)
        both_run(LAB.rt, "x0", far.rt)
        one("handed_over")
        LAB.rt.link_set("x0", up=False)
        one("failed")
        LAB.vr.move("x0", 7 - ctx)
        LAB.rt.link_set("x0", up=True)
        both_run(LAB.rt, "x0", far.rt)
        one("failed")                   # of another context now
        LAB.rt.link_set("x0", up=False)
        LAB.vr.move("x0", ctx)
        LAB.rt.link_set("x0", up=True)
        both_run(LAB.rt, "x0", far.rt)
        one("handed_over")
        LAB.rt.link_del("x0")
        one("failed")


@CTX
def test_only_address(ctx):
    """a node that has no other address does not ask with that one:"""
    addr, peer, at = ip("10.0.9.1"), ip("10.0.9.2"), mac(33)
    with third(ctx) as far:
        call(HOST_NEW, ctx, own=ME, address=addr)
        call(MEMBER_NEW, ctx, node=OTHER, ifname="x0", lladdr=THERE,
             address=addr)
        call(HOST_SET, ctx, lead=OTHER, address=addr)
        with far:
            wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW,
                                 socket.htons(3))
        wire.bind(("eth0", 3))
        wire.settimeout(TIMEOUT)
        LAB.rt.addr("x0", "10.0.9.1/24")
        with wire, sock(UDP, ctx, (addr, 94)) as one:
            one.sendto(b"found", (peer, 94))
            while True:
                frame = wire.recv(2000)
                kind = kind_of(struct.unpack_from("!H", frame, 12)[0],
                               frame[14:])
                if kind == ETH and Packet(frame[14:]).sport == 94:
                    break
                if kind != NEIGH or frame[6:12] == at:
                    continue
                reply, sender, _, target = neigh_of(frame[14:])
                check(addr not in (sender, target), "it says where it is")
                if not reply and target == peer:
                    dst, kind, payload = neigh_reply(peer, sender, at,
                                                     frame[6:12])
                    wire.send(dst + at + struct.pack("!H", kind) + payload)
        pkt = Packet(frame[14:])
        eq((frame[:6], pkt.src, pkt.data), (at, addr, b"found"), "datagram")
        check(call(HOST_GET, ctx, address=addr)["stats"]["arp_silenced"],
              "nothing was changed")
        call(HOST_DEL, ctx, address=addr)


@CTX
def test_router(ctx):
    """to a router on the way it is an address as any other:"""
    addr, wire = ip("10.0.0.50"), W[ctx]
    sysctl(FORWARD, 1)
    call(HOST_NEW, ctx, own=ME, lead=ME, address=addr)
    LAB.rt.addr(W[7 - ctx].dev, "10.0.0.50/24")
    LAB.rt.neigh(wire.dev, addr, mac(50))
    try:
        wire.send_udp(4005, 85, b"on", dst=addr)
        payload = handed(wire, mac(50))
        eq(Packet(payload).ttl, 63, "time to live")
        eq(sum(call(HOST_GET, ctx, address=addr)["stats"].values()), 0,
           "counted")
    finally:
        sysctl(FORWARD, 0)
        LAB.rt.addr_del(W[7 - ctx].dev, "10.0.0.50/24")
        call(HOST_DEL, ctx, address=addr)
        wire.sync()


@CTX
def test_grants(ctx):
    """a bind() asks if the address is one that asks in its context:"""
    there = (SHARED, 86), (ip("0.0.0.0"), 86)
    call(HOST_SET, ctx, grants=1)
    try:
        for addr in there:
            sock(TCP, 7 - ctx, addr).close()
            refused(errno.EADDRINUSE, f"{addr}", sock, TCP, ctx, addr)
        refused(errno.EADDRINUSE, "in all contexts", sock, TCP, ANY, there[1])
    finally:
        call(HOST_SET, ctx, grants=0)


@CTX
def test_events(ctx):
    """sockets are told of if the address is distributed in theirs:"""
    addr = ip("10.0.0.60")
    for wire in W.values():
        LAB.rt.addr(wire.dev, "10.0.0.60/24")
    call(HOST_NEW, ctx, own=ME, address=addr)
    with Dhost(listen=True) as events:
        sock(UDP, 7 - ctx, (addr, 87)).close()
        sock(UDP, ctx, (addr, 88)).close()
        got = [(EVENTS[e["event"]], e["context"], e["port"])
               for _, e in events.events(2, (SOCK_NTF,))]
        eq(got, [("bound", ctx, 88), ("closed", ctx, 88)], "events")
    call(HOST_DEL, ctx, address=addr)
    for wire in W.values():
        LAB.rt.addr_del(wire.dev, "10.0.0.60/24")


def test_gone():
    """a context that goes takes no other's address along"""
    LAB.vr.new(9)
    call(HOST_NEW, 9, own=ME)
    LAB.vr.delete(9)
    eq(sorted(h["context"] for h in DH.dump(HOST_GET)), [0, 7], "addresses")


class Trace:
    """An instance of the tracer, with these events."""

    def __init__(self, *events):
        self.events = events

    def __enter__(self):
        os.mkdir(TRACING)
        for event in self.events:
            self.write(f"events/{event}/enable", "1")
        return self

    @staticmethod
    def write(name, text):
        with open(f"{TRACING}/{name}", "w", encoding="ascii") as f:
            f.write(text)

    def lines(self, event):
        """Those of an event since the last time."""
        with open(TRACING + "/trace", encoding="ascii") as f:
            out = [line.split(f" {event}: ")[1] for line in f
                   if f" {event}: " in line]
        self.write("trace", "")
        return out

    def drops(self):
        """Reasons that are contexts', of packets dropped."""
        reasons = [int(line.split("reason: ")[1], 16)
                   for line in self.lines("kfree_skb") if ": 0x" in line]
        return [reason & 0xffff for reason in reasons if reason >> 16]

    def __exit__(self, *_):
        for event in self.events:
            self.write(f"events/{event}/enable", "0")
        os.rmdir(TRACING)


@CTX
def test_traced(ctx):
    """decisions and changes have tracepoints, drops have reasons:"""
    wire = W[ctx]
    with Trace("vr_dhost", "skb/kfree_skb") as trace:
        with owned(ctx, UDP_P, 89), lead(OTHER, ctx):
            host = trace.lines("vr_dhost_host")
            eq(len(host), 1, "changes")
            for word in (f"{SHARED} ", f"vrctx={ctx} ", "own=1 ", "lead=2 "):
                check(word in host[0], f"{word}: {host}")
            wire.send_udp(4006, 89, b"?", dst=SHARED)
            wire.sync()
            eq(trace.drops(), [VRCTX_DHOST], "dropped")
        with third(ctx), owned(ctx, UDP_P, 89), owned(ctx, UDP_P, 90, 3):
            trace.lines("vr_dhost_packet")
            for port in (89, 9):
                wire.send_udp(4006, port, b"?", dst=SHARED)
                wire.sync()
            got = trace.lines("vr_dhost_packet")
            eq([struct.pack("B", line.count(f"vrctx={ctx} ")) + word.encode()
                for line in got for word in line.split()
                if word.startswith("whose=")],
               [b"\1whose=2", b"\1whose=0"], "decisions")
            wire.send_udp(4006, 90, bytes(1420), dst=SHARED)
            wire.sync()
            eq(trace.drops(), [VRCTX_HANDOVER], "not handed over")


run(globals())
