#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 4 6
"""IPsec: equal policies and states in several contexts, each for its own.

	10.0.0.2 a ---- router, context N ---- b 10.1.0.2	for N = 0, 1, 2

Guards the keys of net/vrctx_xfrm.h in what looks up states by packets and
flows, policies, and the route of what was encapsulated.
"""
import contextlib
import errno as E
import socket
import struct

from vr_fam import FORWARD, MTU, SOL, TOO_BIG, ip, pick
from vr_hdr import ETH_VLAN
from vr_leak import leak_attrs
from vr_net import HIP, RIP, UDP, Lab, connect, readable, serve, sock
from vr_nft import IP, chain, flush, rules
from vr_nl import LEAK_DEL, LEAK_NEW, attr, table_of, u32
from vr_pkt import DF, ETH, HMAC, Wire, ip_packet, quote, udp_datagram
from vr_rt import TSO, features, sysctl
from vr_tap import check, eq, params, refused, run, slow, wait
from vr_xfrm import (AH, BLOCK, COMP, ESP, FWD, IN, OUT, SETDEFAULT, TUNNEL,
                     Xfrm, addr, cleaned, encap, esp, of_esp, policy, selector,
                     template)

LAB = Lab(1, 2, hosts=False)
RT, VR = LAB.rt, LAB.vr
ALL = (0, 1, 2)
sysctl(FORWARD, 1)
sysctl("net.ipv4.conf.all.send_redirects", 0)
W = {n: Wire(LAB, n, dev=f"a{n}") for n in ALL}
B = {n: Wire(LAB, n, dev=f"b{n}", cidr="10.1.0.1/24", ip="10.1.0.2")
     for n in ALL}
# Outer addresses of the tunnels on side b
NEAR, FAR = "10.1.0.1", "10.1.0.2"
X = {n: Xfrm(n) for n in ALL}
SPI = 0x200
IPIP = pick(4, 41)
POLICY = pick(17, 35)           # IP_XFRM_POLICY, IPV6_XFRM_POLICY
ASKED = []


def own(got, what):
    """Each context has what was sent for it, once: {context: data}."""
    eq(got, {n: [b"for %d" % n] for n in ALL}, what)


def inner(pkt):
    """A datagram out of a packet of ESP, in transport mode: port, data."""
    _, _, data, proto = of_esp(pkt.body if pkt.proto == ESP else pkt.data)
    eq(proto, 17, f"protocol in {pkt}")
    return struct.unpack_from("!H", data, 2)[0], data[8:]


# In transport mode what is inside is delivered a moment later, in order
def sent_esp(wire, seq, data, dport=53, src=HIP, dst=RIP, spi=SPI):
    """A datagram in ESP arrives."""
    wire.send_ip(ESP, esp(spi, seq, udp_datagram(4000, dport, data, src, dst),
                          17), src=src, dst=dst)


def test_same_flow():
    """the same states for the same flow in each context"""
    with cleaned(X), contextlib.ExitStack() as stack:
        one = {}
        for n in ALL:
            X[n].pair()
            one[n] = stack.enter_context(sock(UDP, n, (RIP, 53)))
        # 1's state is in the cache of states for input when 2's is asked for
        for n in (1, 2, 0, 2, 1, 0):
            one[n].sendto(b"for %d" % n, (HIP, 4000))
            sent_esp(W[n], 1 + X[n].used(RIP, SPI), b"in %d" % n)
            for other in ALL:
                pkts = W[other].sync()
                eq([inner(p) for p in pkts], [(4000, b"for %d" % n)]
                   if other == n else [], f"sent by {n}, seen at {other}")
            eq(one[n].recv(99), b"in %d" % n, f"sent to {n}")
            for other in ALL:
                eq(readable(one[other]), None, f"sent to {n}, in {other}")
        for n in ALL:
            eq([X[n].used(end, SPI) for end in (HIP, RIP)], [2, 2],
               f"packets of the states of {n}")


