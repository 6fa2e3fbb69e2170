#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 4 6
"""TCP: no segment of one context reaches a socket of another.

Identical addresses and ports everywhere; the peers are hand made. Guards the
context in the established and timewait look-up, in the request socket (its
hash, its copies and the child made from it), in SYN cookies, RSTs and early
demux.
"""
import errno as E
import socket
import struct

from vr_fam import proc_net, sockaddr
from vr_net import (HIP, RIP, TCP, Lab, get_ctx, pending, readable, serve,
                    sock)
from vr_pkt import ACK, FIN, PSH, RST, SYN, Peer, Wire
from vr_rt import sysctl
from vr_tap import Skip, check, eq, params, refused, run, wait

LAB = Lab(1, 2, hosts=False)
W = {ctx: Wire(LAB, ctx) for ctx in (0, 1, 2)}
PAIRS = [(0, 1), (1, 0), (1, 2)]


def timewaits():
    """Timewait sockets of local port 80, in all contexts."""
    with open(proc_net("tcp"), encoding="ascii") as f:
        rows = [ln.split() for ln in f]
    return sum(1 for r in rows if r[1].endswith(":0050") and r[3] == "06")


def established(ctx, listen, port=4000, isn=1000):
    peer = Peer(W[ctx], port, 80, isn).open()
    server = wait(lambda: pending(listen), "accept")
    return peer, server


@params(*PAIRS)
def test_established(one, two):
    """data for a connection of one context never enters another's:"""
    # same 4-tuple and same sequence numbers as the peers see them
    la, lb = serve(one, 80), serve(two, 80)
    pa, sa = established(one, la)
    pb, sb = established(two, lb)
    eq((get_ctx(sa), get_ctx(sb)), (one, two), "contexts of children")
    pa.send(PSH | ACK, b"one")
    W[one].sync()
    eq(readable(sa), b"one", "data in the right context")
    eq(readable(sb), None, "data in the other")
    # numbers of the second connection, sent in the first context
    W[one].send_tcp(4000, 80, pb.seq, pb.ack, PSH | ACK, b"evil")
    W[one].sync()
    eq(readable(sb), None, "forged data")
    pb.send(PSH | ACK, b"two")
    W[two].sync()
    eq((readable(sa), readable(sb)), (None, b"two"), "data of the second")
    sb.send(b"answer")
    pb.expect(ACK, b"answer")
    W[one].sync()
    for s in (la, lb):
        s.close()
    for peer, s in ((pa, sa), (pb, sb)):
        peer.send(RST | ACK)
        peer.wire.sync()
        s.close()


@params(*PAIRS)
def test_no_listener(one, two):
    """a SYN meets no listener of another context:"""
    with serve(two, 80) as listen:
        W[one].send_tcp(4000, 80, 7, flags=SYN)
        pkt = W[one].expect(lambda p: p.proto == 6, "answer")
        eq(pkt.flags, RST | ACK, "answer to the SYN")
        eq(pending(listen), None, "accept queue of the other")
        W[two].silent("the other context")


@params(*PAIRS)
def test_rst(one, two):
    """a RST of one context does not kill another's connection:"""
    la = serve(two, 80)
    peer, server = established(two, la)
    for seq in range(peer.seq - 2, peer.seq + 3):
        W[one].send_tcp(4000, 80, seq, peer.ack, RST | ACK)
        W[one].send_tcp(4000, 80, seq, 0, RST)
        W[one].send_tcp(4000, 80, seq, 0, SYN)
    W[one].sync()
    peer.send(PSH | ACK, b"alive")
    W[two].sync()
    eq(readable(server), b"alive", "data after forged RSTs")
    peer.send(RST | ACK)
    W[two].sync()
    refused(E.ECONNRESET, "own RST", server.recv, 1)
    server.close()
    la.close()


@params(*PAIRS)
def test_rst_answer(one, two):
    """an ACK for another context's connection is answered by a RST:"""
    la = serve(two, 80)
    peer, server = established(two, la)
    W[one].send_tcp(4000, 80, peer.seq, peer.ack, PSH | ACK, b"evil")
    pkt = W[one].expect(lambda p: p.proto == 6, "RST")
    eq((pkt.flags, pkt.seq), (RST, peer.ack), "answer")
    W[two].silent("the other context")
    eq(readable(server), None, "data")
    peer.send(RST | ACK)
    W[two].sync()
    server.close()
    la.close()


