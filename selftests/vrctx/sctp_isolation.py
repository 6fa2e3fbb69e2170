#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 4 6
"""SCTP: no packet of one context reaches a socket of another.

Identical addresses and ports everywhere; the peers are hand made. Guards the
context in the look-ups of associations and endpoints, in bind buckets, in
routes, in replies out of the blue, in sockets that accept() and peeling off
make, in /proc/net/sctp, and what is left of a deleted context.
"""
import errno as E
import os
import socket
import struct

import vr_sctp as S
from vr_fam import (HOST_UNREACH, ICMP, PROTO_UNREACH, RECVERR, SOL, V6, ip,
                    link_local, only, packed)
from vr_net import (ANY, HIP, RIP, Lab, child, get_ctx, inside, pending,
                    readable, set_ctx, sock)
from vr_pkt import MF, Wire, icmp, ip_packet
from vr_rt import Rtnl, sysctl
from vr_sctp import SCTP, SEQ, STREAM, Assoc, chunk, kinds, serve
from vr_tap import check, eq, params, refused, run, wait

LAB = Lab(1, 2, hosts=False)
ALL = (0, 1, 2)
W = {ctx: Wire(LAB, ctx) for ctx in ALL}
PAIRS = [(0, 1), (1, 0), (1, 2)]
PORTS = "net.ipv4.ip_local_port_range"
FREEBIND6 = 78


def established(ctx, listen, sport=4000, **kwargs):
    peer = Assoc(W[ctx], sport, 80, **kwargs).open()
    return peer, wait(lambda: pending(listen), "accept")


def error_of(one):
    return one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)


@params(STREAM, SEQ)
def test_socket(kind):
    """the context of a socket, and when it may change: type"""
    LAB.quiet(2)
    with inside(1), sock(kind, proto=SCTP) as one:
        eq(get_ctx(one), 1, "of who made it")
        set_ctx(one, 2)
        eq(get_ctx(one), 2, "moved")
        eq((LAB.sockets(1), LAB.sockets(2)), (0, 1), "counted")
        refused(E.EOPNOTSUPP, "all contexts", set_ctx, one, ANY)
        one.bind((RIP, 80))
        refused(E.EINVAL, "bound", set_ctx, one, 1)
        one.listen()
        refused(E.EISCONN, "listening", set_ctx, one, 1)
    with sock(kind, proto=SCTP) as one:
        refused(E.EADDRNOTAVAIL, "an address of nobody", one.bind,
                (ip("10.9.9.9"), 80))


@params(STREAM, SEQ)
def test_bind(kind):
    """the same port is free once in each context: type"""
    made = [serve(ctx, 80, kind, RIP) for ctx in ALL]
    for ctx in ALL:
        refused(E.EADDRINUSE, f"again in {ctx}", serve, ctx, 80, kind, RIP)
    sysctl(PORTS, "40000\t40000")
    try:
        for ctx in ALL:
            made.append(sock(kind, ctx, (RIP, 0), proto=SCTP))
            eq(made[-1].getsockname()[1], 40000, f"port in {ctx}")
        for ctx in ALL:
            refused(E.EADDRINUSE, f"none left in {ctx}", sock, kind, ctx,
                    (RIP, 0), proto=SCTP)
    finally:
        sysctl(PORTS, "32768\t60999")
        for one in made:
            one.close()
    LAB.quiet(1)


def test_bind_address():
    """an address is bound to in its own context only"""
    LAB.rt.addr("w1", "10.5.0.1/24")
    for ctx in (0, 2):
        refused(E.EADDRNOTAVAIL, f"in {ctx}", serve, ctx, 80,
                addr="10.5.0.1")
    serve(1, 80, addr="10.5.0.1").close()
    LAB.rt.addr_del("w1", "10.5.0.1/24")


@params(*PAIRS)
def test_data(one, two):
    """data for an association of one context never enters another's:"""
    with serve(one, 80) as la, serve(two, 80) as lb:
        pa, sa = established(one, la)
        pb, sb = established(two, lb)
    eq((get_ctx(sa), get_ctx(sb)), (one, two), "contexts of children")
    pa.data(b"one")
    W[one].sync()
    eq((readable(sa), readable(sb)), (b"one", None), "data of the first")
    # what the second one's peer would say, said in the first context
    pa.data(b"evil", pb.vtag, pb.tsn)
    W[one].sync()
    eq(readable(sb), None, "forged data")
    pb.data(b"two")
    W[two].sync()
    eq((readable(sa), readable(sb)), (None, b"two"), "data of the second")
    sb.send(b"answer")
    check(pb.expect(S.DATA)[0].endswith(b"answer"), "answer")
    check(S.DATA not in kinds(W[one]), "answer in the other")
    for peer, conn in ((pa, sa), (pb, sb)):
        peer.abort()
        conn.close()


