# SPDX-License-Identifier: GPL-2.0
"""What wrong requests are made in: contexts, and what a part of them is."""
import os
import socket
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)),
                                "../vrctx"))
# pylint: disable=wrong-import-position
from vr_net import Lab, sock
from vr_nl import (A_LEAK_FROM, A_LEAK_PREFIX, A_LEAK_PREFIX_LEN, A_LEAK_TO,
                   LEAK_NEW, NETLINK_GENERIC, NLM_F_ACK, NLM_F_REQUEST,
                   NLMSG_DONE, NLMSG_ERROR, Netlink, attr, u32)

FOREIGN = "zz-foreign-zz"
LEAKED = b"\x0a\x63\0\0"


class World:
    """Three contexts with a device and a socket each."""

    def __init__(self):
        self.lab = Lab(7, 9, hosts=False)
        rt, vr = self.lab.rt, self.lab.vr
        vr.call(4, id=7, name="seven")          # CTX_SET
        vr.call(4, id=9, name=FOREIGN)
        self.socks = []
        for ctx in (0, 7, 9):
            rt.link_add(f"d{ctx}", "dummy")
            if ctx:
                vr.move(f"d{ctx}", ctx)
            rt.addr(f"d{ctx}", "10.0.0.1/24")
            rt.link_set(f"d{ctx}", up=True)
            self.socks.append(sock(socket.SOCK_DGRAM, ctx,
                                   ("10.0.0.1", 1001), af=socket.AF_INET))
        self.leak(7, 9, LEAKED, 24)

    def leak(self, frm, to, prefix, plen):
        self.lab.vr.bodies(LEAK_NEW, u32(A_LEAK_FROM, frm) + u32(A_LEAK_TO, to)
                           + attr(A_LEAK_PREFIX, prefix)
                           + attr(A_LEAK_PREFIX_LEN, bytes([plen])))

    def close(self):
        for one in self.socks:
            one.close()
        self.lab.vr.close()
        self.lab.ns.close()


class Broken(Exception):
    """Something that must not be."""


def extack_of(flags, body):
    """(errno, has it a text?) of an error message."""
    err = -struct.unpack_from("=i", body)[0]
    if not flags & 0x200:                       # NLM_F_ACK_TLVS
        return err, False
    off = 20
    if not flags & 0x100:                       # NLM_F_CAPPED
        off = 4 + ((struct.unpack_from("=I", body, 4)[0] + 3) & ~3)
    return err, len(body) > off


class Talk(Netlink):
    """Sends anything, takes what is there at once."""

    def __init__(self, proto=NETLINK_GENERIC):
        super().__init__(proto)
        self.sock.setblocking(False)

    def exchange(self, kind, flags, body, length=None):
        """The messages that answer; how many of them end the request."""
        self.seq += 1
        self.sock.send(struct.pack(
            "=IHHII", length or 16 + len(body), kind, flags | NLM_F_REQUEST
            | NLM_F_ACK, self.seq, 0) + body)
        out, ends = [], 0
        while True:
            try:
                buf = self.sock.recv(1 << 17)
            except BlockingIOError:
                return out, ends
            for what, flg, seq, data in self.split(buf):
                if seq == self.seq:
                    ends += what in (NLMSG_ERROR, NLMSG_DONE)
                    out.append((what, flg, data))


class Part:
    """One interface; step() is one request."""

    def __init__(self, world):
        self.world = world

    def close(self):
        pass