@params((0, 1), (1, 0), (1, 2))
def test_one(ctx, other):
    """policies and states of one are for no other:"""
    with cleaned(X), sock(UDP, ctx, (RIP, 53)) as mine, \
            sock(UDP, other, (RIP, 53)) as its:
        X[ctx].pair()
        # in the clear there, though a state of the numbers is in ctx
        its.sendto(b"clear", (HIP, 4000))
        eq([p.data for p in W[other].sync()], [b"clear"], f"sent by {other}")
        W[other].send_udp(4000, 53, b"clear")
        sent_esp(W[other], 1, b"not its own")
        W[other].sync()
        eq(readable(its), b"clear", f"in {other}")
        # what the policy wants in ESP does not get in without
        W[ctx].send_udp(4000, 53, b"clear")
        sent_esp(W[ctx], 1, b"covered")
        eq(mine.recv(99), b"covered", f"in {ctx}")
        eq((readable(mine), readable(its)), (None, None), "more")
        eq(X[ctx].used(RIP, SPI), 1, "packets of the state")


@params((0, 1), (1, 0), (1, 2))
def test_any_source(ctx, other):
    """a state for any source, and one that is named, serve their context:"""
    sel = selector(proto=17)
    for how in ({}, {"spi": SPI}):
        with cleaned(X), sock(UDP, ctx, (RIP, 53)) as mine, \
                sock(UDP, other, (RIP, 53)) as its, Xfrm(other, ["ACQUIRE"]):
            for n in (ctx, other):
                X[n].policy(OUT, sel, template(**how))
            X[ctx].add(SPI, "0.0.0.0")
            for one in (its, mine):
                one.sendto(b"x", (HIP, 4000))
            eq([p.proto for p in W[other].sync()], [], f"sent by {other}")
            eq([p.proto for p in W[ctx].sync()], [ESP], f"sent by {ctx}")
            # it asks for one of its own, of the same number
            eq(X[other].states().keys(), {(how.get("spi", 0), addr(HIP))},
               f"larval states of {other}")


@params((0, 1), (1, 0), (1, 2))
def test_block(ctx, other):
    """what a policy forbids in one is free in another:"""
    with cleaned(X), sock(UDP, ctx, (RIP, 53)) as mine, \
            sock(UDP, other, (RIP, 53)) as its:
        # by the hash of addresses, and by the tree of prefixes
        for port, bits in ((4000, pick(32, 128)), (4001, pick(8, 100))):
            with cleaned(X):
                X[ctx].policy(OUT, selector(RIP, HIP, 17, bits), action=BLOCK)
                X[ctx].policy(IN, selector(HIP, RIP, 17, bits), action=BLOCK)
                refused(E.EPERM, f"sent by {ctx}", mine.sendto, b"x",
                        (HIP, port))
                its.sendto(b"free", (HIP, port))
                for n in (ctx, other):
                    W[n].send_udp(port, 53, b"in")
                eq([p.data for p in W[other].sync()], [b"free"], "sent")
                eq([p.data for p in W[ctx].sync() if p.proto == 17], [],
                   "sent although forbidden")
                eq((readable(mine), readable(its)), (None, b"in"), "got in")


@params(*[(n,) for n in ALL])
def test_forward_block(ctx):
    """what may not be forwarded in:"""
    with cleaned(X):
        X[ctx].policy(FWD, selector(HIP, FAR, 17), action=BLOCK)
        for n in ALL:
            W[n].send_udp(4000, 53, b"over", dst=FAR)
            W[n].sync()
            eq([p.data for p in B[n].sync()], [] if n == ctx else [b"over"],
               f"forwarded in {n}")


def test_default():
    """that context 0 forbids what has no policy is for itself"""
    def default(way):
        X[0].ask(SETDEFAULT, bytes([way, way, way]))

    with sock(UDP, 0, (RIP, 53)) as mine, sock(UDP, 1, (RIP, 53)) as its:
        for n in (0, 1):                # no neighbour is looked for below
            W[n].sync()
        default(1)
        try:
            refused(E.EPERM, "sent by 0", mine.sendto, b"x", (HIP, 4000))
            its.sendto(b"out", (HIP, 4000))
            eq([p.data for p in W[1].sync()], [b"out"], "sent by 1")
            for n in (0, 1):
                W[n].send_udp(4000, 53, b"in")
            W[1].send_udp(4000, 53, b"over", dst=FAR)
            W[1].sync()
            eq([p.data for p in B[1].sync()], [b"over"], "forwarded by 1")
        finally:
            default(2)
        W[0].sync()
        eq((readable(mine), readable(its)), (None, b"in"), "got in")


