# SPDX-License-Identifier: GPL-2.0
"""Random requests by what every host has: rtnetlink, nfnetlink, sock_diag,
ioctls, sysctls, /proc/net and bpf(), by root in a context.

Whatever root in context 7 asks for, nothing of 9 changes or is told.
"""
import fcntl
import os
import re
import socket
import struct

from vr_net import LIBC, enter, inside
from vr_nl import attr, nest, table_of, text, u32
from wrong_world import Broken, Part, Talk

ROUTE, DIAG, NETFILTER = 0, 4, 12
CREATE, APPEND, EXCL, REPLACE, DUMP = 0x400, 0x800, 0x200, 0x100, 0x300
FOUR, SIX = socket.AF_INET, socket.AF_INET6
ADDRESSES = [socket.inet_pton(FOUR, one) for one in (
    "10.0.0.1", "10.0.0.2", "10.0.0.0", "10.7.0.1", "127.0.0.1", "0.0.0.0",
    "224.0.0.1", "255.255.255.255")] + [socket.inet_pton(SIX, one) for one in (
        "fd00::1", "fd00::2", "fd00::", "::1", "::", "fe80::1", "ff02::1")]
DEVICES = ("d0", "d7", "d9", "lo", "new0", "new1", "none")
TABLES = (0, 100, 252, 253, 254, 255, 300, table_of(7), table_of(9),
          0x02000000, 0xfffffffe)
KINDS = ("dummy", "ipip", "gre", "sit", "ip6tnl", "ip6gre", "vxlan", "geneve",
         "bridge", "macvlan", "vlan", "vrf", "ifb", "none")
SYSCTLS = ("ipv4/conf/{}/forwarding", "ipv4/conf/{}/rp_filter",
           "ipv4/conf/{}/accept_local", "ipv4/conf/{}/arp_ignore",
           "ipv4/conf/{}/mc_forwarding", "ipv6/conf/{}/forwarding",
           "ipv6/conf/{}/disable_ipv6", "ipv6/conf/{}/mtu",
           "ipv4/neigh/{}/gc_stale_time", "ipv6/neigh/{}/retrans_time_ms")
# Of context 7's, or of the namespace's; none of these changes 9
PLACES = ("all", "default", "d7", "d9", "lo", "none")
FILES = ("dev", "arp", "route", "fib_trie", "tcp", "udp", "raw", "if_inet6",
         "ipv6_route", "igmp", "igmp6", "netlink", "packet", "snmp", "vrctx",
         "nf_conntrack", "ptype", "stat/rt_cache", "dev_snmp6/d7",
         "dev_snmp6/d9", "unix", "none", "ip_vs", "fib_triestat", "sockstat",
         "ip_mr_cache", "ip6_mr_vif")
NAME = re.compile(rb"\bd9\b")


class InContext(Part):
    """Context 9 must stay as it is while 7 does what it likes."""

    def addresses(self):
        """Indices of devices, so that requests are about something."""
        rt = self.world.lab.rt
        return [1] + [rt.ifindex(dev) for dev in ("d0", "d7", "d9")]

    def state(self):
        rt = self.world.lab.rt
        link = rt.link("d9")
        return ([link[key] for key in ("flags", 1, 4)], link.get(10),
                sorted(rt.addrs("d9", FOUR)), sorted(rt.addrs("d9", SIX)),
                sorted(rt.routes(table_of(9), FOUR)), sorted(rt.neighs("d9")),
                self.world.lab.vr.get(id=9)["devices"], self.sysctls())

    def sysctls(self):
        out = []
        for path in SYSCTLS:
            for place in ("all", "d9"):
                with inside(9):
                    out.append(read(path.format(place)))
        return out

    def step(self, dice):
        if dice.random() < 0.96:
            self.ask(dice)
            return
        before = self.state()
        for _ in range(5):
            self.ask(dice)
        after = self.state()
        if before != after:
            raise Broken(f"context 9 was {before}, is {after}")

    def ask(self, dice):
        raise NotImplementedError


def read(path):
    try:
        with open(f"/proc/sys/net/{path}", encoding="ascii") as f:
            return f.read()
    except OSError as err:
        return err.errno


