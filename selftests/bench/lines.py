#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Forward a packet in each of some contexts, for who counts cache lines.

usage: lines.py plain|ctx|vrf|netns

Each has two devices of its own, a tun device and a dummy, and one flow from the
one to the other; in plain all of them are context 0's. The plugin (see
plugin/lines.c) is told when a packet of each of FEW flows, and then of all MANY,
is on its way: what is more in the second count is that of MANY - FEW flows.
"""
import ctypes
import fcntl
import mmap
import os
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../vrctx"))
# pylint: disable=wrong-import-position
from vr_net import Netns                                        # noqa: E402
from vr_nl import Vrctx, u32                                    # noqa: E402
from vr_pkt import ip_packet                                    # noqa: E402
from vr_rt import sysctl                                        # noqa: E402

# The lines of some hash chains are a matter of chance: of many flows the mean
# has little of it left.
FEW, MANY = 8, 136
MAGIC = 0x7e5000000000
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454ca, 1, 0x1000
MAP_FIXED_NOREPLACE = 0x100000


def marks():
    """The page at which the plugin looks."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int,
                          ctypes.c_int, ctypes.c_int, ctypes.c_long]
    got = libc.mmap(MAGIC, mmap.PAGESIZE, mmap.PROT_READ | mmap.PROT_WRITE,
                    mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
                    | MAP_FIXED_NOREPLACE, -1, 0)
    if got != MAGIC:
        sys.exit("lines: no page for the plugin")
    page = (ctypes.c_char * mmap.PAGESIZE).from_address(MAGIC)
    page[128] = b"x"            # it is there before it is looked at
    return page


def tun(name):
    fd = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("=16sH22x", name.encode(),
                                           IFF_TUN | IFF_NO_PI))
    return fd


class Flows:
    """Those of a mode: descriptors and packets."""

    def __init__(self, mode):
        self.mode, self.ns, self.flows = mode, Netns(), []
        self.vr = Vrctx() if mode == "ctx" else None
        for num in range(1, MANY + 1):
            if mode == "netns":
                with Netns() as self.ns:
                    self.add(num)
            else:
                self.add(num)

    def add(self, num):
        net = num if self.mode == "plain" else 0
        near, out = (f"t{num}", f"d{num}")
        rt = self.ns.rt
        fd = tun(near)
        rt.link_add(out, "dummy")
        if self.mode == "ctx":
            self.vr.new(num)
            for dev in (near, out):
                self.vr.move(dev, num)
        elif self.mode == "vrf":
            rt.link_add(f"v{num}", "vrf", u32(1, 1000 + num))
            rt.link_set(f"v{num}", up=True)
            for dev in (near, out):
                rt.link_set(dev, master=rt.ifindex(f"v{num}"))
        for dev, half in ((near, 0), (out, 1)):
            rt.addr4(dev, f"10.{net}.{half}.1/24")
            rt.link_set(dev, up=True)
            sysctl(f"net.ipv4.conf.{dev}.forwarding", 1)
        rt.neigh(out, f"10.{net}.1.2", b"\2\0\0\0\0\2")
        self.flows.append((fd, ip_packet(
            17, struct.pack("!HHHH", 1, 1, 8, 0), f"10.{net}.0.2",
            f"10.{net}.1.2"), self.ns, out))

    def send(self, count):
        for fd, packet, _, _ in self.flows[:count]:
            os.write(fd, packet)

    def sent(self):
        """Packets that left the device of each flow."""
        counts = []
        for _, _, ns, out in self.flows:
            with ns, open("/proc/net/dev", encoding="ascii") as f:
                counts += [int(line.split()[10]) for line in f
                           if line.split(":")[0].strip() == out]
        return counts


def main(mode):
    page = marks()
    flows = Flows(mode)
    for _ in range(4):
        flows.send(MANY)
    for count in (FEW, MANY) * 3:
        page[0] = b"x"
        flows.send(count)
        page[64] = b"x"
    if flows.sent() != [10] * FEW + [7] * (MANY - FEW):
        sys.exit(f"lines: not forwarded: {flows.sent()}")
    print(f"{FEW}\t{MANY}")


main(*sys.argv[1:])
