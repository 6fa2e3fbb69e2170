#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 4 6
"""Requests about IPsec: a context sees and changes its own policies and states,
and nobody else does, nor hears of them.

Guards the keys of net/xfrm/xfrm_user.c and net/key/af_key.c, and what is
refused by kernel/net/vrctx/xfrm.c.
"""
import contextlib
import errno as E
import os
import socket
import struct

from vr_fam import AF, pick
from vr_net import HIP, RIP, UDP, Lab, enter, readable, sock
from vr_nl import attr, u32
from vr_pkt import Wire
from vr_tap import check, eq, params, refused, run
from vr_xfrm import (A_IF_ID, A_MIGRATE, A_OFFLOAD, A_SRCADDR, ACQUIRE, AH,
                     ALLOCSPI, BLOCK, COMP, DELPOLICY, DELSA, ESP, EXPIRE,
                     FLUSHPOLICY, FLUSHSA, GETAE, GETDEFAULT, GETPOLICY, GETSA,
                     GETSADINFO, GETSPDINFO, IN, MIGRATE, NEWAE, NEWPOLICY,
                     NEWSA, NEWSPDINFO, OUT, POLEXPIRE, SETDEFAULT, TUNNEL,
                     UPDPOLICY, UPDSA, Xfrm, addr, cleaned, encap, policy,
                     policy_id, selector, state, state_id, template)

LAB = Lab(1, 2, hosts=False)
VR = LAB.vr
ALL = (0, 1, 2)
PAIRS = params((0, 1), (1, 0), (1, 2))
W = {n: Wire(LAB, n) for n in ALL}
X = {n: Xfrm(n) for n in ALL}
SPI = 0x200
SEL = selector(proto=17)


@contextlib.contextmanager
def hearing(*groups):
    """Who hears of such events in each context."""
    who = {n: Xfrm(n, groups) for n in ALL}
    try:
        yield who
    finally:
        for one in who.values():
            one.close()


def unsent(one, ctx):
    """A datagram for which there is no state."""
    one.sendto(b"x", (HIP, 4000))
    eq(W[ctx].sync(), [], f"sent by {ctx}")


def key_of(n):
    return b"key of context %06d" % n


def test_states():
    """each sees its own states, and has its own of the same numbers"""
    with cleaned(X):
        for n in ALL:
            X[n].add(SPI, key=key_of(n))
            for sel in (SEL, selector(proto=17, bits=pick(8, 100))):
                X[n].policy(OUT, sel)
        seen = set()
        for n in ALL:
            got = X[n].states()
            eq(list(got), [(SPI, addr(HIP))], f"states of {n}")
            eq(got[SPI, addr(HIP)][2][-16:], key_of(n)[:16], f"key of {n}")
            check(key_of(n)[:16] in X[n].ask(GETSA, state_id(HIP, SPI))[0],
                  f"key of {n}, asked for by number")
            eq(len(X[n].policies()), 2, f"policies of {n}")
            seen |= {index for _, index in X[n].policies()}
        eq(len(seen), 6, "indices")