def tunnel(ctx, proto=ESP, **kwargs):
    """Between the router and the host on side b, for the net on side a."""
    X[ctx].pair(NEAR, FAR, mode=TUNNEL, proto=proto,
                sel=lambda src, dst: selector(
                    *(ip("10.0.0.0") if end == NEAR else ip("10.9.0.0")
                      for end in (src, dst)), bits=pick(24, 120)), **kwargs)


def test_gateways():
    """the same tunnel in each context, for what is forwarded"""
    far = ip("10.9.0.2")
    for n in ALL:
        RT.route("10.9.0.0/24", via=FAR, dev=f"b{n}", table=table_of(n))
    with cleaned(X):
        for n in ALL:
            tunnel(n)
        for n in ALL:
            W[n].send_udp(4000, 53, b"for %d" % n, dst=far)
            W[n].sync()
        out = {n: [of_esp(p.body) for p in B[n].sync()] for n in ALL}
        own({n: [data[-5:] for _, _, data, _ in out[n]] for n in ALL}, "out")
        eq({pkt[3] for n in ALL for pkt in out[n]}, {IPIP}, "what is inside")
        for n in ALL:
            pkt = ip_packet(17, udp_datagram(53, 4000, b"for %d" % n, far, HIP),
                            src=far, dst=HIP)
            B[n].send_ip(ESP, esp(SPI, 1, pkt, IPIP))
            # without the tunnel it may not come
            B[n].send_udp(53, 4001, b"clear", src=far, dst=HIP)
            B[n].sync()
        own({n: [p.data for p in W[n].sync()] for n in ALL}, "in")
    for n in ALL:
        RT.route_del("10.9.0.0/24", table=table_of(n))


def test_outer_address():
    """a tunnel without a source has that of a device in its context"""
    # with the longer prefix in common with the far end
    near, far = "10.1.0.4", "10.1.0.6"
    RT.addr("b1", near + "/24")
    for n in ALL:
        RT.neigh(f"b{n}", far, HMAC)
    RT.route(far + "/32", dev="b1", src=near, table=table_of(1))
    try:
        with cleaned(X):
            X[1].policy(OUT, selector(HIP, FAR, 17),
                        template("0.0.0.0", far, mode=TUNNEL))
            X[1].add(SPI, near, far, mode=TUNNEL)
            W[1].send_udp(4000, 53, b"x", dst=FAR)
            W[1].sync()
            eq([(p.proto, p.src) for p in B[1].sync()], [(ESP, ip(near))],
               "outer packet")
    finally:
        RT.route_del(far + "/32", table=table_of(1))
        RT.addr_del("b1", near + "/24")


@contextlib.contextmanager
def away(lab):
    """In another lab."""
    try:
        yield lab
    finally:
        LAB.ns.join()


@params(("keys",), ("ah",), ("ipcomp",))
def test_hosts(kind):
    """three hosts of equal addresses, each with what only it can read:"""
    with away(Lab(0, 1, 2)) as lab:
        hosts(lab, kind)


