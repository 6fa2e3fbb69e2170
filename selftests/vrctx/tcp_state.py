#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 4 6
"""TCP: what is remembered of peers, and what is limited, is so in each context.

Guards the metrics and who sees them, Fast Open cookies on both sides, what
switches Fast Open off, and the limits of challenge ACKs and of timewait sockets.
"""
import errno as E
import os
import socket
import struct
import subprocess

import vr_nl as nl
from vr_fam import packed, pick, unpacked
from vr_net import (ANY, HIP, RIP, TCP, Lab, get_ctx, inside, pending, serve,
                    sock)
from vr_pkt import ACK, FIN, RST, SYN, Peer, Wire
from vr_rt import sysctl
from vr_tap import Skip, check, eq, params, refused, run, wait

LAB = Lab(1, 2, 3, hosts=False)
W = {ctx: Wire(LAB, ctx) for ctx in (0, 1, 2, 3)}
PAIRS = [(0, 1), (1, 0), (1, 2)]
TCP_FASTOPEN, MSG_FASTOPEN, REQUEST = 23, 0x20000000, b"\x22\x02\x01\x01"
# Kinds of TCP options: a cookie, the same as an experiment
COOKIE, EXPERIMENT = 34, 254
GET, DEL = 1, 2
PORT = 80


def metrics_do(ctx, cmd, *attrs, dump=False):
    """A request of the family tcp_metrics by a process in the context."""
    with inside(ctx):
        gen = nl.Netlink(nl.NETLINK_GENERIC)
    try:
        family = gen.genl_family("tcp_metrics")[0]
        return [nl.parse(body[4:]) for body in
                gen.request(family, nl.NLM_F_DUMP if dump else 0,
                            struct.pack("=BBH", cmd, 1, 0) + b"".join(attrs))]
    finally:
        gen.close()


def to(addr):
    return nl.attr(pick(1, 2), packed(addr))


def named(ctx):
    """For context 0: those of another."""
    return nl.attr(nl.NL_ATTR, struct.pack("=I", ctx))


def metrics(ctx, *attrs):
    """{address: Fast Open cookie or None} that the context is shown."""
    return {unpacked(one[pick(1, 2)]): one.get(10) for one in
            metrics_do(ctx, GET, *attrs, dump=True) if pick(1, 2) in one}


def forget(*contexts):
    for ctx in contexts:
        metrics_do(ctx, DEL)


def options(pkt):
    """{kind: value} of the TCP options of a packet."""
    data, out = pkt.body[20:(pkt.body[12] >> 4) * 4], {}
    while data and data[0]:
        size = 1 if data[0] == 1 else data[1]
        out[data[0]] = data[2:size]
        data = data[size:]
    return out


def reset(peer):
    """The peer ends the connection, whatever state it is in."""
    peer.send(RST | ACK)
    peer.wire.sync()


class Client:
    """A connection by Fast Open that the router makes."""
    port = 20000

    def __init__(self, ctx):
        Client.port += 1
        self.sock = sock(TCP, ctx, (RIP, Client.port), reuse=True)
        self.sock.setblocking(False)
        try:
            self.sock.sendto(b"early", MSG_FASTOPEN, (HIP, PORT))
        except BlockingIOError:
            pass
        self.peer = Peer(W[ctx], PORT, Client.port)
        self.syn = self.peer.expect(SYN)
        self.options = options(self.syn)
        self.tries = bool({COOKIE, EXPERIMENT} & set(self.options))

    def answer(self, opts=b""):
        self.peer.ack = self.syn.seq + 1 + len(self.syn.data)
        self.peer.send(SYN | ACK, options=opts)
        self.peer.seq += 1
        self.peer.wire.sync()
        return self

    def close(self):
        self.peer.ack = self.syn.seq + 1
        reset(self.peer)
        self.sock.close()


def learn(ctx, cookie):
    """A server in the network of the context gives it a cookie."""
    Client(ctx).answer(b"\x22\x0a" + cookie).close()


def fast_open(ctx):
    """What Fast Open the next connection tries: None or a cookie."""
    client = Client(ctx)
    client.close()
    return client.options.get(COOKIE)


