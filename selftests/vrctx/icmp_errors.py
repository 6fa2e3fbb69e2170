#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""ICMP errors, path MTU and redirects stay in the context they came in.

Errors are forged about flows with identical addresses and ports. Guards the
socket look-up of tcp_v4_err(), __udp4_lib_err(), raw and ping errors, the
nexthop exceptions (PMTU, redirect) and the inetpeer keys.
"""
import errno as E
import socket
import struct

from vr_fam import packed
from vr_nl import table_of
from vr_net import (HIP, RAW, RIP, TCP, UDP, Lab, errqueue, get_ctx, readable,
                    sock)
from vr_pkt import (ACK, HMAC, PSH, RST, Peer, Wire, csum, icmp, ip_packet,
                    quote, udp_datagram)
from vr_rt import sysctl
from vr_tap import Skip, check, eq, params, refused, run

LAB = Lab(1, 2, hosts=False)
W = {ctx: Wire(LAB, ctx) for ctx in (0, 1, 2)}
PAIRS = [(0, 1), (1, 0), (1, 2)]
FAR = "192.0.2.9"
SO_ERROR = (socket.SOL_SOCKET, socket.SO_ERROR)
IP_RECVERR, IP_MTU, IP_MTU_DISCOVER, PMTU_DO = 11, 14, 10, 2

for one in W.values():
    LAB.rt.route(FAR + "/32", via=HIP, dev=one.dev,
                 table=table_of(one.ctx))


def error(wire, kind, code, packet, rest=0):
    """An ICMP error from the next hop, about a packet we sent."""
    wire.send_icmp(kind, code, rest, quote(packet))
    wire.sync()


@params(*PAIRS)
def test_udp(one, two):
    """port unreachable for a UDP socket:"""
    socks = {ctx: sock(UDP, ctx, (RIP, 4000)) for ctx in (one, two)}
    for s in socks.values():
        s.connect((HIP, 53))
    sent = ip_packet(17, udp_datagram(4000, 53, b"x", RIP, HIP), RIP, HIP)
    error(W[one], 3, 3, sent)
    eq(socks[two].getsockopt(*SO_ERROR), 0, "other context")
    eq(socks[one].getsockopt(*SO_ERROR), E.ECONNREFUSED, "own context")
    for s in socks.values():
        s.close()


@params(*PAIRS)
def test_udp_errqueue(one, two):
    """the error queue of an unconnected UDP socket:"""
    socks = {ctx: sock(UDP, ctx, ("0.0.0.0", 4000)) for ctx in (one, two)}
    for s in socks.values():
        s.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
    sent = ip_packet(17, udp_datagram(4000, 53, b"x", RIP, HIP), RIP, HIP)
    error(W[one], 3, 1, sent)
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
        s.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
        s.setblocking(False)
        refused(E.EINPROGRESS, "connect", s.connect, (HIP, 80))
        syns[ctx] = W[ctx].expect(lambda p: p.proto == 6, "SYN")
    error(W[one], 3, 1, syns[two].raw)          # the other's very packet
    error(W[one], 3, 3, syns[two].raw)
    eq(socks[two].getsockopt(*SO_ERROR), 0, "other context")
    error(W[two], 3, 3, syns[two].raw)
    eq(socks[two].getsockopt(*SO_ERROR), E.ECONNREFUSED, "own context")
    for s in socks.values():
        s.close()


@params(*PAIRS)
def test_tcp_request(one, two):
    """unreachable does not drop a half-open request of another context:"""
    listen = sock(TCP, two, (RIP, 80), listen=4, reuse=True)
    peer = Peer(W[two], 4000, 80, 1000)
    synack = peer.syn()
    error(W[one], 3, 1, synack.raw)
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
        s.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
        s.connect((HIP, 0))
    error(W[one], 3, 2, ip_packet(200, b"12345678", RIP, HIP))
    eq(socks[two].getsockopt(*SO_ERROR), 0, "other context")
    eq(socks[one].getsockopt(*SO_ERROR), E.ENOPROTOOPT, "own context")
    for s in socks.values():
        s.close()


@params(*PAIRS)
def test_ping(one, two):
    """ping sockets: replies and errors for one identifier:"""
    socks = {ctx: sock(UDP, ctx, proto=1) for ctx in (one, two)}
    for s in socks.values():
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
        s.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
        s.bind((RIP, 77))
    W[one].send_icmp(0, 0, 77 << 16 | 1, b"reply")
    W[one].sync()
    eq(readable(socks[two]), None, "reply in the other context")
    check(readable(socks[one]), "no reply in the own context")
    sent = ip_packet(1, icmp(8, 0, 77 << 16 | 1, b"x"), RIP, HIP)
    error(W[one], 3, 1, sent)
    eq(errqueue(socks[two]), None, "queue of the other")
    eq(errqueue(socks[one]), E.EHOSTUNREACH, "own queue")
    refused(E.EADDRINUSE, "same identifier again", sock, UDP, one, (RIP, 77),
            proto=1)
    for s in socks.values():
        s.close()


def mtu(one):
    return one.getsockopt(socket.IPPROTO_IP, IP_MTU)


@params(*PAIRS)
def test_pmtu(one, two):
    """fragmentation needed lowers the path MTU of one context only:"""
    dest = "192.0.2.9"
    socks = {}
    for ctx in (one, two):
        s = socks[ctx] = sock(UDP, ctx, (RIP, 4000))
        s.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, PMTU_DO)
        s.connect((dest, 53))
        eq(mtu(s), 1500, f"MTU in {ctx} before")
    sent = ip_packet(17, udp_datagram(4000, 53, b"x" * 1400, RIP, dest), RIP,
                     dest)
    error(W[one], 3, 4, sent, 1000)
    fresh = {}
    for ctx in (one, two):
        fresh[ctx] = sock(UDP, ctx)
        fresh[ctx].connect((dest, 53))
    eq(mtu(fresh[two]), 1500, "MTU in the other context")
    eq(mtu(socks[two]), 1500, "MTU of the other's socket")
    eq(mtu(fresh[one]), 1000, "MTU in the own context")
    refused(E.EMSGSIZE, "big datagram", socks[one].send, b"x" * 1200)
    socks[two].send(b"x" * 1200)
    for s in [*socks.values(), *fresh.values()]:
        s.close()
    flush(one)


def flush(ctx):
    """Forget the exceptions of a context: replace its route."""
    LAB.rt.route_del(FAR + "/32", table=table_of(ctx))
    LAB.rt.route(FAR + "/32", via=HIP, dev=W[ctx].dev, table=table_of(ctx))


@params(*PAIRS)
def test_pmtu_tcp(one, two):
    """fragmentation needed about another context's TCP segment:"""
    listen = sock(TCP, two, (RIP, 80), listen=4, reuse=True)
    peer = Peer(W[two], 4000, 80, 1000).open()
    W[two].sync()
    server = listen.accept()[0]
    server.send(b"z" * 1400)
    seg = peer.expect(ACK, b"z" * 1400)
    error(W[one], 3, 4, seg.raw, 600)
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