def hosts(lab, kind):
    proto = {"keys": ESP, "ah": AH, "ipcomp": COMP}[kind]
    spi = 0x300 if kind == "ipcomp" else 0x10000300
    near = {n: Xfrm(n) for n in ALL}
    for n in ALL:
        key = b"key of context %06d" % n if kind != "ipcomp" else None
        near[n].pair(spi=spi, proto=proto, key=key, mode=TUNNEL)
        with lab.hosts[n], Xfrm() as far:
            far.pair(HIP, RIP, spi=spi, proto=proto, key=key, mode=TUNNEL)
    for n in ALL:
        with sock(UDP, n, (RIP, 53)) as one, lab.hosts[n], \
                sock(UDP, bind=(HIP, 53)) as far:
            # compressible
            far.sendto(b"%d" % n * 500, (RIP, 53))
            data, peer = one.recvfrom(1000)
            eq(data, b"%d" % n * 500, f"to {n}")
            one.sendto(b"back" * 200, peer)
            eq(far.recv(1000), b"back" * 200, f"from {n}")
        eq([near[n].used(end, spi, proto) for end in (HIP, RIP)], [1, 1],
           f"packets of the states of {n}")
    with sock(UDP, 1, (RIP, 53)) as one, lab.hosts[1], Xfrm() as far, \
            sock(UDP, bind=(HIP, 53)) as it:
        far.flush()
        it.sendto(b"clear", (RIP, 53))
        eq(readable(one), None, "in the clear")
    for n in ALL:
        near[n].close()


def test_udp_encap():
    """ESP in UDP, the same ports in each context"""
    with cleaned(X), contextlib.ExitStack() as stack:
        one, key = {}, {}
        for n in ALL:
            X[n].pair(more=encap())
            one[n] = stack.enter_context(sock(UDP, n, (RIP, 53)))
            key[n] = stack.enter_context(sock(UDP, n, (RIP, 4500)))
            key[n].setsockopt(17, 100, 2)               # UDP_ENCAP_ESPINUDP
            # as a key manager does: what is outside needs no ESP
            key[n].setsockopt(SOL, POLICY, policy(IN, selector(HIP, RIP, 17)))
        for n in (1, 2, 0):
            one[n].sendto(b"for %d" % n, (HIP, 4000))
            W[n].send_udp(4500, 4500, esp(SPI, 1, udp_datagram(
                4000, 53, b"in %d" % n * 10), 17))      # less is too short
            for other in ALL:
                pkts = W[other].sync()
                eq([(p.sport, p.dport, *inner(p)) for p in pkts],
                   [(4500, 4500, 4000, b"for %d" % n)] if n == other else [],
                   f"sent by {n}, seen at {other}")
            eq(one[n].recv(99), b"in %d" % n * 10, f"sent to {n}")
            for other in ALL:
                eq(readable(one[other]), None, f"sent to {n}, in {other}")


@params(*[(*pair, proto) for pair in ((0, 1), (1, 0), (1, 2))
          for proto in ("ESP", *pick(("AH",), ()), "IPComp")])
def test_too_big(ctx, other, name):
    """an error about it counts where there is such a state:"""
    # AH is one of the headers that IPv6 looks behind
    proto = {"ESP": ESP, "AH": AH, "IPComp": COMP}[name]
    body = {ESP: struct.pack("!II", SPI, 1),
            AH: struct.pack("!BBHI", 17, 4, 0, SPI),
            COMP: struct.pack("!BBH", 17, 0, SPI)}[proto]
    # what was learnt about a host stays
    host = f"10.0.0.{20 + len(ASKED)}"
    ASKED.append(host)
    pkt = ip_packet(proto, body.ljust(1400, b"\0"), src=RIP, dst=host, frag=DF)
    with cleaned(X):
        X[ctx].add(SPI, RIP, host, proto=proto)
        for n in (other, ctx):
            W[n].send_icmp(*TOO_BIG, 1300, pkt[:pick(28, 48)].ljust(100, b"\0"))
            W[n].sync()
        for n in (other, ctx):
            with connect((host, 9), n, kind=UDP) as one:
                mtu = one.getsockopt(SOL, MTU)
            check(mtu == 1500 if n == other else mtu <= 1300,
                  f"MTU to the host in {n}: {mtu}")