@params(*PAIRS)
def test_no_listener(one, two):
    """an INIT meets no listener of another context:"""
    with serve(two, 80) as listen:
        peer = Assoc(W[one], 4000, 80)
        peer.send(S.init(S.INIT, peer.tag), vtag=0)
        eq(S.ports_of(peer.expect(S.ABORT)[1])[2], peer.tag, "tag")
        W[two].silent("the other context")
        eq(pending(listen), None, "accept queue of the other")


@params(*[(ctx, *what) for ctx in ALL
          for what in (("SHUTDOWN ACK", S.SHUTDOWN_ACK, S.SHUTDOWN_COMPLETE),
                       ("COOKIE ACK", S.COOKIE_ACK, None),
                       ("DATA", S.DATA, S.ABORT), ("ABORT", S.ABORT, None))])
def test_blue(ctx, _, kind, answer):
    """what comes out of the blue is answered where it came from:"""
    peer = Assoc(W[ctx], 4000, 80)
    peer.vtag = 77
    peer.send(chunk(kind, bytes(16) if kind == S.DATA else b""))
    if answer:
        eq(S.ports_of(peer.expect(answer)[1])[2], 77, "tag")
    for wire in W.values():
        wire.silent(f"context {wire.ctx}")


@params(*PAIRS)
def test_abort(one, two):
    """an ABORT or INIT of one context leaves another's association alone:"""
    with serve(two, 80) as listen:
        peer, server = established(two, listen)
        evil = Assoc(W[one], 4000, 80)
        evil.send(chunk(S.ABORT), vtag=peer.vtag)
        evil.send(chunk(S.ABORT, flags=S.T_BIT), vtag=peer.tag)
        evil.send(chunk(S.SHUTDOWN, struct.pack("!I", 0)), vtag=peer.vtag)
        evil.expect(S.ABORT)
        evil.send(S.init(S.INIT, peer.tag), vtag=0)
        evil.expect(S.ABORT)
        peer.data(b"alive")
        W[two].sync()
        eq(readable(server), b"alive", "data after forged chunks")
        peer.abort()
        refused(E.ECONNRESET, "own ABORT", server.recv, 1)
        server.close()


@params(*PAIRS)
def test_cookie(one, two):
    """a cookie of one context is no good in another:"""
    with serve(one, 80) as la, serve(two, 80) as lb:
        peer = Assoc(W[one], 4000, 80).init()
        thief = Assoc(W[two], 4000, 80)
        thief.vtag, thief.cookie = peer.vtag, peer.cookie
        thief.echo()
        check(S.COOKIE_ACK not in kinds(W[two]), "stolen cookie")
        eq((pending(la), pending(lb)), (None, None), "accept queues")
        peer.echo()
        peer.expect(S.COOKIE_ACK)
        with wait(lambda: pending(la), "accept") as server:
            eq(get_ctx(server), one, "child")
            eq(pending(lb), None, "accept queue of the other")
            peer.abort()


@params(*PAIRS)
def test_connect(one, two):
    """the same connection is made in two contexts:"""
    made = {}
    for ctx in (one, two):
        made[ctx] = conn = sock(STREAM, ctx, ("0.0.0.0", 4000), proto=SCTP)
        conn.setblocking(False)
        refused(E.EINPROGRESS, "connect", conn.connect, (HIP, 80))
        peer = Assoc(W[ctx], 80, 4000)
        eq(peer.init_seen().src, RIP, "source")
        check(S.INIT not in kinds(W[one + two - ctx]), "in the other")
        # an answer from elsewhere is none
        W[one + two - ctx].send_ip(SCTP, S.packet(
            80, 4000, peer.vtag, S.init(S.INIT_ACK, 9, 9, struct.pack(
                "!HH4s", S.COOKIE_PARAM, 8, b"evil"))))
        check(S.COOKIE_ECHO not in kinds(W[ctx]), "forged INIT ACK")
        peer.send(S.init(S.INIT_ACK, peer.tag, peer.tsn, struct.pack(
            "!HH4s", S.COOKIE_PARAM, 8, b"cook")))
        peer.expect(S.COOKIE_ECHO)
        peer.send(chunk(S.COOKIE_ACK))
        peer.data(b"%d" % ctx)
        W[ctx].sync()
        eq(readable(conn), b"%d" % ctx, "data")
        peer.abort()
    for conn in made.values():
        conn.close()