@params(*[(*pair, kind) for pair in PAIRS for kind in ("UDP", "TCP")])
def test_redirect(one, two, kind):
    """a redirect changes the next hop in one context only:"""
    gate = "10.0.0.3"
    gmac = b"\2\0\0\0\0\3"
    for ctx in (one, two):
        for conf in ("all", W[ctx].dev):
            for key, val in (("accept_redirects", 1), ("forwarding", 0),
                             ("secure_redirects", 0)):
                sysctl(f"net.ipv4.conf.{conf}.{key}", val)
        LAB.rt.neigh(W[ctx].dev, gate, gmac)
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
    else:
        sent = ip_packet(17, udp_datagram(4000, 53, b"probe", RIP, FAR), RIP,
                         FAR)
    error(W[one], 5, 1, sent, struct.unpack("!I", packed(gate))[0])
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
    pkt = W[ctx].expect(lambda p: p.proto == 1, "port unreachable")
    eq((pkt.type, pkt.code, pkt.src), (3, 3, RIP), "error")
    for other in set(W) - {ctx}:
        W[other].silent("another context")
    W[ctx].send_ip(201, b"12345678")
    pkt = W[ctx].expect(lambda p: p.proto == 1, "protocol unreachable")
    eq((pkt.type, pkt.code), (3, 2), "error")
    W[ctx].send_tcp(4000, 9, 1, flags=2)
    pkt = W[ctx].expect(lambda p: p.proto == 6, "RST")
    eq(pkt.flags, RST | ACK, "answer")
    for other in set(W) - {ctx}:
        W[other].silent("another context")


