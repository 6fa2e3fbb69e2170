#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 4 6
"""ICMP errors, path MTU and redirects stay in the context they came in.

Errors are forged about flows with identical addresses and ports. Guards the
socket look-up of tcp_v4_err(), __udp4_lib_err(), raw and ping errors, the
nexthop exceptions (PMTU, redirect), the inetpeer keys and the limit of errors;
the same of IPv6.
"""
import errno as E
import socket
import struct

from vr_fam import (CONF, ECHO_REPLY, ECHO_REQUEST, EXT_ECHO, EXT_REPLY,
                    HOST_UNREACH, ICMP, MTU, MTU_DISCOVER, PMTU_DO,
                    PORT_UNREACH, PROTO_UNREACH, RATELIMIT, RATEMASK, RECVERR,
                    SOL, TOO_BIG, UNREACH, ip, only, packed, pick, ratemask)
from vr_nl import table_of
from vr_net import (HIP, RAW, RIP, TCP, UDP, Lab, errqueue, get_ctx, readable,
                    sock)
from vr_pkt import (ACK, HMAC, PSH, RST, Peer, Wire, csum, icmp, ip_packet,
                    quote, redirect, udp_datagram)
from vr_rt import sysctl
from vr_tap import Skip, check, eq, params, refused, run, wait

LAB = Lab(1, 2, hosts=False)
W = {ctx: Wire(LAB, ctx) for ctx in (0, 1, 2)}
PAIRS = [(0, 1), (1, 0), (1, 2)]
FAR = ip("192.0.2.9")
# The next hop, and what it redirects to: IPv6 wants a link-local address
NEXT, GATE = pick((HIP, "10.0.0.3"), ("fe80::2", "fe80::3"))
SO_ERROR = (socket.SOL_SOCKET, socket.SO_ERROR)


def far_route(ctx):
    LAB.rt.route(FAR, via=NEXT, dev=W[ctx].dev, table=table_of(ctx))


for one in W.values():
    LAB.rt.neigh(one.dev, NEXT, HMAC)
    far_route(one.ctx)


def error(wire, kind, packet, rest=0):
    """An ICMP error from the next hop, about a packet we sent."""
    wire.send_icmp(*kind, rest, quote(packet))
    wire.sync()


@params(*PAIRS)
def test_udp(one, two):
    """port unreachable for a UDP socket:"""
    socks = {ctx: sock(UDP, ctx, (RIP, 4000)) for ctx in (one, two)}
    for s in socks.values():
        s.connect((HIP, 53))
    sent = ip_packet(17, udp_datagram(4000, 53, b"x", RIP, HIP), RIP, HIP)
    error(W[one], PORT_UNREACH, sent)
    eq(socks[two].getsockopt(*SO_ERROR), 0, "other context")
    eq(socks[one].getsockopt(*SO_ERROR), E.ECONNREFUSED, "own context")
    for s in socks.values():
        s.close()


@params(*PAIRS)
def test_udp_errqueue(one, two):
    """the error queue of an unconnected UDP socket:"""
    socks = {ctx: sock(UDP, ctx, ("0.0.0.0", 4000)) for ctx in (one, two)}
    for s in socks.values():
        s.setsockopt(SOL, RECVERR, 1)
    sent = ip_packet(17, udp_datagram(4000, 53, b"x", RIP, HIP), RIP, HIP)
    error(W[one], HOST_UNREACH, sent)
    eq(errqueue(socks[two]), None, "queue of the other")
    eq(errqueue(socks[one]), E.EHOSTUNREACH, "own queue")
    for s in socks.values():
        s.close()


@params(*PAIRS)
def test_tcp_syn(one, two):
    """host unreachable for a TCP connect in progress:"""
    socks, syns = {}, {}
    for ctx in (one, two):
        s = socks[ctx] = sock(TCP, ctx, (RIP, 4000))
        s.setsockopt(SOL, RECVERR, 1)
        s.setblocking(False)
        refused(E.EINPROGRESS, "connect", s.connect, (HIP, 80))
        syns[ctx] = W[ctx].expect(lambda p: p.proto == 6, "SYN")
    error(W[one], HOST_UNREACH, syns[two].raw)  # the other's very packet
    error(W[one], PORT_UNREACH, syns[two].raw)
    eq(socks[two].getsockopt(*SO_ERROR), 0, "other context")
    error(W[two], PORT_UNREACH, syns[two].raw)
    eq(socks[two].getsockopt(*SO_ERROR), E.ECONNREFUSED, "own context")
    for s in socks.values():
        s.close()


