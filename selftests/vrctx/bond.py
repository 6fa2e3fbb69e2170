#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 4 6
"""A bond that asks neighbours whether its links work does so in its context, and
there is the address that it answers for.

Guards bond_arp_send_all(), bond_ns_send_all() and rlb_arp_xmit().
"""
import contextlib
import socket
import struct

import vr_nl as nl
from vr_fam import ip, only, packed, pick
from vr_hdr import HMAC, NEIGH, kind_of, neigh_of, neigh_request
from vr_net import Lab, Netns, inside
from vr_nl import nest, u32
from vr_rt import Rtnl
from vr_tap import check, params, run, wait

LAB = Lab(1, 2, hosts=False)
ACTIVE_BACKUP, ALB = nl.attr(1, b"\1"), nl.attr(1, b"\6")
NET, OWN, TARGET = "10.6.0.1/24", "10.6.0.1", "10.6.0.2"


@contextlib.contextmanager
def bonded(ctx):
    """A bond of one link, and a socket at the far end of that."""
    far = Netns(ipv6=False)
    with inside(ctx), contextlib.closing(Rtnl()) as rt:
        rt.link_add("bond", "bond", ACTIVE_BACKUP + u32(7, 100)
                    + pick(nest(8, nl.attr(0, packed(ip(TARGET)))),
                           nest(31, nl.attr(0, packed(ip(TARGET))))))
        rt.veth("port", "eth0", far.fd)
        rt.link_set("port", master=rt.ifindex("bond"))
        rt.addr("bond", NET)
        rt.link_set("bond", up=True)
    far.rt.link_set("eth0", up=True)
    with far, socket.socket(socket.AF_PACKET, socket.SOCK_RAW,
                            socket.htons(3)) as wire:
        wire.bind(("eth0", 3))
        wire.setblocking(False)
        yield wire
    LAB.rt.link_del("bond")
    LAB.rt.link_del("port")
    far.close()


@params((0,), (1,), (2,))
def test_asked(ctx):
    """neighbours are asked with the address that the bond has in:"""
    with bonded(ctx) as wire:
        def asked():
            with contextlib.suppress(BlockingIOError):
                while True:
                    frame = wire.recv(2000)
                    kind, = struct.unpack_from("!H", frame, 12)
                    if kind_of(kind, frame[14:]) == NEIGH:
                        reply, sender, _, about = neigh_of(frame[14:])
                        if not reply and (sender, about) == (ip(OWN),
                                                             ip(TARGET)):
                            return True
            return False
        wait(asked, f"who has {TARGET}, tell {OWN}")


@contextlib.contextmanager
def balanced(ctx):
    """A bond of two links that shares peers out, and the sockets at the far
    ends of those.
    """
    far = Netns(ipv6=False)
    with inside(ctx), contextlib.closing(Rtnl()) as rt:
        rt.link_add("bond", "bond", ALB + u32(3, 50))       # miimon
        for dev in ("port1", "port2"):
            rt.veth(dev, dev, far.fd)
            far.rt.link_set(dev, up=True)
            rt.link_set(dev, master=rt.ifindex("bond"))
        rt.addr("bond", NET)
        rt.link_set("bond", up=True)
        wait(lambda: all(rt.running(d) for d in ("bond", "port1", "port2")),
             "the bond to run")
    wires = []
    for dev in ("port1", "port2"):
        with far:
            wires.append(socket.socket(socket.AF_PACKET, socket.SOCK_RAW,
                                       socket.htons(3)))
        wires[-1].bind((dev, 3))
        wires[-1].setblocking(False)
    yield wires
    for wire in wires:
        wire.close()
    for dev in ("bond", "port1", "port2"):
        LAB.rt.link_del(dev)
    far.close()


def answers(wires):
    """MAC address that the bond has said its address has, by whom it told."""
    out = {}
    for wire in wires:
        with contextlib.suppress(BlockingIOError):
            while True:
                frame, addr = wire.recvfrom(2000)
                kind, = struct.unpack_from("!H", frame, 12)
                if addr[2] != socket.PACKET_OUTGOING and \
                        kind_of(kind, frame[14:]) == NEIGH:
                    reply, sender, mac, _ = neigh_of(frame[14:])
                    if reply and sender == ip(OWN):
                        out[frame[:6]] = mac
    return out


@only(4)
@params((0,), (1,), (2,))
def test_shared_out(ctx):
    """peers get the addresses of both links in turn, though another
    context has a bridge with the bond's address, in:"""
    other = (ctx + 1) % 3
    with inside(other), contextlib.closing(Rtnl()) as rt:
        rt.link_add("br", "bridge")
        rt.addr("br", NET)
        rt.link_set("br", up=True)
    with balanced(ctx) as wires:
        for num in (2, 3):
            mac = HMAC[:5] + bytes([num])
            dst, kind, body = neigh_request(f"10.6.0.{num}", OWN, mac)
            wires[0].send(dst + mac + struct.pack("!H", kind) + body)
        seen = {}

        def both():
            seen.update(answers(wires))
            return len(seen) == 2
        wait(both, "answers to both peers")
        check(len(set(seen.values())) == 2, f"one MAC for all: {seen}")
    LAB.rt.link_del("br")


run(globals())
