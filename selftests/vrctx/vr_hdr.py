# SPDX-License-Identifier: GPL-2.0
"""Packets of both families: IP headers, ICMP, neighbour resolution.

The family of a packet is that of its addresses. Fragments are described as
IPv4 does, by an ident and by frag, the flags DF and MF with the offset in
units of eight bytes; in IPv6 that is a fragment header, and DF goes without
saying.
"""
import socket
import struct

from vr_fam import (ICMP, V6, family_of, group_mac, ip, packed,
                    pick, unpacked)

ETH_IP, ETH_ARP, ETH_VLAN, ETH_IPV6 = 0x0800, 0x0806, 0x8100, 0x86dd
ETH = pick(ETH_IP, ETH_IPV6)
# What IPv6 does by ICMP and IPv4 mostly does not: told apart from other
# packets as if by the Ethernet type. (Groups are IGMP, a protocol of IPv4.)
NEIGH, GROUPS, ROUTERS = pick((ETH_ARP, ETH_IP, ETH_IP), ("nd", "mld", "ra"))
APART = {130: GROUPS, 131: GROUPS, 132: GROUPS, 143: GROUPS, 133: ROUTERS,
         134: ROUTERS, 135: NEIGH, 136: NEIGH}
HMAC = b"\x02\0\0\0\0\x02"              # of every wire: equal in all contexts
BROADCAST = b"\xff" * 6
DF, MF, OFFSET = 0x4000, 0x2000, 0x1fff
FRAGMENT, EXTENSIONS = 44, (0, 43, 44, 60)
SOLICIT, ADVERT, REDIRECT = 135, 136, 137


def csum(data):
    if len(data) & 1:
        data += b"\0"
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def pseudo(proto, payload, src, dst):
    """The sum over the pseudo header; its layout makes no difference."""
    return csum(packed(src) + packed(dst)
                + struct.pack("!BBH", 0, proto, len(payload)) + payload)


def ip_header(proto, size, src, dst, ident=0, frag=0, ttl=64):
    if family_of(dst) == socket.AF_INET:
        head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + size, ident, frag,
                           ttl, proto, 0, packed(src), packed(dst))
        return head[:10] + struct.pack("!H", csum(head)) + head[12:]
    more = b""
    if frag & (MF | OFFSET):
        more = struct.pack("!BxHI", proto, (frag & OFFSET) << 3
                           | bool(frag & MF), ident)
        proto = FRAGMENT
    return struct.pack("!IHBB16s16s", 6 << 28, len(more) + size, proto, ttl,
                       packed(src), packed(dst)) + more


def icmp_message(kind, code, rest, data, src, dst):
    msg = struct.pack("!BBHI", kind, code, 0, rest) + data
    val = pseudo(ICMP, msg, src, dst) if V6 else csum(msg)
    return msg[:2] + struct.pack("!H", val) + msg[4:]


class Packet:
    """A received packet, taken apart as far as the tests look."""
    def __init__(self, raw):
        self.raw = raw
        if raw[0] >> 4 == 6:
            self.head6(raw)
        else:
            self.ihl = (raw[0] & 15) * 4
            (self.len, self.ident, self.frag, self.ttl,
             self.proto) = struct.unpack_from("!HHHBB", raw, 2)
            self.src, self.dst = unpacked(raw[12:16]), unpacked(raw[16:20])
        self.body = raw[self.ihl:self.len]
        self.sport = self.dport = self.flags = self.type = self.code = None
        self.icmp = None
        if self.frag & OFFSET:
            return
        if self.proto in (6, 17) and len(self.body) >= 8:
            self.sport, self.dport = struct.unpack_from("!HH", self.body)
        if self.proto == 6 and len(self.body) >= 20:
            self.seq, self.ack, off, self.flags = struct.unpack_from(
                "!IIBB", self.body, 4)
            self.data = self.body[(off >> 4) * 4:]
        elif self.proto == 17:
            self.data = self.body[8:]
        elif self.proto == ICMP and len(self.body) >= 8:
            self.icmp = self.type, self.code = tuple(self.body[:2])
            self.rest = struct.unpack_from("!I", self.body, 4)[0]
            self.data = self.body[8:]

    def head6(self, raw):
        size, self.proto, self.ttl = struct.unpack_from("!HBB", raw, 4)
        self.len = 40 + size
        self.src, self.dst = unpacked(raw[8:24]), unpacked(raw[24:40])
        self.ihl, self.ident, self.frag = 40, 0, 0
        while self.proto in EXTENSIONS and not self.frag & OFFSET:
            follows, size = raw[self.ihl:self.ihl + 2]
            if self.proto == FRAGMENT:
                off, self.ident = struct.unpack_from("!HI", raw, self.ihl + 2)
                self.frag = off >> 3 | (MF if off & 1 else 0)
                size = 0
            self.ihl += 8 * (size + 1)
            self.proto = follows

    def __repr__(self):
        return (f"<{self.src}:{self.sport} > {self.dst}:{self.dport} "
                f"proto {self.proto} flags {self.flags} icmp "
                f"{self.type}/{self.code} len {self.len}>")


