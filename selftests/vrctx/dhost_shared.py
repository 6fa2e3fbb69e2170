#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 4 6
"""Distributed hosts: ports that several nodes have.

New flows are spread over the owners by a hash that is the same on all nodes;
flows that are there stay where they are when owners come and when the lead
moves, and of owners that go only theirs move. A node without a socket answers
what it takes with RST or an ICMP error, from its own Ethernet address: that
tells whose a packet was.
"""
import errno as E
import struct

from vr_cluster import GHOST, NODES, Cluster
from vr_dhost import SHARED, TCP_P, UDP_P, mac
from vr_fam import (ICMP, PORT_UNREACH, PROTO_UNREACH, RATEMASK, TOO_BIG, V6,
                    packed, ratemask)
from vr_hdr import ETH_IP, ETH_IPV6, Packet, icmp_message, quote
from vr_net import TCP, UDP, connect, pending, sock
from vr_pkt import ACK, MF, RST, SYN, ip_packet, tcp_segment, udp_datagram
from vr_rt import sysctl
from vr_tap import check, eq, refused, run, wait

# One in which the lead hands over, and one whose switch gives all nodes all
LAB, ALL = Cluster(0), Cluster(7, link="all")
PORT, COUNT = 80, 90
FLOWS = range(30000, 30000 + COUNT)
LATER = range(31000, 31000 + COUNT)


def quick(lab):
    """Errors are not limited; the ghost is known."""
    lab.haunt()
    for node in lab.nodes.values():
        with node.ns:
            sysctl(RATEMASK, ratemask())


for one_lab in (LAB, ALL):
    quick(one_lab)


def node_at(address):
    return {mac(num): num for num in NODES}[address]


def where(lab, flows=FLOWS, flags=SYN, port=PORT):
    """The node that answers each flow's TCP segment; one does."""
    lab.sync()
    out = {}
    for sport in flows:
        lab.send_tcp(sport, port, 1, 1, flags=flags)
    for at, pkt in lab.answers():
        if pkt.proto == TCP_P:
            check(pkt.flags & RST, f"flags {pkt.flags}")
            check(pkt.dport not in out, f"two answers to {pkt.dport}")
            out[pkt.dport] = node_at(at)
    return out


def all_of(lab, *args, **kwargs):
    got = where(lab, *args, **kwargs)
    eq(len(got), COUNT, "flows that were answered")
    return got


def spread(got, owners):
    """Each has its part, none has much more."""
    counts = {num: list(got.values()).count(num) for num in NODES}
    part = COUNT // len(owners)
    for num, count in counts.items():
        check(part // 2 <= count <= 2 * part if num in owners else not count,
              f"owners {owners}: {counts}")


def moved(before, after):
    return {flow for flow in before if before[flow] != after[flow]}


def new_lead(lab):
    """The same lead, which has forgotten all flows."""
    lead = lab.lead
    lab.set_lead(lead % 3 + 1)
    lab.set_lead(lead)
    lab.sync()


# ---- the hash: all nodes compute the same, of whatever version they are ----

M32, M64 = (1 << 32) - 1, (1 << 64) - 1


def rol(word, by):
    return (word << by | word >> (32 - by)) & M32


def jhash2(words, seed):
    """As <linux/jhash.h> has it"""
    a = b = c = (0xdeadbeef + 4 * len(words) + seed) & M32
    while len(words) > 3:
        a, b, c = ((x + w) & M32 for x, w in zip((a, b, c), words))
        words = words[3:]
        for by in (4, 6, 8, 16, 19, 4):
            a = (a - c & M32) ^ rol(c, by)
            c = c + b & M32
            a, b, c = b, c, a       # each step as the one before it
    a, b, c = ((x + w) & M32 for x, w in zip((a, b, c), [*words, 0, 0]))
    for by in (14, 11, 25, 16, 4, 14, 24):
        c = ((c ^ b) - rol(b, by)) & M32
        a, b, c = b, c, a
    return b


def bid(flow, node):
    out = flow ^ node * 0x9e3779b97f4a7c15 & M64
    for factor in (0xff51afd7ed558ccd, 0xc4ceb9fe1a85ec53):
        out = (out ^ out >> 33) * factor & M64
    return out ^ out >> 33


