# SPDX-License-Identifier: GPL-2.0
"""What only IPv6 has: advertisements, routing headers, multicast listeners.

For tests that are the IPv6 variant alone ("families: 6").
"""
import struct

from vr_fam import group_mac, ip, packed, split_prefix, unpacked
from vr_hdr import ADVERT, ETH_IPV6, HMAC, Packet, discovery
from vr_nl import table_of

ALL_NODES = "ff02::1"
ROUTER_SOLICIT, ROUTER_ADVERT, MLD_REPORT = 133, 134, 143
NA_ROUTER, NA_SOLICITED, NA_OVERRIDE = 0x80000000, 0x40000000, 0x20000000


def eui64(prefix, mac):
    """The address that a host with this MAC gives itself."""
    net = packed(split_prefix(prefix)[0])[:8]
    return unpacked(net + bytes([mac[0] ^ 2]) + mac[1:3] + b"\xff\xfe"
                    + mac[3:])


def na(target, mac=HMAC, flags=NA_OVERRIDE, dst=ALL_NODES, src=None):
    """A neighbour advertisement, as neigh_reply() returns it."""
    to = group_mac(dst) if packed(dst)[0] == 0xff else None
    return (to, ETH_IPV6, discovery(ADVERT, flags, packed(target) + b"\2\1"
                                    + mac, src or target, dst))


# ---- router advertisements and their options ----

def ra(src, life, *options, mac=HMAC):
    """As neigh_reply() returns it; life is that of the default route."""
    data = bytes(8) + b"\1\1" + mac + b"".join(options)
    return (group_mac(ALL_NODES), ETH_IPV6,
            discovery(ROUTER_ADVERT, 64 << 24 | life, data, src, ALL_NODES))


def ra_prefix(prefix, life=3600):
    """On the link, and to make addresses from."""
    addr, plen = split_prefix(prefix)
    return struct.pack("!BBBBIII16s", 3, 4, plen, 0xc0, life, life, 0,
                       packed(addr))


def ra_route(prefix, life=3600):
    addr, plen = split_prefix(prefix)
    return struct.pack("!BBBBI16s", 24, 3, plen, 0, life, packed(addr))


def where(rt, prefix, contexts, kind=1):
    """Which contexts have the route: {context: [gateway or None]}."""
    key = (ip("0.0.0.0/0") if prefix == "default" else ip(prefix), kind)
    out = {}
    for ctx in contexts:
        for got, attrs in rt.all_routes(table_of(ctx)):
            if got == key:
                gate = attrs.get(5)
                out.setdefault(ctx, []).append(gate and unpacked(gate))
    return out


def tables(rt, prefix, kind=1):
    """All tables that have the route, whosever they are."""
    key = (ip("0.0.0.0/0") if prefix == "default" else ip(prefix), kind)
    return sorted(struct.unpack("=I", attrs[15])[0]
                  for got, attrs in rt.all_routes(0) if got == key)


# ---- multicast listeners ----

def mld_records(payload):
    """(kind of record, group) of a version 2 report."""
    pkt = Packet(payload)
    out, data = [], pkt.data
    if pkt.type != MLD_REPORT:
        return out
    for _ in range(pkt.rest & 0xffff):
        record, words, sources = struct.unpack_from("!BBH", data)
        out.append((record, unpacked(data[4:20])))
        data = data[20 + 16 * sources + 4 * words:]
    return out


def members(dev):
    """Groups that a device listens to: {address: users}."""
    out = {}
    with open("/proc/thread-self/net/igmp6", encoding="ascii") as f:
        for line in f:
            _, name, group, users = line.split()[:4]
            if name == dev:
                out[unpacked(bytes.fromhex(group))] = int(users)
    return out