def kind_of(ethertype, payload):
    """ETH, NEIGH, GROUPS, ROUTERS or any other Ethernet type."""
    if V6 and ethertype == ETH_IPV6:
        return APART.get(Packet(payload).type, ETH)
    return ethertype


def quote(pkt):
    """The part of a packet that an ICMP error carries at least."""
    return pkt[:28] if pkt[0] >> 4 == 4 else pkt[:48]


# ---- ARP and neighbour discovery ----

def arp(oper, sip, tip, sha=HMAC, tha=b"\0" * 6):
    return struct.pack("!HHBBH6s4s6s4s", 1, ETH_IP, 6, 4, oper, sha,
                       packed(sip), tha, packed(tip))


def discovery(kind, flags, data, src, dst):
    """An IPv6 packet of neighbour discovery."""
    msg = icmp_message(kind, 0, flags, data, src, dst)
    return ip_header(ICMP, len(msg), src, dst, ttl=255) + msg


def neigh_request(sip, tip, sha=HMAC):
    """Who has tip? As (frame's destination, Ethernet type, payload)."""
    if not V6:
        return BROADCAST, ETH_ARP, arp(1, sip, tip, sha)
    group = unpacked(packed("ff02::1:ff00:0")[:13] + packed(tip)[13:])
    data = packed(tip)
    if ip(sip) != "::":
        data += b"\1\1" + sha
    return (group_mac(group), ETH_IPV6,
            discovery(SOLICIT, 0, data, sip, group))


def neigh_reply(sip, tip, sha=HMAC, tha=b"\0" * 6):
    """sip is at sha, said to tip."""
    if not V6:
        return tha, ETH_ARP, arp(2, sip, tip, sha, tha)
    return (tha, ETH_IPV6, discovery(ADVERT, 0x60000000,
                                     packed(sip) + b"\2\1" + sha, sip, tip))


def neigh_of(payload):
    """What a frame of kind NEIGH says, as a tuple: is it a reply, sender's
    address, sender's MAC (None: not told), the address asked for or told.
    """
    if not V6:
        oper, sha, sip, _, tip = struct.unpack("!6xH6s4s6s4s", payload[:28])
        return oper == 2, unpacked(sip), sha, unpacked(sip if oper == 2
                                                       else tip)
    pkt = Packet(payload)
    return (pkt.type == ADVERT, pkt.src, pkt.data[18:24] or None,
            unpacked(pkt.data[:16]))


def redirect(src, dst, about, target, gate, mac):
    """A redirect from src to dst: target is better sent by gate. Of IPv6 one
    need not say about which packet.
    """
    if not V6:
        msg = icmp_message(5, 1, struct.unpack("!I", packed(gate))[0],
                           quote(about), src, dst)
        return ip_header(ICMP, len(msg), src, dst) + msg
    data = packed(gate) + packed(target) + b"\2\1" + mac
    if about:
        about = quote(about)
        data += struct.pack("!BB6x", 4, 1 + len(about) // 8) + about
    return discovery(REDIRECT, 0, data, src, dst)