def winner(sport, owners):
    words = []
    for addr in (GHOST, SHARED):
        raw = packed(addr)
        words += struct.unpack("!4I", raw if len(raw) == 16 else
                               bytes(10) + b"\xff\xff" + raw)
    words += [sport << 16 | PORT, TCP_P]
    flow = jhash2(words, 0) << 32 | jhash2(words, 1)
    return max(owners, key=lambda node: bid(flow, node))


# ---- tests ----

def test_spread():
    """new flows are spread, whoever is the lead and hands over or not"""
    before = LAB.nodes[1].stats()
    LAB.share(TCP_P, PORT, [1, 2, 3])
    got = all_of(LAB)
    spread(got, (1, 2, 3))
    eq(got, {flow: winner(flow, (1, 2, 3)) for flow in FLOWS}, "the hash")
    stats = LAB.nodes[1].stats()
    eq(stats["spread"] - before["spread"], COUNT, "new flows")
    eq(all_of(LAB), got, "the same flows again")
    eq(LAB.nodes[1].stats()["spread"], stats["spread"], "no new flows")
    LAB.set_lead(3)
    eq(all_of(LAB), got, "by another lead")
    LAB.set_lead(1)
    ALL.share(TCP_P, PORT, [3, 1, 2])
    eq(all_of(ALL), got, "by each node, with the owners in another order")
    for lab in (LAB, ALL):
        lab.disown(TCP_P, PORT)


def test_consistent():
    """an owner that comes gets its part, one that goes leaves only its own"""
    got = {}
    for owners in ([1, 2, 3], [1, 2], [3, 2], [2], [2, 3, 1]):
        LAB.share(TCP_P, PORT, owners)
        new_lead(LAB)       # all flows are new ones
        got[tuple(owners)] = all_of(LAB)
        spread(got[tuple(owners)], owners)
    three = got[1, 2, 3]
    eq(three, got[2, 3, 1], "in another order")
    for gone, owners in ((3, (1, 2)), (1, (3, 2))):
        eq(moved(three, got[owners]),
           {flow for flow in three if three[flow] == gone},
           f"flows that move without node {gone}")
    LAB.disown(TCP_P, PORT)


def test_stay():
    """flows that the lead knows stay when an owner comes"""
    LAB.share(TCP_P, PORT, [1])
    eq(set(all_of(LAB).values()), {1}, "the only owner")
    LAB.share(TCP_P, PORT, [1, 2])
    eq(set(all_of(LAB).values()), {1}, "the same flows")
    later = all_of(LAB, LATER)
    spread(later, (1, 2))
    before = LAB.nodes[1].stats()
    # what is in the middle of a connection, too, and without a copy to others
    LAB.share(TCP_P, PORT, [1, 2, 3])
    eq(all_of(LAB, LATER, ACK), later, "segments")
    eq(LAB.nodes[1].stats()["flooded"], before["flooded"], "given to all")
    # and those of one that goes are another's
    LAB.share(TCP_P, PORT, [1, 3])
    after = all_of(LAB, LATER, ACK)
    eq(moved(later, after), {flow for flow in later if later[flow] == 2},
       "flows that move")
    eq(LAB.nodes[1].stats()["moved"] - before["moved"],
       list(later.values()).count(2), "flows that moved")
    LAB.disown(TCP_P, PORT)


def test_unknown():
    """a segment of an unknown connection is given to all if it may be old"""
    LAB.share(TCP_P, PORT, [2, 3])
    best = all_of(LAB)
    new_lead(LAB)
    before = LAB.nodes[1].stats()
    # the first owner's are its own in any case; for node 3 it depends
    eq(where(LAB, flags=ACK),
       {flow: 2 for flow in best if best[flow] == 2}, "who answers")
    eq(LAB.nodes[1].stats()["flooded"] - before["flooded"],
       list(best.values()).count(3), "given to all")
    LAB.disown(TCP_P, PORT)


