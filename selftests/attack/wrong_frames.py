# SPDX-License-Identifier: GPL-2.0
"""Random frames on the wires of two contexts.

A frame that is written to a tap device is received by the task that writes it,
which KCOV counts; what a network card receives in an interrupt it does not.
"""
import contextlib
import fcntl
import itertools
import os
import socket
import struct

import vr_dhost
from vr_dhost import (BIND_NTF, GRANT, HOST_NEW, HOST_SET, MEMBER_NEW,
                      PORT_DEL, PORT_GET, PORT_SET, SOCK_GET, Binder, Dhost, mac)
from vr_hdr import MF, csum, ip_header
from vr_net import inside, sock, unblocked
from vr_nft import chain, nft
from vr_pkt import tcp_segment, udp_datagram
from vr_rt import Rtnl, fra, sysctl
from wrong_world import Broken, Part

FOUR, SIX = socket.AF_INET, socket.AF_INET6
# Own address, that of a neighbour, and what is leaked to the other context
HERE = {7: ("10.7.0.1", "fd07::1"), 9: ("10.9.0.1", "fd09::1")}
THERE = {7: ("10.7.0.2", "fd07::2"), 9: ("10.9.0.2", "fd09::2")}
OTHER = {7: 9, 9: 7}
ELSEWHERE = ("10.200.0.1", "fd20::1")
GROUPS = ("224.0.0.1", "ff02::1")
SHARED = ("10.7.0.77", "fd07::77")
PORT = 1002
TUNSETIFF, TAP = 0x400454ca, 0x1002


def packed(addr):
    return socket.inet_pton(SIX if ":" in addr else FOUR, addr)


def tap(name):
    """A device whose frames are written and read here."""
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("=16sH22x", name.encode(), TAP))
    return fd


def icmp(kind, code, rest, data, src, dst):
    """Of the family of the addresses."""
    msg = struct.pack("!BBHI", kind, code, 0, rest) + data
    head = b""
    if ":" in dst:
        head = packed(src) + packed(dst) + struct.pack("!II", len(msg), 58)
    return msg[:2] + struct.pack("!H", csum(head + msg)) + msg[4:]


