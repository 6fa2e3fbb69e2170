#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 4 6
"""Distributed hosts: any packet to any node in any role, as the table has it.

The model below is the table "Whose is a packet?" of
Documentation/networking/vr_dhost.rst, so that what the counters and the answers
say has to be what the model does. Packets come at random: of each kind, for
each owner, from outside or from a member, to the Ethernet address of any node or
to all of them (as from a switch that gives each packet to all nodes).
"""
import os
import random
import struct

from vr_cluster import CONTEXTS, GHOST, NODES, Cluster
from vr_dhost import CLIENT, SHARED, TCP_P, UDP_P, mac
from vr_fam import (ECHO_REPLY, ECHO_REQUEST, HOST_UNREACH, ICMP,
                    PORT_UNREACH, PROTO_UNREACH, TOO_BIG, TTL_EXCEEDED, V6)
from vr_hdr import (BROADCAST, ETH_IP, ETH_IPV6, REDIRECT, csum, icmp_message,
                    quote)
from vr_net import TCP, UDP, pending, sock
from vr_pkt import ACK, RST, SYN, ip_packet, tcp_segment, udp_datagram
from vr_tap import check, eq, params, run, slow

LABS = {ctx: Cluster(ctx) for ctx in CONTEXTS}
SEED = int(os.environ.get("VR_SEED") or random.randrange(1 << 32))
ALL = params(*[(ctx,) for ctx in LABS])
GPORT = 4444
NOBODY, SOMEBODY, EVERYBODY = "nobody", "somebody", "everybody"
COUNTED = ("local", "lead", "handed_over", "flooded", "ignored", "failed",
           "from_member")


# ---- the kinds of packets: as built, whose at a node, what who takes it says

def tcp(dport, flags, seq=1, ack=1):
    return TCP_P, tcp_segment(GPORT, dport, seq, ack, flags, b"", GHOST,
                              SHARED)


def udp(dport):
    return UDP_P, udp_datagram(GPORT, dport, b"?", GHOST, SHARED)


def message(kind, rest=0, data=b""):
    return ICMP, icmp_message(*kind, rest, data, GHOST, SHARED)


def error(proto, payload, kind=PORT_UNREACH, rest=0):
    return message(kind, rest,
                   quote(ip_packet(proto, payload, SHARED, GHOST)))


def mapped(port):
    """Ports and protocols of the port map: each owner has one of each."""
    return 1000 + port


class Kind:
    """silent: the owner's socket says nothing."""

    def __init__(self, build, whose, says=None, silent=False):
        self.build, self.whose = build, whose
        self.says, self.silent = says, silent


def socket_or(other, build, says=None):
    """For a socket of the owner, of which the port map knows nothing."""
    return Kind(build, lambda owner, node: node if node == owner else other,
                says, silent=True)


def of_owner(owner, _):
    return owner


def of(whom):
    return lambda *_: whom


KINDS = {
    "SYN to a port of the map":
        Kind(lambda x: tcp(mapped(x), SYN), of_owner, "RST"),
    "segment to a port of the map":
        Kind(lambda x: tcp(mapped(x), ACK), of_owner, "RST"),
    "datagram to a port of the map":
        Kind(lambda x: udp(mapped(x)), of_owner, PORT_UNREACH),
    "protocol of the map":
        Kind(lambda x: (200 + x, b"12345678"), of_owner, PROTO_UNREACH),
    "SYN to nobody": Kind(lambda x: tcp(9, SYN), of(NOBODY), "RST"),
    "segment to nobody": Kind(lambda x: tcp(9, ACK), of(SOMEBODY), "RST"),
    "datagram to nobody": Kind(lambda x: udp(9), of(NOBODY), PORT_UNREACH),
    "protocol of nobody":
        Kind(lambda x: (222, b"12345678"), of(NOBODY), PROTO_UNREACH),
    "echo request":
        Kind(lambda x: message(ECHO_REQUEST, 1), of(NOBODY), ECHO_REPLY),
    "echo reply": Kind(lambda x: message(ECHO_REPLY, 1), of(EVERYBODY)),
    "segment of a connection":
        socket_or(SOMEBODY, lambda x: tcp(3000 + x, ACK, *CONNECTIONS[x])),
    "datagram to a connected socket":
        socket_or(NOBODY, lambda x: udp(2000 + x), PORT_UNREACH),
    "datagram to a socket that is nowhere else":
        socket_or(NOBODY, lambda x: udp(4000 + x), PORT_UNREACH),
    "error about a port of the map":
        Kind(lambda x: error(TCP_P, struct.pack("!HHI", mapped(x), GPORT, 1)),
             of_owner),
    "error about a connection":
        socket_or(SOMEBODY, lambda x: error(
            TCP_P, struct.pack("!HHI", 3000 + x, GPORT, 1))),
    "error about a datagram of nobody":
        Kind(lambda x: error(UDP_P, struct.pack("!HHI", 9, GPORT, 8)),
             of(SOMEBODY)),
    "error about another protocol":
        Kind(lambda x: error(222, b"12345678"), of(EVERYBODY)),
    "fragment without its first": Kind(None, of(EVERYBODY)),
}
# All that is said about a flow goes where the flow is.
KINDS.update({
    f"{what} about a port of the map":
        Kind(lambda x, kind=kind, rest=rest: error(
            TCP_P, struct.pack("!HHI", mapped(x), GPORT, 1), kind, rest),
             of_owner)
    for what, kind, rest in (
        ("packet too big", TOO_BIG, 1300), ("time exceeded", TTL_EXCEEDED, 0),
        ("host unreachable", HOST_UNREACH, 0),
        *(() if V6 else (("source quench", (4, 0), 0),
                         ("redirect", (5, 1), 0x0a000063))))})