@params(*PAIRS)
def test_tcp_request(one, two):
    """unreachable does not drop a half-open request of another context:"""
    listen = sock(TCP, two, (RIP, 80), listen=4, reuse=True)
    peer = Peer(W[two], 4000, 80, 1000)
    synack = peer.syn()
    error(W[one], HOST_UNREACH, synack.raw)
    peer.send(ACK)
    W[two].sync()
    server = listen.accept()[0]
    eq(get_ctx(server), two, "child")
    peer.send(RST | ACK)
    W[two].sync()
    server.close()
    listen.close()


@params(*PAIRS)
def test_raw(one, two):
    """an error about a raw protocol:"""
    socks = {ctx: sock(RAW, ctx, (RIP, 0), proto=200) for ctx in (one, two)}
    for s in socks.values():
        s.setsockopt(SOL, RECVERR, 1)
        s.connect((HIP, 0))
    error(W[one], PROTO_UNREACH, ip_packet(200, b"12345678", RIP, HIP))
    eq(socks[two].getsockopt(*SO_ERROR), 0, "other context")
    eq(socks[one].getsockopt(*SO_ERROR), pick(E.ENOPROTOOPT, E.EPROTO),
       "own context")
    for s in socks.values():
        s.close()


@params(*PAIRS)
def test_ping(one, two):
    """ping sockets: replies and errors for one identifier:"""
    socks = {ctx: sock(UDP, ctx, proto=ICMP) for ctx in (one, two)}
    for s in socks.values():
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
        s.setsockopt(SOL, RECVERR, 1)
        s.bind((RIP, 77))
    W[one].send_icmp(*ECHO_REPLY, 77 << 16 | 1, b"reply")
    W[one].sync()
    eq(readable(socks[two]), None, "reply in the other context")
    check(readable(socks[one]), "no reply in the own context")
    sent = ip_packet(ICMP, icmp(*ECHO_REQUEST, 77 << 16 | 1, b"x"), RIP, HIP)
    error(W[one], HOST_UNREACH, sent)
    eq(errqueue(socks[two]), None, "queue of the other")
    eq(errqueue(socks[one]), E.EHOSTUNREACH, "own queue")
    refused(E.EADDRINUSE, "same identifier again", sock, UDP, one, (RIP, 77),
            proto=ICMP)
    for s in socks.values():
        s.close()


def mtu(one):
    return one.getsockopt(SOL, MTU)


@params(*PAIRS)
def test_pmtu(one, two):
    """fragmentation needed lowers the path MTU of one context only:"""
    socks = {}
    for ctx in (one, two):
        s = socks[ctx] = sock(UDP, ctx, (RIP, 4000))
        s.setsockopt(SOL, MTU_DISCOVER, PMTU_DO)
        s.connect((FAR, 53))
        eq(mtu(s), 1500, f"MTU in {ctx} before")
    sent = ip_packet(17, udp_datagram(4000, 53, b"x" * 1400, RIP, FAR), RIP,
                     FAR)
    error(W[one], TOO_BIG, sent, 1300)
    fresh = {}
    for ctx in (one, two):
        fresh[ctx] = sock(UDP, ctx)
        fresh[ctx].connect((FAR, 53))
    eq(mtu(fresh[two]), 1500, "MTU in the other context")
    eq(mtu(socks[two]), 1500, "MTU of the other's socket")
    eq(mtu(fresh[one]), 1300, "MTU in the own context")
    refused(E.EMSGSIZE, "big datagram", socks[one].send, b"x" * 1400)
    socks[two].send(b"x" * 1400)
    for s in [*socks.values(), *fresh.values()]:
        s.close()
    flush(one)


def flush(ctx):
    """Forget the exceptions of a context: replace its route."""
    LAB.rt.route_del(FAR, table=table_of(ctx))
    far_route(ctx)


@params(*PAIRS)
def test_pmtu_tcp(one, two):
    """fragmentation needed about another context's TCP segment:"""
    listen = sock(TCP, two, (RIP, 80), listen=4, reuse=True)
    peer = Peer(W[two], 4000, 80, 1000).open()
    W[two].sync()
    server = listen.accept()[0]
    server.send(b"z" * 1400)
    seg = peer.expect(ACK, b"z" * 1400)
    error(W[one], TOO_BIG, seg.raw, 1300)
    eq(mtu(server), 1500, "MTU of the other's connection")
    peer.ack += 1400
    peer.send(ACK)
    W[two].sync()
    server.send(b"y" * 1400)
    peer.expect(ACK | PSH, b"y" * 1400)         # still whole
    peer.send(RST | ACK)
    W[two].sync()
    server.close()
    listen.close()


