#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 6
"""Distributed hosts: what only IPv6 has.

Guards neighbour discovery: that neighbours hear of one Ethernet address only,
and that no node takes the others for duplicates of itself.
"""
from vr_cluster import NODES, Cluster
from vr_dhost import CLIENT, SHARED, SNET, mac
from vr_fam import ECHO_REQUEST, group_mac, link_local, packed
from vr_hdr import (ADVERT, NEIGH, SOLICIT, Packet, discovery,
                    icmp_message, ip_header, neigh_of, neigh_reply,
                    neigh_request, quote)
from vr_pkt import MF, ip_packet, udp_datagram
from vr_rt import sysctl
from vr_six import ALL_NODES, na
from vr_tap import check, eq, params, run, wait

LABS = {ctx: Cluster(ctx) for ctx in (0, 7)}
ALL = params(*[(ctx,) for ctx in LABS])
IFA_F_NODAD, IFA_F_OPTIMISTIC, IFA_F_TENTATIVE = 0x02, 0x04, 0x40


def lab_of(ctx):
    lab = LABS[ctx]
    lab.sync()
    return lab


def about_shared(frames):
    """Solicitations and advertisements of the address: (MAC, type, sender)."""
    out = []
    for frame in frames:
        pkt = Packet(frame[14:])
        if pkt.data[:16] == packed(SHARED):
            out.append((frame[6:12], pkt.type, pkt.src))
    return out


@ALL
def test_no_dad(ctx):
    """a node that gets the address does not probe for it, the lead does:"""
    lab = lab_of(ctx)
    for num in (2, 1):
        node = lab.nodes[num]
        node.rt.addr_del("eth0", SNET)
        with node.ns:
            for key, val in (("accept_dad", 1), ("dad_transmits", 1)):
                sysctl(f"net.ipv6.conf.eth0.{key}", val)
        node.rt.addr("eth0", SNET, dad=True)
        if num == 1:
            wait(lambda: not node.rt.addr_flags("eth0", SHARED)
                 & IFA_F_TENTATIVE, "the end of probing")
        wait(lambda: node.rt.settled("eth0", SHARED), "the address to work")
        seen = about_shared(lab.sync((NEIGH,)))
        flags = node.rt.addr_flags("eth0", SHARED)
        if num == 2:
            eq((flags & IFA_F_NODAD, flags & IFA_F_TENTATIVE),
               (IFA_F_NODAD, 0), "flags of a node")
            eq(seen, [], "what a node says")
        else:
            eq(flags & (IFA_F_NODAD | IFA_F_TENTATIVE), 0, "flags of the lead")
            check((mac(1), SOLICIT, "::") in seen, f"no probe: {seen}")
            eq({at for at, _, _ in seen}, {mac(1)}, "who says something")


@ALL
def test_optimistic(ctx):
    """an address that the lead still probes for works on all nodes:"""
    lab = lab_of(ctx)
    for num in NODES:
        node = lab.nodes[num]
        node.rt.addr_del("eth0", SNET)
        with node.ns:
            for key, val in (("conf.eth0.accept_dad", 1),
                             ("conf.eth0.dad_transmits", 1),
                             ("conf.eth0.optimistic_dad", 1),
                             # it is probed for as long as this test
                             ("neigh.eth0.retrans_time_ms", 600000)):
                sysctl("net.ipv6." + key, val)
        node.rt.addr("eth0", SNET, dad=True, flags=IFA_F_OPTIMISTIC)
        wait(lambda node=node: node.rt.settled("eth0", SHARED), "the address")
        eq(node.rt.addr_flags("eth0", SHARED)
           & (IFA_F_OPTIMISTIC | IFA_F_NODAD),
           IFA_F_OPTIMISTIC if num == 1 else IFA_F_NODAD, f"node {num}")
    eq(lab.ask(), [mac(1)], "who answers")
    lab.send_icmp(ECHO_REQUEST, 5, b"ping")
    eq([at for at, _ in lab.answers()], [mac(1)], "replies")
    lab.own(17, 5301, 3)
    with lab.nodes[3].sock(2, 5301) as server:
        lab.send_udp(4001, 5301, b"handed over")
        eq(server.recv(100), b"handed over", "datagram")
    lab.disown(17, 5301)
    for node in lab.nodes.values():
        node.rt.addr_del("eth0", SNET)
        with node.ns:
            sysctl("net.ipv6.neigh.eth0.retrans_time_ms", 1000)
            sysctl("net.ipv6.conf.eth0.optimistic_dad", 0)
        node.rt.addr("eth0", SNET)


