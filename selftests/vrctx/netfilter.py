#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 4 6
"""Netfilter is not converted: it must not join what contexts keep apart.

With connection tracking on, packets of a context other than 0 pass untracked;
fragments are put together per context although tracking wants them whole.
Guards the first lines of nf_conntrack_in() and of the defragmenters.
"""
import socket
import struct

from vr_fam import AF, PORT_UNREACH, pick
from vr_net import HIP, RIP, UDP, Lab, connect, readable, serve, sock
from vr_nl import NLM_F_ACK, NLM_F_CREATE, Netlink, attr, nest, text
from vr_pkt import MF, RST, SYN, Wire, ip_packet, quote, udp_datagram
from vr_tap import Skip, check, eq, params, run

NFNL_NFTABLES = 10
BATCH_BEGIN, BATCH_END = 0x10, 0x11
NEWTABLE, DELTABLE, NEWCHAIN, NEWRULE = 0, 2, 3, 6
PREROUTING, INPUT, OUTPUT = 0, 1, 3
META_MARK, META_L4PROTO = 3, 16
FLAGS = NLM_F_CREATE | NLM_F_ACK


def be32(kind, val):
    return attr(kind, struct.pack("!I", val))


def expr(name, *attrs):
    return nest(1, text(1, name), nest(2, *attrs))


def data(kind, val):
    return nest(kind, attr(1, val))


def port_is(proto, port):
    """Expressions: the packet is of the protocol, to the port."""
    return (expr("meta", be32(1, 1), be32(2, META_L4PROTO)),
            expr("cmp", be32(1, 1), be32(2, 0), data(3, bytes([proto]))),
            expr("payload", be32(1, 1), be32(2, 2), be32(3, 2), be32(4, 2)),
            expr("cmp", be32(1, 1), be32(2, 0),
                 data(3, struct.pack("!H", port))))


def new_table(name):
    return NEWTABLE, FLAGS, text(1, name)


def new_chain(table, name, hook, kind="filter"):
    return (NEWCHAIN, FLAGS, text(1, table) + text(3, name)
            + nest(4, be32(1, hook), be32(2, 0)) + text(7, kind))


def new_rule(table, chain, *exprs):
    return (NEWRULE, FLAGS | 0x800, text(1, table) + text(2, chain)
            + nest(4, *exprs))


class Nft(Netlink):
    """Just enough of nf_tables to load one rule."""
    def batch(self, *messages):
        out = b""
        for kind, flags, payload in ((BATCH_BEGIN, 0, None), *messages,
                                     (BATCH_END, 0, None)):
            self.seq += 1
            if payload is None:
                kind_full, res = kind, NFNL_NFTABLES
                payload = b""
            else:
                kind_full, res = NFNL_NFTABLES << 8 | kind, 0
            body = struct.pack("!BBH", AF if not res else 0, 0, res) + payload
            out += struct.pack("=IHHII", 16 + len(body), kind_full,
                               flags | 1, self.seq, 0) + body
            out += b"\0" * (-len(body) % 4)
        self.sock.send(out)
        for _ in messages:
            for _, flg, _, body in self.split(self.sock.recv(1 << 16)):
                self.raise_error(flg, body)


def track():
    """A rule that looks at the state of connections: tracking is on."""
    msgs = [new_table("t")]
    for name, hook in (("in", PREROUTING), ("out", OUTPUT)):
        msgs += [new_chain("t", name, hook),
                 new_rule("t", name, expr("ct", be32(1, 1), be32(2, 0)))]
    try:
        Nft(12).batch(*msgs)
    except OSError as err:
        raise Skip(f"no connection tracking by nf_tables: {err}") from err


LAB = Lab(1, 2, hosts=False)
ALL = (0, 1, 2)
W = {n: Wire(LAB, n) for n in ALL}
STATE = {}


def tracked():
    """Lines of the tracking table."""
    with open("/proc/thread-self/net/nf_conntrack", encoding="ascii") as f:
        return f.read().splitlines()


def on():
    if "err" not in STATE:
        STATE["err"] = None
        try:
            track()
        except Skip as err:
            STATE["err"] = err
    if STATE["err"]:
        raise STATE["err"]


def test_untracked():
    """packets of contexts pass untracked, those of context 0 do not"""
    on()
    for ctx in (1, 2):
        with sock(UDP, ctx, (RIP, 53)) as one:
            W[ctx].send_udp(4000, 53, b"x")
            W[ctx].sync()
            eq(readable(one), b"x", f"datagram in {ctx}")
            one.sendto(b"y", (HIP, 4000))
            W[ctx].expect(lambda p: p.proto == 17, "answer")
    eq(tracked(), [], "entries of contexts")
    with sock(UDP, 0, (RIP, 53)) as one:
        W[0].send_udp(4000, 53, b"x")
        W[0].sync()
        eq(readable(one), b"x", "datagram in 0")
    check(any("dport=53" in line for line in tracked()), "context 0 untracked")