def tcp_to_far(ctx):
    """A connection of the router with FAR, and a segment of it."""
    wire = W[ctx]
    wire.ip = FAR
    with sock(TCP, ctx, (RIP, 80), listen=4, reuse=True) as listen:
        peer = Peer(wire, 4000, 80, 1000).open()
        wire.sync()
        server = listen.accept()[0]
    server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                      struct.pack("=ii", 1, 0))      # close() resets
    server.send(b"probe")
    sent = peer.expect(ACK | PSH, b"probe")
    wire.ip = HIP
    return server, sent.raw


@params(*[(*pair, kind) for pair in PAIRS for kind in
          ("UDP", "TCP", *pick((), ("no packet",)))])
def test_redirect(one, two, kind):
    """a redirect changes the next hop in one context only:"""
    gmac = b"\2\0\0\0\0\3"
    for ctx in (one, two):
        for conf in ("all", W[ctx].dev):
            for key, val in (("accept_redirects", 1), ("forwarding", 0)):
                sysctl(f"{CONF}.{conf}.{key}", val)
            sysctl(f"net.ipv4.conf.{conf}.secure_redirects", 0)
        LAB.rt.neigh(W[ctx].dev, GATE, gmac)
    socks = {ctx: sock(UDP, ctx, (RIP, 4000)) for ctx in (one, two)}

    def next_hop(ctx):
        W[ctx].sync()
        socks[ctx].sendto(b"probe", (FAR, 53))
        frame = W[ctx].sock.recv(2000)
        while b"probe" not in frame:
            frame = W[ctx].sock.recv(2000)
        return frame[:6]

    eq((next_hop(one), next_hop(two)), (HMAC, HMAC), "next hops before")
    if kind == "TCP":
        server, sent = tcp_to_far(one)
        socks["TCP"] = server
    elif kind == "UDP":
        sent = ip_packet(17, udp_datagram(4000, 53, b"probe", RIP, FAR), RIP,
                         FAR)
    else:
        sent = None
    W[one].send(redirect(NEXT, RIP, sent, FAR, GATE, gmac))
    W[one].sync()
    eq(next_hop(two), HMAC, "next hop in the other context")
    eq(next_hop(one), gmac, "next hop in the own context")
    for s in socks.values():
        s.close()
    W[one].sync()
    flush(one)


@params((0,), (1,))
def test_replies(ctx):
    """errors that the router sends leave through the context they concern:"""
    W[ctx].send_udp(4000, 9, b"nobody")
    pkt = W[ctx].expect(lambda p: p.proto == ICMP, "port unreachable")
    eq((pkt.icmp, pkt.src), (PORT_UNREACH, RIP), "error")
    for other in set(W) - {ctx}:
        W[other].silent("another context")
    W[ctx].send_ip(201, b"12345678")
    pkt = W[ctx].expect(lambda p: p.proto == ICMP, "protocol unreachable")
    eq(pkt.icmp, PROTO_UNREACH, "error")
    W[ctx].send_tcp(4000, 9, 1, flags=2)
    pkt = W[ctx].expect(lambda p: p.proto == 6, "RST")
    eq(pkt.flags, RST | ACK, "answer")
    for other in set(W) - {ctx}:
        W[other].silent("another context")


@params(*PAIRS)
def test_limit(one, two):
    """errors about one context do not use up the limit of another:"""
    src = f"10.0.0.{50 + 3 * one + two}"        # new to the router each time
    sysctl(RATELIMIT, 20000)
    sysctl(RATEMASK, ratemask(UNREACH))
    for ctx in (one, two):
        LAB.rt.neigh(W[ctx].dev, src, HMAC)
    check(0 < W[one].port_errors(20, src=src) < 20, "no limit")
    eq(W[one].port_errors(5, src=src), 0, "errors beyond the limit")
    check(W[two].port_errors(5, src=src) > 0, "the limit of another context")
    sysctl(RATEMASK, ratemask())