if V6:
    KINDS["redirect"] = Kind(lambda x: message((REDIRECT, 0)), of(EVERYBODY))
else:
    KINDS["timestamp request"] = Kind(
        lambda x: message((13, 0), 1, b"\0" * 12), of(NOBODY), (14, 0))
CONNECTIONS = {}        # of the cluster of the moment: numbers by owner


def build(kind, owner, rnd):
    if kind.build:
        return ip_packet(*kind.build(owner), GHOST, SHARED)
    return ip_packet(UDP_P, b"rest", GHOST, SHARED,
                     ident=rnd.randrange(1 << 16), frag=rnd.randrange(1, 99))


# ---- the model ----

class Model:
    """What the nodes should make of one packet."""

    def __init__(self, lab, kind, owner):
        self.lead, self.handover = lab.lead, lab.handover
        self.kind, self.owner = kind, owner
        self.counts = {num: dict.fromkeys(COUNTED, 0) for num in NODES}
        self.takers = []

    def comes(self, node, member, unicast):
        whose = self.kind.whose(self.owner, node)
        gives = node == self.lead and unicast and not member and self.handover
        counts = self.counts[node]
        counts["from_member"] += member
        if whose == node:
            counts["local"] += 1
            self.takers.append(node)
        elif whose == NOBODY:
            counts["lead" if node == self.lead else "ignored"] += 1
            if node == self.lead:
                self.takers.append(node)
        elif whose == EVERYBODY:
            counts["flooded" if gives else "local"] += 1
            self.takers.append(node)
        elif not gives:
            counts["ignored"] += 1
        else:
            counts["flooded" if whose == SOMEBODY else "handed_over"] += 1
        if not gives:
            return
        if whose in (EVERYBODY, SOMEBODY):
            for other in NODES:
                if other != node:
                    self.comes(other, True, False)
        elif whose not in (NOBODY, node):
            self.comes(whose, True, True)

    def answers(self):
        return sorted((mac(num), self.kind.says) for num in self.takers
                      if self.kind.says and
                      not (self.kind.silent and num == self.owner))


# ---- the cluster ----

def open_connection(lab, owner):
    """A handshake by hand, and no listener any more after it."""
    seq = 1000
    lab.own(TCP_P, 3000 + owner, owner)
    with lab.nodes[owner].sock(TCP, 3000 + owner, listen=1) as listener:
        lab.send_ip(*tcp(3000 + owner, SYN, seq, 0), dst=mac(owner))
        reply, = [pkt for _, pkt in lab.answers() if pkt.flags == SYN | ACK]
        numbers = seq + 1, reply.seq + 1
        lab.send_ip(*tcp(3000 + owner, ACK, *numbers), dst=mac(owner))
        lab.sync()
        one = pending(listener)
        check(one, "no connection")
    lab.disown(TCP_P, 3000 + owner)
    return one, numbers


def prepare(lab):
    """The port map, and sockets, which are to be kept."""
    kept, numbers = [], {}
    lab.haunt()
    for num, node in lab.nodes.items():
        kept.append(node.sock(UDP, 2000 + num))
        kept[-1].connect((GHOST, GPORT))
        kept.append(node.sock(UDP, 4000 + num))
        for proto in (TCP_P, UDP_P):
            lab.own(proto, mapped(num), num)
        lab.own(200 + num, 0, num)
        one, numbers[num] = open_connection(lab, num)
        kept.append(one)
    return kept, numbers