class Service:
    """Listeners on nodes, and connections from known ports to them."""

    def __init__(self, lab, owners, count=24):
        self.lab, self.owners = lab, owners
        lab.share(TCP_P, PORT, owners)
        self.listeners = {num: lab.nodes[num].sock(TCP, PORT, listen=64,
                                                   reuse=True)
                          for num in NODES}
        self.ends = {}      # of a connection: client, node, number of the node
        for _ in range(count):
            self.dial()

    def dial(self):
        with self.lab.client:
            far = connect((SHARED, PORT))
        num, near = wait(self.accepted, "a node to have the connection")
        self.ends[far.getsockname()[1]] = far, near, num
        return num

    def accepted(self):
        for num, listener in self.listeners.items():
            near = pending(listener)
            if near:
                return num, near
        return None

    def at(self):
        return {port: num for port, (_, _, num) in self.ends.items()}

    def talk(self, but=None):
        """All connections live, but for those of a node."""
        for far, near, num in self.ends.values():
            if num != but:
                far.sendall(b"question")
                eq(near.recv(100), b"question", f"what node {num} got")
                near.sendall(b"answer")
                eq(far.recv(100), b"answer", "what came back")

    def close(self):
        for far, near, _ in self.ends.values():
            far.close()
            near.close()
        for listener in self.listeners.values():
            listener.close()
        self.lab.disown(TCP_P, PORT)


def test_connections():
    """connections live when owners come and go and when the lead moves"""
    service = Service(LAB, [1, 2])
    check(set(service.at().values()) == {1, 2}, f"{service.at()}")
    flooded = LAB.nodes[1].stats()["flooded"]
    LAB.share(TCP_P, PORT, [1, 2, 3])
    service.talk()
    eq(LAB.nodes[1].stats()["flooded"], flooded, "given to all")
    while service.dial() != 3:      # the new one gets new ones
        pass
    # a lead that knows of none asks once for each that is not sure
    LAB.set_lead(2)
    LAB.sync()
    service.talk()
    LAB.sync()
    asked = LAB.nodes[2].stats()["flooded"]
    check(asked, "no segment was given to all")
    service.talk()
    eq(LAB.nodes[2].stats()["flooded"], asked, "it knows all of them now")
    # who goes loses its own, and their clients hear of it
    LAB.share(TCP_P, PORT, [2, 3])
    service.talk(but=1)
    for far, _, num in service.ends.values():
        if num == 1:
            far.sendall(b"anybody?")
            refused(E.ECONNRESET, "no RST", far.recv, 100)
    service.close()
    LAB.set_lead(1)


def test_all_nodes():
    """where the switch gives all to all, each node knows its own"""
    service = Service(ALL, [3, 1], 12)
    ALL.share(TCP_P, PORT, [3, 1, 2])
    service.talk()
    service.close()


def test_cookies():
    """what answers a SYN cookie goes where the SYN went"""
    for node in LAB.nodes.values():
        with node.ns:
            sysctl("net.ipv4.tcp_syncookies", 2)
    service = Service(LAB, [3, 2, 1], 12)
    service.talk()
    service.close()
    for node in LAB.nodes.values():
        with node.ns:
            sysctl("net.ipv4.tcp_syncookies", 1)


def answering(server, num):
    """Say who got a datagram."""
    data, peer = server.recvfrom(65536)
    server.sendto(bytes([num]) + data[:10], peer)


def waiting(server):
    server.setblocking(False)
    try:
        return server.recv(1, 2)        # MSG_PEEK
    except BlockingIOError:
        return b""
    finally:
        server.settimeout(20)


def ask_all(clients, servers, size=20):
    """Each client's datagram: the node that got it"""
    out = {}
    for one in clients:
        one.sendto(b"q" * size, (SHARED, 53))
        num = wait(lambda: next((num for num, server in servers.items()
                                 if waiting(server)), None), "a datagram")
        answering(servers[num], num)
        data, peer = one.recvfrom(100)
        eq(peer[:2], (SHARED, 53), "who answers")
        out[one.getsockname()[1]] = data[0]
    return out


def test_datagrams():
    """datagrams with and without fragments stay with one node"""
    LAB.share(UDP_P, 53, [1, 2])
    servers = {num: LAB.nodes[num].sock(UDP, 53) for num in NODES}
    with LAB.client:
        clients = [sock(UDP, None, ("0.0.0.0", 40000 + i)) for i in range(12)]
    got = ask_all(clients, servers)
    eq(set(got.values()), {1, 2}, "who got some")
    eq(ask_all(clients, servers, 4000), got, "with fragments")
    LAB.share(UDP_P, 53, [1, 2, 3])
    eq(ask_all(clients, servers), got, "with one owner more")
    LAB.share(UDP_P, 53, [2, 3])
    after = ask_all(clients, servers, 4000)
    eq(moved(got, after), {flow for flow in got if got[flow] == 1},
       "those of one that went")
    for one in [*clients, *servers.values()]:
        one.close()
    LAB.disown(UDP_P, 53)