@params(*PAIRS)
def test_budget(one, two):
    """errors about one context do not use up what another may send:"""
    sysctl(RATELIMIT, 0)                        # to one address: any number
    sysctl(RATEMASK, ratemask(UNREACH))
    for ctx in (one, two):                      # both have credit
        wait(lambda ctx=ctx: W[ctx].port_errors(1), f"an error from {ctx}")
    sysctl("net.ipv4.icmp_msgs_per_sec", 0)     # and get no more
    check(0 < W[one].port_errors(300) < 300, "no limit")
    eq(W[one].port_errors(5), 0, "errors beyond the limit")
    eq(W[two].port_errors(1), 1, "errors of the other context")
    sysctl("net.ipv4.icmp_msgs_per_sec", 1000)
    sysctl(RATEMASK, ratemask())


@params(*PAIRS)
def test_probe(one, two):
    """extended echo (RFC 8335) knows the context's devices only:"""
    sysctl("net.ipv4.icmp_echo_enable_probe", 1)
    for ctx, code in ((one, 0), (two, 2)):
        dev = W[ctx].dev.encode()
        addr = packed(f"10.5.{ctx}.1")
        LAB.rt.addr(W[ctx].dev, f"10.5.{ctx}.1/24")
        for kind, ident in ((1, dev + b"\0" * (4 - len(dev))),
                            (2, struct.pack("!I", LAB.rt.ifindex(W[ctx].dev))),
                            (3, struct.pack("!HBB", pick(1, 2), len(addr), 0)
                             + addr)):
            obj = struct.pack("!HBB", 4 + len(ident), 3, kind) + ident
            W[one].send_icmp(EXT_ECHO, 0, 0x07000001, b"\x20\0\0\0" + obj)
            pkt = W[one].expect(lambda p: p.proto == ICMP, "extended reply")
            eq(pkt.icmp, (EXT_REPLY, code), f"{dev} by {kind}")
        LAB.rt.addr_del(W[ctx].dev, f"10.5.{ctx}.1/24")


def test_raw_protocol_elsewhere():
    """a raw socket in one context does not hide protocol unreachable in 2"""
    with sock(RAW, 1, (RIP, 0), proto=201) as one:
        W[2].send_ip(201, b"12345678")
        pkt = W[2].expect(lambda p: p.proto == ICMP, "protocol unreachable")
        eq(pkt.icmp, PROTO_UNREACH, "error")
        eq(readable(one), None, "raw socket of context 1")
        W[1].send_ip(201, b"12345678")
        W[1].silent("context 1, which has the protocol")


@only(4)
def test_record_route():
    """options of the echo reply use addresses of the context"""
    # record route: the reply's own slot must be an address of context 1
    head = struct.pack("!BBHHHBBH4s4s8B", 0x47, 0, 28 + 8, 0, 0, 64, 1, 0,
                       packed(HIP), packed(RIP), 7, 7, 4, 0, 0, 0, 0, 0)
    head = head[:10] + struct.pack("!H", csum(head)) + head[12:]
    W[1].send(head + icmp(8, 0, 5, b"")[:8])
    pkt = W[1].expect(lambda p: p.icmp == ECHO_REPLY, "echo reply")
    if pkt.ihl < 28:
        raise Skip("options are not echoed")
    eq(pkt.raw[23:27], packed(RIP), "recorded address")


@only(4)
@params(*PAIRS)
def test_timestamps(ctx, other):
    """prespecified addresses are stamped that the context has:"""
    here, there = ([f"10.7.{n}.{i}" for i in (1, 2)] for n in (ctx, other))
    for num, addrs in ((ctx, here), (other, there)):
        for addr in addrs:
            LAB.rt.addr(W[num].dev, addr + "/32")
    # Next free slot: nothing stamped, the first on receipt, the second by the
    # reply
    for addrs, pointer in (((there[0], here[0]), 5), ((here[0], there[0]), 13),
                           (here, 21)):
        head = struct.pack("!BBHHHBBH4s4s4B4s4x4s4x", 0x4a, 0, 40 + 8, 0, 0,
                           64, 1, 0, packed(HIP), packed(RIP), 68, 20, 5, 3,
                           *map(packed, addrs))
        head = head[:10] + struct.pack("!H", csum(head)) + head[12:]
        W[ctx].send(head + icmp(8, 0, 5, b"")[:8])
        pkt = W[ctx].expect(lambda p: p.icmp == ECHO_REPLY, "echo reply")
        eq(pkt.raw[22], pointer, f"pointer: {addrs}")
    for num, addrs in ((ctx, here), (other, there)):
        for addr in addrs:
            LAB.rt.addr_del(W[num].dev, addr + "/32")


run(globals(), limit=60)
