# SPDX-License-Identifier: GPL-2.0
"""Small BPF programs, made of instructions by hand: no compiler is needed.

A program is made of parts that keep to this: r6 is what it was called with, r7
a result, which note() puts into a map, together with how often it came there.
"""
import contextlib
import ctypes
import os
import platform
import struct

from vr_fam import V6, packed, pick
from vr_net import libc

NUMBER = {"x86_64": 321, "aarch64": 280, "riscv64": 280}
(MAP_CREATE, MAP_LOOKUP, MAP_UPDATE, PROG_LOAD, PROG_ATTACH, PROG_DETACH,
 PROG_TEST_RUN, PROG_QUERY, LINK_CREATE) = 0, 1, 2, 5, 8, 9, 10, 16, 28
ARRAY, SOCKMAP, SOCKHASH = 2, 15, 18
SOCKET_FILTER, SCHED_CLS, XDP, CGROUP_SKB, SOCK_ADDR, SK_LOOKUP = (1, 3, 6, 8,
                                                                   18, 30)
AT_EGRESS, AT_CONNECT, AT_SK_LOOKUP, AT_XDP, AT_TCX = (1, pick(10, 11), 36, 37,
                                                       46)
XDP_SKB_MODE = 2
# Helper functions
FIND_ELEM, FIB_LOOKUP, SK_LOOKUP_TCP, SK_LOOKUP_UDP, SK_RELEASE = (1, 69, 84,
                                                                   85, 86)
CLONE_REDIRECT, REDIRECT, SKC_LOOKUP_TCP, CHECK_COOKIE = 13, 23, 99, 100
GEN_COOKIE, SK_ASSIGN, REDIRECT_NEIGH, REDIRECT_PEER = 110, 124, 152, 155
TUPLE = 36 if V6 else 12
# Flags of FIB_LOOKUP, and what it says
DIRECT, OUTPUT, TBID, SRC, MARK = 1, 2, 8, 16, 32
BLACKHOLE, NOT_FWDED, UNSUPP_LWT = 1, 4, 6
# Flag of REDIRECT
INGRESS = 1


def bpf(cmd, data):
    """bpf(2); data is padded to the size of its argument."""
    buf = ctypes.create_string_buffer(data.ljust(128, b"\0"), 128)
    return libc("syscall", NUMBER[platform.machine()], cmd, buf, 128)


# ---- instructions ----

def ins(code, dst=0, src=0, off=0, imm=0):
    return struct.pack("=BBhi", code, dst | src << 4, off, imm)


def mov(dst, imm):
    return ins(0xb7, dst, imm=imm)


def copy(dst, src):
    return ins(0xbf, dst, src)


def add(dst, imm):
    return ins(0x07, dst, imm=imm)


def call(number):
    return ins(0x85, imm=number)