@params(*PAIRS)
def test_icmp(one, two):
    """an ICMP error of one context does not touch another's association:"""
    conn = sock(STREAM, two, (RIP, 4000), proto=SCTP)
    conn.setblocking(False)
    refused(E.EINPROGRESS, "connect", conn.connect, (HIP, 80))
    sent = Assoc(W[two], 80, 4000).init_seen().raw
    W[one].send_icmp(*PROTO_UNREACH, 0, sent)
    W[one].sync()
    eq(error_of(conn), 0, "error after a forged one")
    W[two].send_icmp(*PROTO_UNREACH, 0, sent)
    W[two].sync()
    eq(error_of(conn), E.ENOPROTOOPT, "own error")
    conn.close()
    # one for an association that is up
    with serve(two, 80) as listen:
        peer, server = established(two, listen)
    server.setsockopt(SOL, RECVERR, 1)
    quoted = ip_packet(SCTP, S.packet(80, 4000, peer.tag, chunk(S.SACK)),
                       RIP, HIP)
    W[one].send_icmp(*HOST_UNREACH, 0, quoted)
    W[one].sync()
    eq(error_of(server), 0, "error after a forged one")
    W[two].send_icmp(*HOST_UNREACH, 0, quoted)
    W[two].sync()
    eq(error_of(server), E.EHOSTUNREACH, "own error")
    if V6:      # its IP6CB() would look like a VRF's to inet_sdif()
        error = icmp(*HOST_UNREACH, 0, quoted + bytes(1400 - len(quoted)))
        for mark, (off, end) in enumerate(((0, 1360), (1360, None))):
            W[one].send_ip(ICMP, error[off:end], ident=77,
                           frag=off >> 3 | (0 if mark else MF))
        W[one].sync()
        eq(error_of(server), 0, "error after a forged one in fragments")
    peer.abort()
    server.close()


@params(*PAIRS)
def test_peel_off(one, two):
    """an association that is peeled off stays in its context:"""
    with serve(two, 80, SEQ) as many:
        peer = Assoc(W[two], 4000, 80).open()
        before = LAB.sockets(two) if two else 0
        with inside(one):
            peeled = S.peel_off(many, S.assoc_ids(many)[0])
        with peeled:
            eq(get_ctx(peeled), two, "context")
            if two:
                eq(LAB.sockets(two), before + 1, "sockets there")
            if one:
                eq(LAB.sockets(one), 0, "sockets here")
            peer.data(b"still")
            W[two].sync()
            eq(readable(peeled), b"still", "data")
            # who was peeled off is not connected to once more
            many.setblocking(False)
            refused(E.EADDRNOTAVAIL, "connect", many.connect, (HIP, 4000))
            peer.abort()
    for ctx in (1, 2):
        LAB.quiet(ctx)


@params(*PAIRS)
def test_many(one, two):
    """one-to-many sockets find their own associations:"""
    made = {ctx: serve(ctx, 80, SEQ) for ctx in (one, two)}
    peers = {ctx: Assoc(W[ctx], 4000, 80).open() for ctx in (one, two)}
    for ctx in (one, two):
        peers[ctx].data(b"%d" % ctx)
        W[ctx].sync()
    for ctx, many in made.items():
        eq(readable(many), b"%d" % ctx, f"data of {ctx}")
        many.sendto(b"to %d" % ctx, (HIP, 4000))
        check(peers[ctx].expect(S.DATA)[0].endswith(b"to %d" % ctx),
              f"answer of {ctx}")
        peers[ctx].abort()
        many.close()