@params(*PAIRS)
def test_metrics(one, two):
    """what a server told one context is not used or shown in another:"""
    mine, other = os.urandom(8), os.urandom(8)
    learn(one, mine)
    eq(fast_open(two), b"", "cookie of the other context")
    eq((metrics(one).get(HIP), HIP in metrics(two)), (mine, False), "metrics")
    learn(two, other)
    eq((fast_open(one), fast_open(two)), (mine, other), "cookies")
    eq((metrics(one).get(HIP), metrics(two).get(HIP)), (mine, other),
       "metrics of two")
    forget(one, two)
    eq((metrics(one), metrics(two)), ({}, {}), "metrics that were flushed")


@params(*PAIRS)
def test_metrics_requests(one, two):
    """a request is about the metrics of who asks:"""
    for ctx in (one, two):
        metrics_do(ctx, DEL)
        refused(E.ESRCH, f"get of none in {ctx}", metrics_do, ctx, GET, to(HIP))
    mine = os.urandom(8)
    learn(one, mine)
    eq(metrics_do(one, GET, to(HIP))[0].get(10), mine, "get")
    refused(E.ESRCH, "get of another's", metrics_do, two, GET, to(HIP))
    refused(E.ESRCH, "delete of another's", metrics_do, two, DEL, to(HIP))
    forget(two)
    eq(metrics(one).get(HIP), mine, "metrics after all that")
    metrics_do(one, DEL, to(HIP))
    eq(metrics(one), {}, "deleted metrics")


def test_metrics_named():
    """context 0 may name another, who is in a context may not"""
    mine = os.urandom(8)
    learn(1, mine)
    eq(metrics(0, named(1)).get(HIP), mine, "named")
    eq((metrics(2, named(1)), metrics(0, named(2))), ({}, {}), "others")
    metrics_do(2, DEL, named(1))
    eq(metrics_do(0, GET, to(HIP), named(1))[0].get(10), mine, "get")
    metrics_do(0, DEL, to(HIP), named(1))
    eq(metrics(1), {}, "deleted by context 0")


def test_metrics_tool():
    """ip tcp_metrics works in a context"""
    def tool(ctx, *args):
        with inside(ctx):
            return subprocess.run(["ip", "tcp_metrics", *args], check=True,
                                  capture_output=True, text=True).stdout

    learn(1, os.urandom(8))
    try:
        eq((HIP in tool(1, "show"), HIP in tool(2, "show")), (True, False),
           "shown")
        tool(2, "flush", "all")
        check(HIP in tool(1, "show", HIP), "not shown by its address")
        tool(1, "delete", HIP)
        eq(tool(1, "show"), "", "shown after delete")
    except FileNotFoundError as err:
        raise Skip("no ip here") from err
    finally:
        forget(1)


def measured(ctx, listen):
    """A connection that the peer closes first: no timewait socket is left."""
    peer = Peer(W[ctx], 4000, PORT).open()
    server = wait(lambda: pending(listen), "accept")
    server.send(b"measure")
    peer.expect(ACK, b"measure")
    peer.ack += 7
    peer.send(FIN | ACK)
    peer.seq += 1
    W[ctx].sync()
    eq(get_ctx(server), ctx, "context of the connection")
    server.close()
    peer.expect(FIN | ACK)
    peer.ack += 1
    peer.send(ACK)
    W[ctx].sync()


@params(*PAIRS)
def test_proven(one, two):
    """a peer that has proven itself in one context has not in another:"""
    sysctl("net.ipv4.tcp_syncookies", 0)
    with serve(one, PORT) as listen:
        measured(one, listen)
    sysctl("net.ipv4.tcp_max_syn_backlog", 4)
    for ctx, known in ((two, False), (one, True)):
        with serve(ctx, PORT) as listen:
            for sport in range(4001, 4005):     # but for the last quarter
                Peer(W[ctx], sport, PORT).syn()
            peer = Peer(W[ctx], 4005, PORT)
            peer.send(SYN)
            eq(any(map(peer.mine, W[ctx].sync())), known, f"answer in {ctx}")
            eq(pending(listen), None, "connection")
    sysctl("net.ipv4.tcp_max_syn_backlog", 128)
    sysctl("net.ipv4.tcp_syncookies", 1)
    forget(one, two)


def test_metrics_any():
    """a connection to a VRCTX_ANY listener is measured in its own context"""
    with sock(TCP, ANY, ("0.0.0.0", PORT), listen=4, reuse=True) as listen:
        measured(1, listen)
    eq([HIP in metrics(ctx) for ctx in (0, 1, 2)], [False, True, False],
       "metrics")
    forget(1)


