# SPDX-License-Identifier: GPL-2.0
"""Distributed hosts: three nodes with one address look like one host.

Guards the module vr_dhost: what the lead answers and the others do not, and
the hand-over of what is theirs. These are the bodies of several tests; each
says in LABS on which clusters they run.
"""
import socket

from vr_cluster import NODES, NUD_FAILED, exchange
from vr_dhost import CLIENT, HOST_SET, SHARED, TCP_P, UDP_P, mac
from vr_fam import (ECHO_REPLY, ECHO_REQUEST, ICMP, MULTICAST_IF,
                    PORT_UNREACH, PROTO_UNREACH, RECVERR, SOL, V6, ip,
                    multicast_if, only)
from vr_net import TCP, UDP, connect, pending, readable, sock
from vr_pkt import ACK, MF, RST, SYN, icmp, udp_datagram
from vr_tap import check, eq, wait

LABS = {}
SLICED = []     # one with slices, if there is one
KEYS = []


def each(fn):
    """One test case per cluster."""
    fn.params = KEYS
    return fn


def setup(labs, sliced=None):
    LABS.update(labs)
    KEYS.extend((key,) for key in labs)
    if sliced:
        SLICED.append(sliced)


def lab_of(key):
    """The cluster, when all that was sent before has come."""
    lab = LABS[key]
    lab.sync()
    return lab


def client(lab, kind, *argv, **kwargs):
    with lab.client:
        return sock(kind, *argv, **kwargs)


def dial(lab, port, **kwargs):
    with lab.client:
        return connect((SHARED, port), **kwargs)


def accepted(listener):
    """The connection that a client has just made."""
    return wait(lambda: pending(listener), "the connection")


@each
def test_arp(key):
    """one Ethernet address answers for the address, the lead's:"""
    lab = lab_of(key)
    eq(lab.ask(), [mac(1)], "who answers")
    eq(lab.ask("0.0.0.0"), [mac(1)], "who answers a probe")


@each
def test_echo(key):
    """one reply to a ping, whoever is asked:"""
    lab = lab_of(key)
    lab.send_icmp(ECHO_REQUEST, 77, b"ping")
    got = lab.answers()
    eq([(m, p.icmp) for m, p in got], [(mac(1), ECHO_REPLY)], "replies")
    for num in (2, 3):
        lab.send_icmp(ECHO_REQUEST, 78, b"ping", dst=mac(num))
        if not V6:
            lab.send_icmp((13, 0), 79, b"\0" * 12, dst=mac(num))
        eq(lab.answers(), [], f"node {num} answers")


@each
def test_nobody(key):
    """what nobody has is refused once, by the lead:"""
    lab = lab_of(key)
    lab.send_tcp(4000, 9, 1, flags=SYN)
    got = lab.answers()
    eq([(m, p.proto, p.flags) for m, p in got],
       [(mac(1), 6, RST | ACK)], "answers to SYN")
    lab.send_udp(4000, 9, b"hello?")
    eq([(m, p.icmp) for m, p in lab.answers()], [(mac(1), PORT_UNREACH)],
       "answers to a datagram")
    lab.send_ip(99, b"what is this")
    eq([(m, p.icmp) for m, p in lab.answers()], [(mac(1), PROTO_UNREACH)],
       "answers to an unknown protocol")
    for num in (2, 3):
        lab.send_tcp(4000, 9, 1, flags=SYN, dst=mac(num))
        lab.send_tcp(4000, 9, 1, 1, flags=ACK, dst=mac(num))
        lab.send_udp(4000, 9, b"hello?", dst=mac(num))
        lab.send_ip(99, b"what is this", dst=mac(num))
        eq(lab.answers(), [], f"answers of node {num}")


@each
def test_services(key):
    """a service on each node is reached by the one address:"""
    lab = lab_of(key)
    for num in NODES:
        port = 8000 + num
        lab.own(TCP_P, port, num)
        with lab.nodes[num].sock(TCP, port, listen=8) as listener, \
                dial(lab, port) as one, accepted(listener) as other:
            eq(other.getpeername()[0], CLIENT, "peer")
            exchange(one, other)
        lab.disown(TCP_P, port)


@each
def test_datagrams(key):
    """datagrams with and without fragments go there and back:"""
    lab = lab_of(key)
    before = lab.nodes[1].stats()
    for num in NODES:
        lab.own(UDP_P, 53, num)
        with lab.nodes[num].sock(UDP, 53) as server, \
                client(lab, UDP) as one:
            for size in (10, 1472, 1473, 4000, lab.largest):
                one.sendto(b"q" * size, (SHARED, 53))
                data, peer = server.recvfrom(65536)
                eq((len(data), peer[0]), (size, CLIENT), "query")
                server.sendto(b"a" * size, peer)
                data, peer = one.recvfrom(65536)
                eq((len(data), peer[:2]), (size, (SHARED, 53)), "answer")
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


