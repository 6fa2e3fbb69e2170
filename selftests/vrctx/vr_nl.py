# SPDX-License-Identifier: GPL-2.0
"""Netlink: raw messages, rtnetlink requests, the vrctx generic family.

Independent of libvr and YNL on purpose: a second encoder of the same ABI, and
one that can also encode what nobody should send.
"""
import os
import socket
import struct

NLM_F_REQUEST, NLM_F_MULTI, NLM_F_ACK = 1, 2, 4
NLM_F_ROOT, NLM_F_DUMP = 0x100, 0x300
NLM_F_REPLACE, NLM_F_EXCL, NLM_F_CREATE = 0x100, 0x200, 0x400
NLMSG_ERROR, NLMSG_DONE = 2, 3
NLM_F_CAPPED, NLM_F_ACK_TLVS = 0x100, 0x200
NLA_F_NESTED = 0x8000
SOL_NETLINK = 270
NETLINK_GENERIC = 16

GENL_ID_CTRL, CTRL_CMD_GETFAMILY = 16, 3

(CTX_GET, CTX_NEW, CTX_DEL, CTX_SET, CTX_NTF, CTX_DEL_NTF, DEV_GET, DEV_SET,
 DEV_NTF, STATS_GET, TASK_GET, LEAK_GET, LEAK_NEW, LEAK_DEL, LEAK_NTF,
 LEAK_DEL_NTF) = range(1, 17)
(A_ID, A_NAME, A_FORCE, A_TABLE, A_DEVICES, A_SOCKETS, A_TASKS, A_IFINDEX,
 A_IFNAME, A_PID, A_RX, A_TX, A_FWD, A_NO_ROUTE, A_WRONG, A_PAD) = range(1, 17)
# The names follow the numbers of the contexts
(A_LEAK_FROM, _, A_LEAK_TO, _, A_LEAK_PREFIX, A_LEAK_PREFIX_LEN,
 A_LEAK_PACKETS, A_LEAK_BYTES) = range(1, 9)

ID_MAX = 0x00ffffff
NAME_MAX = 31
TABLE_BASE = 0x01000000
SUBTABLE_BASE = 0x02000000
ANY = 0xffffffff
NL_ATTR = 5714            # VRCTX_NL_ATTR of links, sockets, routes, rules
NL_TABLE = 5715           # VRCTX_NL_TABLE of routes
SO_VRCTX = SCM_VRCTX = 0x5652

FIELDS = {A_ID: "id", A_NAME: "name", A_TABLE: "table", A_DEVICES: "devices",
          A_SOCKETS: "sockets", A_TASKS: "tasks", A_IFINDEX: "ifindex",
          A_IFNAME: "ifname", A_PID: "pid", A_RX: "rx-packets",
          A_TX: "tx-packets", A_FWD: "fwd-packets", A_NO_ROUTE: "no-route",
          A_WRONG: "wrong-ctx"}


class NlError(OSError):
    """A refused request: errno, and the kernel's reason in .extack."""
    def __init__(self, err, extack, attr):
        super().__init__(err, os.strerror(err)
                         + (f": {extack}" if extack else ""))
        self.extack = extack
        self.attr = attr


def attr(kind, data=b""):
    pad = -len(data) % 4
    return struct.pack("=HH", 4 + len(data), kind) + data + b"\0" * pad


def u32(kind, val):
    return attr(kind, struct.pack("=I", val))


def text(kind, val):
    val = val.encode() if isinstance(val, str) else val
    return attr(kind, val + b"\0")


def nest(kind, *attrs):
    return attr(kind | NLA_F_NESTED, b"".join(attrs))


def parse(data):
    out = {}
    while len(data) >= 4:
        size, kind = struct.unpack_from("=HH", data)
        if size < 4:
            break
        out[kind & 0x3fff] = data[4:size]
        data = data[(size + 3) & ~3:]
    return out