def test_metrics_number():
    """a context that has the number of a deleted one has not its metrics"""
    mine = os.urandom(8)
    for ctx in (1, 3):
        learn(ctx, mine)
    W[3].reborn()
    eq(metrics(3), {}, "metrics")
    eq(fast_open(3), b"", "cookie")
    eq(metrics(1).get(HIP), mine, "metrics of another context")
    forget(1, 3)


# ---- Fast Open by a server ----

def tfo_listen(ctx, addr=RIP):
    sysctl("net.ipv4.tcp_fastopen", 3)
    one = sock(TCP, ctx, (addr, PORT), listen=16, reuse=True)
    one.setsockopt(socket.IPPROTO_TCP, TCP_FASTOPEN, 16)
    return one


def ask(ctx):
    """The cookie that a server in the context gives to our address."""
    peer = Peer(W[ctx], 5000, PORT)
    cookie = options(peer.syn(REQUEST)).get(COOKIE)
    reset(peer)
    check(cookie, f"no cookie from {ctx}")
    return cookie


def use(ctx, cookie, sport=5001):
    """A SYN with data and the cookie: (peer, how much of the data is taken)."""
    peer = Peer(W[ctx], sport, PORT)
    isn = peer.seq
    peer.send(SYN, b"early", options=b"\x22\x0a" + cookie)
    pkt = peer.expect(SYN | ACK)
    peer.seq, peer.ack = pkt.ack, pkt.seq + 1
    return peer, (pkt.ack - isn - 1) % 2**32


def fails(ctx, cookie):
    """The cookie is not one of the context: the data has to come again."""
    peer, taken = use(ctx, cookie)
    eq(taken, 0, f"data taken in {ctx} with the cookie of another")
    reset(peer)


def works(ctx, cookie, listen):
    peer, taken = use(ctx, cookie)
    eq(taken, 5, f"data taken in {ctx}")
    with wait(lambda: pending(listen), "accept") as server:
        eq((server.recv(9), get_ctx(server)), (b"early", ctx), "connection")
        peer.send(ACK)
        peer.wire.sync()
        reset(peer)


@params(*PAIRS)
def test_server_cookie(one, two):
    """a cookie is good in the context that gave it, and not in another:"""
    with tfo_listen(one) as listen, tfo_listen(two):
        mine, other = ask(one), ask(two)
        check(mine != other, "equal cookies")
        eq(ask(one), mine, "cookie when asked again")
        fails(two, mine)
        fails(one, other)
        works(one, mine, listen)


@params(*PAIRS)
def test_server_key(one, two):
    """the same where both listeners have set the same key:"""
    key = os.urandom(16)
    with tfo_listen(one) as listen, tfo_listen(two) as other:
        for each in (listen, other):
            each.setsockopt(socket.IPPROTO_TCP, 33, key)    # TCP_FASTOPEN_KEY
        mine = ask(one)
        fails(two, mine)
        works(one, mine, listen)


def test_server_any():
    """a VRCTX_ANY listener gives each context its own cookie"""
    with tfo_listen(ANY, "0.0.0.0") as listen:
        cookies = {ctx: ask(ctx) for ctx in (0, 1, 2)}
        eq(len(set(cookies.values())), 3, "cookies")
        for ctx, cookie in cookies.items():
            for other in set(cookies) - {ctx}:
                fails(other, cookie)
            works(ctx, cookie, listen)


def test_server_number():
    """a cookie does not outlive the context that gave it"""
    with tfo_listen(ANY, "0.0.0.0") as listen:
        cookie = ask(3)
        W[3].reborn()
        fails(3, cookie)
        works(3, ask(3), listen)


def test_server_gone():
    """a connection that was reset early does not keep its context's number"""
    with tfo_listen(ANY, "0.0.0.0") as listen:
        peer, taken = use(3, ask(3))
        eq(taken, 5, "data taken")
        with wait(lambda: pending(listen), "accept"):
            reset(peer)
        LAB.quiet(3)
        W[3].reborn()


# ---- what switches Fast Open off for clients ----

def stray(peer):
    """A RST inside the window, not at its beginning: is there an ACK?"""
    peer.wire.send_tcp(peer.sport, peer.dport, peer.seq + 100, flags=RST)
    return any(peer.mine(pkt) and pkt.flags == ACK for pkt in peer.wire.sync())


def black_hole(ctx):
    """A connection by Fast Open goes wrong."""
    client = Client(ctx)
    check(client.tries, f"no Fast Open in {ctx}")
    client.answer()
    stray(client.peer)
    client.close()


def tries(ctx):
    client = Client(ctx)
    client.close()
    return client.tries


