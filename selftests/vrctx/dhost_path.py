#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 4 6
"""Distributed hosts behind routers, and under load while the lead moves.

	nodes, client --- br0 --- r1 --- (MTU 1300) --- r2 --- outside

Path MTU discovery and traceroute need ICMP errors to reach the node whose
connection or probe they are about; big transfers need segments that are large,
or put together, to be handed over as such.
"""
import resource
import socket
import struct
import threading

from vr_cluster import CONTEXTS, NODES, Cluster, exchange
from vr_dhost import SHARED, TCP_P, UDP_P, mac
from vr_fam import (FORWARD, MTU, MTU_DISCOVER, PMTU_DO, RECVERR, SET_TTL, SOL,
                    V6, ip, unpacked)
from vr_net import TCP, UDP, Netns, both_run, connect, pending, sock, unblocked
from vr_rt import sysctl
from vr_tap import check, eq, params, run, slow, wait

LABS = {ctx: Cluster(ctx) for ctx in CONTEXTS}
ALL = params(*[(ctx,) for ctx in LABS])
R1, R2, OUTSIDE = ip("10.0.0.254"), ip("10.0.2.254"), ip("10.0.2.2")
SMALL = 1300


class Path:
    """Two routers and a host behind them."""

    def __init__(self, lab):
        self.r1, self.r2, self.host = Netns(), Netns(), Netns()
        lab.plug(self.r1, "pr", "eth0")
        for near, dev, far in ((self.r1, "eth1", self.r2),
                               (self.r2, "eth1", self.host)):
            near.rt.veth(dev, "eth0", far.fd,
                         mtu=SMALL if near is self.r1 else None)
        for ns, dev, net in ((self.r1, "eth0", "10.0.0.254/24"),
                             (self.r1, "eth1", "10.0.1.1/24"),
                             (self.r2, "eth0", "10.0.1.2/24"),
                             (self.r2, "eth1", "10.0.2.254/24"),
                             (self.host, "eth0", "10.0.2.2/24")):
            ns.rt.addr(dev, net)
            ns.rt.link_set(dev, up=True)
            with ns:
                sysctl(FORWARD, int(ns is not self.host))
        both_run(self.r1.rt, "eth1", self.r2.rt)
        both_run(self.r2.rt, "eth1", self.host.rt)
        wait(lambda: self.r1.rt.running("eth0"), "r1 to run")
        self.r1.rt.route("10.0.2.0/24", via="10.0.1.2", dev="eth1")
        self.r2.rt.route("10.0.0.0/24", via="10.0.1.1", dev="eth0")
        self.host.rt.route("default", via="10.0.2.254", dev="eth0")
        for node in lab.nodes.values():
            node.route("10.0.2.0/24", "10.0.0.254")


PATHS = {ctx: Path(lab) for ctx, lab in LABS.items()}


@ALL
def test_transfer(ctx):
    """big transfers, both ways at once, near and through a small MTU:"""
    lab, path = LABS[ctx], PATHS[ctx]
    size = lab.bulk // min(slow(), 4)
    for num in NODES:
        lab.own(TCP_P, 8400 + num, num)
        with lab.nodes[num].sock(TCP, 8400 + num, listen=8) as listener:
            for ns, mtu in ((lab.client, 1500), (path.host, SMALL)):
                with ns:
                    one = connect((SHARED, 8400 + num))
                with one, wait(lambda: pending(listener), "it") as other:
                    for end in (one, other):
                        end.settimeout(20 * slow())
                    exchange(one, other, size)
                    eq(other.getsockopt(SOL, MTU), mtu, f"MTU, node {num}")
        lab.disown(TCP_P, 8400 + num)
    check(lab.nodes[1].stats()["failed"] == 0, "some could not be handed over")


@ALL
def test_datagram_mtu(ctx):
    """a node's datagram that is too big is its own to hear of: context"""
    lab = LABS[ctx]
    for num in NODES:
        lab.own(UDP_P, 5000 + num, num)
        with lab.nodes[num].sock(UDP, 5000 + num) as one:
            # each has another far end, as all know the path by now
            far = ip(f"10.0.2.{100 + num}")
            PATHS[ctx].host.rt.addr("eth0", f"10.0.2.{100 + num}/24")
            one.connect((far, 9))
            one.setsockopt(SOL, MTU_DISCOVER, PMTU_DO)
            one.send(b"x" * 1400)

            def too_big():
                try:
                    one.send(b"x" * 1400)
                except ConnectionRefusedError:
                    return False        # what got through
                except OSError as err:
                    return "long" in str(err)
                return False

            wait(too_big, f"EMSGSIZE at node {num}")
            eq(one.getsockopt(SOL, MTU), SMALL, f"MTU, node {num}")
        lab.disown(UDP_P, 5000 + num)


