#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 6
"""Flow labels: leased per context, exclusive ones as well.

Guards fl_lookup() and its callers, and the purge of labels that linger.
"""
import errno as E
import itertools
import struct

from vr_fam import SOL, packed
from vr_net import HIP, TCP, UDP, Lab, set_ctx, sock
from vr_pkt import Wire
from vr_tap import eq, params, refused, run

LAB = Lab(1, 2, hosts=False)
ALL = (0, 1, 2)
FLOWLABEL_MGR, FLOWINFO_SEND = 32, 33
GET, PUT, RENEW = 0, 1, 2
NONE, EXCL, PROCESS, USER, SHARED = 0, 1, 2, 3, 255
CREATE, ONLY_NEW = 1, 2
LABELS = itertools.count(0x12345)       # each lingers when its case is over


def ask(one, action, share, label, flags=CREATE, linger=0):
    """IPV6_FLOWLABEL_MGR: struct in6_flowlabel_req."""
    one.setsockopt(SOL, FLOWLABEL_MGR, struct.pack(
        "!16sI", packed(HIP), label) + struct.pack(
            "=BBHHHI", action, share, flags, linger, linger, 0))


def lease(ctx, label, share=EXCL, kind=UDP, **kwargs):
    """A socket that has the label."""
    one = sock(kind, ctx)
    try:
        ask(one, GET, share, label, **kwargs)
    except OSError:
        one.close()
        raise
    return one


def taken(ctx, label):
    """As who wants it for himself finds it."""
    refused(E.EPERM, f"label in {ctx}", lease, ctx, label)


def free(ctx, label, share=EXCL):
    lease(ctx, label, share, flags=CREATE | ONLY_NEW).close()


def again(ctx):
    """Another context of that number."""
    LAB.vr.delete(ctx, force=True)
    LAB.vr.new(ctx)


@params(("TCP", TCP), ("UDP", UDP))
def test_exclusive(_, kind):
    """an exclusive label is taken once in each context:"""
    label = next(LABELS)
    socks = {n: lease(n, label, kind=kind) for n in ALL}
    for n in ALL:
        taken(n, label)
        refused(E.EPERM, f"shared in {n}", lease, n, label, SHARED)
        refused(E.EEXIST, f"new in {n}", lease, n, label,
                flags=CREATE | ONLY_NEW)
    for one in socks.values():
        one.close()


@params((0, 1), (1, 0), (1, 2))
def test_found(ctx, other):
    """a label is found by who asks in its context, there and elsewhere:"""
    for share in (SHARED, USER, PROCESS):
        label = next(LABELS)
        with lease(ctx, label, share):
            refused(E.ENOENT, f"found in {other}", lease, other, label, share,
                    flags=0)
            free(other, label)          # of whatever kind there
            lease(ctx, label, share, flags=0).close()
            refused(E.EEXIST, "new", free, ctx, label, share)


def test_renew():
    """a lease is renewed in its own context"""
    label = next(LABELS)
    with lease(1, label, SHARED):
        for n in ALL:
            with sock(UDP, n) as one:
                if n == 1:
                    ask(one, RENEW, NONE, label)
                else:
                    refused(E.ESRCH, f"in {n}", ask, one, RENEW, NONE, label)


@params((EXCL,), (SHARED,))
def test_lingers(share):
    """a label that lingers is the context's, and goes with it:"""
    label = next(LABELS)
    lease(1, label, share, linger=600).close()
    refused(E.EEXIST, "while it lingers", free, 1, label, share)
    for n in (0, 2):
        free(n, label, share)
    again(1)
    refused(E.ENOENT, "in a new context", lease, 1, label, share, flags=0)
    free(1, label, share)


def test_still_held():
    """a label that a socket holds goes with the context, too"""
    label = next(LABELS)
    LAB.vr.new(3)
    with lease(3, label, linger=600):
        LAB.vr.delete(3, force=True)
        refused(E.EBUSY, "the number", LAB.vr.new, 3)
    LAB.vr.new(3)
    refused(E.ENOENT, "in a new context", lease, 3, label, flags=0)
    free(3, label)
    LAB.vr.delete(3)


def test_others_linger():
    """deleting a context leaves the labels of others"""
    label = next(LABELS)
    for n in (0, 2):
        lease(n, label, linger=600).close()
    again(1)
    for n in (0, 2):
        taken(n, label)
    again(2)
    free(2, label)
    taken(0, label)


@params(*[(n,) for n in ALL])
def test_sent(ctx):
    """who leased a label sends with it, in:"""
    label = next(LABELS)
    wire = Wire(LAB, ctx)
    dest = (HIP, 9, label)
    with sock(UDP, ctx) as one:
        one.setsockopt(SOL, FLOWINFO_SEND, 1)
        # labels are checked from the first exclusive one on
        with lease(ctx, next(LABELS)):
            refused(E.EINVAL, "without lease", one.sendto, b"x", dest)
        ask(one, GET, EXCL, label)
        one.sendto(b"labelled", dest)
        pkt = wire.expect(lambda p: p.proto == 17, "datagram")
        eq(struct.unpack_from("!I", pkt.raw)[0] & 0xfffff, label, "label")
        for n in set(ALL) - {ctx}:
            with lease(n, next(LABELS)), sock(UDP, n) as other:
                other.setsockopt(SOL, FLOWINFO_SEND, 1)
                refused(E.EINVAL, f"lease of {ctx} in {n}", other.sendto,
                        b"x", dest)
    LAB.rt.link_del(wire.dev)
    wire.far.close()


def test_chosen():
    """labels that the kernel chooses are good in each context"""
    for n in ALL:
        with sock(UDP, n) as one:
            ask(one, GET, EXCL, 0)


def test_stays():
    """a socket with a label does not change its context"""
    label = next(LABELS)
    with lease(1, label) as one:
        refused(E.EINVAL, "SO_VRCTX", set_ctx, one, 2)
        ask(one, PUT, EXCL, label, 0)
        set_ctx(one, 2)
        free(2, label)
        taken(1, label)
    LAB.quiet(2)


run(globals())