@params(*PAIRS)
def test_reuseport(one, two):
    """listeners that share a port share it in their context:"""
    made = {ctx: serve(ctx, 80, reuseport=True) for ctx in (one, two)}
    peers = [Assoc(W[one], 4100 + n, 80).open() for n in range(8)]
    served = []
    while (conn := pending(made[one])) is not None:
        served.append(conn)
    eq([get_ctx(conn) for conn in served], [one] * 8, "contexts")
    eq(pending(made[two]), None, "accept queue of the other")
    for peer in peers:
        peer.abort()
    for conn in (*served, *made.values()):
        conn.close()


def proc(ctx, name):
    with inside(ctx), open(f"/proc/thread-self/net/sctp/{name}",
                           encoding="ascii") as f:
        return f.read().splitlines()[1:]


def test_proc():
    """/proc/net/sctp shows a process in a context its own"""
    made, peers = {}, {}
    for ctx in ALL:
        with serve(ctx, 80) as listen:
            peers[ctx], server = established(ctx, listen, 4200 + ctx)
        made[ctx] = server, serve(ctx, 81 + ctx)
    for ctx in ALL:
        seen = ALL if not ctx else (ctx,)
        eq({row.split()[5] for row in proc(ctx, "eps")},
           {str(81 + c) for c in seen}, f"eps in {ctx}")
        eq({row.split()[12] for row in proc(ctx, "assocs")},
           {str(4200 + c) for c in seen}, f"assocs in {ctx}")
        eq(len(proc(ctx, "remaddr")), len(seen), f"remaddr in {ctx}")
        check(proc(ctx, "snmp"), f"snmp in {ctx}")
    for ctx in ALL:
        peers[ctx].abort()
        for one in made[ctx]:
            one.close()


def test_addresses():
    """a socket bound to any address has those of its context"""
    extra = {1: "10.5.0.1", 2: "10.6.0.1"}
    lo = {}
    for ctx, addr in extra.items():
        LAB.rt.addr(f"w{ctx}", addr + "/24")
        with inside(ctx):
            lo[ctx] = Rtnl()
        lo[ctx].addr("lo", f"10.255.0.{ctx}/32")
    # what two have, and one of them no longer
    for ctx in (1, 2):
        LAB.rt.addr(f"w{ctx}", "10.7.0.1/24")
        lo[ctx].addr("lo", "10.255.0.9/32")
    LAB.rt.addr_del("w2", "10.7.0.1/24")
    lo[2].addr_del("lo", "10.255.0.9/32")
    want = {ctx: [RIP] for ctx in ALL}
    for ctx, addr in extra.items():
        want[ctx] += [ip(addr), ip(f"10.255.0.{ctx}")]
    want[1] += [ip("10.7.0.1"), ip("10.255.0.9")]
    known = {packed(a): a for c in ALL for a in want[c]}
    for ctx in ALL:
        with serve(ctx, 80) as one:
            eq(sorted(known[a] for a in S.local_addrs(one) if a in known),
               sorted(want[ctx]), f"in {ctx}")
    LAB.rt.addr_del("w1", "10.7.0.1/24")
    lo[1].addr_del("lo", "10.255.0.9/32")
    for ctx, addr in extra.items():
        LAB.rt.addr_del(f"w{ctx}", addr + "/24")
        lo[ctx].addr_del("lo", f"10.255.0.{ctx}/32")
        lo[ctx].close()


def test_loopback_address():
    """a client reaches an address that the context has on lo"""
    with inside(1):
        lo = Rtnl()
    lo.addr("lo", "10.255.0.1/32")
    with serve(1, 80) as listen:
        peer = Assoc(W[1], 4000, 80, dst="10.255.0.1").open()
        with wait(lambda: pending(listen), "accept") as server:
            peer.data(b"to lo")
            W[1].sync()
            eq(readable(server), b"to lo", "data")
            peer.abort()
    lo.addr_del("lo", "10.255.0.1/32")
    lo.close()


@params(*ALL)
def test_source(ctx):
    """of two addresses, that of the device it leaves by is the source, in"""
    dev = f"s{ctx}"
    LAB.rt.link_add(dev, "dummy")
    if ctx:
        LAB.vr.move(dev, ctx)
    LAB.rt.up(dev)
    # nearer to the destination, but of another device
    LAB.rt.addr(dev, "10.0.0.3/32")
    LAB.rt.addr(f"w{ctx}", "10.0.0.129/32")
    with sock(STREAM, ctx, ("10.0.0.3", 4000), proto=SCTP) as conn:
        S.bind_more(conn, "10.0.0.129")
        conn.setblocking(False)
        refused(E.EINPROGRESS, "connect", conn.connect, (HIP, 80))
        eq(Assoc(W[ctx], 80, 4000).init_seen().src, ip("10.0.0.129"),
           "source")
    W[ctx].sync()
    LAB.rt.addr_del(f"w{ctx}", "10.0.0.129/32")
    LAB.rt.link_del(dev)


