#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 4 6
"""Connections by netlink: a process in a context sees and changes its own.

Context 0 sees all of them, and whose each is in an attribute that the programs
of today skip; with that it names the one that a request is about.
"""
import contextlib
import errno as E
import struct

from vr_fam import AF, packed, pick
from vr_net import HIP, RIP, UDP, Lab, inside, sock
from vr_nft import chain, nft, rules
from vr_nl import (NL_ATTR, NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL,
                   SOL_NETLINK, Netlink, attr, nest, parse, u32)
from vr_pkt import Wire
from vr_tap import eq, params, refused, run

NETFILTER = 12
CT, EXP, NFTABLES, BATCH = 1 << 8, 2 << 8, 10 << 8, 16
NEW, GET, DELETE, STATS_CPU, STATS = 0, 1, 2, 4, 5
ORIG, REPLY, TIMEOUT, MARK = 1, 2, 7, 8
EXP_MASTER, EXP_TUPLE, EXP_MASK, EXP_TIMEOUT = 1, 2, 3, 4
GROUP_NEW, GROUP_DESTROY = 1, 3
LAB = Lab(1, 2, hosts=False)
ALL = (0, 1, 2)
W = {n: Wire(LAB, n) for n in ALL}
nft("table inet on {\n" + chain("prerouting", "ct state established")
    + chain("output", "ct state established") + "}\n")


def tuple_of(kind, src, sport, dst, dport):
    first = pick(1, 3)
    return nest(kind, nest(1, attr(first, packed(src)),
                           attr(first + 1, packed(dst))),
                nest(2, attr(1, b"\x11"), attr(2, struct.pack("!H", sport)),
                     attr(3, struct.pack("!H", dport))))


def port(sport):
    """The flow of a test, by its source port."""
    return tuple_of(ORIG, HIP, sport, RIP, 53)


def named(ctx):
    return b"" if ctx is None else u32(NL_ATTR, ctx)


class Ct(Netlink):
    """The table of connections, as seen from a context."""
    def __init__(self, ctx, *groups):
        with inside(ctx):
            super().__init__(NETFILTER)
        for group in groups:
            self.sock.setsockopt(SOL_NETLINK, 1, group)

    def ask(self, kind, data=b"", flags=0):
        return self.request(kind, flags, struct.pack("=BBH", AF, 0, 0) + data)

    def dump(self, kind=CT, data=b""):
        return [parse(b[4:]) for b in self.ask(kind | GET, data, NLM_F_DUMP)]

    def flows(self, sport, ctx=None):
        """Whose entries of a flow are in a dump."""
        return sorted(owner(e) for e in self.dump(data=named(ctx))
                      if sport_of(e) == sport)

    def events(self, sport, count):
        """Whose entries the events were about."""
        out = []
        while len(out) < count:
            for _, _, _, body in self.split(self.sock.recv(1 << 16)):
                if sport_of(parse(body[4:])) == sport:
                    out.append(owner(parse(body[4:])))
        return out

    def quiet(self, sport):
        """Nothing about the flow is waiting."""
        self.sock.setblocking(False)
        try:
            while True:
                for _, _, _, body in self.split(self.sock.recv(1 << 16)):
                    eq(sport_of(parse(body[4:])) == sport, False, "an event")
        except BlockingIOError:
            self.sock.settimeout(30)


def sport_of(entry):
    ends = parse(parse(entry[ORIG])[2])
    return struct.unpack("!H", ends[2])[0] if 2 in ends else None


def owner(entry):
    return struct.unpack("=I", entry[NL_ATTR])[0] if NL_ATTR in entry else 0


SEEN = {n: Ct(n) for n in ALL}


def flow(sport):
    """The same flow in each context."""
    for ctx in ALL:
        W[ctx].send_udp(sport, 53, b"x")
        W[ctx].sync()


def test_dump():
    """a dump shows the entries of the context, to context 0 those of all"""
    with sock(UDP, 0, (RIP, 53)), sock(UDP, 1, (RIP, 53)), \
            sock(UDP, 2, (RIP, 53)):
        flow(4000)
    eq(SEEN[0].flows(4000), [0, 1, 2], "in 0")
    eq(SEEN[1].flows(4000), [1], "in 1")
    eq(SEEN[0].flows(4000, 2), [2], "in 0, of 2")
    eq(SEEN[1].flows(4000, 2), [1], "in 1, of 2")


def test_get():
    """a tuple is looked for in the context, or the one that context 0 names"""
    flow(4001)
    for who, ctx, want in ((0, None, 0), (0, 2, 2), (1, None, 1), (1, 2, 1)):
        got, = SEEN[who].ask(CT | GET, port(4001) + named(ctx))
        eq(owner(parse(got[4:])), want, f"asked in {who} for {ctx}")
    refused(E.ENOENT, "no such context", SEEN[0].ask, CT | GET,
            port(4001) + named(99))


def test_delete():
    """so does what deletes an entry"""
    flow(4002)
    for who, ctx, left in ((1, 2, [0, 2]), (0, None, [2]), (0, 2, [])):
        SEEN[who].ask(CT | DELETE, port(4002) + named(ctx))
        eq(SEEN[0].flows(4002), left, f"after {who} deleted")
    refused(E.ENOENT, "deleted", SEEN[1].ask, CT | DELETE, port(4002))