def test_queue():
    """a packet that waits for a state goes on in its context"""
    sysctl("net.core.xfrm_larval_drop", 0)
    sel = selector(HIP, FAR, 17)
    try:
        with cleaned(X), contextlib.ExitStack() as stack:
            for n in ALL:
                stack.enter_context(Xfrm(n, ["ACQUIRE"]))
                X[n].policy(OUT, sel, template(NEAR, FAR, mode=TUNNEL))
            for n in ALL:
                W[n].send_udp(4000, 53, b"for %d" % n, dst=FAR)
                W[n].sync()
                eq(B[n].sync(), [], f"not yet out of {n}")
            for n in (1, 2, 0):
                X[n].add(SPI, NEAR, FAR, mode=TUNNEL)
                pkt = B[n].expect(lambda p: p.proto == ESP, f"packet of {n}")
                eq(of_esp(pkt.body)[2][-5:], b"for %d" % n, "what is inside")
            for n in ALL:
                eq(B[n].sync(), [], f"more out of {n}")
    finally:
        sysctl("net.core.xfrm_larval_drop", 1)


# Each packet that waits leaks a route (6.12: dst_destroy() sees the child of a
# bundle only if that has a state), of which the debug kernel would tell
if slow() > 1:
    del test_queue


@params(*[(n,) for n in ALL])
def test_translated(ctx):
    """policies of its context see what became of a packet by NAT, in:"""
    with cleaned(X), rules(chain("output", f"udp dport 53 {IP} daddr {ip(HIP)} "
                                f"dnat to {ip('10.0.0.9')}", kind="nat")), \
            sock(UDP, ctx, (RIP, 4000)) as one:
        for n in ALL:
            RT.neigh(f"a{n}", "10.0.0.9", HMAC)
        X[ctx].policy(OUT, selector(RIP, "10.0.0.9", 17),
                      template(RIP, "10.0.0.9"))
        X[ctx].add(SPI, RIP, "10.0.0.9")
        other = (ctx + 1) % 3
        with sock(UDP, other, (RIP, 4000)) as its:
            one.sendto(b"x", (HIP, 53))
            its.sendto(b"x", (HIP, 53))
        eq([[(p.proto, p.dst) for p in W[n].sync()] for n in (ctx, other)],
           [[(ESP, ip("10.0.0.9"))], [(17, ip("10.0.0.9"))]], "packets")
    flush()


def leak(cmd):
    """Context 1 reaches 10.9.0.0/24 in context 2."""
    VR.bodies(cmd, leak_attrs(1, "10.9.0.0/24", 2 if cmd == LEAK_NEW else None))


def test_crossing():
    """policies of both contexts see what crosses"""
    far = ip("10.9.0.2")
    RT.addr("a1", "10.7.0.1/24")
    RT.route("10.9.0.0/24", via=FAR, dev="b2", table=table_of(2))
    leak(LEAK_NEW)
    sources = {"forwarded": HIP, "sent": "10.7.0.1"}
    try:
        with sock(UDP, 1, ("10.7.0.1", 4000)) as one:
            def cross(how):
                """Protocols of what comes out in 2."""
                if how == "sent":
                    with contextlib.suppress(PermissionError):
                        one.sendto(b"x", (far, 53))
                else:
                    W[1].send_udp(4000, 53, b"x", dst=far)
                W[1].sync()
                return [p.proto for p in B[2].sync()]

            for how, src in sources.items():
                eq(cross(how), [17], f"{how} without policies")
                sel = selector(src, far, 17)
                for ctx, way, free in (
                        (1, FWD, how == "sent"), (2, FWD, False),
                        (2, OUT, False), (2, IN, True), (0, FWD, True),
                        (0, OUT, True)):
                    with cleaned(X):
                        X[ctx].policy(way, sel, action=BLOCK)
                        eq(cross(how), [17] if free else [],
                           f"{how}, forbidden by {ctx} {way}")
                with cleaned(X):
                    X[2].policy(OUT, sel, template(NEAR, FAR, mode=TUNNEL))
                    X[2].add(SPI, NEAR, FAR, mode=TUNNEL)
                    eq(cross(how), [ESP], f"{how}, through a tunnel of 2")
    finally:
        leak(LEAK_DEL)
        RT.route_del("10.9.0.0/24", table=table_of(2))
        RT.addr_del("a1", "10.7.0.1/24")


