# SPDX-License-Identifier: GPL-2.0
"""The few rtnetlink requests that the tests need, without running ip(8)."""
import contextlib
import errno
import os
import socket
import struct

from vr_fam import AF, family_of, packed, split_prefix, unpacked
from vr_nl import (NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, NLM_F_REPLACE,
                   Netlink, attr, nest, parse, text, u32)
from vr_tap import wait

RTM_NEWLINK, RTM_DELLINK, RTM_GETLINK = 16, 17, 18
RTM_NEWADDR, RTM_DELADDR, RTM_GETADDR = 20, 21, 22
RTM_NEWROUTE, RTM_DELROUTE, RTM_GETROUTE = 24, 25, 26
RTM_NEWNEIGH, RTM_DELNEIGH, RTM_GETNEIGH = 28, 29, 30
RTM_NEWRULE, RTM_DELRULE, RTM_GETRULE = 32, 33, 34
RTM_NEWNEXTHOP, RTM_DELNEXTHOP, RTM_GETNEXTHOP = 104, 105, 106
RTM_NEWLINKPROP, RTM_GETNEXTHOPBUCKET = 108, 118
IFF_UP = 1
IFA_F_NODAD, IFA_F_DADFAILED, IFA_F_TENTATIVE = 2, 8, 0x40
NUD_PERMANENT, NUD_REACHABLE, NUD_STALE = 0x80, 0x02, 0x04
RT_TABLE_MAIN, RT_TABLE_LOCAL = 254, 255
(RTN_UNICAST, RTN_LOCAL, RTN_BROADCAST, RTN_MULTICAST, RTN_BLACKHOLE,
 RTN_UNREACHABLE, RTN_PROHIBIT) = (1, 2, 3, 5, 6, 7, 8)
SCOPE_GLOBAL, SCOPE_LINK, SCOPE_HOST = 0, 253, 254


def gateway(via, family):
    """RTA_GATEWAY, or RTA_VIA: one of the other family."""
    other = family_of(via)
    if other == family:
        return attr(5, packed(via))
    return attr(18, struct.pack("=H", other) + packed(via))


