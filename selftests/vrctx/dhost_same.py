#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 4 6
"""Distributed hosts: to its peers a cluster is one ordinary host.

The same scripts of a client run against an ordinary host and against three
nodes that share the services, with each node as the lead. What comes back has
to be the same, packet for packet, but for numbers that are random on every
host: those of sequence and of identification, and timestamps. The one thing
that the client may see is that packets of one host come from more than one
Ethernet address; who answers for the address is always one.
"""
import struct

from vr_cluster import CONTEXTS, GHOST, NODES, Cluster
from vr_dhost import SHARED, TCP_P, UDP_P, mac
from vr_fam import ECHO_REQUEST, ICMP, PORT_UNREACH, RECVERR, SOL, TOO_BIG, V6
from vr_hdr import OFFSET, quote
from vr_net import TCP, UDP, pending
from vr_pkt import ACK, FIN, MF, PSH, RST, SYN, icmp, ip_packet, udp_datagram
from vr_tap import check, eq, run, wait

ONE = Cluster(distributed=False)
MANY = Cluster(CONTEXTS[0])
WEB, SHELL, NAME = 80, 22, 53
# By node: the services that it has. On the ordinary host all are on one.
SPREAD = {WEB: 1, NAME: 2, SHELL: 3}
ISN = 7000
MSS = b"\2\4\5\xb4"


class Seat:
    """Who has what: one script works for both hosts."""

    def __init__(self, lab, lead):
        self.lab, self.lead = lab, lead
        self.many = len(lab.nodes) > 1
        self.log, self.isn, self.seen = [], {}, set()

    def node(self, port):
        return self.lab.nodes[SPREAD[port] if self.many else 1]

    def sock(self, kind, port, **kwargs):
        return self.node(port).sock(kind, port, **kwargs)

    # ---- what comes ----

    def tcp(self, pkt):
        """Numbers from the start of the connection, no timestamps."""
        key = pkt.sport, pkt.dport
        if pkt.flags & SYN:
            self.isn[key] = pkt.seq
        seq = pkt.seq - self.isn[key] if key in self.isn else pkt.seq
        window = struct.unpack_from("!H", pkt.body, 14)[0]
        options = pkt.body[20:(pkt.body[12] >> 4) * 4]
        return (seq & 0xffffffff, pkt.ack, pkt.flags, window,
                self.options(options), pkt.data)

    @staticmethod
    def options(data):
        out = []
        while data and data[0]:
            size = 1 if data[0] == 1 else data[1]
            # a timestamp: only what it echoes is the same everywhere
            out.append(data[:2] + data[6:size] if data[0] == 8
                       else data[:size])
            data = data[size:]
        return tuple(out)

    def line(self, pkt):
        """One packet as it is in the transcript."""
        base = pkt.src, pkt.dst, pkt.proto, pkt.ttl, pkt.len, pkt.frag
        if pkt.proto == TCP_P and pkt.flags is not None:
            return base + self.tcp(pkt)
        # no sums: that of UDP is for the device to make
        at = 6 if pkt.sport else 2
        return base + (pkt.body if pkt.frag & OFFSET else
                       pkt.body[:at] + pkt.body[at + 2:],)

    def take(self, what, acks=True):
        """All that came for the client since the last time. When data are
        acknowledged, and whether by a segment of its own, depends on how fast
        the program is.
        """
        got = [self.line(pkt) for _, pkt in self.lab.answers()
               if (acks or pkt.flags != ACK or pkt.data)
               and not self.again(pkt)]
        self.log.append((what, got))
        return got

    def again(self, pkt):
        """Has it come before? It is sent again because this machine is slow."""
        if pkt.proto != TCP_P or not pkt.data and not pkt.flags & (SYN | FIN):
            return False
        key = pkt.sport, pkt.dport, pkt.seq, pkt.flags & (SYN | FIN), pkt.data
        seen = key in self.seen
        self.seen.add(key)
        return seen

    def send(self, *args, **kwargs):
        self.lab.send_tcp(*args, **kwargs)


