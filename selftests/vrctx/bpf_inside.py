#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 4
"""A process in a context attaches no BPF programs to devices or the namespace.

Guards __vrctx_view_bpf() and vrctx_req_link().
"""
import ctypes
import errno as E
import struct

from vr_bpf import (AT_SK_LOOKUP, AT_TCX, AT_XDP, PROG_QUERY, PROG_TEST_RUN,
                    SCHED_CLS, SK_LOOKUP, SOCKET_FILTER, XDP, XDP_SKB_MODE,
                    Prog, bpf, leave)
from vr_net import Lab, inside
from vr_nl import nest, u32
from vr_rt import Rtnl
from vr_tap import check, eq, params, refused, run

LAB = Lab(1, 2, hosts=False)
ALL = (0, 1, 2)
XDP_PASS, IFLA_XDP, RTM_SETLINK = 2, 43, 19
INDEX = {}
for num in ALL:
    LAB.rt.veth(f"d{num}", f"e{num}")
    LAB.vr.move(f"d{num}", num)
    INDEX[num] = LAB.rt.ifindex(f"d{num}")


def tested(prog):
    data = ctypes.create_string_buffer(64)
    bpf(PROG_TEST_RUN, struct.pack("=IIIIQ", prog.fd, 0, 64, 0,
                                   ctypes.addressof(data)))


def queried(where, index):
    bpf(PROG_QUERY, struct.pack("=III", index, where, 0))


def kept(ctx, what, func, *args):
    """Context 0 may, the others may not."""
    if ctx:
        refused(E.EOPNOTSUPP, what, func, *args)
    else:
        func(*args)


@params(*[(n, m) for n in ALL for m in ALL])
def test_tcx(ctx, other):
    """programs that work on what passes a device are refused inside:"""
    with Prog(SCHED_CLS, leave(0)) as prog:
        with inside(ctx):
            kept(ctx, "attach", prog.attach, AT_TCX, INDEX[other])
            kept(ctx, "query", queried, AT_TCX, INDEX[other])
            kept(ctx, "run", tested, prog)
        if ctx:
            prog.attach(AT_TCX, INDEX[other])
        with inside(ctx):
            kept(ctx, "detach", prog.detach, AT_TCX, INDEX[other])
        if ctx:
            prog.detach(AT_TCX, INDEX[other])


def xdp_set(rt, index, fd):
    rt.request(RTM_SETLINK, 0, struct.pack("=BxHiII", 0, 0, index, 0, 0)
               + nest(IFLA_XDP, u32(1, fd), u32(3, XDP_SKB_MODE)))


# by rtnetlink a device of another context is not even there
@params((0, 0), (0, 1), (1, 1), (2, 2))
def test_xdp(ctx, other):
    """so are those of XDP, by bpf(2) and by rtnetlink:"""
    with inside(ctx):
        rt = Rtnl()
    with Prog(XDP, leave(XDP_PASS)) as prog, inside(ctx):
        kept(ctx, "run", tested, prog)
        kept(ctx, "link", lambda: prog.link(AT_XDP, INDEX[other],
                                            XDP_SKB_MODE).close())
        kept(ctx, "rtnetlink", xdp_set, rt, INDEX[other], prog.fd)
        if not ctx:
            xdp_set(rt, INDEX[other], 0xffffffff)
    rt.close()


def test_text():
    """rtnetlink says why"""
    with inside(1):
        rt = Rtnl()
        err = refused(E.EOPNOTSUPP, "XDP", xdp_set, rt, INDEX[1], 0xffffffff)
    check(err.extack, "no extack text")
    rt.close()


@params(*[(n,) for n in ALL])
def test_sk_lookup(ctx):
    """so are those that choose sockets for the namespace:"""
    with Prog(SK_LOOKUP, leave(1), AT_SK_LOOKUP) as prog, inside(ctx), \
            open("/proc/thread-self/ns/net", "rb") as ns:
        kept(ctx, "link", lambda: prog.link(AT_SK_LOOKUP, ns.fileno()).close())


@params(*[(n,) for n in ALL])
def test_own(ctx):
    """what works on nothing but its own data can be used:"""
    with Prog(SOCKET_FILTER, leave(0)) as prog, inside(ctx):
        eq(tested(prog), None, "run")


run(globals())
