#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Distributed hosts: three nodes with one address look like one host.

Guards the module vr_dhost: what the lead answers and the others do not, and
the hand-over of what is theirs.
"""
import socket
import threading

from vr_dhost import (CLIENT, ICMP_P, SHARED, TCP_P, UDP_P, Cluster, mac)
from vr_net import TCP, UDP, connect, pending, readable, sock
from vr_pkt import ACK, MF, RST, SYN, icmp, udp_datagram
from vr_tap import check, eq, params, run, wait

LABS = {ctx: Cluster(ctx) for ctx in (0, 7)}
SLICED = Cluster(0, lead=1, slices=True)
ALL = params(*[(ctx,) for ctx in LABS])
NODES = (1, 2, 3)


def lab_of(ctx):
    """The cluster in the context, when all that was sent before has come."""
    lab = LABS[ctx]
    lab.sync()
    return lab


def client(lab, kind, *argv, **kwargs):
    with lab.client:
        return sock(kind, *argv, **kwargs)


def dial(lab, port, **kwargs):
    with lab.client:
        return connect((SHARED, port), **kwargs)


def exchange(one, other, size=300000):
    """Both send at the same time, both get all of it."""
    data = [bytes([n]) * size for n in (1, 2)]
    threads = [threading.Thread(target=end.sendall, args=(part,))
               for end, part in zip((one, other), data)]
    for thread in threads:
        thread.start()
    for end, part in ((other, data[0]), (one, data[1])):
        got = b""
        while len(got) < size:
            more = end.recv(1 << 16)
            check(more, "end of file")
            got += more
        eq(got == part, True, "what came")
    for thread in threads:
        thread.join()


@ALL
def test_arp(ctx):
    """one Ethernet address answers for the address, the lead's: context"""
    lab = lab_of(ctx)
    eq(lab.ask(), [mac(1)], "who answers")
    eq(lab.ask("0.0.0.0"), [mac(1)], "who answers a probe")


@ALL
def test_echo(ctx):
    """one reply to a ping, whoever is asked: context"""
    lab = lab_of(ctx)
    lab.send_ip(ICMP_P, icmp(8, 0, 77, b"ping", CLIENT, SHARED))
    got = lab.answers()
    eq([(m, p.icmp) for m, p in got], [(mac(1), (0, 0))], "replies")
    for num in (2, 3):
        lab.send_ip(ICMP_P, icmp(8, 0, 78, b"ping", CLIENT, SHARED),
                    dst=mac(num))
        lab.send_ip(ICMP_P, icmp(13, 0, 79, b"\0" * 12, CLIENT, SHARED),
                    dst=mac(num))
        eq(lab.answers(), [], f"node {num} answers")


@ALL
def test_nobody(ctx):
    """what nobody has is refused once, by the lead: context"""
    lab = lab_of(ctx)
    lab.send_tcp(4000, 9, 1, flags=SYN)
    got = lab.answers()
    eq([(m, p.proto, p.flags) for m, p in got],
       [(mac(1), 6, RST | ACK)], "answers to SYN")
    lab.send_udp(4000, 9, b"hello?")
    eq([(m, p.icmp) for m, p in lab.answers()], [(mac(1), (3, 3))],
       "answers to a datagram")
    lab.send_ip(99, b"what is this")
    eq([(m, p.icmp) for m, p in lab.answers()], [(mac(1), (3, 2))],
       "answers to an unknown protocol")
    for num in (2, 3):
        lab.send_tcp(4000, 9, 1, flags=SYN, dst=mac(num))
        lab.send_tcp(4000, 9, 1, 1, flags=ACK, dst=mac(num))
        lab.send_udp(4000, 9, b"hello?", dst=mac(num))
        lab.send_ip(99, b"what is this", dst=mac(num))
        eq(lab.answers(), [], f"answers of node {num}")


@ALL
def test_services(ctx):
    """a service on each node is reached by the one address: context"""
    lab = lab_of(ctx)
    for num in NODES:
        port = 8000 + num
        lab.own(TCP_P, port, num)
        with lab.nodes[num].sock(TCP, port, listen=8) as listener, \
                dial(lab, port) as one, pending(listener) as other:
            eq(other.getpeername()[0], CLIENT, "peer")
            exchange(one, other)
        lab.disown(TCP_P, port)


@ALL
def test_datagrams(ctx):
    """datagrams with and without fragments go there and back: context"""
    lab = lab_of(ctx)
    before = lab.nodes[1].stats()
    for num in NODES:
        lab.own(UDP_P, 53, num)
        with lab.nodes[num].sock(UDP, 53) as server, \
                client(lab, UDP) as one:
            for size in (10, 1472, 1473, 4000, 20000):
                one.sendto(b"q" * size, (SHARED, 53))
                data, peer = server.recvfrom(65536)
                eq((len(data), peer[0]), (size, CLIENT), "query")
                server.sendto(b"a" * size, peer)
                data, peer = one.recvfrom(65536)
                eq((len(data), peer), (size, (SHARED, 53)), "answer")
        lab.disown(UDP_P, 53)
    lab.sync()
    # the first one came first each time, so nobody else got the rest
    now = lab.nodes[1].stats()
    for key in ("fragments", "flooded"):
        eq(now[key], before[key], key)


