#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 4 6
"""FOU and GUE: ports are of the context of who made them.

Guards net/ipv4/fou_core.c: the look-ups of ports, their sockets, and the generic
netlink family.
"""
import contextlib
import errno as E
import struct

import vr_nl as nl
from vr_fam import AF, V6, ip, only, packed, pick
from vr_net import HIP, RIP, UDP, Lab, inside, sock
from vr_nl import attr, parse
from vr_pkt import ip_packet
from vr_tap import eq, params, refused, run
from vr_tun import Ends, below, dress, ip_cmd, path_mtus, too_big

LAB = Lab(0, 1, 2)
RT, VR = LAB.rt, LAB.vr
ALL = (0, 1, 2)
NEAR, FAR, PLEN = ip("10.8.0.1"), ip("10.8.0.2"), pick(24, 120)
PORT = 5555
ADD, DEL, GET = 1, 2, 3
A_PORT, A_AF, A_PROTO, A_TYPE, A_LOCAL, A_IFINDEX = 1, 2, 3, 4, pick(6, 7), 11
# What is inside of the datagrams: the number of the protocol, 0 says GUE
KINDS = pick({"ipip": 4, "gre": 47, "gue": 0}, {"ip6tnl": 41, "ip6gre": 47,
                                                "gue": 0})


class Fou(nl.Netlink):
    """The generic netlink family, as seen by who opens this."""

    def __init__(self):
        super().__init__(nl.NETLINK_GENERIC)
        self.family = self.genl_family("fou")[0]

    def call(self, cmd, attrs=b"", flags=0):
        out = self.request(self.family, flags,
                           struct.pack("=BBH", cmd, 1, 0) + attrs)
        return [parse(body[4:]) for body in out]

    @staticmethod
    def key(port=PORT, proto=4, more=b""):
        return attr(A_PORT, struct.pack("!H", port)) + attr(A_AF, bytes([AF])) \
            + attr(A_PROTO, bytes([proto])) + attr(A_TYPE, b"\1") + more

    def ports(self):
        return sorted(struct.unpack("!H", one[A_PORT])[0]
                      for one in self.call(GET, flags=nl.NLM_F_DUMP))


NL = {}
for one_ctx in ALL:
    with inside(one_ctx):
        NL[one_ctx] = Fou()
FOU = pick("fou", "-6 fou")


def port(kind, num=PORT):
    proto = KINDS[kind]
    return f"{FOU} add port {num} " + (f"ipproto {proto}" if proto else "gue")


def link(kind, name, local, remote):
    """A tunnel in datagrams, by ip(8)."""
    dev = pick("ipip", "ip6tnl mode ip6ip6") if kind in (
        "gue", "ip6tnl") else kind
    none = " encaplimit none" if V6 else ""
    return (f"link add name {name} type {dev} local {local} remote {remote}{none} "
            f"encap {'fou' if KINDS[kind] else 'gue'} encap-sport {PORT} "
            f"encap-dport {PORT}")


@contextlib.contextmanager
def cleaned():
    """What a test made goes, also when it fails."""
    try:
        yield
    finally:
        for num in ALL:
            with contextlib.suppress(OSError), LAB.hosts[num]:
                LAB.hosts[num].rt.link_del("t")
            with LAB.hosts[num], contextlib.suppress(AssertionError):
                ip_cmd(f"{FOU} del port {PORT}")
            with contextlib.suppress(OSError):
                RT.link_del(f"t{num}")
            RT.index.pop(f"t{num}", None)
            for one in NL[num].ports():
                with contextlib.suppress(OSError):
                    NL[num].call(DEL, Fou.key(one))


def both_ends(kind, num):
    """A tunnel between the router and the host of a context."""
    with inside(num):
        ip_cmd(port(kind))
        ip_cmd(link(kind, f"t{num}", RIP, HIP))
    dress(RT, f"t{num}", NEAR, PLEN)
    with LAB.hosts[num]:
        ip_cmd(port(kind))
        ip_cmd(link(kind, "t", HIP, RIP))
        dress(LAB.hosts[num].rt, "t", FAR, PLEN)


@params(*KINDS)
def test_same(kind):
    """the same port in three contexts:"""
    with cleaned():
        for num in ALL:
            both_ends(kind, num)
        with Ends(LAB, NEAR, FAR, {num: num for num in ALL}) as pairs:
            for num in ALL:
                pairs.talk(num)
            # without a port of its own, no other takes its datagrams
            with inside(2):
                ip_cmd(f"{FOU} del port {PORT}")
            pairs.far[2].sendto(b"anybody there?", pairs.addr)
            below(LAB, 2)
            pairs.quiet(2)
            for num in (0, 1):
                pairs.talk(num)


def test_other_tunnel():
    """a port of a context leads to no tunnel of another"""
    kind = next(iter(KINDS))
    with cleaned():
        for num in ALL:
            both_ends(kind, num)
        with Ends(LAB, NEAR, FAR, {num: num for num in ALL}) as pairs:
            RT.link_del("t1")
            pairs.far[1].sendto(b"anybody there?", pairs.addr)
            below(LAB, 1)
            pairs.quiet(1)
            for num in (0, 2):
                pairs.talk(num)


