# SPDX-License-Identifier: GPL-2.0
"""SCTP by hand: packets, and one end of an association on a Wire."""
import ctypes
import os
import socket
import struct

from vr_fam import pick, sockaddr
from vr_net import LIBC, RIP, sock

SCTP = 132
STREAM, SEQ = socket.SOCK_STREAM, socket.SOCK_SEQPACKET
(DATA, INIT, INIT_ACK, SACK, HEARTBEAT, HEARTBEAT_ACK, ABORT, SHUTDOWN,
 SHUTDOWN_ACK, ERROR, COOKIE_ECHO, COOKIE_ACK) = range(12)
SHUTDOWN_COMPLETE, ASCONF = 14, 0xc1
T_BIT = 1
COOKIE_PARAM = 7
# socket options
BINDX_ADD, PEELOFF, LOCAL_ADDRS, ASSOC_IDS, ENCAP_PORT = 100, 102, 109, 29, 132


def crc_table():
    for n in range(256):
        for _ in range(8):
            n = n >> 1 ^ (0x82f63b78 if n & 1 else 0)
        yield n


CRC = list(crc_table())


def crc32c(data):
    val = 0xffffffff
    for byte in data:
        val = val >> 8 ^ CRC[(val ^ byte) & 255]
    return val ^ 0xffffffff


def chunk(kind, body=b"", flags=0):
    head = struct.pack("!BBH", kind, flags, 4 + len(body))
    return head + body + bytes(-len(body) % 4)


def init(kind, tag, tsn=1, params=b""):
    return chunk(kind, struct.pack("!IIHHI", tag, 65536, 4, 4, tsn) + params)


def packet(sport, dport, vtag, *chunks):
    head = struct.pack("!HHI", sport, dport, vtag)
    body = b"".join(chunks)
    return (head + struct.pack("<I", crc32c(head + bytes(4) + body)) + body)


def chunks_in(raw):
    """(kind, flags, contents) of the chunks of an SCTP packet."""
    pos = 12
    while pos + 4 <= len(raw):
        kind, flags, size = struct.unpack_from("!BBH", raw, pos)
        yield kind, flags, raw[pos + 4:pos + size]
        pos += max(4, size + 3 & ~3)


def chunks_of(pkt):
    """The same of what came by a Wire, if it is one."""
    return chunks_in(pkt.body) if pkt.proto == SCTP else iter(())


def ports_of(pkt):
    return struct.unpack_from("!HHI", pkt.body)


def params_of(body):
    """{type: contents} of what follows in an INIT or INIT ACK."""
    out, pos = {}, 16
    while pos + 4 <= len(body):
        kind, size = struct.unpack_from("!HH", body, pos)
        out[kind] = body[pos + 4:pos + size]
        pos += max(4, size + 3 & ~3)
    return out


def kinds(wire):
    """The chunks that came up to now."""
    return [kind for pkt in wire.sync() for kind, _, _ in chunks_of(pkt)]


class Assoc:
    """One end of an association, at the far end of a wire."""

    def __init__(self, wire, sport, dport, tag=0x1234567, tsn=100, dst=RIP):
        self.wire, self.sport, self.dport = wire, sport, dport
        self.dst = dst
        self.tag, self.tsn = tag, tsn
        self.vtag = self.cookie = None

    def send(self, *what, vtag=None):
        self.wire.send_ip(SCTP, packet(self.sport, self.dport,
                                       self.vtag if vtag is None else vtag,
                                       *what), dst=self.dst)

    def expect(self, kind):
        """The contents of the next such chunk for us, its packet."""
        found = []

        def match(pkt):
            if pkt.proto == SCTP and \
                    ports_of(pkt)[:2] == (self.dport, self.sport):
                found.extend(c for c in chunks_of(pkt) if c[0] == kind)
            return found
        pkt = self.wire.expect(match, f"SCTP chunk {kind}")
        return found[0][2], pkt

    def init(self):
        """Send an INIT; what the answer has is kept."""
        self.send(init(INIT, self.tag, self.tsn), vtag=0)
        body = self.expect(INIT_ACK)[0]
        self.vtag = struct.unpack_from("!I", body)[0]
        self.cookie = params_of(body)[COOKIE_PARAM]
        return self

    def echo(self):
        self.send(chunk(COOKIE_ECHO, self.cookie))

    def open(self):
        self.init()
        self.echo()
        self.expect(COOKIE_ACK)
        return self

    def init_seen(self):
        """The router connects to us: its INIT, the packet."""
        body, pkt = self.expect(INIT)
        self.vtag = struct.unpack_from("!I", body)[0]
        return pkt

    def accept(self):
        """The same, up to an association."""
        self.init_seen()
        cookie = struct.pack("!HH4s", COOKIE_PARAM, 8, b"cook")
        self.send(init(INIT_ACK, self.tag, self.tsn, cookie))
        self.expect(COOKIE_ECHO)
        self.send(chunk(COOKIE_ACK))
        return self

    def data(self, text, vtag=None, tsn=None):
        """Send data, as the first on its stream."""
        self.send(chunk(DATA, struct.pack("!IHHI", self.tsn if tsn is None
                                          else tsn, 0, 0, 0) + text, 7),
                  vtag=vtag)
        if tsn is None:
            self.tsn += 1

    def abort(self):
        self.send(chunk(ABORT))
        self.wire.sync()


def serve(ctx, port, kind=STREAM, addr="0.0.0.0", **kwargs):
    """A listening socket of the router."""
    return sock(kind, ctx, (addr, port), listen=16, proto=SCTP, **kwargs)


def getsockopt(one, opt, size, value=b""):
    """getsockopt() of what has input, too."""
    buf = ctypes.create_string_buffer(value.ljust(size, b"\0"), size)
    length = ctypes.c_uint(size)
    if LIBC.getsockopt(one.fileno(), SCTP, opt, buf,
                       ctypes.byref(length)) < 0:
        err = ctypes.get_errno()
        raise OSError(err, os.strerror(err))
    return buf.raw


def assoc_ids(one):
    raw = getsockopt(one, ASSOC_IDS, 64)
    num = struct.unpack_from("=I", raw)[0]
    return struct.unpack_from(f"={num}i", raw, 4)


def peel_off(one, ident):
    """A socket of its own for an association of @one."""
    raw = getsockopt(one, PEELOFF, 8, struct.pack("=ii", ident, 0))
    return socket.socket(fileno=struct.unpack_from("=i", raw, 4)[0])


def local_addrs(one):
    """The addresses the socket is bound to, packed."""
    raw = getsockopt(one, LOCAL_ADDRS, 4096)
    num, pos, out = struct.unpack_from("=I", raw, 4)[0], 8, []
    for _ in range(num):
        four = struct.unpack_from("=H", raw, pos)[0] == socket.AF_INET
        out.append(raw[pos + 4:pos + 8] if four else raw[pos + 8:pos + 24])
        pos += 16 if four else 28
    return out


def bind_more(one, addr):
    """A further address of a socket that is bound."""
    one.setsockopt(SCTP, BINDX_ADD, sockaddr(addr)[:pick(16, 28)])


def encap_port(one, port):
    """Packets of the socket are to go in UDP."""
    one.setsockopt(SCTP, ENCAP_PORT, bytes(8) + sockaddr("0.0.0.0")
                   + struct.pack("!H6x", port))