class Rtnl(Netlink):
    """An rtnetlink socket; works on the namespace it was opened in."""

    def __init__(self):
        super().__init__(socket.NETLINK_ROUTE, strict=True)
        self.index = {"lo": 1}

    def ifindex(self, dev):
        if dev not in self.index:
            msg = struct.pack("=BxHiII", 0, 0, 0, 0, 0) + text(3, dev)
            out = self.request(RTM_GETLINK, 0, msg)
            self.index[dev] = struct.unpack_from("=i", out[0], 4)[0]
        return self.index[dev]

    # ---- links ----

    def link_add(self, name, kind, data=b"", *extra):
        info = nest(18, text(1, kind), nest(2, data) if data else b"")
        msg = struct.pack("=BxHiII", 0, 0, 0, 0, 0) + text(3, name) \
            + b"".join(extra) + info
        self.request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, msg)
        return self.ifindex(name)

    def veth(self, name, peer, peer_ns=None, mtu=None):
        """A pair; the peer end is born in the namespace of an open fd."""
        more = u32(4, mtu) if mtu else b""
        far = struct.pack("=BxHiII", 0, 0, 0, 0, 0) + text(3, peer) + more
        if peer_ns is not None:
            far += u32(28, peer_ns)
        return self.link_add(name, "veth", attr(1, far), more)

    def link_del(self, dev):
        idx = self.ifindex(dev)
        self.request(RTM_DELLINK, 0,
                     struct.pack("=BxHiII", 0, 0, idx, 0, 0))
        del self.index[dev]

    def link_set(self, dev, up=None, mtu=None, master=None, netns=None,
                 mac=None, name=None):
        flags = IFF_UP if up else 0
        change = 0 if up is None else IFF_UP
        msg = struct.pack("=BxHiII", 0, 0, self.ifindex(dev), flags, change)
        msg += u32(4, mtu) if mtu else b""
        msg += u32(10, master) if master is not None else b""
        msg += u32(28, netns) if netns is not None else b""
        msg += attr(1, mac) if mac else b""
        msg += text(3, name) if name else b""
        self.request(RTM_NEWLINK, 0, msg)
        if netns is not None or name:
            self.index.pop(dev, None)

    def link(self, dev):
        """Attributes of a link plus its flags as "flags"."""
        msg = struct.pack("=BxHiII", 0, 0, 0, 0, 0) + text(3, dev)
        body = self.request(RTM_GETLINK, 0, msg)[0]
        out = parse(body[16:])
        out["flags"] = struct.unpack_from("=I", body, 8)[0]
        return out

    def running(self, dev):
        """Does the device really send? Going up is finished later, by the
        work that watches carriers; packets sent before are lost.
        """
        return (self.link(dev).get(16) == b"\6"     # IF_OPER_UP
                and all(self.settled(dev, a) for a in self.addrs(dev)))

    def up(self, dev):
        """Up, with the addresses that it kept; whoever has a far end needs
        both to run, see above.
        """
        self.link_set(dev, up=True)
        wait(lambda: all(self.settled(dev, a) for a in self.addrs(dev)),
             f"addresses of {dev} to be local")

    # ---- addresses ----

    def addr(self, dev, cidr, cmd=RTM_NEWADDR, brd=None, scope=0, dad=False,
             flags=0):
        """Add one that works at once, or (dad) that IPv6 looks at first."""
        local, plen = split_prefix(cidr)
        msg = struct.pack("=BBBBi", family_of(local), plen, IFA_F_NODAD if
                          ":" in local and not dad else flags, scope,
                          self.ifindex(dev))
        msg += attr(2, packed(local)) + attr(1, packed(local))
        msg += attr(4, packed(brd)) if brd else b""
        self.request(cmd, NLM_F_CREATE | NLM_F_EXCL
                     if cmd == RTM_NEWADDR else 0, msg)
        if cmd == RTM_NEWADDR and not dad:
            wait(lambda: self.settled(dev, local), f"{local} to be local")

    def addr4(self, dev, cidr):
        """An IPv4 address in any variant: for sockets of both families."""
        local, plen = cidr.split("/")
        raw = socket.inet_aton(local)
        self.request(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, struct.pack(
            "=BBBBi", socket.AF_INET, int(plen), 0, 0, self.ifindex(dev))
            + attr(2, raw) + attr(1, raw))

    def addr_del(self, dev, cidr):
        self.addr(dev, cidr, RTM_DELADDR)

    def addrs(self, dev, family=AF):
        """All but the link-local ones."""
        idx = self.ifindex(dev)
        msg = struct.pack("=BBBBi", family, 0, 0, 0, idx)
        out = []
        for body in self.request(RTM_GETADDR, NLM_F_DUMP, msg):
            _, plen, _, _, ifi = struct.unpack_from("=BBBBi", body)
            got = parse(body[8:])
            addr = unpacked(got.get(2) or got[1])
            if ifi == idx and not addr.startswith("fe80:"):
                out.append(f"{addr}/{plen}")
        return out

    def addr_flags(self, dev, addr):
        """IFA_F_* of an IPv6 address, None if there is no such one."""
        idx = self.ifindex(dev)
        msg = struct.pack("=BBBBi", socket.AF_INET6, 0, 0, 0, 0)
        for body in self.request(RTM_GETADDR, NLM_F_DUMP, msg):
            got = parse(body[8:])
            if (struct.unpack_from("=i", body, 4)[0] == idx
                    and got[1] == packed(addr)):
                return struct.unpack("=I", got[8])[0]
        return None

    def settled(self, dev, cidr):
        """Does the address work? IPv6 adds its local route in a worker."""
        addr = split_prefix(cidr)[0]
        if ":" not in addr:
            return True
        idx = struct.pack("=i", self.ifindex(dev))
        return any(key == (addr + "/128", RTN_LOCAL) and got.get(4) == idx
                   for key, got in self.all_routes(0, socket.AF_INET6, dev))

    # ---- routes ----

    def route_msg(self, dst, via=None, dev=None, table=RT_TABLE_MAIN,
                  src=None, kind=RTN_UNICAST, scope=None, metric=None,
                  mtu=None, nhid=None, onlink=False):
        addr, plen = split_prefix("0.0.0.0/0" if dst == "default" else dst)
        if scope is None:
            scope = SCOPE_GLOBAL
            if kind == RTN_LOCAL:
                scope = SCOPE_HOST
            elif kind == RTN_UNICAST and not via and nhid is None:
                scope = SCOPE_LINK
        msg = struct.pack("=BBBBBBBBI", family_of(addr), plen, 0, 0,
                          table if table < 256 else 0, 4, scope, kind,
                          4 if onlink else 0)
        msg += u32(15, table)
        msg += attr(1, packed(addr)) if plen else b""
        msg += gateway(via, family_of(addr)) if via else b""
        msg += u32(4, self.ifindex(dev)) if dev else b""
        msg += attr(7, packed(src)) if src else b""
        msg += u32(6, metric) if metric else b""
        msg += nest(8, u32(2, mtu)) if mtu else b""
        msg += u32(30, nhid) if nhid is not None else b""
        return msg

    def route(self, dst, replace=False, **kwargs):
        flags = NLM_F_CREATE | (NLM_F_REPLACE if replace else NLM_F_EXCL)
        self.request(RTM_NEWROUTE, flags, self.route_msg(dst, **kwargs))

    def route_del(self, dst, **kwargs):
        # any scope (RT_SCOPE_NOWHERE), any type (RTN_UNSPEC)
        kwargs.setdefault("scope", 255)
        kwargs.setdefault("kind", 0)
        self.request(RTM_DELROUTE, 0, self.route_msg(dst, **kwargs))

    def route_get(self, dst, src=None, iif=None, oif=None):
        """What "ip route get" says: (type, attributes)."""
        bits = len(packed(dst)) * 8
        msg = struct.pack("=BBBBBBBBI", family_of(dst), bits,
                          bits if src else 0, 0, 0, 0, 0, 0, 0)
        msg += attr(1, packed(dst)) + (attr(2, packed(src)) if src else b"")
        msg += u32(3, self.ifindex(iif)) if iif else b""
        msg += u32(4, self.ifindex(oif)) if oif else b""
        body = self.request(RTM_GETROUTE, 0, msg)[0]
        return body[7], parse(body[12:])

    def all_routes(self, table, family=AF, dev=None):
        """((prefix, type), attributes) of a table, 0: of all tables."""
        msg = struct.pack("=BBBBBBBBI", family, 0, 0, 0, 0, 0, 0, 0, 0)
        msg += u32(15, table) if table else b""
        msg += u32(4, self.ifindex(dev)) if dev else b""
        try:
            replies = self.request(RTM_GETROUTE, NLM_F_DUMP, msg)
        except OSError as err:
            if err.errno != errno.ENOENT:
                raise
            replies = []
        for body in replies:
            got = parse(body[12:])
            dst = got.get(1, bytes(4 if body[0] == socket.AF_INET else 16))
            yield (f"{unpacked(dst)}/{body[1]}", body[7]), got

    def routes(self, table, family=AF):
        """{(prefix, type): attributes} of a table; {} if there is none."""
        return dict(self.all_routes(table, family))

    # ---- neighbours, rules ----

    def neigh(self, dev, addr, mac, state=NUD_PERMANENT):
        msg = struct.pack("=BxxxiHBB", family_of(addr), self.ifindex(dev),
                          state, 0, 0) + attr(1, packed(addr)) + attr(2, mac)
        self.request(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, msg)

    def proxy(self, addr, cmd=RTM_NEWNEIGH, dev=None):
        """A proxy entry, for all devices (IPv6: must be for one)."""
        self.request(cmd, NLM_F_CREATE if cmd == RTM_NEWNEIGH else 0,
                     struct.pack("=BxxxiHBB", family_of(addr),
                                 self.ifindex(dev) if dev else 0, 0, 8, 0)
                     + attr(1, packed(addr)))

    def neighs(self, dev):
        """{address: (state, mac)} of a device."""
        msg = struct.pack("=BxxxiHBB", AF, 0, 0, 0, 0)
        idx = self.ifindex(dev)
        out = {}
        for body in self.request(RTM_GETNEIGH, NLM_F_DUMP, msg):
            _, ifi, state, _, _ = struct.unpack_from("=BxxxiHBB", body)
            got = parse(body[12:])
            if ifi == idx and 1 in got:
                out[unpacked(got[1])] = (state, got.get(2))
        return out

    def rule(self, table, pref, cmd=RTM_NEWRULE, family=AF, src=None,
             dst=None, tos=0, action=1, flags=0, more=b""):
        """Add or delete a rule; more: attributes, see FRA."""
        keys, lens = b"", []
        for kind, prefix in ((1, dst), (2, src)):
            addr, plen = split_prefix(prefix) if prefix else (None, 0)
            lens.append(plen)
            keys += attr(kind, packed(addr)) if prefix else b""
        msg = struct.pack("=BBBBBBBBI", family, *lens, tos, 0, 0, 0, action,
                          flags)
        msg += keys + (u32(15, table) if table else b"")
        msg += (u32(6, pref) if pref is not None else b"") + more
        self.request(cmd, NLM_F_CREATE | NLM_F_EXCL if cmd == RTM_NEWRULE
                     else 0, msg)

    def rule_del(self, pref, **kwargs):
        self.rule(0, pref, RTM_DELRULE, action=0, **kwargs)

    def rules(self, family=AF, more=b""):
        """[(preference, table, flags, attributes)], in their order."""
        msg = struct.pack("=BBBBBBBBI", family, 0, 0, 0, 0, 0, 0, 0, 0) + more
        out = []
        for body in self.request(RTM_GETRULE, NLM_F_DUMP, msg):
            got = parse(body[12:])
            pref, table = (int.from_bytes(got.get(key, b""), "little")
                           for key in (6, 15))
            out.append((pref, table, struct.unpack_from("=I", body, 8)[0],
                        got))
        return out


