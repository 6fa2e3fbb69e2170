# SPDX-License-Identifier: GPL-2.0
"""Flows for who counts the cache lines that their packets touch.

Each has two devices of its own, a tun device, where a program writes packets,
and a dummy, to which they are forwarded. In plain all of them are context 0's;
in the other modes a flow is in a context, VRF or network namespace that has a
number; two flows may be in the same.
"""
import ctypes
import fcntl
import mmap
import os
import struct
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../vrctx"))
# pylint: disable=wrong-import-position
from vr_net import Netns                                        # noqa: E402
from vr_nl import Vrctx, u32                                    # noqa: E402
from vr_pkt import ip_packet                                    # noqa: E402
from vr_rt import sysctl                                        # noqa: E402

# A store there begins a count, one 64 bytes later ends it; see plugin/plugin.h
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
        sys.exit("no page for the plugin")
    page = (ctypes.c_char * mmap.PAGESIZE).from_address(MAGIC)
    page[128] = b"x"            # it is there before it is looked at
    return page


def tun(name):
    fd = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("=16sH22x", name.encode(),
                                           IFF_TUN | IFF_NO_PI))
    return fd


def datagram(src, dst):
    return ip_packet(17, struct.pack("!HHHH", 1, 7, 8, 0), src, dst)


class Flow:
    """Number num, in the where-th context or so: the descriptor of the tun
    device, and a packet that is forwarded.
    """

    def __init__(self, flows, num, where, net):
        self.num, self.where, self.net = num, where, net
        near, self.out = f"t{num}", f"d{num}"
        self.ns = flows.at(where)
        with self.ns:
            rt = self.ns.rt
            self.fd = tun(near)
            rt.link_add(self.out, "dummy")
            for dev in (near, self.out):
                flows.take(dev, where)
            for dev, half in ((near, 0), (self.out, 1)):
                rt.addr4(dev, f"10.{net}.{half}.1/24")
                rt.link_set(dev, up=True)
                sysctl(f"net.ipv4.conf.{dev}.forwarding", 1)
            rt.neigh(self.out, f"10.{net}.1.2", b"\2\0\0\0\0\2")
        self.packet = datagram(f"10.{net}.0.2", f"10.{net}.1.2")

    def send(self):
        os.write(self.fd, self.packet)

    def sent(self):
        """Packets that left the device."""
        with self.ns, open("/proc/net/dev", encoding="ascii") as f:
            return next(int(line.split()[10]) for line in f
                        if line.split(":")[0].strip() == self.out)


class Flows:
    """Makes flows of a mode, and what they are in."""

    def __init__(self, mode):
        self.mode, self.places, self.count = mode, {}, 0
        self.ns = Netns()
        self.vr = Vrctx() if mode == "ctx" else None

    def at(self, where):
        """The namespace of the place, which is made at the first call."""
        if where not in self.places:
            self.places[where] = self.ns
            if self.mode == "netns":
                # or the reserve of memory per CPU, which a worker fills, ends
                time.sleep(0.01)
                self.places[where] = Netns()
            elif self.mode == "ctx":
                self.vr.new(where)
            elif self.mode == "vrf":
                self.ns.rt.link_add(f"v{where}", "vrf", u32(1, 1000 + where))
                self.ns.rt.link_set(f"v{where}", up=True)
        return self.places[where]

    def take(self, dev, where):
        """The device is to be there."""
        if self.mode == "ctx":
            self.vr.move(dev, where)
        elif self.mode == "vrf":
            self.ns.rt.link_set(dev, master=self.ns.rt.ifindex(f"v{where}"))

    def add(self, where, same=False):
        """One more flow; addresses are those of all others, but in plain and
        where another is in the same.
        """
        self.count += 1
        return Flow(self, self.count, where,
                    self.count if same or self.mode == "plain" else 0)