def transcript(lab, lead, script):
    seat = Seat(lab, lead)
    lab.haunt()
    if seat.many:
        lab.set_lead(lead)
        for port, num in SPREAD.items():
            for proto in (TCP_P, UDP_P):
                lab.own(proto, port, num)
    lab.sync()
    script(seat)
    if seat.many:
        for port in SPREAD:
            for proto in (TCP_P, UDP_P):
                lab.disown(proto, port)
    return seat.log


def same(script, leads=NODES):
    want = transcript(ONE, 1, script)
    check(any(got for _, got in want), "nothing was said at all")
    for lead in leads:
        got = transcript(MANY, lead, script)
        eq([what for what, _ in got], [what for what, _ in want], "steps")
        for (what, mine), (_, plain) in zip(got, want):
            eq(mine, plain, f"lead {lead}: {what}")


def neighbours(seat):
    lab = seat.lab
    eq(set(lab.ask()), {mac(seat.lead)}, "who answers")
    eq(set(lab.ask("0.0.0.0")), {mac(seat.lead)}, "who answers a probe")


def questions(seat):
    lab = seat.lab
    lab.send_icmp(ECHO_REQUEST, 7, b"ping")
    seat.take("echo")
    if not V6:
        # what time it is does not matter
        lab.send_icmp((13, 0), 7, b"\0" * 12)
        eq([pkt.icmp for _, pkt in lab.answers()], [(14, 0)], "timestamp")
    lab.send_ip(99, b"what is this?")
    seat.take("unknown protocol")
    lab.send_udp(4000, 9, b"hello?")
    seat.take("datagram to a closed port")
    for port in (9, 10):
        lab.send_tcp(4000, port, ISN, flags=SYN, options=MSS)
        seat.take("SYN to a closed port")


def big_ping(seat):
    """A request in fragments, in the wrong order, too."""
    lab = seat.lab
    for nth, order in enumerate(((0, 1, 2), (2, 1, 0))):
        whole = icmp(*ECHO_REQUEST, 50 + nth, b"p" * 2492, GHOST, SHARED)
        for num in order:
            lab.send_ip(ICMP, whole[num * 1000:num * 1000 + 1000],
                        ident=600 + nth + 10 * seat.lead + 100 * seat.many,
                        frag=num * 125 | (MF if num < 2 else 0))
        seat.take(f"ping in fragments {order}")


def session(seat, port, sport):
    """Handshake, requests, replies, both ends close."""
    with seat.sock(TCP, port, listen=8) as listener:
        options = MSS + b"\4\2\x08\x0a\0\0\0\1\0\0\0\0\1\3\3\7"
        seat.send(sport, port, ISN, flags=SYN, options=options)
        got = seat.take(f"{port}: SYN")
        stamp = b"\1\1\x08\x0a\0\0\0\2\0\0\0\0"
        ack = seat.isn[port, sport] + 1
        eq(len(got), 1, "SYN|ACK")
        seat.send(sport, port, ISN + 1, ack, options=stamp)
        seat.take(f"{port}: ACK")
        with wait(lambda: pending(listener), "the connection") as one:
            seq = ISN + 1
            for num in range(3):
                data = b"request %d" % num
                seat.send(sport, port, seq, ack, ACK | PSH, data,
                          options=stamp)
                seq += len(data)
                eq(one.recv(100), data, "request")
                seat.take(f"{port}: request {num}", acks=False)
                one.sendall(b"reply %d" % num)
                ack += 7
                seat.take(f"{port}: reply {num}", acks=False)
                seat.send(sport, port, seq, ack, options=stamp)
                seat.take(f"{port}: ACK of reply {num}")
            # what is too old is answered, and nothing else happens
            seat.send(sport, port, seq - 5, ack, ACK | PSH, b"again",
                      options=stamp)
            seat.take(f"{port}: old segment")
            seat.send(sport, port, seq, ack, ACK | FIN, options=stamp)
            seat.take(f"{port}: FIN", acks=False)
            eq(one.recv(1), b"", "end")
        seat.take(f"{port}: its FIN", acks=False)
        seat.send(sport, port, seq + 1, ack + 1, options=stamp)
        seat.take(f"{port}: last ACK")
    # nobody listens any more
    seat.send(sport + 1, port, ISN, flags=SYN, options=MSS)
    seat.take(f"{port}: SYN after the end")
    seat.send(sport, port, seq + 1, ack + 1)
    seat.take(f"{port}: segment after the end")