def some(dice, *attrs):
    """Some of the attributes, which are made when they are wanted."""
    return b"".join(one() for one in attrs if dice.random() < 0.5)


class HostPart(InContext):
    """rtnetlink, nfnetlink and sock_diag."""

    def __init__(self, world):
        super().__init__(world)
        self.indices = self.addresses()
        with world.lab.ns, inside(7):
            self.talk = {proto: Talk(proto)
                         for proto in (ROUTE, DIAG, NETFILTER)}

    def index(self, dice):
        return dice.choice(self.indices + [0, 99, -1])

    def address(self, kind, dice, family):
        size = 4 if family == FOUR else 16
        if dice.random() < 0.1:
            size = 20 - size
        return attr(kind, dice.choice([one for one in ADDRESSES
                                       if len(one) == size]))

    def link(self, dice, family):
        def kind():
            name = dice.choice(KINDS)
            data = {"vxlan": u32(1, 7), "geneve": u32(1, 7),
                    "vlan": attr(1, struct.pack("=H", dice.randrange(5000))),
                    "vrf": u32(1, dice.choice(TABLES))}.get(name, b"")
            if name in ("ipip", "sit", "ip6tnl"):
                data = self.address(2, dice, family) + \
                    self.address(3, dice, family)
            elif name in ("gre", "ip6gre"):
                data = self.address(6, dice, family) + \
                    self.address(7, dice, family)
            return nest(18, text(1, name), nest(2, data))
        up = dice.choice((0, 0, 1))
        index = 0 if dice.random() < 0.5 else self.index(dice)
        return (16, struct.pack("=BxHiII", 0, 0, index, up, up), some(
            dice, lambda: text(3, dice.choice(DEVICES)), kind, kind,
            lambda: u32(4, dice.choice((0, 68, 1400, 1 << 20))),
            lambda: attr(1, b"\2" + dice.randbytes(5)),
            lambda: u32(dice.choice((5, 10, 27)), self.index(dice)
                        & 0xffffffff),
            lambda: nest(52, text(53, dice.choice(DEVICES))),
            lambda: u32(5714, dice.choice((0, 7, 9)))))

    def addr(self, dice, family):
        return (20, struct.pack("=BBBBi", family, dice.choice((0, 8, 24, 32)),
                                dice.choice((0, 2, 0x80)),
                                dice.choice((0, 253, 254)), self.index(dice)),
                self.address(2, dice, family) + some(
                    dice, lambda: self.address(1, dice, family),
                    lambda: text(3, dice.choice(("d7", "d7:1", "x" * 15))),
                    lambda: u32(8, dice.choice((0, 2, 0x80, 0x200))),
                    lambda: u32(5714, dice.choice((0, 7, 9)))))

    def route(self, dice, family):
        table = dice.choice(TABLES)
        return (24, struct.pack(
            "=BBBBBBBBI", family, dice.choice((0, 8, 24, 32)), 0, 0,
            table & 0xff, dice.choice((0, 2, 4)), dice.choice((0, 253, 254)),
            dice.choice((1, 1, 1, 2, 3, 6, 7)),
            dice.choice((0, 0, 0x200, 0x1000))), some(
                dice, lambda: self.address(1, dice, family),
                lambda: u32(4, self.index(dice) & 0xffffffff),
                lambda: self.address(5, dice, family),
                lambda: self.address(7, dice, family),
                lambda: u32(15, table), lambda: u32(30, 1),
                lambda: u32(dice.choice((3, 6, 16, 5714, 5715)),
                            dice.choice((0, 1, 7, 9))),
                lambda: attr(9, struct.pack("=HBBi", 8, 0, 0,
                                            self.index(dice)) * 2)))

    def neigh(self, dice, family):
        return (28, struct.pack("=BxxxiHBB", family, self.index(dice),
                                dice.choice((0x80, 2, 4)),
                                dice.choice((0, 8, 2)), 0), some(
            dice, lambda: self.address(1, dice, family),
            lambda: attr(2, dice.randbytes(6)),
            lambda: u32(dice.choice((8, 9)), self.index(dice) & 0xffffffff)))

    def rule(self, dice, family):
        return (32, struct.pack("=BBBBBBBBI", family, 0, 0, 0, 0, 0, 0,
                                dice.choice((0, 1, 6, 7, 8)), 0), some(
            dice, lambda: u32(15, dice.choice(TABLES)),
            lambda: u32(6, dice.choice((0, 10, 1000, 32766))),
            lambda: text(dice.choice((3, 17)), dice.choice(DEVICES)),
            lambda: u32(dice.choice((10, 16, 4, 5714)), dice.randrange(10)),
            lambda: attr(dice.choice((19, 22)), b"\1"),
            lambda: attr(dice.choice((23, 24)),
                         struct.pack("=HH", 1, dice.choice((0, 80))))))

    def nexthop(self, dice, family):
        return (104, struct.pack("=BBBBI", family, 0, 0, 0, 0), some(
            dice, lambda: u32(1, dice.choice((0, 1, 2))),
            lambda: u32(5, self.index(dice) & 0xffffffff),
            lambda: self.address(6, dice, family), lambda: attr(4),
            lambda: attr(2, struct.pack("=IBBH", 1, 0, 0, 0))))

    def other(self, dice, family):
        """What is short: netconf, address labels, groups of bridges, ..."""
        kind = dice.choice((44, 52, 64, 72, 80, 84, 92, 100, 112,
                            dice.randrange(16, 128) & ~3))
        return (kind, struct.pack("=BBHi", family, dice.choice((0, 24)), 0,
                                  self.index(dice)) + bytes(4), some(
            dice, lambda: u32(1, self.index(dice) & 0xffffffff),
            lambda: self.address(1, dice, family)))

    def tracked(self, dice, family):
        """A connection, an expectation, or a rule set that is not told."""
        tuples = nest(1, nest(1, self.address(1, dice, family),
                              self.address(2, dice, family)),
                      nest(2, attr(1, b"\x11"), attr(2, b"\0\1"),
                           attr(3, b"\0\2")))
        return ((dice.choice((1, 1, 1, 2, 10)) << 8) + dice.randrange(8),
                struct.pack("=BBH", family, 0, 0),
                some(dice, lambda: tuples, lambda: b"\2\200" + tuples[2:],
                     lambda: attr(7, b"\0\0\0\x0a")))

    def diag(self, dice, family):
        ends = b"".join(dice.choice(ADDRESSES).ljust(16, b"\0")
                        for _ in range(2))
        return (dice.choice((20, 20, 21)), struct.pack(
            "=BBBxI", dice.choice((family, family, 1, 16, 17)),
            dice.choice((6, 17, 255, 136, 132)), 0,
            0xffffffff) + struct.pack("!HH", 1001, 0) + ends + struct.pack(
                "=iII", self.index(dice), 0xffffffff, 0xffffffff),
                some(dice, lambda: u32(5714, dice.choice((0, 7, 9))),
                     lambda: u32(2, dice.choice((6, 255)))))

    def ask(self, dice):
        proto = dice.choice((ROUTE,) * 8 + (DIAG, NETFILTER))
        make = {DIAG: self.diag, NETFILTER: self.tracked}.get(proto) or \
            dice.choice((self.link, self.addr, self.route, self.route,
                         self.neigh, self.rule, self.rule, self.nexthop,
                         self.other))
        kind, head, more = make(dice, dice.choice((FOUR, FOUR, SIX, 0)))
        flags = dice.choice((0, CREATE, CREATE | EXCL, CREATE | REPLACE,
                             CREATE | APPEND, DUMP))
        if proto == ROUTE:
            kind += 2 if flags == DUMP else dice.choice((0, 0, 0, 1, 2, 3))
        if dice.random() < 0.3:
            more = bytearray(more or bytes(8))
            more[dice.randrange(len(more))] ^= 1 << dice.randrange(8)
        answers, _ = self.talk[proto].exchange(kind, flags, head + bytes(more))
        for what, _, data in answers:
            # a rule has the names that it was given
            if what > 3 and b"d9\0" in data and what not in (32, 33):
                raise Broken(f"type {kind} tells of another's device")

    def close(self):
        for one in self.talk.values():
            one.close()