def test_crossing_decrypted():
    """what came by a tunnel of the first context needs none in the second"""
    far = ip("10.9.0.2")
    RT.route("10.9.0.0/24", via=FAR, dev="b2", table=table_of(2))
    leak(LEAK_NEW)
    try:
        with cleaned(X):
            sel = selector("10.8.0.2", far, 17)
            X[1].add(SPI, HIP, RIP, mode=TUNNEL)
            X[1].policy(FWD, sel, template(HIP, RIP, mode=TUNNEL))
            pkt = ip_packet(17, udp_datagram(4000, 53, b"in", ip("10.8.0.2"),
                                             far), src="10.8.0.2", dst=far)
            W[1].send_ip(ESP, esp(SPI, 1, pkt, IPIP))
            W[1].sync()
            eq([p.data for p in B[2].sync()], [b"in"], "crossed")
            # a policy of the second for it is not met by the first's state
            X[2].policy(FWD, sel, template(HIP, RIP, mode=TUNNEL))
            W[1].send_ip(ESP, esp(SPI, 2, pkt, IPIP))
            W[1].sync()
            eq(B[2].sync(), [], "crossed")
    finally:
        leak(LEAK_DEL)
        RT.route_del("10.9.0.0/24", table=table_of(2))


@params(*[(n,) for n in ALL])
def test_keepalive(ctx):
    """a state keeps its translation alive, on the wire of context:"""
    with cleaned(X):
        for n in ALL:
            W[n].sync()
        X[ctx].add(SPI, more=encap() + u32(34, 1)           # interval, s
                   + attr(33, b"\2"))                      # outwards
        pkt = W[ctx].expect(lambda p: p.proto == 17, "packet to stay alive")
        eq((pkt.sport, pkt.dport, pkt.data, pkt.dst),
           (4500, 4500, b"\xff", ip(HIP)), "packet")
    for n in ALL:
        eq([p for p in W[n].sync() if p.proto == 17 and n != ctx], [],
           f"seen in {n}")


@contextlib.contextmanager
def beyond(kind):
    """A device of 1 above a0: what sends a frame there from the wire."""
    data = {"macvlan": u32(1, 4)}.get(kind, attr(1, struct.pack("=H", 5)))
    RT.link_add("x5", "macvlan" if kind == "macvlan" else "vlan", data,
                u32(5, RT.ifindex("a0")))
    far = W[0].far
    try:
        VR.move("x5", 1)
        RT.addr("x5", "10.0.5.1/24")
        RT.up("x5")
        if kind == "macvlan":
            yield lambda pkt: W[0].send(pkt, dst=RT.link("x5")[1])
        elif kind == "tag in the frame":
            yield lambda pkt: W[0].send(struct.pack("!HH", 5, ETH) + pkt,
                                        ETH_VLAN)
        else:
            far.rt.link_add("x5", "vlan", data, u32(5, far.rt.ifindex("eth0")))
            far.rt.link_set("x5", up=True)
            wait(lambda: far.rt.running("x5"), "x5 to run")
            with far:
                one = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
            with one:
                one.bind(("x5", 0))
                head = W[0].rmac + HMAC + struct.pack("!H", ETH)
                yield lambda pkt: one.send(head + pkt)
    finally:
        RT.link_del("x5")
        with contextlib.suppress(OSError):
            far.rt.link_del("x5")


# A driver takes the tag out of the frame, as veth does; then GRO finds the
# header of the packet
@params(("tag beside the frame",), ("tag in the frame",), ("macvlan",))
def test_above(kind):
    """ESP for a device of 1 is its context's, though the device below, which
    has GRO, is context 0's:"""
    # the veth polls, and so has GRO
    features("a0", True, "rx-gro")
    with W[0].far:
        features("eth0", False, *TSO)
    try:
        with beyond(kind) as send, cleaned(X), \
                sock(UDP, 1, ("10.0.5.1", 53)) as one, \
                sock(UDP, 0, ("0.0.0.0", 53)) as its:
            src, dst = ip("10.0.5.2"), ip("10.0.5.1")
            for n in (0, 1):
                X[n].add(SPI, src, dst)
            send(ip_packet(ESP, esp(SPI, 1, udp_datagram(
                4000, 53, b"in", src, dst), 17), src=src, dst=dst))
            eq(one.recv(99), b"in", "in 1")
            eq([X[n].used(dst, SPI) for n in (0, 1)], [0, 1], "packets")
            eq(readable(its), None, "in 0")
    finally:
        features("a0", False, "rx-gro")


