# SPDX-License-Identifier: GPL-2.0
"""Frames by hand: the far end of a link without an IP stack.

A Wire answers nothing by itself, so a test can play any peer: half a
handshake, a forged RST, an ICMP error about somebody else's flow. sync() is
how a test knows that all it sent has been dealt with, without waiting by the
clock: it pings the router and returns what came before the echo reply. (One
CPU handles one veth in order, so the reply cannot overtake.)
"""
import os
import select
import socket
import struct
import time

from vr_net import HIP, RIP, Netns, both_run
from vr_rt import ip4
from vr_tap import slow

ETH_IP, ETH_ARP, ETH_IPV6 = 0x0800, 0x0806, 0x86dd
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
BROADCAST = b"\xff" * 6
HMAC = b"\x02\0\0\0\0\x02"              # of every wire: equal in all contexts
DF = 0x4000
MF = 0x2000


def csum(data):
    if len(data) & 1:
        data += b"\0"
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def ip_packet(proto, payload, src=HIP, dst=RIP, ident=0, frag=0, ttl=64):
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), ident,
                       frag, ttl, proto, 0, ip4(src), ip4(dst))
    return head[:10] + struct.pack("!H", csum(head)) + head[12:] + payload


def pseudo(proto, payload, src, dst):
    return csum(ip4(src) + ip4(dst) + struct.pack("!BBH", 0, proto,
                                                  len(payload)) + payload)


def tcp_segment(sport, dport, seq, ack=0, flags=ACK, data=b"", src=HIP,
                dst=RIP, window=65535, options=b""):
    options += b"\0" * (-len(options) % 4)
    seg = struct.pack("!HHIIBBHHH", sport, dport, seq & 0xffffffff,
                      ack & 0xffffffff, (20 + len(options)) << 2, flags,
                      window, 0, 0) + options + data
    return seg[:16] + struct.pack("!H", pseudo(6, seg, src, dst)) + seg[18:]


def udp_datagram(sport, dport, data=b"", src=HIP, dst=RIP):
    dgram = struct.pack("!HHHH", sport, dport, 8 + len(data), 0) + data
    val = pseudo(17, dgram, src, dst) or 0xffff
    return dgram[:6] + struct.pack("!H", val) + dgram[8:]


def icmp(kind, code, rest=0, data=b""):
    msg = struct.pack("!BBHI", kind, code, 0, rest) + data
    return msg[:2] + struct.pack("!H", csum(msg)) + msg[4:]


def arp(oper, sip, tip, sha=HMAC, tha=b"\0" * 6):
    return struct.pack("!HHBBH6s4s6s4s", 1, ETH_IP, 6, 4, oper, sha, ip4(sip),
                       tha, ip4(tip))


class Packet:
    """A received IPv4 packet, taken apart as far as the tests look."""
    def __init__(self, raw):
        self.raw = raw
        self.ihl = (raw[0] & 15) * 4
        (self.len, self.ident, self.frag, self.ttl,
         self.proto) = struct.unpack_from("!HHHBB", raw, 2)
        self.src = socket.inet_ntoa(raw[12:16])
        self.dst = socket.inet_ntoa(raw[16:20])
        self.body = raw[self.ihl:self.len]
        self.sport = self.dport = self.flags = self.type = self.code = None
        if self.frag & 0x1fff:
            return
        if self.proto in (6, 17) and len(self.body) >= 8:
            self.sport, self.dport = struct.unpack_from("!HH", self.body)
        if self.proto == 6:
            self.seq, self.ack, off, self.flags = struct.unpack_from(
                "!IIBB", self.body, 4)
            self.data = self.body[(off >> 4) * 4:]
        elif self.proto == 17:
            self.data = self.body[8:]
        elif self.proto == 1:
            self.type, self.code = self.body[:2]
            self.rest = struct.unpack_from("!I", self.body, 4)[0]
            self.data = self.body[8:]

    def __repr__(self):
        return (f"<{self.src}:{self.sport} > {self.dst}:{self.dport} "
                f"proto {self.proto} flags {self.flags} icmp "
                f"{self.type}/{self.code} len {self.len}>")


