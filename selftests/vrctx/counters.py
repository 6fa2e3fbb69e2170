#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 4 6
"""Per-context packet counters: each packet once, in the right context.

Guards the rx, tx, fwd, no-route and wrong-ctx counters of stats-get.
"""
from vr_fam import (ECHO_REPLY, ECHO_REQUEST, ICMP, PROTO_UNREACH, V6, ip,
                    link_local)
from vr_net import HIP, RIP, UDP, Lab, inside, sock
from vr_nl import STATS_GET
from vr_pkt import NEIGH, Wire, neigh_request
from vr_rt import sysctl
from vr_tap import check, eq, run, wait

LAB = Lab(1, 2, hosts=False)
if V6:          # reports of groups: at once when joined, not again for days
    sysctl("net.ipv6.conf.default.force_mld_version", 1)
    sysctl("net.ipv6.conf.default.mldv1_unsolicited_report_interval", 2 * 10**9)
W = {n: Wire(LAB, n) for n in (1, 2)}
if V6:
    wait(lambda: all(LAB.rt.settled(w.dev, link_local(w.rmac))
                     for w in W.values()), "link-local addresses")
KEYS = ("rx-packets", "tx-packets", "fwd-packets", "no-route", "wrong-ctx")


class Delta:
    """Differences of all counters since the last look."""
    def __init__(self):
        self.base = self.now()

    @staticmethod
    def now():
        return {n: LAB.vr.stats(n) for n in (1, 2)}

    def check(self, what, **want):
        """Context 1 grew by want, context 2 by nothing."""
        now = self.now()
        for key in KEYS:
            diff = now[1][key] - self.base[1][key]
            eq(diff, want.get(key.replace("-", "_"), 0), f"{what}: {key}")
            eq(now[2][key], self.base[2][key], f"{what}: {key} of 2")
        self.base = now


def test_fresh():
    """a new context starts at zero, with all counters present"""
    LAB.vr.new(3)
    eq({k: LAB.vr.stats(3).get(k) for k in KEYS}, dict.fromkeys(KEYS, 0),
       "counters")
    LAB.vr.delete(3)


def test_rx_tx():
    """received and sent packets"""
    delta = Delta()
    for n in range(7):
        W[1].send_icmp(*ECHO_REQUEST, n, b"ping")
        W[1].expect(lambda p: p.icmp == ECHO_REPLY, "echo reply")
    delta.check("7 echoes", rx_packets=7, tx_packets=7)
    with sock(UDP, 1, (RIP, 53)) as one:
        for _ in range(3):
            one.sendto(b"x", (HIP, 53))
        delta.check("3 datagrams out", tx_packets=3)
        for _ in range(4):
            W[1].send_udp(53, 53, b"x")
        for _ in range(4):
            one.recv(10)
        delta.check("4 datagrams in", rx_packets=4)


def test_neigh():
    """ARP is received by the device but is no IP packet sent; IPv6's is"""
    delta = Delta()
    W[1].send_neigh(neigh_request(HIP, RIP))
    for kind, _ in W[1].frames(5):
        if kind == NEIGH:
            break
    delta.check("request", rx_packets=1, tx_packets=int(V6))


def test_no_route():
    """packets without a route"""
    delta = Delta()
    W[1].send_udp(53, 53, b"x", dst="192.0.2.1")
    W[1].sync()
    now = delta.now()
    eq(now[1]["no-route"] - delta.base[1]["no-route"], 1, "no-route")
    eq(now[2], delta.base[2], "context 2")


def test_unknown_dropped():
    """a protocol that is not for contexts: dropped and counted"""
    delta = Delta()
    W[1].send_ip(253, b"an experiment")
    pkt = W[1].expect(lambda p: p.proto == ICMP, "protocol unreachable")
    eq(pkt.icmp, PROTO_UNREACH, "answer")
    delta.check("experiment", rx_packets=1, tx_packets=1, wrong_ctx=1)


def test_loopback():
    """packets over loopback count for the sender's context"""
    delta = Delta()
    with sock(UDP, 1, ("127.0.0.1", 53)) as one:
        one.sendto(b"x", (ip("127.0.0.1"), 53))
        one.recv(10)
    now = delta.now()
    check(now[1]["tx-packets"] == delta.base[1]["tx-packets"] + 1, "tx")
    eq(now[2], delta.base[2], "context 2")


def test_dump():
    """the dump shows what the single requests show"""
    rows = {s["id"]: s for s in LAB.vr.dump(STATS_GET)}
    eq(sorted(rows), [0, 1, 2], "contexts")
    for ctx in (1, 2):
        eq(rows[ctx], LAB.vr.stats(ctx), f"context {ctx}")
    with inside(1):
        eq(LAB.vr.stats(1), rows[1], "read from inside")


def test_reset_on_reuse():
    """a reused number starts at zero again"""
    LAB.vr.delete(2, force=True)
    LAB.vr.new(2)
    eq(LAB.vr.stats(2)["rx-packets"], 0, "received")


run(globals())