def test_nobody_there():
    """errors and fragments of datagrams that no socket takes"""
    LAB.share(UDP_P, 54, [1, 2, 3])
    whole, parts = {}, {}
    for out, size in ((whole, 10), (parts, 1600)):
        LAB.sync()
        for sport in FLOWS:
            data = udp_datagram(sport, 54, b"x" * size, GHOST, SHARED)
            if size < 1000:
                LAB.send_ip(UDP_P, data)
                continue
            LAB.send_ip(UDP_P, data[:800], ident=sport, frag=MF)
            LAB.send_ip(UDP_P, data[800:], ident=sport, frag=100)
        for at, pkt in LAB.answers():
            eq(pkt.icmp, PORT_UNREACH, "answer")
            sport = Packet(pkt.data).sport
            check(sport not in out, f"two answers to {sport}")
            out[sport] = node_at(at)
        eq(len(out), COUNT, f"flows of datagrams of {size}")
    spread(whole, (1, 2, 3))
    eq(parts, whole, "fragments")
    LAB.disown(UDP_P, 54)


def test_errors():
    """an error about a flow goes where the flow is"""
    LAB.share(TCP_P, PORT, [1, 2, 3])
    LAB.share(UDP_P, 54, [3, 2, 1])
    for proto, port, first in ((TCP_P, PORT, all_of(LAB)), (UDP_P, 54, None)):
        for sport in list(FLOWS)[:12]:
            if not first:
                LAB.sync()
                LAB.send_udp(sport, 54, b"?")
                num = node_at(LAB.answers()[0][0])
            else:
                num = first[sport]
            before = {n: LAB.nodes[n].stats()["local"] for n in NODES}
            inner = struct.pack("!HHI", port, sport, 1)
            LAB.send_ip(ICMP, icmp_message(
                *TOO_BIG, 1300, quote(ip_packet(proto, inner, SHARED, GHOST)),
                GHOST, SHARED))
            LAB.sync()
            after = {n: LAB.nodes[n].stats()["local"] for n in NODES}
            eq({n: after[n] - before[n] for n in NODES},
               {n: int(n == num) for n in NODES}, f"error, flow {sport}")
    LAB.disown(TCP_P, PORT)
    LAB.disown(UDP_P, 54)


def test_protocol():
    """a protocol without ports: by addresses"""
    LAB.share(200, 0, [1, 2, 3])
    LAB.sync()
    for _ in range(5):
        LAB.send_ip(200, b"12345678")
    got = [(at, pkt.icmp) for at, pkt in LAB.answers()]
    eq([icmp for _, icmp in got], [PROTO_UNREACH] * 5, "answers")
    eq(len({at for at, _ in got}), 1, "nodes that answer")
    LAB.disown(200, 0)


def test_member_claims():
    """a member's "it is mine" is heeded from an owner, and from nobody else"""
    LAB.share(TCP_P, PORT, [1, 2])
    best = all_of(LAB)
    flow = next(flow for flow in best if best[flow] == 2)
    segment = tcp_segment(flow, PORT, 1, 1, ACK, b"", GHOST, SHARED)
    claim = ip_packet(TCP_P, segment, GHOST, SHARED, ttl=0)
    kind = struct.pack("!H", ETH_IPV6 if V6 else ETH_IP)
    for num, heeded in ((3, False), (None, False), (2, True)):
        new_lead(LAB)
        if num:
            with LAB.nodes[num].wire() as one:
                one.send(mac(1) + mac(num) + kind + claim)
        else:
            LAB.send(claim)
        LAB.sync()
        before = LAB.nodes[1].stats()["flooded"]
        eq(where(LAB, [flow], ACK), {flow: 2} if heeded else {}, "who answers")
        eq(LAB.nodes[1].stats()["flooded"] - before, int(not heeded),
           "given to all")
    LAB.disown(TCP_P, PORT)


run(globals(), limit=120)