class Wire:
    """The far end of a new link into one context of a Lab."""
    counter = 0

    def __init__(self, lab, ctx, dev=None, cidr=RIP + "/24", ip=HIP,
                 static=True, mtu=None):
        self.lab, self.ctx, self.ip = lab, ctx, ip
        self.rip = cidr.split("/")[0] if cidr else RIP
        self.dev = dev or f"w{ctx}"
        self.far = Netns()
        lab.rt.veth(self.dev, "eth0", self.far.fd, mtu=mtu)
        if ctx:
            lab.vr.move(self.dev, ctx)
        if cidr:
            lab.rt.addr(self.dev, cidr)
        self.static = static
        self.far.rt.link_set("eth0", up=True, mac=HMAC)
        self.up()
        self.rmac = lab.rt.link(self.dev)[1]
        with self.far:
            self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW,
                                      socket.htons(3))
            self.sock.bind(("eth0", 3))

    def up(self):
        """Bring the router's end up, wait until both ends work."""
        self.lab.rt.link_set(self.dev, up=True)
        both_run(self.lab.rt, self.dev, self.far.rt)
        if self.static:
            self.lab.rt.neigh(self.dev, self.ip, HMAC)

    def reborn(self):
        """Delete the context; the link goes into a new one of that number."""
        self.lab.vr.delete(self.ctx, force=True)
        self.lab.vr.new(self.ctx)
        self.lab.vr.move(self.dev, self.ctx)
        self.up()

    def port_errors(self, probes, **kwargs):
        """How many probes of a closed port are answered?"""
        for _ in range(probes):
            self.send_udp(4000, 9, b"probe", **kwargs)
        return sum(p.proto == 1 and p.type == 3 for p in self.sync())

    def send(self, payload, ethertype=ETH_IP, dst=None):
        self.sock.send((dst or self.rmac) + HMAC
                       + struct.pack("!H", ethertype) + payload)

    def send_ip(self, proto, payload, mac=None, **kwargs):
        kwargs.setdefault("src", self.ip)
        kwargs.setdefault("dst", self.rip)
        self.send(ip_packet(proto, payload, **kwargs), dst=mac)

    def send_tcp(self, sport, dport, seq, ack=0, flags=ACK, data=b"", **kw):
        src, dst = kw.pop("src", self.ip), kw.pop("dst", self.rip)
        self.send_ip(6, tcp_segment(sport, dport, seq, ack, flags, data, src,
                                    dst, **kw), src=src, dst=dst)

    def send_udp(self, sport, dport, data=b"", src=None, dst=None, mac=None):
        src, dst = src or self.ip, dst or self.rip
        self.send_ip(17, udp_datagram(sport, dport, data, src, dst),
                     mac=mac, src=src, dst=dst)

    def send_icmp(self, kind, code, rest=0, data=b"", **kwargs):
        self.send_ip(1, icmp(kind, code, rest, data), **kwargs)

    def frames(self, timeout):
        """(ethertype, payload) of frames from the router."""
        end = time.monotonic() + timeout * slow()
        while True:
            left = end - time.monotonic()
            if left < 0 or not select.select([self.sock], [], [], left)[0]:
                return
            frame, addr = self.sock.recvfrom(65536)
            if addr[2] != socket.PACKET_OUTGOING:
                yield struct.unpack_from("!H", frame, 12)[0], frame[14:]

    def expect(self, match, what, timeout=5):
        """The next IPv4 packet that match() likes; others are dropped."""
        seen = []
        for ethertype, payload in self.frames(timeout):
            if ethertype != ETH_IP:
                continue
            pkt = Packet(payload)
            if match(pkt):
                return pkt
            seen.append(pkt)
        raise AssertionError(f"no {what} on {self.dev}; saw {seen}")

    def sync(self, ethertypes=(ETH_IP,)):
        """All that came before the reply to a ping sent now."""
        Wire.counter = (Wire.counter + 1) & 0xffff
        mark = (0x7673 << 16) | Wire.counter
        self.send_icmp(8, 0, mark, b"sync")
        out = []
        for ethertype, payload in self.frames(10):
            if ethertype == ETH_IP:
                pkt = Packet(payload)
                if pkt.proto == 1 and pkt.type == 0 and pkt.rest == mark:
                    return out
                payload = pkt
            if ethertype in ethertypes:
                out.append(payload)
        raise AssertionError(f"no echo reply on {self.dev}")

    def silent(self, what):
        """Nothing but the echo reply may come."""
        got = self.sync()
        if got:
            raise AssertionError(f"{what}: {self.dev} got {got}")


class Peer:
    """A TCP endpoint at the far end of a wire: one connection."""

    def __init__(self, wire, sport, dport, isn=None):
        self.wire, self.sport, self.dport = wire, sport, dport
        self.seq = isn if isn is not None else \
            struct.unpack("=I", os.urandom(4))[0]
        self.ack = 0

    def mine(self, pkt):
        return (pkt.proto == 6 and pkt.sport == self.dport
                and pkt.dport == self.sport)

    def syn(self, options=b"\x02\x04\x05\xb4"):
        """Send a SYN, return the SYN|ACK."""
        self.send(SYN, options=options)
        self.seq += 1
        pkt = self.expect(SYN | ACK)
        self.ack = pkt.seq + 1
        return pkt

    def open(self):
        self.syn()
        self.send(ACK)
        return self

    def send(self, flags=ACK, data=b"", **kwargs):
        self.wire.send_tcp(self.sport, self.dport, self.seq, self.ack, flags,
                           data, **kwargs)
        self.seq += len(data)

    def expect(self, flags, data=None):
        def match(pkt):
            return (self.mine(pkt) and pkt.flags & (flags | RST) == flags
                    and (data is None or pkt.data == data))
        return self.wire.expect(match, f"TCP segment flags {flags}")

    def accept(self):
        """The router connects to us: answer its SYN."""
        pkt = self.expect(SYN)
        self.ack = pkt.seq + 1
        self.send(SYN | ACK)
        self.seq += 1
        return self


def quote(pkt):
    """The part of a packet that an ICMP error carries."""
    return pkt[:28]


ECHO = icmp(8, 0, 1, b"x")