@each
def test_fragment_order(key):
    """the first fragment may come late or last:"""
    lab = lab_of(key)
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


@each
def test_foreign_port(key):
    """nobody but the owner says anything about its port:"""
    lab = lab_of(key)
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
    eq([(m, p.proto) for m, p in lab.answers()], [(mac(2), 6), (mac(2), ICMP)],
       "refusals")
    lab.disown(TCP_P, 80)
    lab.disown(UDP_P, 80)


@each
def test_outgoing(key):
    """connections from a node are the node's, port map or not:"""
    lab = lab_of(key)
    for num in NODES:
        with client(lab, TCP, None, (CLIENT, 7000), listen=8,
                    reuse=True) as listener:
            with lab.nodes[num].connect((CLIENT, 7000)) as one, \
                    accepted(listener) as other:
                eq(other.getpeername()[0], SHARED, "source")
                exchange(one, other)
                # the lead of the moment does not matter
                lab.set_lead(num % 3 + 1)
                exchange(one, other, 1000)
            lab.set_lead(1)


@only(4)
@each
def test_six(key):
    """sockets of IPv6 serve an IPv4 address:"""
    lab = lab_of(key)
    for port, addr in ((8300, "::"), (8301, "::ffff:" + SHARED)):
        lab.own(TCP_P, port, 2)
        with lab.nodes[2].sock(TCP, port, addr, listen=8,
                               af=socket.AF_INET6) as listener, \
                dial(lab, port) as one, accepted(listener) as other:
            eq(other.getpeername()[0], "::ffff:" + CLIENT, "peer")
            exchange(one, other, 1000)
            # nobody's, says the port map, but for the connection
            lab.disown(TCP_P, port)
            exchange(one, other, 1000)
    lab.own(UDP_P, 8300, 3)
    with lab.nodes[3].sock(UDP, 8300, "::", af=socket.AF_INET6) as server, \
            client(lab, UDP) as one:
        one.sendto(b"query", (SHARED, 8300))
        peer = server.recvfrom(100)[1]
        server.sendto(b"answer", peer)
        eq(one.recv(100), b"answer", "answer")
    lab.disown(UDP_P, 8300)


def test_slice():
    """datagrams to a port of a node's slice are the node's, unconnected too"""
    if not SLICED:
        return
    lab = SLICED[0]
    lab.sync()
    for num in NODES:
        port = 20005 + 1000 * num
        with client(lab, UDP, None, (CLIENT, 7002)) as server, \
                lab.nodes[num].sock(UDP, port) as one:
            one.sendto(b"query", (CLIENT, 7002))
            peer = server.recvfrom(100)[1]
            eq(peer[:2], (SHARED, port), "source")
            server.sendto(b"answer", peer)
            eq(one.recv(100), b"answer", "answer")
    # the port map wins
    lab.own(UDP_P, 22007, 3)
    with lab.nodes[3].sock(UDP, 22007) as one, client(lab, UDP) as asker:
        asker.sendto(b"x", (SHARED, 22007))
        eq(one.recv(100), b"x", "at the owner")
    lab.disown(UDP_P, 22007)


@each
def test_ping_out(key):
    """replies reach the node that asked:"""
    lab = lab_of(key)
    for num in NODES:
        with lab.nodes[num].sock(UDP, 0, proto=ICMP) as one:
            one.sendto(icmp(*ECHO_REQUEST, 0, b"out", CLIENT, CLIENT),
                       (CLIENT, 0))
            eq(one.recv(100)[8:], b"out", f"reply to node {num}")


@each
def test_neighbour(key):
    """a neighbour is never told another Ethernet address:"""
    lab = lab_of(key)
    with client(lab, UDP, None, (CLIENT, 7001)) as server:
        eq(lab.ask(), [mac(1)], "lead")
        told = set()
        for num in NODES:
            with lab.nodes[num].sock(UDP, 0) as one:
                lab.nodes[num].neighbour(CLIENT, mac(100), NUD_FAILED)
                one.sendto(b"x", (CLIENT, 7001))
                eq(server.recvfrom(100)[1][0], SHARED, "source")
                # asks again, and not with the address as sender
                one.sendto(b"x", (ip("10.0.0.99"), 9))
            told |= lab.told()
        eq(told - {mac(1)}, set(), "senders of the address")
        eq(lab.client.rt.neighs(lab.dev).get(SHARED, (0, mac(1)))[1], mac(1),
           "in the client's table")
    check(lab.nodes[2].stats()["arp_silenced"], "node 2 asked for 10.0.0.99")


