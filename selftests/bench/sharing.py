#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Packets on two CPUs, for who counts the cache lines that both touch.

usage: sharing.py plain|ctx|vrf|netns

Two processes, each on a CPU of its own, each with a flow of its own: a packet is
forwarded, another is received by a program that answers, and a byte goes to and
fro over TCP. The plugin (see plugin/sharing.c) is told when, and writes a count
for each of ROUNDS: of two flows apart, in a context each, of two in one context,
and of one flow that both CPUs take turns with, where lines have to be shared, or
nothing was measured.
"""
import os
import sys

from flows import Flows, datagram, marks
from vr_net import TCP, UDP, Netns, child, connect, sock
from vr_tap import wait

ROUNDS, BEFORE = 15, 8
PORT = 7
NEIGHBOURS = 4096


class End:
    """A flow, and a program in its context that answers."""

    def __init__(self, maker, *where):
        self.maker, self.flow = maker, maker.add(*where)
        net = self.flow.net
        self.request = datagram(f"10.{net}.0.2", f"10.{net}.0.1")
        self.sock = self.bound(UDP, f"10.{net}.0.1")
        self.client, self.server = self.connected(f"10.{net}.2.1",
                                                  f"10.{net}.2.2")

    def bound(self, kind, addr, listen=0):
        mode, where = self.maker.mode, self.flow.where
        with self.flow.ns:
            return sock(kind, where if mode == "ctx" else None, (addr, PORT),
                        listen, dev=f"v{where}" if mode == "vrf" else None)

    def connected(self, near, far):
        """A connection over a cable: the end in a host, and the one here."""
        dev, host = f"c{self.flow.num}", Netns()
        with self.flow.ns:
            rt = self.flow.ns.rt
            rt.veth(dev, "eth0", host.fd)
            self.maker.take(dev, self.flow.where)
            rt.addr4(dev, near + "/24")
            rt.link_set(dev, up=True)
        host.rt.addr4("eth0", far + "/24")
        host.rt.link_set("eth0", up=True)
        wait(lambda: rt.running(dev) and host.rt.running("eth0"), "the cable")
        listener = self.bound(TCP, near, 1)
        with host:
            client = connect((near, PORT))
        return client, listener.accept()[0]

    def turn(self):
        self.flow.send()
        os.write(self.flow.fd, self.request)
        _, peer = self.sock.recvfrom(64)
        self.sock.sendto(b"answer", peer)
        os.read(self.flow.fd, 256)
        for one, two in ((self.client, self.server),
                         (self.server, self.client)):
            one.send(b"x")
            two.recv(1)


def serve(cpu, end, page, turn):
    """Take turns, whenever told by the pipe."""
    os.sched_setaffinity(0, {cpu})
    before = BEFORE
    while os.read(turn, 1):
        if before:
            before -= 1
            end.turn()
        else:
            page[0] = b"x"
            end.turn()
            page[64] = b"x"
        os.write(end.done, b"x")


def rounds(ends, page):
    """Turns of both, one after the other."""
    told, done = [os.pipe() for _ in ends], os.pipe()
    pids = []
    for cpu, end in enumerate(ends):
        end.done = done[1]
        pids.append(child(serve, cpu, end, page, told[cpu][0]))
    for _ in range(BEFORE + ROUNDS):
        for _, tell in told:
            os.write(tell, b"x")
            os.read(done[0], 1)
    for pid in pids:
        os.kill(pid, 9)
        os.waitpid(pid, 0)


def spread(rt):
    """The neighbour table gets more buckets, and keeps them. In a small one two
    that are used may be in the same, by chance of its hash: who looks for the
    one reads the other, which another CPU writes.
    """
    rt.link_add("many", "dummy")
    rt.link_set("many", up=True)
    for num in range(NEIGHBOURS):
        rt.neigh("many", f"10.255.{num >> 8}.{num & 255}", b"\2\0\0\0\0\2")
    rt.link_del("many")


def main(mode):
    page = marks()
    maker = Flows(mode)
    spread(maker.ns.rt)
    apart = [End(maker, 1), End(maker, 2)]
    for ends in (apart, [End(maker, 3, True), End(maker, 3, True)],
                 [apart[0]] * 2):
        rounds(ends, page)
    if apart[0].flow.sent() != 3 * (BEFORE + ROUNDS):
        sys.exit(f"sharing: not forwarded: {apart[0].flow.sent()}")
    print(ROUNDS)


main(*sys.argv[1:])