@params(*PAIRS)
def test_half_open(one, two):
    """a half-open request is completed in its own context only:"""
    la, lb = serve(one, 80), serve(two, 80)
    pb = Peer(W[two], 4000, 80, 1000)
    pb.syn()
    W[one].send_tcp(4000, 80, pb.seq, pb.ack, ACK)      # completes nothing
    pkt = W[one].expect(lambda p: p.proto == 6, "answer")
    eq(pkt.flags, RST, "answer to the ACK")
    eq((pending(la), pending(lb)), (None, None), "accept queues")
    W[one].send_tcp(4000, 80, pb.seq, pb.ack, RST | ACK)
    W[one].sync()
    # a request of the same 4-tuple in the first context is another request
    pa = Peer(W[one], 4000, 80, 5000)
    pa.syn()
    pa.send(ACK)
    W[one].sync()
    with wait(lambda: pending(la), "accept") as sa:
        eq(get_ctx(sa), one, "child")
    eq(pending(lb), None, "accept queue of the other")
    pb.send(ACK)
    W[two].sync()
    with wait(lambda: pending(lb), "accept") as sb:
        eq(get_ctx(sb), two, "child of the second")
    la.close()
    lb.close()
    for peer in (pa, pb):
        peer.send(RST | ACK)
        peer.wire.sync()


@params(*PAIRS)
def test_cookie(one, two):
    """a SYN cookie of one context is no good in another:"""
    sysctl("net.ipv4.tcp_syncookies", 2)        # always
    try:
        la, lb = serve(one, 80), serve(two, 80)
        Peer(W[two], 4001, 80).syn()    # the listener has cookies out too
        pa = Peer(W[one], 4000, 80, 1000)
        pa.syn()
        W[two].send_tcp(4000, 80, pa.seq, pa.ack, ACK)
        pkt = W[two].expect(lambda p: p.proto == 6, "answer")
        eq(pkt.flags, RST, "answer to the stolen cookie")
        eq((pending(la), pending(lb)), (None, None), "accept queues")
        pa.send(ACK)
        W[one].sync()
        with wait(lambda: pending(la), "accept") as sa:
            eq(get_ctx(sa), one, "child")
            pa.send(PSH | ACK, b"hello")
            pa.expect(ACK)              # the route of the child
            W[one].sync()
            eq(readable(sa), b"hello", "data")
            pa.send(RST | ACK)
            W[one].sync()
        eq(pending(lb), None, "accept queue of the other")
        la.close()
        lb.close()
    finally:
        sysctl("net.ipv4.tcp_syncookies", 1)


def test_cookie_reused_number():
    """a SYN cookie dies with its context, the number's next user denies it"""
    sysctl("net.ipv4.tcp_syncookies", 2)
    try:
        LAB.vr.new(3)
        wire = Wire(LAB, 3)
        listen = serve(3, 80)
        peer = Peer(wire, 4000, 80, 1000)
        peer.syn()
        listen.close()
        LAB.rt.link_set("w3", up=False)
        LAB.vr.move("w3", 0)
        LAB.quiet(3)
        LAB.vr.delete(3)
        LAB.vr.new(3)
        LAB.vr.move("w3", 3)
        wire.up()
        listen = serve(3, 80)
        Peer(wire, 4001, 80).syn()      # the new listener has cookies out
        peer.send(ACK)
        wire.sync()
        eq(pending(listen), None, "accept queue")
        listen.close()
        LAB.vr.delete(3, force=True)
    finally:
        sysctl("net.ipv4.tcp_syncookies", 1)


def test_syn_flood():
    """a SYN flood in one context leaves another's listener alone"""
    sysctl("net.ipv4.tcp_syncookies", 0)
    try:
        la, lb = sock(TCP, 1, (RIP, 80), listen=2), serve(2, 80)
        for port in range(5000, 5200):
            W[1].send_tcp(port, 80, 1, flags=SYN)
        W[1].sync()
        full = LAB.sockets(1)
        check(2 <= full < 50, f"{full} sockets in the flooded context")
        eq(LAB.sockets(2), 1, "sockets in the other")
        peer, server = established(2, lb)
        peer.send(PSH | ACK, b"fine")
        W[2].sync()
        eq(readable(server), b"fine", "data")
        la.close()
        LAB.quiet(1)
        peer.send(RST | ACK)
        W[2].sync()
        server.close()
        lb.close()
    finally:
        sysctl("net.ipv4.tcp_syncookies", 1)


