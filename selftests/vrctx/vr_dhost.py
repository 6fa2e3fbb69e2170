# SPDX-License-Identifier: GPL-2.0
"""Distributed hosts: the module and its netlink family."""
import os
import struct
import threading

from vr_fam import family_of, ip, packed, unpacked
from vr_net import LIBC, TCP, sock
from vr_nl import (NETLINK_GENERIC, NLM_F_DUMP, SOL_NETLINK, Netlink, attr,
                   parse, text)
from vr_tap import eq, skip_all

TCP_P, UDP_P = 6, 17
SHARED, CLIENT = ip("10.0.0.1"), ip("10.0.0.100")
SNET, CNET = ip("10.0.0.1/24"), ip("10.0.0.100/24")
NOBODY = 0

(HOST_GET, HOST_NEW, HOST_DEL, HOST_SET, HOST_NTF, HOST_DEL_NTF, MEMBER_NEW,
 MEMBER_DEL, PORT_GET, PORT_SET, PORT_DEL, SOCK_GET, SOCK_NTF, BIND_NTF,
 GRANT) = range(1, 16)
NAMES = ("address", "context", "own", "lead", "epoch", "node", "ifindex",
         "ifname", "lladdr", "slice_min", "slice_max", "protocol", "port",
         "port_last", "ports", "member", "stats", "grants", "timeout", "seq",
         "event", "cookie", "peer", "peer_port", "pid", "deny", "pad",
         "v6only", "handover", "owner")
ATTR = {name: num for num, name in enumerate(NAMES, 1)}
MEMBER = ("node", "ifindex", "lladdr", "slice_min", "slice_max")
STATS = ("local", "lead", "handed_over", "flooded", "ignored", "failed",
         "from_member", "fragments", "arp_ignored", "arp_silenced", "pad",
         "spread", "moved")
EVENTS = ("bound", "listening", "child", "connected", "closed",
          "accepted")
FORMAT = {"slice_min": "=H", "slice_max": "=H", "port": "=H",
          "port_last": "=H", "peer_port": "=H", "protocol": "=B",
          "epoch": "=Q", "seq": "=Q", "cookie": "=Q"}


def modules():
    with open("/proc/modules", encoding="ascii") as f:
        return {line.split()[0] for line in f}


def load():
    """Load the module; in a kernel with it built in it is there."""
    if "vr_dhost" in modules():
        return
    path = os.environ.get("VR_DHOST_KO") or \
        f"/repo/build/modules/{os.environ.get('VRCTX_FLAVOUR', 'vm')}" \
        "/vr_dhost.ko"
    if not os.path.exists(path):
        skip_all(f"there is no {path}")
    fd = os.open(path, os.O_RDONLY)
    ret = LIBC.syscall(313, fd, b"", 0)         # finit_module
    os.close(fd)
    eq(ret, 0, "finit_module")


def unload():
    eq(LIBC.syscall(176, b"vr_dhost", os.O_NONBLOCK), 0, "delete_module")


def encode(kwargs):
    out = b""
    for name, val in kwargs.items():
        if val is None:
            continue
        if name == "deny":
            out += attr(ATTR[name])
        elif name == "ifname":
            out += text(ATTR[name], val)
        elif name == "address":
            out += attr(ATTR[name], packed(val)
                        if isinstance(val, str) else val)
        elif name == "lladdr":
            out += attr(ATTR[name], val)
        elif name == "owner":
            out += b"".join(attr(ATTR[name], struct.pack("=I", one))
                            for one in val)
        else:
            out += attr(ATTR[name], struct.pack(FORMAT.get(name, "=I"), val))
    return out


def value(name, data):
    if name in ("address", "peer"):
        return unpacked(data)
    return data if name == "lladdr" else int.from_bytes(data, "little")


def nested(names, data):
    return {names[k - 1]: value(names[k - 1], v)
            for k, v in parse(data).items() if k <= len(names)}


def decode(body):
    """A reply or notification as a dictionary; members by node."""
    out = {"member": {}}
    data = body[4:]
    while len(data) >= 4:
        size, kind = struct.unpack_from("=HH", data)
        name, val = NAMES[(kind & 0x3fff) - 1], data[4:size]
        data = data[(size + 3) & ~3:]
        if name == "member":
            one = nested(MEMBER, val)
            out["member"][one["node"]] = one
        elif name == "stats":
            out["stats"] = nested(STATS, val)
        elif name == "v6only":
            out[name] = True
        elif name == "owner":
            out.setdefault(name, []).append(value(name, val))
        elif name != "pad":
            out[name] = value(name, val)
    return out


class Dhost(Netlink):
    """The family "vr_dhost" of the namespace it was opened in."""

    def __init__(self, listen=False):
        super().__init__(NETLINK_GENERIC)
        self.family, info = self.genl_family("vr_dhost")
        group = parse(next(iter(parse(info[7]).values())))
        self.group = struct.unpack("=I", group[2])[0]
        if listen:
            self.sock.setsockopt(SOL_NETLINK, 1, self.group)

    def raw(self, cmd, data=b"", flags=0):
        return [decode(b) for b in
                self.request(self.family, flags,
                             struct.pack("=BBH", cmd, 1, 0) + data)]

    def call(self, cmd, **kwargs):
        kwargs.setdefault("address", SHARED)
        out = self.raw(cmd, encode(kwargs))
        return out[0] if out else None

    def dump(self, cmd, **kwargs):
        return self.raw(cmd, encode(kwargs), NLM_F_DUMP)

    def events(self, count, cmds=None):
        """The next events as (command, fields), of certain commands only."""
        out = []
        while len(out) < count:
            for kind, _, _, body in self.split(self.sock.recv(1 << 16)):
                if kind == self.family and (not cmds or body[0] in cmds):
                    out.append((body[0], decode(body)))
        return out

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Binder(threading.Thread):
    """bind() in a thread of its own; .result is 0 or the errno."""

    def __init__(self, ctx, port, kind=TCP, addr=SHARED):
        super().__init__()
        self.sock = sock(kind, ctx, af=family_of(addr))
        self.to, self.result = (addr, port), None
        self.start()

    def run(self):
        try:
            self.sock.bind(self.to)
            self.result = 0
        except OSError as err:
            self.result = err.errno

    def end(self):
        self.join(20)
        self.sock.close()
        return self.result


def mac(num):
    return bytes([2, 0, 0, 0, 0, num])