def fragments(lab, ident, order, data):
    """A datagram for port 53 in pieces of 1000 bytes, in this order."""
    whole = udp_datagram(4001, 53, data, CLIENT, SHARED)
    parts = [whole[n:n + 1000] for n in range(0, len(whole), 1000)]
    for num in order:
        if num < len(parts):
            last = num == len(parts) - 1
            lab.send_ip(UDP_P, parts[num], ident=ident,
                        frag=num * 125 | (0 if last else MF))


@ALL
def test_fragment_order(ctx):
    """the first fragment may come late or last: context"""
    lab = lab_of(ctx)
    for num in NODES:
        lab.own(UDP_P, 53, num)
        with lab.nodes[num].sock(UDP, 53) as server:
            for nth, order in enumerate(((0, 1, 2), (1, 0, 2), (2, 1, 0),
                                         (1, 2, 0))):
                fragments(lab, 100 * num + nth, order, b"x" * 2500)
                eq(len(server.recv(65536)), 2500, f"{order}")
            # without the first: nothing comes, and nobody says a word
            fragments(lab, 100 * num + 50, (1, 2), b"x" * 2500)
            eq(lab.answers(), [], "answers")
            eq(readable(server), None, "datagram")
        lab.disown(UDP_P, 53)


@ALL
def test_foreign_port(ctx):
    """nobody but the owner says anything about its port: context"""
    lab = lab_of(ctx)
    lab.own(TCP_P, 80, 2)
    lab.own(UDP_P, 80, 2)
    with lab.nodes[2].sock(TCP, 80, listen=8), lab.nodes[2].sock(UDP, 80):
        for num in (1, 3):
            lab.send_tcp(4002, 80, 1, flags=SYN, dst=mac(num))
            got = lab.answers()
            # node 1 is the lead and hands it over
            eq([(m, p.flags) for m, p in got],
               [(mac(2), SYN | ACK)] if num == 1 else [], f"by node {num}")
            lab.send_tcp(4002, 80, 2, flags=RST, dst=mac(2))
            lab.send_udp(4002, 80, b"x", dst=mac(num))
            eq(lab.answers(), [], f"datagram by node {num}")
    # the owner has closed it, and is the one to say so
    lab.send_tcp(4002, 80, 1, flags=SYN)
    lab.send_udp(4002, 80, b"x")
    eq([(m, p.proto) for m, p in lab.answers()], [(mac(2), 6), (mac(2), 1)],
       "refusals")
    lab.disown(TCP_P, 80)
    lab.disown(UDP_P, 80)


@ALL
def test_outgoing(ctx):
    """connections from a node are the node's, port map or not: context"""
    lab = lab_of(ctx)
    for num in NODES:
        with client(lab, TCP, None, (CLIENT, 7000), listen=8,
                    reuse=True) as listener, lab.nodes[num].ns:
            with connect((CLIENT, 7000), ctx, (SHARED, 0)) as one, \
                    pending(listener) as other:
                eq(other.getpeername()[0], SHARED, "source")
                exchange(one, other)
                # the lead of the moment does not matter
                lab.set_lead(num % 3 + 1)
                exchange(one, other, 1000)
            lab.set_lead(1)


def test_slice():
    """datagrams to a port of a node's slice are the node's, unconnected too"""
    lab = SLICED
    lab.sync()
    for num in NODES:
        port = 20005 + 1000 * num
        with client(lab, UDP, None, (CLIENT, 7002)) as server, \
                lab.nodes[num].sock(UDP, port) as one:
            one.sendto(b"query", (CLIENT, 7002))
            peer = server.recvfrom(100)[1]
            eq(peer, (SHARED, port), "source")
            server.sendto(b"answer", peer)
            eq(one.recv(100), b"answer", "answer")
    # the port map wins
    lab.own(UDP_P, 22007, 3)
    with lab.nodes[3].sock(UDP, 22007) as one, client(lab, UDP) as asker:
        asker.sendto(b"x", (SHARED, 22007))
        eq(one.recv(100), b"x", "at the owner")
    lab.disown(UDP_P, 22007)


@ALL
def test_ping_out(ctx):
    """replies reach the node that asked: context"""
    lab = lab_of(ctx)
    for num in NODES:
        with lab.nodes[num].sock(UDP, 0, proto=socket.IPPROTO_ICMP) as one:
            one.sendto(icmp(8, 0, 0, b"out", CLIENT, CLIENT), (CLIENT, 0))
            eq(one.recv(100)[8:], b"out", f"reply to node {num}")