class FramesPart(Part):
    """Frames to two contexts between which there are leaks, with rules that
    track connections.
    """

    def __init__(self, world):
        super().__init__(world)
        rt, self.taps, self.socks = world.lab.rt, {}, []
        with world.lab.ns:
            for ctx in (0, 7, 9):
                with inside(ctx):
                    sysctl("net.ipv4.conf.all.forwarding", 1)
                    sysctl("net.ipv6.conf.all.forwarding", 1)
            for place in ("all", "default"):
                sysctl(f"net.ipv6.conf.{place}.disable_ipv6", 0)
                sysctl(f"net.ipv6.conf.{place}.accept_dad", 0)
            nft("table inet t {\n" + chain("prerouting", "ct state invalid "
                                           "counter", prio="-1") + "}\n")
            for ctx in (7, 9):
                self.wire(rt, ctx)
            for ctx in (7, 9):
                for addr, plen in zip(HERE[OTHER[ctx]], (24, 64)):
                    world.leak(ctx, OTHER[ctx], packed(addr)[:-1] + b"\0",
                               plen)
            # a rule that looks at ports
            with inside(7):
                view = Rtnl()
                for family in (FOUR, SIX):
                    view.rule(100, 10, family=family, more=fra(
                        proto=17, dports=(9, 9)))
                view.close()
            self.serve()

    def wire(self, rt, ctx):
        dev = f"p{ctx}"
        with inside(ctx):
            self.taps[ctx] = tap(dev)
        rt.link_set(dev, up=True, mac=mac(ctx))
        for addr, plen in zip(HERE[ctx], (24, 64)):
            rt.addr(dev, f"{addr}/{plen}")
        for addr in THERE[ctx]:
            rt.neigh(dev, addr, mac(100))

    def serve(self):
        """Sockets for what comes."""
        for ctx in (7, 9):
            for family, kind in itertools.product(
                    (FOUR, SIX), (socket.SOCK_STREAM, socket.SOCK_DGRAM)):
                one = sock(kind, ctx, af=family)
                if family == SIX:
                    one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                one.bind(("", PORT))
                if kind == socket.SOCK_STREAM:
                    one.listen(4)
                one.setblocking(False)
                self.socks.append(one)

    def destination(self, dice, ctx, which):
        return dice.choice((HERE[ctx], HERE[ctx], THERE[OTHER[ctx]],
                            HERE[OTHER[ctx]], ELSEWHERE, GROUPS))[which]

    def source(self, dice, ctx, which):
        return dice.choice((THERE[ctx],) * 4 + (THERE[OTHER[ctx]], HERE[ctx],
                                                ELSEWHERE))[which]

    def upper(self, dice, ctx, src, dst):
        """(protocol, what it carries)"""
        six = ":" in dst
        port = dice.choice((PORT, PORT, 80, 9))
        tag = b"=from-%d=" % ctx
        what = dice.randrange(6)
        if what == 0:
            return 17, udp_datagram(dice.choice((53, 4000)), port, tag, src,
                                    dst)
        if what <= 2:
            return 6, tcp_segment(4000 + dice.randrange(3), port,
                                  dice.randrange(4), 1, dice.choice(
                                      (2, 2, 16, 4, 18, 1, 41)), tag, src, dst)
        if what == 3:
            kind, code = dice.choice(((128, 0), (129, 0), (8, 0)) if six else
                                     ((8, 0), (0, 0), (13, 0)))
            return 58 if six else 1, icmp(kind, code, 7, tag, src, dst)
        if what == 4:
            proto, inner = dice.choice((
                (17, udp_datagram(PORT, 4000, b"", dst, src)),
                (6, tcp_segment(PORT, 4000, 1, 1, 16, b"", dst, src)),
                (58 if six else 1, icmp(128 if six else 8, 0, 1, b"", dst,
                                        src)), (200, bytes(8))))
            quoted = ip_header(proto, len(inner), dst, src) + inner
            kind, code = dice.choice(((1, 4), (2, 0), (3, 0), (4, 1)) if six
                                     else ((3, 3), (3, 4), (11, 0), (12, 0),
                                           (5, 1)))
            return 58 if six else 1, icmp(kind, code, dice.choice(
                (0, 1280, 68)), quoted, src, dst)
        return dice.choice((200, 132, 136, 47, 4, 41)), tag + bytes(12)

    @staticmethod
    def neighbour(dice, src, dst):
        """ARP or neighbour discovery: (type of the frame, payload)"""
        if ":" not in dst:
            return 0x0806, struct.pack(
                "!HHBBH6s4s6s4s", 1, 0x0800, 6, 4, dice.choice((1, 2)), mac(100),
                packed(src), mac(dice.choice((0, 7))), packed(dst))
        if dice.random() < 0.5:
            kind, data = 135, packed(dst) + b"\1\1" + mac(100)
        else:
            kind, data = 136, packed(dice.choice((src, dst))) + b"\2\1" + \
                mac(100)
        src = dice.choice((src, src, "::"))
        msg = icmp(kind, 0, dice.choice((0, 0x60000000)), data, src, dst)
        return 0x86dd, ip_header(58, len(msg), src, dst, ttl=255) + msg

    def frame(self, dice, ctx):
        which = dice.randrange(2)
        src = self.source(dice, ctx, which)
        dst = self.destination(dice, ctx, which)
        if dice.random() < 0.2:
            kind, data = self.neighbour(dice, src, dst)
        else:
            proto, data = self.upper(dice, ctx, src, dst)
            frag = 0
            if dice.random() < 0.15:
                data, frag = dice.choice(((data[:8], MF), (data[8:] or data,
                                                           1)))
            data = ip_header(proto, len(data), src, dst, dice.randrange(3),
                             frag, dice.choice((64, 64, 1))) + data
            kind = 0x86dd if which else 0x0800
        to = dice.choice((mac(ctx), mac(ctx), b"\xff" * 6,
                          b"\x33\x33\0\0\0\1"))
        return bytearray(to + mac(dice.choice((100, 100, 2))) + struct.pack("!H", kind)
                         + data)

    def step(self, dice):
        ctx = dice.choice(list(self.taps))
        frame = self.frame(dice, ctx)
        if dice.random() < 0.3:
            for _ in range(dice.choice((1, 1, 3))):
                frame[dice.randrange(12, len(frame))] = dice.randrange(256)
        if dice.random() < 0.1:
            del frame[dice.randrange(14, len(frame)):]
        with contextlib.suppress(OSError):
            os.write(self.taps[ctx], frame)
        self.look()

    def look(self):
        """What leaves: of the other context it is for what is leaked."""
        for ctx, fd in self.taps.items():
            with contextlib.suppress(BlockingIOError):
                while True:
                    self.judge(ctx, os.read(fd, 65536))
        for one in self.socks:
            with contextlib.suppress(OSError):
                if one.type == socket.SOCK_STREAM:
                    one.accept()[0].close()
                else:
                    one.recv(2000)

    @staticmethod
    def judge(ctx, frame):
        if b"=from-%d=" % OTHER[ctx] not in frame:
            return
        kind = struct.unpack_from("!H", frame, 12)[0]
        dst = frame[30:34] if kind == 0x0800 else frame[38:54]
        own = packed(THERE[ctx][kind != 0x0800])
        if dst[:3 if len(dst) == 4 else 8] != own[:3 if len(dst) == 4 else 8]:
            raise Broken(f"{frame.hex()} left context {ctx}")

    def close(self):
        # with all that the frames have left there
        with contextlib.suppress(OSError):
            self.world.lab.vr.delete(9, force=True)
        for fd in self.taps.values():
            os.close(fd)
        for one in self.socks:
            one.close()