def offender(one):
    """(errno, who said so) from the error queue; None if there is nothing."""
    try:
        with unblocked(one):
            anc = one.recvmsg(2000, 2000, socket.MSG_ERRQUEUE)[1]
    except BlockingIOError:
        return None
    data = anc[0][2]
    raw = data[24:40] if V6 else data[20:24]
    return struct.unpack_from("=I", data)[0], unpacked(raw)


def trace(one, dest, port):
    """Who answers to probes of each number of hops, up to the end."""
    one.setsockopt(SOL, RECVERR, 1)
    out = []
    for ttl in range(1, 6):
        one.setsockopt(SOL, SET_TTL, ttl)
        one.sendto(b"probe", (dest, port + ttl))
        err, who = wait(lambda: offender(one), f"answer {ttl}")
        out.append(who)
        if err == 111:          # refused: it is there
            return out
    return out


@ALL
def test_traceroute(ctx):
    """to the address, whoever has the port, and from each node: context"""
    lab, path = LABS[ctx], PATHS[ctx]
    want = [R2, ip("10.0.1.1"), SHARED]
    for lead in NODES:
        lab.set_lead(lead)
        with path.host, sock(UDP) as one:
            eq(trace(one, SHARED, 33434), want, f"lead {lead}: nobody's ports")
        lab.own(UDP_P, 33435, 2, last=33440)
        with path.host, sock(UDP) as one:
            eq(trace(one, SHARED, 33434), want, f"lead {lead}: node 2's")
        lab.disown(UDP_P, 33435, last=33440)
        for num in NODES:
            lab.own(UDP_P, 6000 + num, num)
            with lab.nodes[num].sock(UDP, 6000 + num) as one:
                eq(trace(one, OUTSIDE, 33434), [R1, ip("10.0.1.2"), OUTSIDE],
                   f"lead {lead}: from node {num}")
            lab.disown(UDP_P, 6000 + num)
    lab.set_lead(1)


def move_about(lab, stop, moves):
    """The lead goes from node to node until told to stop."""
    lead = 1
    while not stop.wait(0.1 * slow()):
        lead = lead % 3 + 1
        lab.set_lead(lead)
        moves.append(lead)


def ping_pong(one, other, text):
    one.sendall(text)
    eq(other.recv(100), text, "request")
    other.sendall(text[::-1])
    eq(one.recv(100), text[::-1], "reply")


def test_thousand():
    """a thousand connections, none of which breaks while the lead moves"""
    lab, count = LABS[CONTEXTS[0]], 1000 // slow()
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
    listeners, pairs = {}, []
    for num in NODES:
        lab.own(TCP_P, 8200 + num, num)
        listeners[num] = lab.nodes[num].sock(TCP, 8200 + num, listen=1024)
    for nth in range(count):
        num = nth % 3 + 1
        with lab.client:
            one = connect((SHARED, 8200 + num))
        pairs.append((one, wait(lambda num=num: pending(listeners[num]),
                                "a connection")))
    stop, moves = threading.Event(), []
    for pair in pairs:
        for end in pair:
            end.settimeout(20 * slow())
    mover = threading.Thread(target=move_about, args=(lab, stop, moves))
    mover.start()
    try:
        nth = 0
        while nth < 2 * count or len(moves) < 20:
            ping_pong(*pairs[nth % count], b"number %d" % nth)
            nth += 1
            if nth % 100 == 0:
                # new ones come, too, and go
                num = nth // 100 % 3 + 1
                with lab.client:
                    one = connect((SHARED, 8200 + num), timeout=20 * slow())
                with one, wait(lambda num=num: pending(listeners[num]),
                               "a new connection") as other:
                    other.settimeout(20 * slow())
                    ping_pong(one, other, b"new")
    finally:
        stop.set()
        mover.join()
    lab.set_lead(1)
    lab.forget()
    eq(lab.ask(), [mac(1)], "the lead in the end")
    for one, other in pairs:
        ping_pong(one, other, b"last")
        one.close()
        other.close()
    for num in NODES:
        listeners[num].close()
        lab.disown(TCP_P, 8200 + num)


run(globals(), limit=120)