@ALL
def test_neighbour(ctx):
    """a neighbour is never told another Ethernet address: context"""
    lab = lab_of(ctx)
    with client(lab, UDP, None, (CLIENT, 7001)) as server:
        eq(lab.ask(), [mac(1)], "lead")
        for num in NODES:
            with lab.nodes[num].sock(UDP, 0) as one:
                lab.nodes[num].rt.neigh("eth0", CLIENT, mac(100), 0x20)
                one.sendto(b"x", (CLIENT, 7001))
                eq(server.recvfrom(100)[1][0], SHARED, "source")
                # asks again, and not with the address as sender
                one.sendto(b"x", ("10.0.0.99", 9))
        seen = [frame for frame in lab.sync((0x0806,))
                if frame[28:32] == socket.inet_aton(SHARED)]
        eq({frame[22:28] for frame in seen} - {mac(1)}, set(),
           "senders of the address")
        eq(lab.client.rt.neighs("eth0").get(SHARED, (0, mac(1)))[1], mac(1),
           "in the client's table")
    check(lab.nodes[2].stats()["arp_silenced"], "node 2 asked for 10.0.0.99")


@ALL
def test_errors(ctx):
    """an error is for the node of the connection it is about: context"""
    lab = lab_of(ctx)
    lab.own(UDP_P, 5000, 3)
    with lab.nodes[3].sock(UDP, 5000) as one:
        one.setsockopt(socket.SOL_IP, socket.IP_RECVERR
                       if hasattr(socket, "IP_RECVERR") else 11, 1)
        before = {num: lab.nodes[num].stats() for num in NODES}
        one.sendto(b"is there somebody?", (CLIENT, 9))      # nobody is
        wait(lambda: lab.nodes[3].stats()["local"] > before[3]["local"],
             "the error")
        try:
            one.recv(10)
        except ConnectionRefusedError:
            pass
        else:
            check(False, "no error")
    eq(lab.nodes[1].stats()["handed_over"] - before[1]["handed_over"], 1,
       "handed over")
    lab.disown(UDP_P, 5000)


@ALL
def test_move_lead(ctx):
    """connections live on when the lead moves: context"""
    lab = lab_of(ctx)
    pairs, listeners = [], []
    for num in NODES:
        lab.own(TCP_P, 8100 + num, num)
        listeners.append(lab.nodes[num].sock(TCP, 8100 + num, listen=64))
        for _ in range(10):
            one = dial(lab, 8100 + num)
            pairs.append((one, pending(listeners[-1])))
    for lead in (2, 3, 1, 3, 2, 1):
        lab.set_lead(lead)
        eq(lab.ask(), [mac(lead)], "who answers")
        for one, other in pairs:
            one.send(b"ping")
            eq(other.recv(100), b"ping", "request")
            other.send(b"pong")
            eq(one.recv(100), b"pong", "reply")
        with dial(lab, 8102) as one, pending(listeners[1]):
            pass
    for one, other in pairs:
        one.close()
        other.close()
    for num in NODES:
        listeners[num - 1].close()
        lab.disown(TCP_P, 8100 + num)


@ALL
def test_listener_everywhere(ctx):
    """a listener on each node does not disturb the others' connections:"""
    lab = lab_of(ctx)
    listeners = [lab.nodes[num].sock(TCP, 22, "0.0.0.0", listen=8)
                 for num in NODES]
    with dial(lab, 22) as one, pending(listeners[0]) as other:
        for lead in (2, 3, 1):
            lab.set_lead(lead)
            exchange(one, other, 1000)
    for listener in listeners:
        listener.close()


@ALL
def test_two_leads(ctx):
    """two leads by mistake: nothing goes round in circles: context"""
    lab = lab_of(ctx)
    lab.own(TCP_P, 8200, 3)
    lab.nodes[2].call(4, lead=2)
    try:
        # to whom nobody has it: each lead refuses what it is sent, once
        before = {num: lab.nodes[num].stats() for num in NODES}
        lab.send_tcp(4003, 9, 1, 1, flags=ACK)
        eq(lab.answers(), [], "answers to what nobody knows")
        now = {num: lab.nodes[num].stats() for num in NODES}
        eq(now[1]["flooded"] - before[1]["flooded"], 1, "flooded by node 1")
        eq(now[2]["flooded"] - before[2]["flooded"], 0, "flooded by node 2")
        with lab.nodes[3].sock(TCP, 8200, listen=8):
            for num in (1, 2):
                lab.send_tcp(4003 + num, 8200, 1, flags=SYN, dst=mac(num))
                eq([(m, p.flags) for m, p in lab.answers()],
                   [(mac(3), SYN | ACK)], f"handed over by {num}")
                lab.send_tcp(4003 + num, 8200, 2, flags=RST)
    finally:
        lab.set_lead(1)
        lab.disown(TCP_P, 8200)


run(globals(), limit=120)