def test_view():
    """who asks sees and deletes those of its own context"""
    own = {0: 5000, 1: 5001, 2: None}
    with cleaned():
        for num, has in own.items():
            if has:
                NL[num].call(ADD, Fou.key(has))
                NL[num].call(ADD, Fou.key(PORT))
                refused((E.EALREADY, E.EADDRINUSE), "twice", NL[num].call, ADD,
                        Fou.key(has))
        for num, has in own.items():
            eq(NL[num].ports(), [has, PORT] if has else [], f"ports of {num}")
            with inside(num):
                said = ip_cmd("fou show")
            for other, val in own.items():
                if not val:
                    continue
                eq(f"port {val} " in said, num == other,
                   f"{other}'s shown to {num}")
                if num == other:
                    got = NL[num].call(GET, Fou.key(val))[0]
                    eq(got[A_PORT], struct.pack("!H", val), "port")
                    continue
                refused(E.ESRCH, f"get by {num}", NL[num].call, GET,
                        Fou.key(val))
                refused(E.EINVAL, f"delete by {num}", NL[num].call, DEL,
                        Fou.key(val))
        NL[1].call(DEL, Fou.key(PORT))
        eq([one.ports() for one in NL.values()], [[5000, PORT], [5001], []],
           "ports in the end")


def test_device():
    """a port names a device of the context, and an address of it"""
    addr = ip("10.9.0.1")
    RT.addr("v2", "10.9.0.1/24")
    try:
        with cleaned():
            for num in ALL:
                for dev in ALL:
                    key = Fou.key(PORT, more=attr(A_LOCAL, packed(RIP)) + attr(
                        A_IFINDEX, struct.pack("=i", RT.ifindex(f"v{dev}"))))
                    if dev == num:
                        NL[num].call(ADD, key)
                        NL[num].call(DEL, key)
                    else:
                        refused(E.ENODEV, f"v{dev} in {num}", NL[num].call, ADD,
                                key)
                key = Fou.key(PORT, more=attr(A_LOCAL, packed(addr)))
                if num == 2:
                    NL[num].call(ADD, key)
                    NL[num].call(DEL, key)
                else:
                    refused(E.EADDRNOTAVAIL, f"address in {num}", NL[num].call,
                            ADD, key)
    finally:
        RT.addr_del("v2", "10.9.0.1/24")


def test_sockets():
    """a port is one of the context: its sockets and others exclude each other"""
    before = LAB.sockets(1)
    with cleaned():
        NL[1].call(ADD, Fou.key())
        eq(LAB.sockets(1) - before, 1, "sockets of 1")
        refused(E.EADDRINUSE, "in 1", sock, UDP, 1, (RIP, PORT))
        for num in (0, 2):
            sock(UDP, num, (RIP, PORT)).close()
    LAB.quiet(1, before)
    with sock(UDP, 1, (RIP, PORT)), cleaned():
        refused(E.EADDRINUSE, "in 1", NL[1].call, ADD, Fou.key())
        for num in (0, 2):
            NL[num].call(ADD, Fou.key())


def test_deleted():
    """a deleted context takes its ports with it"""
    VR.new(7)
    with cleaned():
        NL[0].call(ADD, Fou.key())
        for _ in range(2):
            with inside(7), contextlib.closing(Fou()) as one:
                eq(one.ports(), [], "ports before")
                one.call(ADD, Fou.key())
            VR.delete(id=7)
            eq(NL[0].ports(), [PORT], "of context 0")
            VR.new(7)
            eq(LAB.sockets(7), 0, "sockets")
        with inside(7):
            one = Fou()
            VR.delete(id=7)
        refused(E.ENETUNREACH, "in a deleted context", one.call, ADD, Fou.key())
        eq(one.ports(), [], "ports")
        one.close()


@only(4)                # IPv6 notes it in any case
def test_path_mtu():
    """an error about a datagram with a packet of a tunnel reaches that"""
    data = ip_packet(17, bytes(8), NEAR, FAR)
    with cleaned():
        for num in (0, 1):
            both_ends("ipip", num)
        for num, want in ((2, [1500, 1500]), (1, [1500, 1300])):
            too_big(LAB, num, PORT, PORT, data)
            eq(path_mtus(0, 1), want, f"after that to {num}")


def test_other_task():
    """a port is of the context of the netlink socket, whoever uses it"""
    with cleaned():
        NL[1].call(ADD, Fou.key())              # by a task of context 0
        eq(NL[1].ports(), [PORT], "ports of 1")
        with inside(2):
            refused(E.EOPNOTSUPP, "by a task of 2", NL[0].call, ADD, Fou.key())
        eq(NL[0].ports(), [], "ports of 0")


run(globals(), 300)
