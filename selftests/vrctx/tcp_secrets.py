#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 4 6
"""TCP: what a host derives from addresses and ports tells nothing of another.

Guards the salt of a context in initial sequence numbers and local ports, and
that Fast Open and the metrics cache, which know no contexts, are not used.
"""
import errno as E
import socket
import struct

import vr_nl as nl
from vr_fam import pick, unpacked
from vr_net import HIP, RIP, TCP, Lab, pending, serve, sock
from vr_pkt import ACK, FIN, RST, SYN, Peer, Wire
from vr_rt import sysctl
from vr_tap import check, eq, run, wait

LAB = Lab(1, 2, hosts=False)
W = {ctx: Wire(LAB, ctx) for ctx in (0, 1, 2)}
TCP_FASTOPEN, COOKIE_REQUEST = 23, b"\x22\x02\x01\x01"


def first_syn(ctx, dport, sport=0):
    """The SYN of a connection that nobody answers."""
    with sock(TCP, ctx, (RIP, sport) if sport else None, reuse=True) as one:
        one.setblocking(False)
        eq(one.connect_ex((HIP, dport)), E.EINPROGRESS, "connect")
        return W[ctx].expect(lambda p: p.proto == 6 and p.flags & SYN
                             and p.dport == dport, "SYN")


def close(one, two):
    """Is it but the clock that tells the sequence numbers of two apart?"""
    # that is 2**24 in a second
    return min((one.seq - two.seq) % 2**32, (two.seq - one.seq) % 2**32) < 2**26


def test_sequence_numbers():
    """the sequence numbers of two contexts are unrelated"""
    near = sum(close(first_syn(1, dport, 30000), first_syn(2, dport, 30000))
               for dport in range(2000, 2006))
    check(near < 5, f"{near} of 6 are close")


def test_accepted_numbers():
    """so are those of the connections that they accept"""
    with serve(1, 80), serve(2, 80):
        near = sum(close(Peer(W[1], sport, 80).syn(),
                         Peer(W[2], sport, 80).syn())
                   for sport in range(4000, 4006))
    check(near < 5, f"{near} of 6 are close")


def test_local_ports():
    """the local ports of two contexts are unrelated"""
    near = 0
    for dport in range(2100, 2106):
        one, two = (first_syn(ctx, dport).sport for ctx in (1, 2))
        near += abs(one - two) < 64
    check(near < 5, f"{near} of 6 are close")


def options(pkt):
    """The kinds of the TCP options of a packet."""
    data, out = pkt.body[20:(pkt.body[12] >> 4) * 4], []
    while data and data[0]:
        out.append(data[0])
        data = data[1:] if data[0] == 1 else data[data[1]:]
    return out


def test_fastopen():
    """no Fast Open cookie is given out in a context"""
    sysctl("net.ipv4.tcp_fastopen", 3)
    for ctx, gives in ((0, True), (1, False)):
        with serve(ctx, 80) as listen:
            listen.setsockopt(socket.IPPROTO_TCP, TCP_FASTOPEN, 5)
            peer = Peer(W[ctx], 4000, 80)
            pkt = peer.syn(COOKIE_REQUEST)
            eq(0x22 in options(pkt), gives, f"cookie in {ctx}")
            peer.send(RST | ACK)
            W[ctx].sync()


def metrics():
    """Addresses in the cache of TCP metrics."""
    gen = nl.Netlink(nl.NETLINK_GENERIC)
    family, _ = gen.genl_family("tcp_metrics")
    out = gen.request(family, nl.NLM_F_DUMP, struct.pack("=BBH", 1, 1, 0))
    gen.close()
    peers = (nl.parse(body[4:]).get(pick(1, 2)) for body in out)
    return [unpacked(addr) for addr in peers if addr]


def test_metrics():
    """connections in a context leave no metrics"""
    for ctx, leaves in ((1, False), (0, True)):
        with serve(ctx, 80) as listen:
            peer = Peer(W[ctx], 4000, 80).open()
            server = wait(lambda: pending(listen), "accept")
            server.send(b"measure")
            peer.expect(ACK, b"measure")
            peer.ack += 7
            peer.send(ACK)
            W[ctx].sync()
            server.close()
            peer.expect(FIN | ACK)
            peer.ack += 1
            peer.send(FIN | ACK)
            W[ctx].sync()
        eq(HIP in metrics(), leaves, f"metrics of {ctx}")


run(globals())