# Attributes of rules
FRA = {"iif": 3, "goto": 4, "mark": 10, "tun_id": 12, "ifgroup": 13,
       "plen": 14, "mask": 16, "oif": 17, "l3mdev": 19, "uids": 20,
       "proto": 22, "sports": 23, "dports": 24}


def fra(**keys):
    """iif=NAME, mark=N, dports=(LOW, HIGH), ..."""
    out = b""
    for key, val in keys.items():
        if isinstance(val, str):
            out += text(FRA[key], val)
        elif isinstance(val, tuple):
            fmt = "=II" if key == "uids" else "=HH"
            out += attr(FRA[key], struct.pack(fmt, *val))
        elif key in ("proto", "l3mdev"):
            out += attr(FRA[key], bytes([val]))
        elif key == "tun_id":
            out += attr(FRA[key], struct.pack("!Q", val))
        else:
            out += u32(FRA[key], val)
    return out


def sysctl(path, val=None):
    """Of the namespace the caller is in; val None reads."""
    name = "/proc/sys/" + path.replace(".", "/")
    with open(name, "r" if val is None else "w", encoding="ascii") as f:
        if val is None:
            return f.read().strip()
        f.write(str(val))
        return None


def have_sysctl(path):
    return os.path.exists("/proc/sys/" + path.replace(".", "/"))


# ---- ethtool ----

FEATURES_SET = 12               # ETHTOOL_MSG_
TSO = ("tx-tcp-segmentation", "tx-tcp-ecn-segmentation",
       "tx-tcp-mangleid-segmentation", "tx-tcp6-segmentation")


def features(dev, value, *names):
    """ethtool -K of a device of the namespace."""
    with contextlib.closing(Netlink(16)) as one:
        family = one.genl_family("ethtool")[0]
        bits = b"".join(nest(1, text(2, name), attr(3) if value else b"")
                        for name in names)
        one.request(family, 0, struct.pack("=BBH", FEATURES_SET, 1, 0)
                    + nest(1, text(2, dev)) + nest(3, nest(3, bits)))