def test_flush():
    """a flush is one of the context; context 0 means all, or names one"""
    for who, ctx, left in ((1, None, [0, 2]), (0, 2, [0, 1]), (0, None, [])):
        flow(4003)
        SEEN[who].ask(CT | DELETE, named(ctx))
        eq(SEEN[0].flows(4003), left, f"after {who} flushed {ctx}")


def test_new():
    """an entry is made and changed in the context"""
    data = (port(4004) + tuple_of(REPLY, RIP, 53, HIP, 4004)
            + attr(TIMEOUT, struct.pack("!I", 100)))
    make = NLM_F_CREATE | NLM_F_EXCL
    for who, ctx in ((1, None), (0, 2), (0, None)):
        SEEN[who].ask(CT | NEW, data + named(ctx), make)
        refused(E.EEXIST, "again", SEEN[who].ask, CT | NEW, data + named(ctx),
                make)
    eq(SEEN[0].flows(4004), [0, 1, 2], "made")
    err = refused(E.ENOENT, "no such context", SEEN[0].ask, CT | NEW,
                  data + named(99), make)
    eq(err.extack, "No such context", "text")
    SEEN[1].ask(CT | NEW, port(4004) + attr(MARK, struct.pack("!I", 7)))
    marks = {owner(e): e.get(MARK, bytes(4))[3] for e in SEEN[0].dump()
             if sport_of(e) == 4004}
    eq(marks, {0: 0, 1: 7, 2: 0}, "marks")


def test_events():
    """events are heard in the context, in context 0 those of all"""
    hear = {n: Ct(n, GROUP_NEW, GROUP_DESTROY) for n in ALL}
    with sock(UDP, 0, (RIP, 53)), sock(UDP, 1, (RIP, 53)), \
            sock(UDP, 2, (RIP, 53)):
        flow(4005)
    SEEN[2].ask(CT | DELETE, port(4005))
    eq(hear[0].events(4005, 4), [0, 1, 2, 2], "in 0")
    eq(hear[1].events(4005, 1), [1], "in 1")
    eq(hear[2].events(4005, 2), [2, 2], "in 2")
    for one in hear.values():
        one.quiet(4005)
        one.close()


@contextlib.contextmanager
def expectations(sport):
    """One of TFTP in each context: the data, from any port to that one."""
    with rules('ct helper h { type "tftp" protocol udp; }\n'
               + chain("prerouting", "udp dport 69 ct helper set \"h\"")):
        for ctx in ALL:
            with sock(UDP, ctx, (RIP, 69)):
                W[ctx].send_udp(sport, 69, b"\0\1name\0octet\0")
                W[ctx].sync()
        yield tuple_of(EXP_TUPLE, RIP, 0, HIP, sport)
        SEEN[0].ask(EXP | DELETE)


def left(who, ctx=None):
    """Whose expectations are in a dump."""
    return sorted(map(owner, SEEN[who].dump(EXP, named(ctx))))


def test_expectation():
    """one expectation: shown, deleted and made where its connection is"""
    with expectations(4008) as one:
        for who, ctx, want in ((0, None, 0), (0, 2, 2), (1, None, 1),
                               (1, 2, 1)):
            got, = SEEN[who].ask(EXP | GET, one + named(ctx))
            eq(owner(parse(got[4:])), want, f"asked in {who} for {ctx}")
        for who, ctx, want in ((1, None, [0, 2]), (0, 2, [0])):
            SEEN[who].ask(EXP | DELETE, one + named(ctx))
            eq(left(0), want, f"after {who} deleted")
            refused(E.ENOENT, "deleted", SEEN[who].ask, EXP | GET,
                    one + named(ctx))
        ones = pick("255.255.255.255", ":".join(8 * ["ffff"]))
        data = (tuple_of(EXP_MASTER, HIP, 4008, RIP, 69)
                + tuple_of(EXP_TUPLE, RIP, 0, HIP, 4009)
                + tuple_of(EXP_MASK, ones, 0, ones, 65535)
                + attr(EXP_TIMEOUT, struct.pack("!I", 100)))
        for who, ctx, want in ((1, None, [0, 1]), (0, 2, [0, 1, 2])):
            SEEN[who].ask(EXP | NEW, data + named(ctx), NLM_F_CREATE)
            eq(left(0), want, f"after {who} made one")


def test_expectations():
    """expectations: the same"""
    with expectations(4006):
        eq((left(0), left(1), left(0, 2)), ([0, 1, 2], [1], [2]), "dumps")
        SEEN[1].ask(EXP | DELETE)
        eq(left(0), [0, 2], "after 1 flushed")
        SEEN[0].ask(EXP | DELETE, named(2))
        eq(left(0), [0], "after 0 flushed those of 2")


@params(("rules", NFTABLES | 1), ("statistics", CT | STATS),
        ("statistics of CPUs", CT | STATS_CPU), ("of expectations", EXP | 3),
        ("batch", BATCH))
def test_refused(_, kind):
    """not in a context:"""
    data = struct.pack("!BBH", 0, 0, 10) if kind == BATCH else None
    err = refused(E.EOPNOTSUPP, "request", SEEN[1].request, kind, NLM_F_ACK,
                  data or struct.pack("=BBH", AF, 0, 0))
    if kind != BATCH:
        eq(err.extack, "Not supported in a context", "text")


run(globals())