def sessions(seat):
    for port in SPREAD:
        session(seat, port, 3000 + port)


def refusal(seat):
    """RST in the middle, from either side."""
    for port in (WEB, SHELL):
        with seat.sock(TCP, port, listen=8) as listener:
            sport = 3500 + port
            seat.send(sport, port, ISN, flags=SYN, options=MSS)
            seat.take(f"{port}: SYN")
            ack = seat.isn[port, sport] + 1
            seat.send(sport, port, ISN + 1, ack)
            seat.take(f"{port}: ACK")
            with wait(lambda: pending(listener), "the connection"):
                seat.send(sport, port, ISN + 1, ack, ACK | PSH, b"unread")
                seat.take(f"{port}: data", acks=False)
            seat.take(f"{port}: it aborts")
            seat.send(sport, port, ISN + 7, ack, RST)
            seat.take(f"{port}: RST")


def names(seat):
    """Queries and answers of 4 KB, which are fragments; errors about them."""
    lab = seat.lab
    with seat.sock(UDP, NAME) as server:
        for size in (30, 1400, 4096):
            whole = udp_datagram(5353, NAME, b"q" * size, GHOST, SHARED)
            parts = [whole[n:n + 1400] for n in range(0, len(whole), 1400)]
            for num, part in enumerate(parts):
                frag = num * 175 | (MF if num < len(parts) - 1 else 0)
                lab.send_ip(UDP_P, part, frag=frag,
                            ident=700 + size + seat.lead + 10 * seat.many)
            data, peer = server.recvfrom(65536)
            eq((len(data), peer[:2]), (size, (GHOST, 5353)), "query")
            seat.take(f"query of {size}")
            server.sendto(b"a" * size, peer)
            seat.take(f"answer of {size}")
        # the client has gone: the server is told
        server.setsockopt(SOL, RECVERR, 1)
        answer = ip_packet(UDP_P, udp_datagram(NAME, 5353, b"a" * 30, SHARED,
                                               GHOST), SHARED, GHOST)
        lab.send_icmp(PORT_UNREACH, 0, quote(answer))
        seat.take("port unreachable")
        try:
            server.recv(1)
            check(False, "no error at the server")
        except ConnectionRefusedError:
            pass
    lab.send_udp(5353, NAME, b"query")
    seat.take("query after the end")


def mtu(seat):
    """A router on the way has a smaller MTU: the server's node learns it."""
    lab = seat.lab
    with seat.sock(UDP, NAME) as server:
        for what in ("before", "after"):
            lab.send_udp(5353, NAME, b"query")
            server.sendto(b"a" * 1400, server.recvfrom(100)[1])
            seat.take(what)
            lab.send_icmp(TOO_BIG, 1300, quote(ip_packet(
                UDP_P, udp_datagram(NAME, 5353, b"a" * 1400, SHARED, GHOST),
                SHARED, GHOST)))
            seat.take("packet too big")


def test_neighbours():
    """ARP or neighbour discovery"""
    for lab, leads in ((ONE, (1,)), (MANY, NODES)):
        for lead in leads:
            transcript(lab, lead, neighbours)


def test_questions():
    """pings, and what nobody has"""
    same(questions)


def test_big_ping():
    """pings in fragments"""
    same(big_ping)


def test_sessions():
    """connections to each service"""
    same(sessions)


def test_refusal():
    """connections that are broken off"""
    same(refusal)


def test_names():
    """datagrams with and without fragments, errors about them"""
    same(names)


def test_mtu():
    """a smaller MTU on the way"""
    same(mtu, (3,))     # once: it is remembered
    check(any(len(got) > 1 for _, got in transcript(MANY, 3, mtu)),
          "no fragments")


run(globals(), limit=120)