@params((0,), (1,))
def test_same_tuple(ctx):
    """TCP with equal 4-tuples on loopback, tracking on:"""
    on()
    listen = {n: serve(n, 80, addr="127.0.0.1") for n in ALL}
    socks = []
    for n in (ctx, *(set(ALL) - {ctx})):
        one = connect(("127.0.0.1", 80), n, src=("127.0.0.1", 4000 + ctx))
        two = listen[n].accept()[0]
        one.send(b"%d" % n)
        eq(two.recv(9), b"%d" % n, f"data in {n}")
        socks += [one, two]
    eq(sum(pick("127.0.0.1", "0000:0001") in ln and f"sport={4000 + ctx}" in ln
           for ln in tracked()), 1, "entries")
    for one in (*socks, *listen.values()):
        one.close()


def test_fragments():
    """interleaved fragments of equal id, tracking on"""
    on()
    bound = {n: sock(UDP, n, (RIP, 53)) for n in ALL}
    data = {n: bytes([65 + n]) * 1000 for n in ALL}
    for off in (0, 512):
        for n in ALL:
            whole = udp_datagram(4000, 53, data[n])
            piece = whole[off:off + 512] if not off else whole[off:]
            W[n].send_ip(17, piece, ident=9,
                         frag=off >> 3 | (0 if off else MF))
    for n in ALL:
        W[n].sync()
        eq(readable(bound[n]), data[n], f"datagram in {n}")
        bound[n].close()


def test_errors():
    """an ICMP error in a context is not judged by another's connections"""
    on()
    socks = {n: sock(UDP, n, (RIP, 4000)) for n in (0, 1)}
    for one in socks.values():
        one.connect((HIP, 53))
    socks[0].send(b"x")
    sent = ip_packet(17, udp_datagram(4000, 53, b"x", RIP, HIP), RIP, HIP)
    W[1].send_icmp(*PORT_UNREACH, 0, quote(sent))
    W[1].sync()
    eq(socks[0].getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), 0, "in 0")
    eq(socks[1].getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), 111, "in 1")
    for one in socks.values():
        one.close()


def test_reject():
    """what a rule rejects is answered in the packet's context"""
    unreach = pick(3, 4)                # port unreachable
    nft = Nft(12)
    nft.batch(new_table("r"), new_chain("r", "in", INPUT),
              new_rule("r", "in", *port_is(6, 81),
                       expr("reject", be32(1, 1), attr(2, b"\0"))),
              new_rule("r", "in", *port_is(17, 81),
                       expr("reject", be32(1, 0), attr(2, bytes([unreach])))))
    for ctx in ALL:
        W[ctx].send_tcp(4000, 81, 1000, flags=SYN)
        W[ctx].expect(lambda p: p.proto == 6 and p.flags & RST, "RST")
        W[ctx].send_udp(4000, 81, b"x")
        W[ctx].expect(lambda p: p.icmp == PORT_UNREACH, "unreachable")
        for other in set(ALL) - {ctx}:
            W[other].silent(f"an answer in {ctx}")
    nft.batch((DELTABLE, NLM_F_ACK, text(1, "r")))


def test_fib_expression():
    """the "fib" expression looks into the table of the packet's context"""
    nft = Nft(12)
    nft.batch(new_table("f"), new_chain("f", "in", PREROUTING),
              new_rule("f", "in", *port_is(17, 83),
                       # fib saddr oif missing drop
                       expr("fib", be32(1, 1), be32(2, 1), be32(3, 1)),
                       expr("cmp", be32(1, 1), be32(2, 0), data(3, bytes(4))),
                       expr("immediate", be32(1, 0),
                            nest(2, nest(2, be32(1, 0))))))
    for ctx in ALL:
        LAB.rt.addr(W[ctx].dev, f"10.6.{ctx}.1/24")
    for ctx in ALL:
        with sock(UDP, ctx, (RIP, 83)) as one:
            for other in ALL:
                W[ctx].send_udp(4000, 83, b"x", src=f"10.6.{other}.9")
                W[ctx].sync()
                eq(readable(one), b"x" if other == ctx else None,
                   f"from a network of {other} in {ctx}")
    for ctx in ALL:
        LAB.rt.addr_del(W[ctx].dev, f"10.6.{ctx}.1/24")
    nft.batch((DELTABLE, NLM_F_ACK, text(1, "f")))


def test_reroute():
    """a mark set on output has the route looked up again, in the context"""
    nft = Nft(12)
    nft.batch(new_table("m"), new_chain("m", "out", OUTPUT, "route"),
              new_rule("m", "out", *port_is(17, 82),
                       expr("immediate", be32(1, 1),
                            data(2, struct.pack("=I", 7))),
                       expr("meta", be32(2, META_MARK), be32(3, 1))))
    for ctx in ALL:
        with sock(UDP, ctx) as one:
            one.sendto(b"x", (HIP, 82))
        for n in ALL:
            eq([p.dport for p in W[n].sync() if p.proto == 17],
               [82] if n == ctx else [], f"wire of {n}, sent in {ctx}")
    nft.batch((DELTABLE, NLM_F_ACK, text(1, "m")))


run(globals())