@ALL
def test_advertised(ctx):
    """no node but the lead advertises the address: context"""
    lab = lab_of(ctx)
    for num in NODES:
        node = lab.nodes[num]
        with node.ns:
            sysctl("net.ipv6.conf.eth0.ndisc_notify", 1)
        before = node.stats()["arp_silenced"]
        node.rt.link_set("eth0", up=False)
        node.rt.up("eth0")
        wait(lambda: lab.switch.rt.running(f"p{num}")
             and node.rt.running("eth0"), "the link")
        lab.sync()
        node.rt.addr_del("eth0", SNET)
        node.rt.addr("eth0", SNET, dad=True)
        wait(lambda: node.rt.settled("eth0", SHARED), "the address to work")
        if num == 1:
            wait(lambda: (mac(1), ADVERT, SHARED) in
                 about_shared(lab.sync((NEIGH,))), "the lead's word")
        else:
            eq(about_shared(lab.sync((NEIGH,))), [], f"node {num}")
            check(node.stats()["arp_silenced"] > before, "silenced")


@ALL
def test_other_ways_to_ask(ctx):
    """however a node is asked for the address, it is silent: context"""
    lab = lab_of(ctx)
    group, kind, payload = neigh_request(CLIENT, SHARED, mac(100))
    pkt = Packet(payload)
    # the same behind a header of options
    options = bytes([pkt.proto, 0, 1, 4, 0, 0, 0, 0])
    behind = ip_header(60, 8 + len(pkt.body), CLIENT, pkt.dst, ttl=255) \
        + options + pkt.body
    # to the address itself, as who has it in its table already does
    data = packed(SHARED) + b"\1\1" + mac(100)
    straight = discovery(SOLICIT, 0, data, CLIENT, SHARED)
    for num in NODES:
        # and to the node's own address
        node = lab.nodes[num]
        astray = discovery(SOLICIT, 0, data, CLIENT, link_local(node.mac))
        before = node.stats()["arp_ignored"]
        for what in (payload, behind, straight, astray):
            lab.send(what, node.mac, kind)
        got = [neigh_of(f[14:]) for f in lab.sync((NEIGH,))]
        told = {at for reply, _, at, target in got
                if reply and target == SHARED} - {None}
        if num == lab.lead:
            eq(told, {mac(num)}, "the lead")
        else:
            eq(told, set(), f"node {num}")
            eq(node.stats()["arp_ignored"] - before, 4, f"node {num}")
    check(group == group_mac(pkt.dst), "group")


@ALL
def test_not_a_duplicate(ctx):
    """advertisements of the address hurt nobody who has it: context"""
    lab = lab_of(ctx)
    for num in (2, 3):
        node = lab.nodes[num]
        before = node.stats()["arp_ignored"]
        lab.send(na(SHARED, mac(1))[2], group_mac(ALL_NODES))
        wait(lambda: node.stats()["arp_ignored"] > before, "the count")
    # the reply to a node's own solicitation is taken
    lab.nodes[2].neighbour(CLIENT, mac(99))
    lab.send(neigh_reply(CLIENT, SHARED, mac(100))[2], mac(2))
    lab.sync()
    eq(lab.nodes[2].neighbour_at(CLIENT), mac(100), "after the reply")
    # nor one of a node to the lead, whatever made it say so
    before = lab.nodes[1].stats()["arp_ignored"]
    lab.send(na(SHARED, mac(2))[2], src=mac(2))
    wait(lambda: lab.nodes[1].stats()["arp_ignored"] > before, "the count")
    lab.nodes[2].tell()


@ALL
def test_bad_fragments(ctx):
    """what reassembly complains about, the lead does, once: context"""
    lab = lab_of(ctx)
    whole = udp_datagram(4001, 53, b"x" * 2000, CLIENT, SHARED)
    for num, part in ((1, whole[1000:1999]), (2, whole[1000:1999])):
        lab.send_ip(17, part, mac(num), ident=900 + num, frag=125 | MF)
        got = [(at, pkt.icmp) for at, pkt in lab.answers()]
        eq(got, [(mac(1), (4, 0))] if num == 1 else [], f"to node {num}")


@ALL
def test_extension_headers(ctx):
    """options before the upper layer hide nothing: context"""
    lab = lab_of(ctx)
    lab.own(17, 5300, 3)
    dgram = udp_datagram(4001, 5300, b"hidden", CLIENT, SHARED)
    options = bytes([17, 0, 1, 4, 0, 0, 0, 0])
    with lab.nodes[3].sock(2, 5300) as server:
        lab.send(ip_header(60, 8 + len(dgram), CLIENT, SHARED) + options
                 + dgram)
        eq(server.recv(100), b"hidden", "datagram")
        # an error about what was sent behind such
        sent = ip_header(60, 8 + len(dgram), SHARED, CLIENT) + options \
            + udp_datagram(5300, 4001, b"answer", SHARED, CLIENT)
        before = lab.nodes[3].stats()["local"]
        lab.send_ip(58, icmp_message(1, 4, 0, quote(sent) + sent[48:], CLIENT,
                                     SHARED))
        wait(lambda: lab.nodes[3].stats()["local"] > before, "the error")
    lab.disown(17, 5300)
    # without an upper layer there is nothing to answer, for anybody
    lab.send(ip_packet(59, b"", CLIENT, SHARED))
    lab.send_icmp(ECHO_REQUEST, 1, b"x", dst=mac(2))
    eq(lab.answers(), [], "answers")


run(globals(), limit=120)
