#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 4 6
"""A bond that asks neighbours whether its links work does so in its context.

Guards bond_arp_send_all() and bond_ns_send_all().
"""
import contextlib
import socket
import struct

import vr_nl as nl
from vr_fam import ip, packed, pick
from vr_hdr import NEIGH, kind_of, neigh_of
from vr_net import Lab, Netns, inside
from vr_nl import nest, u32
from vr_rt import Rtnl
from vr_tap import params, run, wait

LAB = Lab(1, 2, hosts=False)
ACTIVE_BACKUP = nl.attr(1, b"\1")
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


run(globals())