class SharedPart(FramesPart):
    """The same to a distributed address of context 7, which changes."""

    def __init__(self, world):
        vr_dhost.load()
        super().__init__(world)
        self.epoch = 10
        with world.lab.ns:
            self.dhost, self.events = Dhost(), Dhost(listen=True)
            for addr in SHARED:
                self.call(HOST_NEW, addr, own=1, slice_min=40000,
                          slice_max=40099)
                for node in (2, 3):
                    self.call(MEMBER_NEW, addr, node=node, ifname="p7",
                              lladdr=mac(node))
                self.call(PORT_SET, addr, protocol=17, port=80, node=2)
                self.call(PORT_SET, addr, protocol=6, port=9, owner=(1, 2, 3))
                self.call(HOST_SET, addr, lead=1, epoch=self.epoch)
            for addr, plen in zip(SHARED, (24, 64)):
                world.lab.rt.addr("p7", f"{addr}/{plen}")

    def call(self, cmd, addr, **kwargs):
        return self.dhost.call(cmd, context=7, address=packed(addr), **kwargs)

    def destination(self, dice, ctx, which):
        if ctx == 7 and dice.random() < 0.8:
            return SHARED[which]
        return super().destination(dice, ctx, which)

    def source(self, dice, ctx, which):
        if dice.random() < 0.1:
            return SHARED[which]
        return super().source(dice, ctx, which)

    def step(self, dice):
        if dice.random() < 0.8:
            super().step(dice)
            return
        with contextlib.suppress(OSError):
            dice.choice((self.rule,) * 4 + (self.use,) * 4 + (
                self.ask, self.listen))(dice)
        self.look()

    def rule(self, dice):
        """Another lead, owner of a port, ..."""
        addr = dice.choice(SHARED)
        if dice.random() < 0.4:
            self.epoch += 1
            self.call(HOST_SET, addr, lead=dice.choice((0, 1, 1, 2)),
                      epoch=self.epoch, grants=dice.choice((0, 0, 1, 2)),
                      timeout=1, handover=dice.choice((0, 0, 1)))
        else:
            proto = dice.choice((6, 17, 200))
            port = 0 if proto == 200 else dice.choice((9, 80, PORT, 4000))
            if dice.random() < 0.3:
                self.call(PORT_DEL, addr, protocol=proto, port=port)
            else:
                self.call(PORT_SET, addr, protocol=proto, port=port,
                          **dice.choice(({"node": 1}, {"node": 2},
                                         {"owner": (1, 2)},
                                         {"owner": (2, 3)})))

    def use(self, dice):
        """A socket with the address."""
        addr = dice.choice(SHARED)
        kind = dice.choice((socket.SOCK_STREAM, socket.SOCK_DGRAM))
        one = sock(kind, 7, af=SIX if ":" in addr else FOUR)
        self.socks.append(one)
        one.setblocking(False)
        one.bind((addr, dice.choice((0, PORT, 1003, 80))))
        if dice.random() < 0.5 and kind == socket.SOCK_STREAM:
            one.listen(3)
        else:
            one.connect((THERE[7][":" in addr], 53))
        if kind == socket.SOCK_DGRAM:
            one.send(b"=from-7=")

    def ask(self, dice):
        """A bind() that waits, in another thread, until it is answered."""
        self.listen(dice)
        addr = dice.choice(SHARED)
        self.call(HOST_SET, addr, grants=1, timeout=60000)
        one = Binder(7, 81, dice.choice((socket.SOCK_STREAM,
                                         socket.SOCK_DGRAM)), addr)
        try:
            (_, event), = self.events.events(1, (BIND_NTF,))
            self.dhost.call(GRANT, address=None, cookie=event["cookie"],
                            deny=dice.choice((None, 1)))
        finally:
            one.end()
            self.call(HOST_SET, addr, grants=0)

    def listen(self, dice):
        """Events so far; an end of some sockets, and which ones there are."""
        with contextlib.suppress(BlockingIOError), unblocked(self.events.sock):
            while True:
                self.events.events(1)
        for one in self.socks[8:]:
            if dice.random() < 0.5:
                one.close()
                self.socks.remove(one)
        if dice.random() < 0.1:         # these look at the whole table
            self.dhost.dump(SOCK_GET)
            self.dhost.dump(PORT_GET, address=packed(SHARED[0]), context=7)

    def close(self):
        self.dhost.close()
        self.events.close()
        super().close()