def unless_null(reg, code):
    """code, if the register is not NULL."""
    return ins(0x15, reg, off=len(code) // 8) + code


def map_in(dst, fd):
    return ins(0x18, dst, 1, imm=fd) + ins(0)


def on_stack(off, data):
    """Puts bytes, a multiple of 4, at r10 + off."""
    return b"".join(ins(0x62, 10, off=off + pos,
                        imm=struct.unpack_from("=i", data, pos)[0])
                    for pos in range(0, len(data), 4))


def at_stack(dst, off):
    return copy(dst, 10) + add(dst, off)


def leave(ret):
    return mov(0, ret) + ins(0x95)


def elem(fd, key=0):
    """r0 becomes the address of an element."""
    return on_stack(-4, struct.pack("=I", key)) + map_in(1, fd) \
        + at_stack(2, -4) + call(FIND_ELEM)


def note(fd):
    """r7 and one more call."""
    return elem(fd) + unless_null(0, ins(0x7b, 0, 7)
                                  + ins(0x79, 1, 0, 8) + add(1, 1)
                                  + ins(0x7b, 0, 1, 8))


def found(helper, src, sport, dst, dport, netns=-1):
    """r0 becomes the socket that the helper finds, or NULL."""
    key = packed(src) + packed(dst) + struct.pack("!HH", sport, dport)
    return on_stack(-48, key) + copy(1, 6) + at_stack(2, -48) \
        + mov(3, TUPLE) + mov(4, netns) + mov(5, 0) + call(helper)


def find(*args, **kwargs):
    """r7 becomes 1 if the helper finds a socket, else 0."""
    return found(*args, **kwargs) + mov(7, 0) \
        + unless_null(0, copy(1, 0) + call(SK_RELEASE) + mov(7, 1))


def ctx_of(reg=None):
    """r7 becomes the context of the packet, or of the socket in a register."""
    return ins(0x61, 7, 6, 192) if reg is None else ins(0x61, 7, reg, 80)


def find_ctx(*args, **kwargs):
    """r7 becomes the context of the socket that the helper finds, else -1."""
    return found(*args, **kwargs) + mov(7, -1) \
        + unless_null(0, ctx_of(0) + copy(1, 0) + call(SK_RELEASE))


def route(family, index, dst, src=None, flags=0, table=0, mark=0):
    """r7 becomes what bpf_fib_lookup() says of a packet received there, see
    way().
    """
    key = struct.pack("=BBHHHII", family, 17, 0, 0, 0, index, 0)
    key += packed(src or dst).ljust(16, b"\0") + packed(dst).ljust(16, b"\0")
    key += struct.pack("=II", table, mark)
    return on_stack(-72, key.ljust(64, b"\0")) + copy(1, 6) \
        + at_stack(2, -72) + mov(3, 64) + mov(4, flags) + call(FIB_LOOKUP) \
        + copy(7, 0) + ins(0x67, 7, imm=32) + ins(0x61, 1, 10, -64) \
        + ins(0x4f, 7, 1)


def way(result):
    """(what it said, the device) from route()'s result."""
    return result >> 32, result & 0xffffffff


# ---- maps and programs ----

class Fd:
    """A map, program or link. It ends with the block."""

    def __init__(self, cmd, data):
        self.fd = bpf(cmd, data)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        os.close(self.fd)


class Map(Fd):
    def __init__(self, kind=ARRAY, value=16):
        super().__init__(MAP_CREATE, struct.pack("=IIII", kind, 4, value, 1))
        self.value = value

    def call(self, cmd, val):
        key = ctypes.create_string_buffer(bytes(4))
        bpf(cmd, struct.pack("=IxxxxQQQ", self.fd, ctypes.addressof(key),
                             ctypes.addressof(val), 0))

    def get(self):
        """What note() put there: (result, calls)."""
        val = ctypes.create_string_buffer(16)
        self.call(MAP_LOOKUP, val)
        return struct.unpack("=qq", val)

    def put(self, data):
        self.call(MAP_UPDATE, ctypes.create_string_buffer(data, self.value))


class Prog(Fd):
    def __init__(self, kind, code, expected=0):
        text = ctypes.create_string_buffer(code)
        name = ctypes.create_string_buffer(b"GPL")
        super().__init__(PROG_LOAD, struct.pack(
            "=IIQQIIQII16sII", kind, len(code) // 8, ctypes.addressof(text),
            ctypes.addressof(name), 0, 0, 0, 0, 0, b"", 0, expected))

    def attach(self, where, target):
        bpf(PROG_ATTACH, struct.pack("=III", target, self.fd, where))

    def detach(self, where, target):
        bpf(PROG_DETACH, struct.pack("=III", target, self.fd, where))

    @contextlib.contextmanager
    def attached(self, where, target):
        self.attach(where, target)
        try:
            yield self
        finally:
            self.detach(where, target)

    def link(self, where, target, flags=0):
        return Fd(LINK_CREATE, struct.pack("=IIII", self.fd, target, where,
                                           flags))