@each
def test_group(key):
    """what is sent to a group comes to the nodes in it, once:"""
    lab, group = lab_of(key), ip("239.1.1.1")
    before = {num: lab.nodes[num].stats() for num in NODES}
    with lab.nodes[2].group(group, 5300) as two, \
            lab.nodes[3].group(group, 5300) as three, \
            lab.nodes[1].sock(UDP, 5300, "0.0.0.0") as one, \
            client(lab, UDP) as asker:
        asker.setsockopt(SOL, MULTICAST_IF, multicast_if(
            lab.client.rt.ifindex(lab.dev)))
        heard = set()

        def early():
            asker.sendto(b"early", (group, 5300))
            lab.sync()
            heard.update(got for got in (two, three) if readable(got))
            return len(heard) == 2

        wait(early, "the nodes' devices to let it in")
        for got in (two, three):
            while readable(got):
                pass
        asker.sendto(b"all", (group, 5300))
        for num, got in ((2, two), (3, three)):
            data, peer = got.recvfrom(100)
            eq((data, peer[0]), (b"all", CLIENT), f"at node {num}")
        lab.sync()
        for num, got in ((1, one), (2, two), (3, three)):
            eq(readable(got), None, f"more at node {num}")
    now = {num: lab.nodes[num].stats() for num in NODES}
    for key in ("handed_over", "flooded"):
        eq([now[n][key] - before[n][key] for n in NODES], [0, 0, 0], key)


@each
def test_errors(key):
    """an error is for the node of the connection it is about:"""
    lab = lab_of(key)
    lab.own(UDP_P, 5000, 3)
    with lab.nodes[3].sock(UDP, 5000) as one:
        one.setsockopt(SOL, RECVERR, 1)
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
    eq(lab.nodes[1].stats()["handed_over"] - before[1]["handed_over"],
       0 if lab.link == "all" else 1, "handed over")
    lab.disown(UDP_P, 5000)


@each
def test_move_lead(key):
    """connections live on when the lead moves:"""
    lab = lab_of(key)
    pairs, listeners = [], []
    for num in NODES:
        lab.own(TCP_P, 8100 + num, num)
        listeners.append(lab.nodes[num].sock(TCP, 8100 + num, listen=64))
        for _ in range(10):
            one = dial(lab, 8100 + num)
            pairs.append((one, accepted(listeners[-1])))
    for lead in (2, 3, 1, 3, 2, 1):
        lab.set_lead(lead)
        eq(lab.ask(), [mac(lead)], "who answers")
        for one, other in pairs:
            one.send(b"ping")
            eq(other.recv(100), b"ping", "request")
            other.send(b"pong")
            eq(one.recv(100), b"pong", "reply")
        with dial(lab, 8102) as one, accepted(listeners[1]):
            pass
    for one, other in pairs:
        one.close()
        other.close()
    for num in NODES:
        listeners[num - 1].close()
        lab.disown(TCP_P, 8100 + num)


@each
def test_listener_everywhere(key):
    """a listener on each node does not disturb the others' connections:"""
    lab = lab_of(key)
    listeners = [lab.nodes[num].sock(TCP, 22, "0.0.0.0", listen=8)
                 for num in NODES]
    with dial(lab, 22) as one, accepted(listeners[0]) as other:
        for lead in (2, 3, 1):
            lab.set_lead(lead)
            exchange(one, other, 1000)
    for listener in listeners:
        listener.close()


@each
def test_two_leads(key):
    """two leads by mistake: nothing goes round in circles:"""
    lab = lab_of(key)
    lab.own(TCP_P, 8200, 3)
    lab.nodes[2].call(HOST_SET, lead=2)
    try:
        # to whom nobody has it: each lead refuses what it is sent, once
        before = {num: lab.nodes[num].stats() for num in NODES}
        lab.send_tcp(4003, 9, 1, 1, flags=ACK, dst=mac(1))
        eq(lab.answers(), [], "answers to what nobody knows")
        now = {num: lab.nodes[num].stats() for num in NODES}
        eq(now[1]["flooded"] - before[1]["flooded"], int(lab.handover),
           "flooded by node 1")
        eq(now[2]["flooded"] - before[2]["flooded"], 0, "flooded by node 2")
        with lab.nodes[3].sock(TCP, 8200, listen=8):
            for num in (1, 2):
                lab.send_tcp(4003 + num, 8200, 1, flags=SYN, dst=mac(num))
                eq([(m, p.flags) for m, p in lab.answers()],
                   [(mac(3), SYN | ACK)] if lab.handover else [],
                   f"handed over by {num}")
                lab.send_tcp(4003 + num, 8200, 2, flags=RST)
    finally:
        lab.set_lead(1)
        lab.disown(TCP_P, 8200)