@params(*PAIRS)
def test_timewait(one, two):
    """a timewait socket takes no segment of another context:"""
    la, lb = serve(one, 80), serve(two, 80)
    pa, sa = established(one, la)
    sa.close()                                  # active close: timewait here
    pa.expect(FIN | ACK)
    pa.ack += 1
    pa.send(FIN | ACK)
    pa.seq += 1
    W[one].sync()
    eq(timewaits(), 1, "timewait sockets")
    # the same 4-tuple in the second context: a fresh connection whose
    # numbers the timewait would refuse
    pb, sb = established(two, lb, isn=pa.seq - 100000)
    pb.send(PSH | ACK, b"fresh")
    W[two].sync()
    eq(readable(sb), b"fresh", "data")
    # it answers segments of its own context only
    W[two].send_tcp(4000, 80, pa.seq, pa.ack, RST | ACK)
    W[two].sync()
    eq(timewaits(), 1, "timewait sockets after a forged RST")
    W[one].send_tcp(4000, 80, pa.seq - 1, pa.ack, FIN | ACK)
    eq(W[one].expect(lambda p: p.proto == 6, "ACK").flags, ACK,
       "answer of the timewait")
    # timewait of one does not bar a bind in the other, only its own
    la.close()
    lb.close()
    sock(TCP, 3 - one - two, (RIP, 80)).close()
    refused(E.EADDRINUSE, "bind over the timewait", sock, TCP, one, (RIP, 80))
    pb.send(RST | ACK)
    W[two].sync()
    sb.close()
    with sock(TCP, two, (RIP, 80)):
        pass
    if one:
        LAB.quiet(one, 1)       # it counts, until it is gone
    W[one].send_tcp(4000, 80, pa.seq, pa.ack, RST)      # assassinate it
    W[one].sync()
    eq(timewaits(), 0, "timewait sockets after a RST of its own")


@params(*PAIRS)
def test_timewait_reuse(one, two):
    """connect() may not reuse a timewait of another context:"""
    listen = {}
    for ctx in (one, two):
        sck = sock(TCP, ctx, (RIP, 4000), reuse=True)
        sck.setblocking(False)
        refused(E.EINPROGRESS, "connect", sck.connect, (HIP, 80))
        peer = Peer(W[ctx], 80, 4000, 1000).accept()
        W[ctx].sync()
        listen[ctx] = (sck, peer)
    sck, peer = listen[one]
    sck.close()
    peer.expect(FIN | ACK)
    peer.ack += 1
    peer.send(FIN | ACK)
    W[one].sync()
    # in the second context the connection is untouched
    sck, peer = listen[two]
    peer.send(PSH | ACK, b"still")
    W[two].sync()
    eq(readable(sck), b"still", "data in the second")
    peer.send(RST | ACK)
    W[two].sync()
    sck.close()
    W[one].send_tcp(80, 4000, listen[one][1].seq + 1, listen[one][1].ack, RST)
    W[one].sync()


@params(*PAIRS)
def test_simultaneous(one, two):
    """SYN|ACKs of one context do not answer a SYN sent in another:"""
    sck = sock(TCP, two, (RIP, 4000))
    sck.setblocking(False)
    refused(E.EINPROGRESS, "connect", sck.connect, (HIP, 80))
    peer = Peer(W[two], 80, 4000, 1000)
    syn = peer.expect(SYN)
    W[one].send_tcp(80, 4000, 1000, syn.seq + 1, SYN | ACK)
    eq(W[one].expect(lambda p: p.proto == 6, "RST").flags, RST, "answer")
    W[one].send_tcp(80, 4000, 0, syn.seq + 1, RST | ACK)
    W[one].sync()
    eq(sck.getsockopt(1, 4), 0, "SO_ERROR")
    peer.ack = syn.seq + 1
    peer.send(SYN | ACK)
    peer.seq += 1
    W[two].sync()
    peer.send(PSH | ACK, b"up")
    W[two].sync()
    eq(readable(sck), b"up", "data")
    peer.send(RST | ACK)
    W[two].sync()
    sck.close()


def test_md5():
    """a TCP MD5 key holds in its own context"""
    # struct tcp_md5sig: sockaddr_storage, flags, prefixlen, keylen, ifindex
    key = sockaddr(HIP) + struct.pack("=BBHi80s", 0, 0, 6, 0, b"secret")
    la, lb = serve(1, 80), serve(2, 80)
    try:
        la.setsockopt(6, 14, key)
    except OSError as err:
        raise Skip(f"no TCP_MD5SIG: {err}") from err
    W[1].send_tcp(4000, 80, 1, flags=SYN)
    W[1].silent("SYN without the key")
    peer, server = established(2, lb)
    peer.send(RST | ACK)
    W[2].sync()
    for one in (la, lb, server):
        one.close()


def test_clean():
    """all sockets are gone in the end"""
    for ctx in (1, 2):
        LAB.quiet(ctx)


def test_migrated():
    """requests that another listener takes over are counted in the context"""
    sysctl("net.ipv4.tcp_migrate_req", 1)
    first, second = [sock(TCP, 1, (RIP, 82), listen=16, reuseport=True)
                     for _ in range(2)]
    peers = [Peer(W[1], 4700 + n, 82) for n in range(8)]
    for peer in peers:
        peer.syn()
    first.close()
    for peer in peers:
        peer.send(ACK)
    W[1].sync()
    served = []
    while (one := pending(second)) is not None:
        served.append(one)
    eq([get_ctx(one) for one in served], [1] * len(peers), "contexts")
    for one in served:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                       struct.pack("=ii", 1, 0))        # close() resets
        one.close()
    second.close()
    LAB.quiet(1)
    sysctl("net.ipv4.tcp_migrate_req", 0)


run(globals(), limit=60)