def test_index():
    """indices tell nothing about policies of others, and may be theirs"""
    with cleaned(X):
        for dport in range(3):
            X[1].policy(OUT, selector(dst=HIP, proto=17 + dport))
        drawn = sorted(index // 8 for _, index in X[1].policies())
        check(all(b - a > 1000 for a, b in zip(drawn, drawn[1:])),
              f"drawn one after the other: {drawn}")
        index = X[1].policies()[0][1]
        X[2].ask(NEWPOLICY, policy(OUT, SEL, index=index))
        eq(X[2].policies(), [(OUT, index)], "asked for")
        X[0].policy(OUT, SEL)
        last = X[0].policies()[0][1]
        X[0].policy(OUT, selector(proto=6))
        check((OUT, last + 8) in X[0].policies(),
              f"context 0 counts: {X[0].policies()} after {last}")


@PAIRS
def test_change(ctx, other):
    """what is asked for in one does not touch another's:"""
    with cleaned(X):
        for n in (ctx, other):
            X[n].add(SPI, key=key_of(n))
            X[n].policy(OUT, SEL)
        mine, its = X[ctx], X[other]
        index = its.policies()[0][1]
        sa, pol = state_id(HIP, SPI), policy_id(OUT, SEL)

        def intact(what, entries=(1, 1)):
            eq((len(its.states()), len(its.policies())), entries, what)
            eq(its.states()[SPI, addr(HIP)][2][-16:], key_of(other)[:16],
               f"key after {what}")

        refused(E.ENOENT, "another's index", mine.ask, GETPOLICY,
                policy_id(OUT, SEL, index))
        refused(E.ENOENT, "another's index", mine.ask, DELPOLICY,
                policy_id(OUT, SEL, index))
        refused(E.EEXIST, "the same state again", mine.add, SPI)
        refused(E.EEXIST, "the same policy again", mine.policy, OUT, SEL)
        mine.ask(UPDSA, state(SPI, key=b"updated" * 3))
        mine.ask(UPDPOLICY, policy(OUT, SEL, action=BLOCK))
        intact("update")
        mine.ask(DELSA, sa)
        mine.ask(DELPOLICY, pol)
        intact("delete")
        for what, err, kind, body in (
                ("delete", E.ESRCH, DELSA, sa),
                ("get", E.ESRCH, GETSA, sa),
                ("delete", E.ENOENT, DELPOLICY, pol),
                ("get", E.ENOENT, GETPOLICY, pol),
                ("update", E.ESRCH, UPDSA, state(SPI)),
                ("events of", E.ESRCH, GETAE, sa + bytes(24)),
                ("limits of", E.ESRCH, NEWAE, sa + bytes(24)
                 + u32(12, 1)),
                ("expire", E.ENOENT, EXPIRE, state(SPI)[:224]
                 + b"\1" + bytes(7)),
                ("expire", E.ENOENT, POLEXPIRE, policy(OUT, SEL)
                 + b"\1" + bytes(7))):
            refused(err, f"{what} what only another has", mine.request, kind,
                    0x100 * (kind == NEWAE), body)
        intact("what found nothing")
        mine.flush()
        intact("flush")


@PAIRS
def test_spi(ctx, other):
    """a number that is taken in one is free in another:"""
    def ask(n):
        body = state(0)[:224] + struct.pack("=II", SPI, SPI)
        got = X[n].ask(ALLOCSPI, body)[0]
        return struct.unpack_from("!I", got, 72)[0]

    with cleaned(X):
        for n in (ctx, other):
            eq(ask(n), SPI, f"number for {n}")
            eq(len(X[n].states()), 1, f"larval states of {n}")
        X[ctx].ask(FLUSHSA, b"\0")
        # another state of ctx may have it now, but one of other may not
        X[ctx].add(SPI)
        err = refused(E.ENOENT, "taken", X[other].ask, ALLOCSPI,
                      state(0, dst="10.0.0.9")[:224]
                      + struct.pack("=II", SPI, SPI))
        check("No SPI" in err.extack, f"{err.extack!r}")


@PAIRS
def test_larval(ctx, other):
    """who adds a state takes the place of a request of its own:"""
    with cleaned(X):
        for n in (ctx, other):
            X[n].ask(ALLOCSPI, state(0)[:224] + struct.pack("=II", SPI, SPI))
        X[ctx].ask(UPDSA, state(SPI, key=key_of(ctx)))
        eq(2 in X[ctx].states()[SPI, addr(HIP)], True, "key in the first")
        eq(2 in X[other].states()[SPI, addr(HIP)], False, "key in the other")


@PAIRS
def test_acquire(ctx, other):
    """a flow without a state asks its own context:"""
    with cleaned(X), hearing("ACQUIRE") as who, sock(UDP, ctx, (RIP, 53)) as one:
        for n in ALL:
            X[n].policy(OUT, SEL, template())
        unsent(one, ctx)
        eq({n: who[n].heard() for n in ALL},
           {n: [ACQUIRE] if n == ctx else [] for n in ALL}, "asked")
        eq({n: len(X[n].states()) for n in ALL},
           {n: int(n == ctx) for n in ALL}, "larval states")
        seq = state(SPI, key=key_of(other), seq=1)
        X[other].ask(NEWSA, seq)
        eq(len(X[ctx].states()), 1, "states after one of another")
        # only the other context listens: nobody is asked
        X[ctx].ask(FLUSHSA, b"\0")
        for n in set(ALL) - {other}:
            who[n].close()
        unsent(one, ctx)
        eq(who[other].heard(), [], "another was asked")
        eq(len(X[ctx].states()), 0, "larval states")


def test_larval_number():
    """a state that answers a request of another by its number is no answer"""
    with cleaned(X), hearing("ACQUIRE") as who, sock(UDP, 1, (RIP, 53)) as one:
        X[1].policy(OUT, SEL, template())
        unsent(one, 1)
        _, _, _, body = next(who[1].split(who[1].sock.recv(1 << 17)))
        seq = struct.unpack_from("=I", body, 24 + 16 + 56 + 168 + 12)[0]
        check(seq, "the request has a number")
        X[2].add(SPI, seq=seq)
        eq(len(X[1].states()), 1, "larval states after one of 2")
        X[1].add(SPI, seq=seq)
        eq(list(X[1].states()), [(SPI, addr(HIP))], "states")


@PAIRS
def test_events(ctx, other):
    """what happens in one is heard of there:"""
    want = {"SA": [], "POLICY": [], "EXPIRE": [], "AEVENTS": []}
    with cleaned(X), contextlib.ExitStack() as stack:
        who = {group: stack.enter_context(hearing(group)) for group in want}
        one = X[ctx]

        def do(group, kind, body, event=None, flags=0):
            one.request(kind, flags, body)
            want[group].append(event or kind)

        do("SA", NEWSA, state(SPI))
        do("SA", UPDSA, state(SPI))
        do("AEVENTS", NEWAE, state_id(HIP, SPI) + bytes(24) + u32(12, 1),
           flags=0x100)
        do("EXPIRE", EXPIRE, state(SPI)[:224] + bytes(8))
        do("SA", DELSA, state_id(HIP, SPI))
        one.add(SPI)
        want["SA"].append(NEWSA)
        do("SA", FLUSHSA, b"\0")
        do("POLICY", NEWPOLICY, policy(OUT, SEL))
        do("POLICY", UPDPOLICY, policy(OUT, SEL))
        do("EXPIRE", POLEXPIRE, policy(OUT, SEL) + bytes(8))
        do("POLICY", DELPOLICY, policy_id(OUT, SEL))
        one.policy(OUT, SEL)
        want["POLICY"].append(NEWPOLICY)
        do("POLICY", FLUSHPOLICY, b"")
        for group, events in want.items():
            eq(who[group][ctx].heard(), events, f"{group} heard in {ctx}")
            for n in set(ALL) - {ctx}:
                eq(who[group][n].heard(), [], f"{group} heard in {n}")


# PF_KEY: version, type, errno, kind of state, length in 8 bytes, number, pid
def pfkey(kind, satype=0, body=b""):
    return struct.pack("=BBBBHHII", 2, kind, 0, satype, 2 + len(body) // 8, 0,
                       1, os.getpid()) + body


def answers(one):
    """Types of the messages so far."""
    got = []
    while True:
        msg = readable(one)
        if msg is None:
            return got
        got.append(msg[1])


def test_pfkey():
    """PF_KEY of context 0 neither sees nor ends what others have"""
    register, dump, flush, spddump, spdflush = 7, 10, 9, 18, 19
    with cleaned(X), socket.socket(15, socket.SOCK_RAW, 2) as one, \
            sock(UDP, 1, (RIP, 53)) as flow, hearing("ACQUIRE"):
        one.settimeout(10)
        one.send(pfkey(register, 3))                    # ESP
        one.recv(4096)
        X[1].policy(OUT, SEL, template())
        unsent(flow, 1)
        X[1].add(SPI)
        X[1].ask(EXPIRE, state(SPI)[:224] + bytes(8))
        eq(answers(one), [], "heard of 1")
        for kind in (dump, spddump):
            one.send(pfkey(kind))
            eq(struct.unpack_from("=B", one.recv(4096), 2)[0], E.ENOENT,
               f"entries of 1, {kind}")
        X[0].add(SPI)
        X[0].policy(OUT, SEL)
        check(answers(one), "it hears of context 0")
        for kind in (flush, spdflush):
            one.send(pfkey(kind))
            answers(one)
        eq((len(X[0].states()), len(X[0].policies())), (0, 0), "left in 0")
        eq((len(X[1].states()), len(X[1].policies())), (1, 1), "left in 1")
        X[1].ask(FLUSHSA, b"\0")
        X[1].ask(FLUSHPOLICY, b"")
        eq(answers(one), [], "heard of 1's end")


REFUSED = {
    "defaults": (SETDEFAULT, b"\1\1\1", "Not supported"),
    "defaults, asked for": (GETDEFAULT, b"\0\0\0", "Not supported"),
    "thresholds of hashes": (NEWSPDINFO, bytes(4), "Not supported"),
    "sizes of tables": (GETSPDINFO, bytes(4), "Not supported"),
    "number of states": (GETSADINFO, bytes(4), "Not supported"),
    "migration": (MIGRATE, policy_id(OUT, SEL), "Not supported"),
    "an offload": (NEWSA, state(SPI, more=attr(A_OFFLOAD, struct.pack(
        "=iBxxx", 1, 0))), "Offload"),
    "a policy's offload": (NEWPOLICY, policy(OUT, SEL, more=attr(
        A_OFFLOAD, struct.pack("=iBxxx", 1, 4))), "Offload"),
    "an interface": (NEWSA, state(SPI, more=u32(A_IF_ID, 5)), "interfaces"),
    "a policy's interface": (NEWPOLICY, policy(OUT, SEL, more=u32(
        A_IF_ID, 5)), "interfaces"),
    "ESP in TCP": (NEWSA, state(SPI, more=encap(kind=7)), "encapsulation"),
    "mobile IPv6": (NEWSA, state(0, proto=43, mode=2), "Mobile IPv6"),
}


@params(*[(name,) for name in REFUSED])
def test_refused(name):
    """not in a context:"""
    kind, body, why = REFUSED[name]
    with cleaned(X), hearing("SA", "POLICY") as who:
        for n in (1, 2):
            err = refused(E.EOPNOTSUPP, f"in {n}", X[n].ask, kind, body)
            check(why in err.extack, f"{err.extack!r}")
            eq((X[n].states(), X[n].policies()), ({}, []), f"left in {n}")
        eq({n: who[n].heard() for n in ALL}, {n: [] for n in ALL}, "events")


def test_no_interface():
    """an interface of number 0 is none"""
    with cleaned(X):
        X[1].add(SPI, more=u32(A_IF_ID, 0))
        eq(A_IF_ID in X[1].states()[SPI, addr(HIP)], False, "shown")


def test_dead():
    """no new entries from who is in a deleted context"""
    VR.new(7)
    one = Xfrm(7)
    one.pair()
    enter(7)
    try:
        VR.delete(id=7, force=True)
    finally:
        enter(0)
    eq((one.states(), one.policies()), ({}, []), "left")
    for kind, body in ((NEWSA, state(SPI)), (NEWPOLICY, policy(IN, SEL))):
        err = refused(E.ENOENT, "added", one.ask, kind, body)
        eq(err.extack, "No such context", "why")
    one.close()


@params((ESP,), (AH,), (COMP,))
def test_by_addresses(proto):
    """states of each kind, with the same ends and numbers:"""
    with cleaned(X):
        for n in ALL:
            X[n].add(SPI, proto=proto, mode=TUNNEL)
        for n in ALL:
            X[n].ask(DELSA, state_id(HIP, SPI, proto))
            eq({m: len(X[m].states()) > 0 for m in ALL},
               {m: m > n for m in ALL}, f"who has some after {n} deleted its")


@PAIRS
def test_tunnel_state(ctx, other):
    """what IPComp makes by itself, and is asked for by addresses, of:"""
    name = state_id(HIP, 0, pick(4, 41)) + attr(A_SRCADDR, addr(RIP))
    with cleaned(X):
        X[ctx].add(SPI, proto=COMP, mode=TUNNEL)
        X[ctx].ask(GETSA, name)
        refused(E.ESRCH, f"asked for by {other}", X[other].ask, GETSA, name)


def test_migrate():
    """context 0 moves its own ends, not those of another context"""
    sel = selector("10.5.0.0", "10.6.0.0", bits=pick(16, 112))
    old, new = [addr(a) for a in (RIP, HIP)], [addr(a) for a in ("10.0.0.8",
                                                                 "10.0.0.9")]
    move = b"".join(old + new) + struct.pack("=BBHIHH", ESP, TUNNEL, 0, 7, AF,
                                             AF)
    with cleaned(X), hearing("MIGRATE") as who:
        X[1].pair(mode=TUNNEL, sel=lambda *_: sel)
        refused((E.ENOENT, E.ESRCH, E.ENOPROTOOPT), "moved", X[0].ask, MIGRATE,
                policy_id(OUT, sel) + attr(A_MIGRATE, move) + attr(16, bytes(6)))
        eq(set(X[1].states()), {(SPI, addr(RIP)), (SPI, addr(HIP))}, "ends")
        eq({n: who[n].heard() for n in ALL}, {n: [] for n in ALL}, "events")



if __name__ == "__main__":
    run(globals(), limit=120)