@params(*PAIRS)
def test_black_hole(one, two):
    """a black hole in one context does not switch off Fast Open in another:"""
    sysctl("net.ipv4.tcp_fastopen_blackhole_timeout_sec", 3600)
    black_hole(one)
    eq((tries(one), tries(two)), (False, True), "Fast Open")
    black_hole(two)
    eq((tries(one), tries(two)), (False, False), "Fast Open in none")
    # who sets the sysctl begins anew, in all
    sysctl("net.ipv4.tcp_fastopen_blackhole_timeout_sec", 3600)
    eq((tries(one), tries(two)), (True, True), "Fast Open again")
    sysctl("net.ipv4.tcp_fastopen_blackhole_timeout_sec", 0)
    forget(one, two)


# ---- limits ----

def test_challenge():
    """challenge ACKs of one context do not use up those of another"""
    sysctl("net.ipv4.tcp_challenge_ack_limit", 1)       # a second
    order = (1, 2, 0)
    listen = {ctx: serve(ctx, PORT) for ctx in order}
    peers = {ctx: [Peer(W[ctx], 4000 + num, PORT).open()
                   for num in range(6 if ctx == 1 else 1)] for ctx in order}
    for ctx in order:
        W[ctx].sync()
    got = {ctx: [stray(peer) for peer in peers[ctx]] for ctx in order}
    check(got[1][0] and not all(got[1]), f"no limit: {got}")
    eq((got[2], got[0]), ([True], [True]), "in the others")
    for ctx in order:
        for peer in peers[ctx]:
            reset(peer)
        listen[ctx].close()
    sysctl("net.ipv4.tcp_challenge_ack_limit", 2**31 - 1)


def stray_request(ctx, sport):
    """The same for a half-open connection."""
    peer = Peer(W[ctx], sport, PORT)
    peer.syn()
    answered = stray(peer)
    reset(peer)
    return answered


def test_challenge_request():
    """so for half-open connections of a VRCTX_ANY listener"""
    sysctl("net.ipv4.tcp_challenge_ack_limit", 1)
    with sock(TCP, ANY, ("0.0.0.0", PORT), listen=16, reuse=True):
        # another second begins, for all
        wait(lambda: stray_request(1, 4100), "a challenge ACK")
        got = {ctx: [stray_request(ctx, 4101 + num) for num in range(count)]
               for ctx, count in ((1, 5), (2, 1), (0, 1))}
        check(not all(got[1]), f"no limit: {got}")
        eq((got[2], got[0]), ([True], [True]), "in the others")
    sysctl("net.ipv4.tcp_challenge_ack_limit", 2**31 - 1)


def ended(ctx, listen, sport):
    """A connection that the router closes first."""
    peer = Peer(W[ctx], sport, PORT).open()
    wait(lambda: pending(listen), "accept").close()
    peer.expect(FIN | ACK)
    peer.ack += 1
    peer.send(FIN | ACK)
    W[ctx].sync()
    return peer


def waits(peer):
    """Is there a timewait socket? It knows our FIN."""
    peer.send(FIN | ACK)
    return not peer.wire.expect(peer.mine, "answer").flags & RST


def timewaits():
    """How many /proc/net/sockstat tells of, for all contexts."""
    with open("/proc/net/sockstat", encoding="ascii") as f:
        line = next(line for line in f if line.startswith("TCP:"))
    return int(line.split()[line.split().index("tw") + 1])


@params(*PAIRS)
def test_timewait_limit(one, two):
    """timewait sockets of one context do not use up the limit of another:"""
    eq(timewaits(), 0, "timewait sockets before")
    sysctl("net.ipv4.tcp_max_tw_buckets", 2)
    with serve(one, PORT) as listen, serve(two, PORT) as other:
        many = [ended(one, listen, sport) for sport in (4000, 4001, 4002)]
        eq([waits(peer) for peer in many], [True, True, False], "they wait")
        last = ended(two, other, 4000)
        check(waits(last), "none in the other context")
        eq(timewaits(), 3, "timewait sockets")
        many[2] = last
        for peer in many:               # a RST is the end of one
            peer.seq += 1
            reset(peer)
        eq(timewaits(), 0, "timewait sockets after")
        last = ended(one, listen, 4003)
        check(waits(last), "none although there is room again")
        last.seq += 1
        reset(last)
    sysctl("net.ipv4.tcp_max_tw_buckets", 4096)
    forget(one, two)


run(globals())