def test_interface():
    """an xfrm interface of context 0 takes nothing from another context"""
    RT.link_add("x0", "xfrm", attr(3))                      # collects all
    RT.link_set("x0", up=True)
    try:
        with cleaned(X), sock(UDP, 1, (RIP, 53)) as one:
            X[1].pair()
            sent_esp(W[1], 1, b"covered")
            W[1].send_icmp(*TOO_BIG, 1300, quote(ip_packet(
                ESP, esp(SPI, 1, bytes(1400), 17), src=RIP, dst=HIP)))
            eq(one.recv(99), b"covered", "in 1")
            W[1].sync()
            stats = RT.link("x0")[23]                       # IFLA_STATS64
            eq(struct.unpack_from("=QQQQ", stats), (0,) * 4, "at x0")
    finally:
        RT.link_del("x0")


def test_socket_policy():
    """a socket's own policy, in a context"""
    with cleaned(X):
        for n in ALL:
            X[n].add(SPI)
        with sock(UDP, 1, (RIP, 53)) as one, sock(UDP, 1, (RIP, 54)) as two:
            # the templates follow, not as an attribute
            one.setsockopt(SOL, POLICY, policy(OUT, selector(proto=17))
                           + template())
            one.sendto(b"covered", (HIP, 4000))
            two.sendto(b"clear", (HIP, 4000))
            got = W[1].sync()
            eq([p.proto for p in got], [ESP, 17], "protocols")
            eq(inner(got[0]), (4000, b"covered"), "packet")
        eq([X[n].used(HIP, SPI) for n in ALL], [0, 1, 0], "packets of states")


def test_reborn():
    """a deleted context leaves none to a new one with the number"""
    X[1].pair()
    X[1].policy(OUT, selector(RIP, HIP, 6), action=BLOCK)
    X[2].pair()
    X[1].close()
    W[1].reborn()
    VR.move("b1", 1)
    B[1].up()
    X[1] = Xfrm(1)
    with cleaned(X), sock(UDP, 1, (RIP, 53)) as one:
        eq((X[1].states(), X[1].policies()), ({}, []), "what there is in 1")
        one.sendto(b"clear", (HIP, 4000))
        eq([p.data for p in W[1].sync()], [b"clear"], "sent by 1")
        sent_esp(W[1], 1, b"covered")
        W[1].sync()
        eq(readable(one), None, "got in")
        eq(len(X[2].states()), 2, "states of 2")


def test_tcp():
    """a connection by ESP, in contexts that share its four-tuple"""
    with away(Lab(1, 2)) as lab:
        connections(lab)


def connections(lab):
    near = {n: Xfrm(n) for n in (1, 2)}
    for n, one in near.items():
        def sel(src, dst):
            return selector(src, dst, 6)
        one.pair(sel=sel, key=b"key of context %06d" % n)
        with lab.hosts[n], Xfrm() as far:
            far.pair(HIP, RIP, sel=sel, key=b"key of context %06d" % n)
    for n, one in near.items():
        with serve(n, 80) as listen, lab.hosts[n], \
                connect((RIP, 80), src=(HIP, 4000)) as cli:
            srv = listen.accept()[0]
            srv.sendall(b"%d" % n * 5000)
            got = b""
            while len(got) < 5000:
                got += cli.recv(9000)
            eq(got, b"%d" % n * 5000, f"data of {n}")
            srv.close()
        check(one.used(HIP, SPI) > 1, f"packets of {n}")
        one.close()


if __name__ == "__main__":
    run(globals(), limit=120)