def test_encapsulation():
    """SCTP in UDP is context 0's"""
    for key in ("udp_port", "encap_port"):
        sysctl(f"net.sctp.{key}", 9899)
    try:
        for ctx in ALL:
            with sock(STREAM, ctx, (RIP, 4000), proto=SCTP) as conn:
                if ctx:
                    refused(E.EOPNOTSUPP, f"port in {ctx}", S.encap_port,
                            conn, 9899)
                else:
                    S.encap_port(conn, 9899)
                conn.setblocking(False)
                refused(E.EINPROGRESS, "connect", conn.connect, (HIP, 80))
                pkt = W[ctx].expect(lambda p: p.proto in (17, SCTP), "INIT")
                eq(pkt.proto, SCTP if ctx else 17, f"protocol in {ctx}")
            W[ctx].sync()
    finally:
        for key in ("encap_port", "udp_port"):
            sysctl(f"net.sctp.{key}", 0)


@only(6)
def test_scope():
    """a link-local address is bound to, and sent to, on a link of the context
    """
    addr = link_local(W[2].rmac)
    index = {ctx: LAB.rt.ifindex(f"w{ctx}") for ctx in ALL}
    for free in (0, 1):
        for ctx in ALL:
            with sock(STREAM, ctx, proto=SCTP) as one:
                one.setsockopt(socket.IPPROTO_IPV6, FREEBIND6, free)
                where = (addr, 80, 0, index[2])
                if ctx == 2:
                    one.bind(where)
                else:
                    refused(E.EADDRNOTAVAIL, f"bind in {ctx}", one.bind,
                            where)
                    refused(E.EINVAL, f"connect in {ctx}", one.connect,
                            where)


def waiter(one):
    """A process that waits for @one until that fails."""
    def wait_for():
        one.settimeout(None)
        refused((E.ENETUNREACH, E.EINVAL), "wait",
                one.accept if one.type == STREAM else lambda: one.recv(1))

    def asleep():
        with open(f"/proc/{pid}/stat", encoding="ascii") as f:
            return f.read().rpartition(")")[2].split()[0] == "S"
    pid = child(wait_for)
    wait(asleep, "the process to wait")
    return pid


def new_again(num):
    try:
        LAB.vr.new(num)
    except OSError as err:
        eq(err.errno, E.EBUSY, "new context")
        return False
    return True


def test_deleted():
    """what a deleted context leaves behind ends, a new one sees none of it"""
    LAB.vr.new(3)
    wire = Wire(LAB, 3)
    W[3] = wire
    listen, many = serve(3, 80), serve(3, 82, SEQ)
    peer, server = established(3, listen)
    other = Assoc(wire, 4000, 82).open()
    idle = sock(SEQ, 3, (RIP, 83), proto=SCTP)
    pids = [waiter(one) for one in (listen, many)]
    LAB.vr.delete(3, force=True)
    for pid in pids:
        eq(os.waitpid(pid, 0)[1], 0, "who waited")
    refused(E.ECONNABORTED, "association", server.recv, 1)
    eq(error_of(idle), E.ENETUNREACH, "idle")
    eq(S.assoc_ids(many), (), "associations")
    refused(E.EBUSY, "the number", LAB.vr.new, 3)
    for one in (server, many, listen, idle):
        one.close()
    wait(lambda: new_again(3), "the number to be free")
    LAB.vr.move("w3", 3)
    wire.up()
    with serve(3, 80) as listen:
        for old in (peer, other):
            old.data(b"late")
            old.expect(S.ABORT)
        peer, server = established(3, listen)
        peer.data(b"new")
        wire.sync()
        eq(readable(server), b"new", "data")
        peer.abort()
        server.close()
    LAB.vr.delete(3, force=True)
    LAB.rt.link_del("w3")
    wire.far.close()


def test_clean():
    """all sockets are gone in the end"""
    for ctx in (1, 2):
        LAB.quiet(ctx)


run(globals(), limit=120)