class Netlink:
    def __init__(self, proto, strict=False):
        self.sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW
                                  | socket.SOCK_CLOEXEC, proto)
        self.sock.bind((0, 0))
        self.sock.setsockopt(SOL_NETLINK, 11, 1)        # NETLINK_EXT_ACK
        if strict:
            self.sock.setsockopt(SOL_NETLINK, 12, 1)    # GET_STRICT_CHK
        self.sock.settimeout(30)
        self.seq = 0

    def send(self, kind, flags, payload):
        self.seq += 1
        msg = struct.pack("=IHHII", 16 + len(payload), kind,
                          flags | NLM_F_REQUEST, self.seq, 0) + payload
        self.sock.send(msg)

    @staticmethod
    def split(buf):
        while len(buf) >= 16:
            size, kind, flags, seq, _ = struct.unpack_from("=IHHII", buf)
            yield kind, flags, seq, buf[16:size]
            buf = buf[(size + 3) & ~3:]

    @staticmethod
    def raise_error(flags, body):
        err = -struct.unpack_from("=i", body)[0]
        if not err:
            return
        extack, bad = "", None
        if flags & NLM_F_ACK_TLVS:
            off = 20
            if not flags & NLM_F_CAPPED:
                size = struct.unpack_from("=I", body, 4)[0]
                off = 4 + ((size + 3) & ~3)
            tlv = parse(body[off:])
            extack = tlv.get(1, b"").rstrip(b"\0").decode()
            bad = struct.unpack("=I", tlv[2])[0] if 2 in tlv else None
        raise NlError(err, extack, bad)

    def request(self, kind, flags, payload):
        """Send, return the payloads of the replies, raise NlError."""
        self.send(kind, flags | NLM_F_ACK, payload)
        out = []
        while True:
            for kind, flg, seq, body in self.split(self.sock.recv(1 << 17)):
                if seq != self.seq:
                    continue
                if kind == NLMSG_ERROR:
                    self.raise_error(flg, body)
                    return out
                if kind == NLMSG_DONE:
                    if len(body) >= 4 and struct.unpack_from("=i", body)[0]:
                        # DONE carries the errno at offset 0, TLVs after it
                        err = -struct.unpack_from("=i", body)[0]
                        tlv = parse(body[4:]) if flg & NLM_F_ACK_TLVS else {}
                        raise NlError(err, tlv.get(1, b"").rstrip(b"\0")
                                      .decode(), None)
                    return out
                out.append(body)

    def genl_family(self, name):
        """Number of a generic netlink family, and what else is known of it."""
        ctrl = self.request(GENL_ID_CTRL, 0,
                            struct.pack("=BBH", CTRL_CMD_GETFAMILY, 1, 0)
                            + text(2, name))
        info = parse(ctrl[0][4:])
        return struct.unpack("=H", info[1])[0], info

    def close(self):
        self.sock.close()


def table_of(ctx):
    """FIB table of a context (of context 0: main)."""
    return TABLE_BASE + ctx if ctx else 254


def decode(body):
    """A vrctx reply or notification as {"id": 1, …}."""
    out = {}
    for kind, data in parse(body[4:]).items():
        if kind in (A_NAME, A_IFNAME):
            out[FIELDS[kind]] = data.rstrip(b"\0").decode()
        elif kind in FIELDS:
            out[FIELDS[kind]] = int.from_bytes(data, "little")
    return out


def args(id=None, name=None, force=False, ifindex=None, ifname=None, pid=None):
    """Attributes of a vrctx request. pylint: disable=redefined-builtin"""
    out = b""
    out += u32(A_ID, id) if id is not None else b""
    out += text(A_NAME, name) if name is not None else b""
    out += attr(A_FORCE) if force else b""
    out += u32(A_IFINDEX, ifindex) if ifindex is not None else b""
    out += text(A_IFNAME, ifname) if ifname is not None else b""
    out += u32(A_PID, pid) if pid is not None else b""
    return out


class Vrctx(Netlink):
    """The generic netlink family of the namespace it was opened in."""
    def __init__(self, listen=False):
        super().__init__(NETLINK_GENERIC)
        self.family, self.info = self.genl_family("vrctx")
        self.group = None
        for grp in parse(self.info.get(7, b"")).values():
            one = parse(grp)
            if one[1].rstrip(b"\0") == b"events":
                self.group = struct.unpack("=I", one[2])[0]
        if listen:
            self.sock.setsockopt(SOL_NETLINK, 1, self.group)

    def bodies(self, cmd, data=b"", flags=0):
        """Any bytes as attributes of any command; the replies."""
        head = struct.pack("=BBH", cmd, 1, 0)
        return self.request(self.family, flags, head + data)

    def raw(self, cmd, data=b"", flags=0):
        """The same, with decoded replies."""
        return [decode(b) for b in self.bodies(cmd, data, flags)]

    def call(self, cmd, **kwargs):
        out = self.raw(cmd, args(**kwargs))
        return out[0] if out else None

    def dump(self, cmd, **kwargs):
        return self.raw(cmd, args(**kwargs), NLM_F_DUMP)

    def new(self, id=None, name=None):
        return self.call(CTX_NEW, id=id, name=name)

    def delete(self, id=None, name=None, force=False):
        return self.call(CTX_DEL, id=id, name=name, force=force)

    def get(self, **kwargs):
        return self.call(CTX_GET, **kwargs)

    def move(self, ifname, ctx):
        return self.call(DEV_SET, ifname=ifname, id=ctx)

    def stats(self, ctx):
        return self.call(STATS_GET, id=ctx)

    def events(self, count):
        """The next count notifications as (cmd, fields)."""
        out = []
        while len(out) < count:
            for kind, _, _, body in self.split(self.sock.recv(1 << 16)):
                if kind == self.family:
                    out.append((body[0], decode(body)))
        return out
