# SPDX-License-Identifier: GPL-2.0
"""Distributed hosts: the module's netlink family, and a cluster in one guest.

	 client: eth0 10.0.0.100 ---+
				    | br0 (a namespace of its own)
	 node 1: eth0 10.0.0.11 ----+
	 node 2: eth0 10.0.0.12 ----+	10.0.0.1 is on eth0 of each node, too
	 node 3: eth0 10.0.0.13 ----+

Each node is a namespace, its eth0 in the context that the cluster is for.
"""
import os
import socket
import struct
import threading
import time

from vr_hdr import BROADCAST, ETH_ARP, ETH_IP, Packet, arp
from vr_net import LIBC, TCP, Netns, both_run, sock
from vr_nl import (NETLINK_GENERIC, NLM_F_DUMP, SOL_NETLINK, Netlink, Vrctx,
                   attr, parse, text, u32)
from vr_pkt import icmp, ip_packet, tcp_segment, udp_datagram
from vr_tap import eq, require, skip_all, slow, wait

TCP_P, UDP_P, ICMP_P = 6, 17, 1
SHARED, CLIENT = "10.0.0.1", "10.0.0.100"
NOBODY = 0

(HOST_GET, HOST_NEW, HOST_DEL, HOST_SET, HOST_NTF, HOST_DEL_NTF, MEMBER_NEW,
 MEMBER_DEL, PORT_GET, PORT_SET, PORT_DEL, SOCK_GET, SOCK_NTF, BIND_NTF,
 GRANT) = range(1, 16)
NAMES = ("address", "context", "own", "lead", "epoch", "node", "ifindex",
         "ifname", "lladdr", "slice_min", "slice_max", "protocol", "port",
         "port_last", "ports", "member", "stats", "grants", "timeout", "seq",
         "event", "cookie", "peer", "peer_port", "pid", "deny", "pad")
ATTR = {name: num for num, name in enumerate(NAMES, 1)}
MEMBER = ("node", "ifindex", "lladdr", "slice_min", "slice_max")
STATS = ("local", "lead", "handed_over", "flooded", "ignored", "failed",
         "from_member", "fragments", "arp_ignored", "arp_silenced")
EVENTS = ("bound", "listening", "child", "connected", "closed")
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
            out += attr(ATTR[name], socket.inet_aton(val)
                        if isinstance(val, str) else val)
        elif name == "lladdr":
            out += attr(ATTR[name], val)
        else:
            out += attr(ATTR[name], struct.pack(FORMAT.get(name, "=I"), val))
    return out


def value(name, data):
    if name in ("address", "peer"):
        return socket.inet_ntoa(data)
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
        self.sock = sock(kind, ctx)
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


class Node:
    def __init__(self, cluster, num):
        self.num, self.ctx, self.mac = num, cluster.ctx, mac(num)
        self.ip = f"10.0.0.{10 + num}"
        self.ns = Netns()
        cluster.plug(self.ns, f"p{num}", self.mac)
        with self.ns:
            self.rt = self.ns.rt
            self.vr = Vrctx()
            self.dh = Dhost()
            if self.ctx:
                self.vr.new(self.ctx)
                self.vr.move("eth0", self.ctx)
            self.rt.addr("eth0", self.ip + "/24")

    def call(self, cmd, **kwargs):
        return self.dh.call(cmd, context=self.ctx, **kwargs)

    def sock(self, kind, port, addr=SHARED, **kwargs):
        with self.ns:
            return sock(kind, self.ctx, (addr, port), **kwargs)

    def stats(self):
        return self.call(HOST_GET)["stats"]