def stats(lab):
    got = {num: node.stats() for num, node in lab.nodes.items()}
    return {num: {key: got[num][key] for key in COUNTED} for num in got}


def round_of(lab, rnd, senders, names):
    """One packet, and all that may be told of it."""
    if rnd.randrange(4) == 0:
        lab.set_lead(rnd.choice(NODES))
        lab.sync()
    if len(names) > 1 and rnd.randrange(6) == 0:
        lab.set_handover(rnd.randrange(3) != 0)
    name, owner = rnd.choice(names), rnd.choice(NODES)
    kind, to = KINDS[name], rnd.choice(NODES + (None,))
    member = rnd.choice((None, None, *NODES))
    packet = build(kind, owner, rnd)
    model = Model(lab, kind, owner)
    before = stats(lab)
    dst = mac(to) if to else BROADCAST
    if member and member != to:
        ethertype = struct.pack("!H", ETH_IPV6 if V6 else ETH_IP)
        senders[member].send(dst + mac(member) + ethertype + packet)
    else:
        member = None
        lab.send(packet, dst)
    for num in NODES:
        if num == to or not to and num != member:
            model.comes(num, bool(member), bool(to))
    got = sorted((at, pkt.icmp or ("RST" if pkt.flags & RST else pkt.flags))
                 for at, pkt in lab.answers())
    now = stats(lab)
    now[lab.lead]["lead"] -= 1          # the ping of answers()
    what = (f"{name}, owner {owner}, to {to or 'all'}, "
            f"from {member or 'outside'}, lead {lab.lead}, "
            f"handover {lab.handover}, seed {SEED}")
    for num in NODES:
        eq({key: now[num][key] - before[num][key] for key in COUNTED},
           model.counts[num], f"{what}: node {num}")
    eq(got, model.answers(), f"{what}: answers")


@ALL
def test_table(ctx):
    """a packet of any kind has the outcome of the table: context"""
    lab, rnd = LABS[ctx], random.Random(SEED + ctx)
    senders = {num: node.wire() for num, node in lab.nodes.items()}
    CONNECTIONS.update(READY[ctx][1])
    names = list(KINDS)
    # each kind at least once, then at random
    for name in names:
        round_of(lab, rnd, senders, [name])
    for _ in range(80 // slow()):
        round_of(lab, rnd, senders, names)
    lab.set_handover(True)
    lab.set_lead(1)


def spoiled(rnd, packet):
    """The packet with some of it changed, or cut off."""
    out = bytearray(packet)
    for _ in range(rnd.randrange(1, 6)):
        out[rnd.randrange(len(out))] = rnd.randrange(256)
    # still to the address, or it does not get far
    out[16:20] = packet[16:20]
    if V6:
        out[24:40] = packet[24:40]
    if rnd.randrange(3) == 0:
        del out[rnd.randrange(20, len(out)):]
    if not V6:
        out[10:12] = b"\0\0"
        out[10:12] = struct.pack("!H", csum(bytes(out[:20])))
    return bytes(out)


@ALL
def test_spoiled(ctx):
    """whatever comes is dealt with once, and goes round nowhere: context"""
    lab, rnd = LABS[ctx], random.Random(SEED + ctx)
    kinds = list(KINDS.values())
    CONNECTIONS.update(READY[ctx][1])
    lab.sync()
    before, sent = stats(lab), 1000 // slow()
    for num in range(sent):
        packet = spoiled(rnd, build(rnd.choice(kinds), rnd.choice(NODES), rnd))
        lab.send(packet, rnd.choice((*map(mac, NODES), BROADCAST)))
        if num % lab.burst == 0:
            lab.sync()
    lab.sync()
    now = stats(lab)
    given = {num: sum(now[num][key] - before[num][key] for key in
                      ("handed_over", "flooded")) for num in NODES}
    eq({num: given[num] for num in NODES if num != lab.lead},
       {num: 0 for num in NODES if num != lab.lead}, "given by others")
    check(0 < given[lab.lead] < sent, f"{given} given of {sent}, seed {SEED}")
    eq(lab.ask(), [mac(1)], "after all")
    with lab.client:
        with lab.nodes[3].sock(UDP, 53) as server, sock(UDP) as one:
            lab.own(UDP_P, 53, 3)
            one.sendto(b"x", (SHARED, 53))
            eq(server.recvfrom(9)[1][0], CLIENT, "a query after all")
            lab.disown(UDP_P, 53)


READY = {ctx: prepare(lab) for ctx, lab in LABS.items()}
run(globals(), limit=120)