@params(*PAIRS)
def test_limit(one, two):
    """errors about one context do not use up the limit of another:"""
    src = f"10.0.0.{50 + 3 * one + two}"        # new to the router each time
    sysctl("net.ipv4.icmp_ratelimit", 20000)
    sysctl("net.ipv4.icmp_ratemask", 1 << 3)
    for ctx in (one, two):
        LAB.rt.neigh(W[ctx].dev, src, HMAC)
    check(0 < W[one].port_errors(20, src=src) < 20, "no limit")
    eq(W[one].port_errors(5, src=src), 0, "errors beyond the limit")
    check(W[two].port_errors(5, src=src) > 0, "the limit of another context")
    sysctl("net.ipv4.icmp_ratemask", 0)


@params(*PAIRS)
def test_probe(one, two):
    """extended echo (RFC 8335) knows the context's devices only:"""
    sysctl("net.ipv4.icmp_echo_enable_probe", 1)
    for ctx, code in ((one, 0), (two, 2)):
        dev = W[ctx].dev.encode()
        for kind, ident in ((1, dev + b"\0" * (4 - len(dev))),
                            (2, struct.pack("!I", LAB.rt.ifindex(W[ctx].dev)))):
            obj = struct.pack("!HBB", 8, 3, kind) + ident
            W[one].send_icmp(42, 0, 0x07000001, b"\x20\0\0\0" + obj)
            pkt = W[one].expect(lambda p: p.proto == 1, "extended echo reply")
            eq((pkt.type, pkt.code), (43, code), f"{dev} by {kind}")


def test_raw_protocol_elsewhere():
    """a raw socket in one context does not hide protocol unreachable in 2"""
    with sock(RAW, 1, (RIP, 0), proto=201) as one:
        W[2].send_ip(201, b"12345678")
        pkt = W[2].expect(lambda p: p.proto == 1, "protocol unreachable")
        eq((pkt.type, pkt.code), (3, 2), "error")
        eq(readable(one), None, "raw socket of context 1")
        W[1].send_ip(201, b"12345678")
        W[1].silent("context 1, which has the protocol")


def test_record_route():
    """options of the echo reply use addresses of the context"""
    # record route: the reply's own slot must be an address of context 1
    head = struct.pack("!BBHHHBBH4s4s", 0x47, 0, 28 + 8, 0, 0, 64, 1, 0,
                       packed(HIP), packed(RIP)) + bytes([7, 7, 4, 0, 0, 0, 0, 0])
    head = head[:10] + struct.pack("!H", csum(head)) + head[12:]
    W[1].send(head + icmp(8, 0, 5, b"")[:8])
    pkt = W[1].expect(lambda p: p.proto == 1 and p.type == 0, "echo reply")
    if pkt.ihl < 28:
        raise Skip("options are not echoed")
    eq(pkt.raw[23:27], packed(RIP), "recorded address")


run(globals(), limit=60)