class Cluster:
    """Three nodes with one address, and a client beside them."""

    def __init__(self, ctx=0, nodes=3, lead=1, addr=SHARED, slices=False):
        require()
        load()
        self.ctx, self.lead = ctx, lead
        self.switch = Netns()
        self.switch.join()
        self.bridge = self.switch.rt.link_add("br0", "bridge")
        self.switch.rt.link_set("br0", up=True)
        self.client = Netns()
        self.plug(self.client, "pc", mac(100))
        self.client.rt.addr("eth0", CLIENT + "/24")
        self.client.rt.link_set("eth0", up=True)
        with self.client:
            self.packet = socket.socket(socket.AF_PACKET, socket.SOCK_RAW,
                                        socket.htons(3))
            self.packet.bind(("eth0", 3))
            self.packet.setsockopt(socket.SOL_SOCKET, 33, 1 << 22)
        self.nodes = {num: Node(self, num) for num in range(1, nodes + 1)}
        for node in self.nodes.values():
            first = 20000 + 1000 * node.num
            own = {"slice_min": first, "slice_max": first + 999} \
                if slices else {}
            node.call(HOST_NEW, own=node.num, **own)
            node.rt.link_set("eth0", up=True)
            for other in self.nodes.values():
                if other is not node:
                    first = 20000 + 1000 * other.num
                    own = {"slice_min": first, "slice_max": first + 999} \
                        if slices else {}
                    node.call(MEMBER_NEW, node=other.num, ifname="eth0",
                              lladdr=other.mac, **own)
            node.rt.addr("eth0", addr + "/24")
        for num, node in self.nodes.items():
            both_run(self.switch.rt, f"p{num}", node.rt)
        self.set_lead(lead)
        self.mark = 0

    def plug(self, far, port, address):
        """A cable from the switch to a namespace."""
        with self.switch:
            rt = self.switch.rt
            rt.veth(port, "eth0", far.fd)
            rt.link_set(port, up=True, master=self.bridge)
        far.rt.link_set("eth0", mac=address)

    def set_lead(self, lead):
        """The old one goes, then the new one comes; the others hear of it."""
        for num in sorted(self.nodes, key=lambda n: n == lead):
            self.nodes[num].call(HOST_SET, lead=lead)
        self.lead = lead

    def own(self, proto, port, node, last=None):
        for one in self.nodes.values():
            one.call(PORT_SET, protocol=proto, port=port, port_last=last,
                     node=node)

    def disown(self, proto, port, last=None):
        for one in self.nodes.values():
            one.call(PORT_DEL, protocol=proto, port=port, port_last=last)

    def send(self, payload, ethertype=ETH_IP, dst=None):
        self.packet.send((dst or mac(self.lead)) + mac(100)
                         + struct.pack("!H", ethertype) + payload)

    def send_ip(self, proto, payload, dst=None, **kwargs):
        self.send(ip_packet(proto, payload, CLIENT, SHARED, **kwargs),
                  dst=dst)

    def send_tcp(self, sport, dport, seq, ack=0, flags=16, data=b"", **kwargs):
        self.send_ip(TCP_P, tcp_segment(sport, dport, seq, ack, flags, data,
                                        CLIENT, SHARED), **kwargs)

    def send_udp(self, sport, dport, data=b"", **kwargs):
        self.send_ip(UDP_P, udp_datagram(sport, dport, data, CLIENT, SHARED),
                     **kwargs)

    def ask(self, sip=CLIENT):
        """ARP for the address: MACs that answer."""
        self.send(arp(1, sip, SHARED, mac(100)), ETH_ARP, BROADCAST)
        return [frame[22:28] for frame in self.sync((ETH_ARP,))
                if frame[20:22] == b"\0\2"]

    def frames(self):
        """Frames that come to the client, up to a time that is too long."""
        self.packet.settimeout(10 * slow())
        end = time.monotonic() + 10 * slow()
        while time.monotonic() < end:
            frame, addr = self.packet.recvfrom(65536)
            if addr[2] != socket.PACKET_OUTGOING:
                yield frame
        raise AssertionError("no end of frames")

    def sync(self, kinds=(ETH_IP,)):
        """All frames that came until three pings, one after the other, were
        answered: longer than any way through a lead and a node.
        """
        out = []
        for _ in range(3):
            self.mark += 1
            self.send_ip(ICMP_P, icmp(8, 0, 0x76730000 + self.mark, b"sync",
                                      CLIENT, SHARED))
            for frame in self.frames():
                kind = struct.unpack_from("!H", frame, 12)[0]
                if kind == ETH_IP:
                    pkt = Packet(frame[14:])
                    if pkt.icmp == (0, 0) and \
                            pkt.rest == 0x76730000 + self.mark:
                        break
                if kind in kinds:
                    out.append(frame)
        return out

    def answers(self):
        """(MAC, packet) of all that came for the client, but for the pings.
        (What a lead gives to all nodes passes here, too.)
        """
        return [(frame[6:12], Packet(frame[14:])) for frame in self.sync()
                if frame[:6] == mac(100)]

    def close(self):
        """Namespaces go when the last socket in them does."""
        self.packet.close()
        for node in self.nodes.values():
            node.dh.close()
            node.vr.close()
            node.ns.close()
        self.client.close()
        self.switch.close()


__all__ = ["BIND_NTF", "Binder", "CLIENT", "Cluster", "Dhost", "EVENTS", "GRANT",
           "HOST_DEL", "HOST_DEL_NTF", "HOST_GET", "HOST_NEW", "HOST_NTF",
           "HOST_SET", "ICMP_P", "MEMBER_DEL", "MEMBER_NEW", "Node", "PORT_DEL",
           "PORT_GET", "PORT_SET", "SHARED", "SOCK_GET", "SOCK_NTF", "TCP_P",
           "UDP_P", "encode", "load", "mac", "modules", "u32", "unload",
           "wait"]
