# SPDX-License-Identifier: GPL-2.0
"""Frames by hand: the far end of a link without an IP stack.

A Wire answers nothing by itself, so a test can play any peer: half a
handshake, a forged RST, an ICMP error about somebody else's flow. sync() is
how a test knows that all it sent has been dealt with, without waiting by the
clock: it pings the router and returns what came before the echo reply. (One
CPU handles one veth in order, so the reply cannot overtake.)
"""
import contextlib
import os
import select
import socket
import struct
import subprocess
import time

import vr_fam
from vr_fam import ECHO_REPLY, ECHO_REQUEST, ICMP, UNREACH
from vr_hdr import (BROADCAST, DF, ETH, ETH_ARP, ETH_IP, ETH_IPV6, GROUPS,
                    HMAC, MF, NEIGH, Packet, arp, csum, icmp_message,
                    ip_header, kind_of, neigh_of, neigh_reply, neigh_request,
                    pseudo, quote, redirect)
from vr_net import HIP, RIP, RNET, Netns, both_run
from vr_tap import slow

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16


def ip_packet(proto, payload, src=HIP, dst=RIP, ident=0, frag=0, ttl=64):
    return ip_header(proto, len(payload), src, dst, ident, frag, ttl) + payload


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


def icmp(kind, code, rest=0, data=b"", src=HIP, dst=RIP):
    return icmp_message(kind, code, rest, data, src, dst)


class Wire:
    """The far end of a new link into one context of a Lab."""
    counter = 0

    def __init__(self, lab, ctx, dev=None, cidr=RNET, ip=HIP,
                 static=True, mtu=None):
        self.lab, self.ctx, self.ip = lab, ctx, vr_fam.ip(ip)
        self.rip = vr_fam.ip(cidr).split("/")[0] if cidr else RIP
        self.dev = dev or f"w{ctx}"
        self.far = Netns(ipv6=False)
        lab.rt.veth(self.dev, "eth0", self.far.fd, mtu=mtu)
        if ctx:
            lab.vr.move(self.dev, ctx)
        if cidr:
            lab.rt.addr(self.dev, cidr)
        self.static = static
        self.far.rt.link_set("eth0", up=True, mac=HMAC)
        self.up()
        self.rmac, self.head = lab.rt.link(self.dev)[1], b""
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
        return sum(p.proto == ICMP and p.type == UNREACH for p in self.sync())

    def send(self, payload, ethertype=ETH, dst=None):
        self.sock.send((dst or self.rmac) + HMAC
                       + struct.pack("!H", ethertype) + payload)

    def send_ip(self, proto, payload, mac=None, **kwargs):
        kwargs.setdefault("src", self.ip)
        kwargs.setdefault("dst", self.rip)
        pkt = ip_packet(proto, payload, **kwargs)
        self.send(pkt, ETH_IPV6 if pkt[0] >> 4 == 6 else ETH_IP, mac)

    def send_tcp(self, sport, dport, seq, ack=0, flags=ACK, data=b"", **kw):
        src, dst = kw.pop("src", self.ip), kw.pop("dst", self.rip)
        self.send_ip(6, tcp_segment(sport, dport, seq, ack, flags, data, src,
                                    dst, **kw), src=src, dst=dst)

    def send_udp(self, sport, dport, data=b"", src=None, dst=None, mac=None):
        src, dst = src or self.ip, dst or self.rip
        self.send_ip(17, udp_datagram(sport, dport, data, src, dst),
                     mac=mac, src=src, dst=dst)

    def send_icmp(self, kind, code, rest=0, data=b"", **kwargs):
        src, dst = kwargs.get("src", self.ip), kwargs.get("dst", self.rip)
        self.send_ip(ICMP, icmp(kind, code, rest, data, src, dst), **kwargs)

    @contextlib.contextmanager
    def at_once(self):
        """What is sent in the block arrives together: a device that polls takes
        it as a list.
        """
        def plug(cmd, *how):
            with self.far:
                subprocess.run(["tc", "qdisc", cmd, "dev", "eth0", "root",
                                "plug", *how], check=True)
        plug("add")
        try:
            yield
            plug("change", "release_indefinite")
        finally:
            plug("del")

    def send_neigh(self, frame):
        """What neigh_request() or neigh_reply() made."""
        self.send(frame[2], frame[1], frame[0])

    def frames(self, timeout):
        """(kind, payload) of frames from the router; see kind_of(). Its
        Ethernet header is .head.
        """
        end = time.monotonic() + timeout * slow()
        while True:
            left = end - time.monotonic()
            if left < 0 or not select.select([self.sock], [], [], left)[0]:
                return
            frame, addr = self.sock.recvfrom(65536)
            if addr[2] != socket.PACKET_OUTGOING:
                self.head = frame[:14]
                kind = struct.unpack_from("!H", frame, 12)[0]
                yield kind_of(kind, frame[14:]), frame[14:]

    def expect(self, match, what, timeout=5):
        """The next packet of the family that match() likes; others, and
        those of kinds that are told apart, are dropped.
        """
        seen = []
        for kind, payload in self.frames(timeout):
            if kind != ETH:
                continue
            pkt = Packet(payload)
            if match(pkt):
                return pkt
            seen.append(pkt)
        raise AssertionError(f"no {what} on {self.dev}; saw {seen}")

    def sync(self, kinds=(ETH,)):
        """All that came before the reply to a ping sent now: packets of the
        family as Packet, other kinds as they are.
        """
        Wire.counter = (Wire.counter + 1) & 0xffff
        mark = (0x7673 << 16) | Wire.counter
        self.send_icmp(*ECHO_REQUEST, mark, b"sync")
        out = []
        for kind, payload in self.frames(10):
            if kind == ETH:
                payload = Packet(payload)
                if payload.icmp == ECHO_REPLY and payload.rest == mark:
                    return out
            if kind in kinds:
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


# For "from vr_pkt import": what tests need of vr_hdr, too
__all__ = ["ACK", "BROADCAST", "DF", "ETH", "ETH_ARP", "ETH_IPV6", "FIN",
           "GROUPS", "HMAC", "MF", "NEIGH", "PSH", "Packet", "Peer", "RST",
           "SYN", "Wire", "arp", "csum", "icmp", "ip_packet", "neigh_of",
           "neigh_reply", "neigh_request", "quote", "redirect",
           "tcp_segment", "udp_datagram"]
