#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 4 6
"""What BPF programs redirect goes where they say, and is of that context then.

Guards __bpf_redirect_neigh(), and that frames take the context of the device
that receives them.
"""
import contextlib
import struct

from vr_bpf import (AT_TCX, AT_XDP, CLONE_REDIRECT, INGRESS, REDIRECT,
                    REDIRECT_NEIGH, REDIRECT_PEER, SCHED_CLS, XDP,
                    XDP_SKB_MODE, Prog, at_stack, call, copy, ins, mov, on_stack)
from vr_fam import AF, FORWARD, ip, packed
from vr_hdr import BROADCAST
from vr_net import HIP, RIP, RNET, UDP, Lab, Netns, readable, serve
from vr_nl import Vrctx, table_of
from vr_pkt import HMAC, Wire
from vr_rt import sysctl
from vr_tap import eq, params, run, wait

LAB = Lab(1, 2, hosts=False)
RT = LAB.rt
ALL = (0, 1, 2)
# what is redirected is not forwarded besides
sysctl(FORWARD, 0)
W = {n: Wire(LAB, n) for n in ALL}
INDEX = {n: RT.ifindex(W[n].dev) for n in ALL}
PORT = 7000
FAR, GATE = "10.9.0.1", "10.0.0.{}"
PAIRS = [(one, two) for one in ALL for two in ALL]
# the way to FAR is another one in each context
for num in ALL:
    RT.neigh(W[num].dev, GATE.format(10 + num), HMAC[:-1] + bytes([10 + num]))
    RT.route("10.9.0.0/24", via=ip(GATE.format(10 + num)), dev=W[num].dev,
             table=table_of(num) if num else 254)


@contextlib.contextmanager
def program(ctx, code, kind=SCHED_CLS):
    """All that comes to the device of the context goes by the program."""
    with Prog(kind, copy(6, 1) + code + ins(0x95)) as prog:
        with prog.link(AT_XDP, INDEX[ctx], XDP_SKB_MODE) if kind == XDP else \
                prog.attached(AT_TCX, INDEX[ctx]):
            yield


@params(*PAIRS)
def test_neigh(one, two):
    """bpf_redirect_neigh() takes the route of the device's context:"""
    code = mov(1, INDEX[two]) + mov(2, 0) + mov(3, 0) + mov(4, 0) \
        + call(REDIRECT_NEIGH)
    with program(one, code):
        W[one].send_udp(4000, PORT, b"sent on", dst=ip(FAR))
        pkt = W[two].expect(lambda pkt: b"sent on" in pkt.raw, "packet")
        head = W[two].head
    eq((pkt.dst, head[:6]), (ip(FAR), HMAC[:-1] + bytes([10 + two])),
       "destination, neighbour")
    for n in ALL:
        W[n].silent("redirected")


@params(*PAIRS)
def test_nexthop(one, two):
    """or the neighbour that it is told, of that device:"""
    params_ = struct.pack("=I", AF) + packed(HIP).ljust(16, b"\0")
    code = on_stack(-24, params_) + mov(1, INDEX[two]) + at_stack(2, -24) \
        + mov(3, 20) + mov(4, 0) + call(REDIRECT_NEIGH)
    with program(one, code):
        W[one].send_udp(4000, PORT, b"sent on", dst=ip(FAR))
        W[two].expect(lambda pkt: b"sent on" in pkt.raw, "packet")
        head = W[two].head
    eq(head[:6], HMAC, "neighbour")
    for n in ALL:
        W[n].silent("redirected")


HELPERS = {
    "bpf_redirect": (SCHED_CLS, lambda two, flags: mov(1, INDEX[two])
                     + mov(2, flags) + call(REDIRECT)),
    "bpf_clone_redirect": (SCHED_CLS, lambda two, flags: copy(1, 6)
                           + mov(2, INDEX[two]) + mov(3, flags)
                           + call(CLONE_REDIRECT) + mov(0, 2)),
    "XDP": (XDP, lambda two, _: mov(1, INDEX[two]) + mov(2, 0)
            + call(REDIRECT)),
}


@params(*[(name, *pair) for name in HELPERS for pair in PAIRS])
def test_out(name, one, two):
    """like a cable, a frame goes out of a device of any context:"""
    kind, code = HELPERS[name]
    with program(one, code(two, 0), kind):
        W[one].send_udp(4000, PORT, b"cable")
        W[two].expect(lambda pkt: b"cable" in pkt.raw, "packet")
        head = W[two].head
    eq(head[:6], W[one].rmac, "destination of the frame")
    for n in ALL:
        W[n].silent("redirected")


@params(*[(name, *pair) for name in list(HELPERS)[:2] for pair in PAIRS
          if pair[0] != pair[1]])
def test_in(name, one, two):
    """what comes in is of the context of the device:"""
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(serve(n, PORT, UDP)) for n in ALL]
        with program(one, HELPERS[name][1](two, INGRESS)):
            W[one].send_udp(4000, PORT, b"cable", mac=BROADCAST)
            wait(lambda: servers[two].recv(9) == b"cable", "the datagram")
        for n in ALL:
            W[n].sync()
            eq(readable(servers[n]), None, f"received in {n}")


@params(*ALL)
def test_peer(ctx):
    """so is what comes in at the peer of a device:"""
    inner = Netns()
    with inner:
        vr = Vrctx()
        vr.new(5)
    RT.veth("outer", "inner", inner.fd)
    with inner:
        vr.move("inner", 5)
        inner.rt.addr("inner", RNET)
        inner.rt.link_set("inner", up=True)
        RT.link_set("outer", up=True)
        servers = {n: serve(n, PORT, UDP, "0.0.0.0") for n in (0, 5)}
        wait(lambda: inner.rt.running("inner"), "the device to run")
    with program(ctx, mov(1, RT.ifindex("outer")) + mov(2, 0)
                 + call(REDIRECT_PEER)):
        W[ctx].send_udp(4000, PORT, b"peer", dst=ip(RIP))
        eq(servers[5].recv(9), b"peer", "received in the context")
    eq(readable(servers[0]), None, "received in 0")
    for one in servers.values():
        one.close()
    RT.link_del("outer")
    vr.close()
    inner.close()


run(globals())