class FilesPart(InContext):
    """Sysctls, files of /proc/net, ioctls."""

    NAMED = (0x8913, 0x8914, 0x8915, 0x8916, 0x8917, 0x8919, 0x891b, 0x891d,
             0x8921, 0x8922, 0x8927, 0x8924, 0x8933, 0x8942, 0x8943, 0x8970,
             0x8946, 0x89f0, 0x89f1, 0x89b0)
    # SIOCGIFNAME, SIOCGIFCONF, SIOCADDRT, SIOCDELRT, SIOC[DGS]ARP
    OTHERS = (0x8910, 0x8912, 0x890b, 0x890c, 0x8953, 0x8954, 0x8955)

    def __init__(self, world):
        super().__init__(world)
        self.indices = self.addresses()
        with world.lab.ns, inside(7):
            self.socks = [socket.socket(family, socket.SOCK_DGRAM)
                          for family in (FOUR, SIX)]

    def ask(self, dice):
        enter(7)
        try:
            dice.choice((self.sysctl, self.file, self.ioctl) * 4 + (
                self.bpf,))(dice)
        except (OSError, ValueError):
            pass
        finally:
            enter(0)

    @staticmethod
    def sysctl(dice):
        path = dice.choice(SYSCTLS + ("ipv4/ip_forward",)).format(
            dice.choice(PLACES))
        value = dice.choice((b"0", b"1", b"2", b"-1", b"1280", b"x", b"",
                             b"99999999999", b"1 2\n", bytes(70)))
        fd = os.open("/proc/sys/net/" + path, dice.choice((0, 1, 2)))
        try:
            os.pread(fd, 100, 0)
        except OSError:
            pass
        try:
            os.pwrite(fd, value, 0)
        finally:
            os.close(fd)

    @staticmethod
    def file(dice):
        if dice.random() < 0.3:
            path = "/proc/thread-self/net/vrctx"
        else:
            path = "/proc/thread-self/net/" + dice.choice(FILES)
        fd = os.open(path, os.O_RDONLY)
        try:
            for _ in range(3):
                if NAME.search(os.read(fd, dice.choice((1, 100, 65536)))):
                    raise Broken(f"{path} tells of another's device")
                if dice.random() < 0.2:
                    os.lseek(fd, dice.choice((0, 1, 4096)), 0)
        finally:
            os.close(fd)

    def ioctl(self, dice):
        one = dice.choice(self.socks)
        if dice.random() < 0.7:
            name = dice.choice(DEVICES).encode()
            arg = name.ljust(16, b"\0") + dice.choice((
                struct.pack("=H2x4s", FOUR, dice.choice(ADDRESSES[:8])),
                struct.pack("=i", dice.choice(self.indices)),
                struct.pack("=h", dice.choice((1, 0, 0x1003))),
                dice.randbytes(16)))
            cmd = dice.choice(self.NAMED)
        else:
            cmd = dice.choice(self.OTHERS)
            if cmd == 0x8910:
                arg = bytes(16) + struct.pack("=i", dice.choice(self.indices))
            else:
                arg = dice.choice((b"", bytes(8))) + b"".join(
                    struct.pack("=HH4s8x", FOUR, 0, dice.choice(ADDRESSES[:8]))
                    for _ in range(3))
        if cmd in (0x8912, 0x8946, 0x8942, 0x8943, 0x89f0, 0x89f1):
            # what would be a pointer: there is nothing
            arg = arg[:16].ljust(64, b"\0")
        out = fcntl.ioctl(one, cmd, arg.ljust(128, b"\0"))
        if b"d9\0" in out and b"d9\0" not in arg:
            raise Broken(f"ioctl {cmd:#x} tells of another's device")

    @staticmethod
    def bpf(dice):
        """Programs are not attached to what contexts share, nor asked for."""
        LIBC.syscall(321, dice.choice((8, 9, 16)), struct.pack(
            "=IIIIQ", dice.choice((0, 1, 7, 0xffffffff)), 0xffffffff,
            dice.randrange(60), 0, 0).ljust(64, b"\0"), 64)

    def close(self):
        for one in self.socks:
            one.close()
