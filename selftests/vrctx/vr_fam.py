# SPDX-License-Identifier: GPL-2.0
"""All that differs between IPv4 and IPv6: one test body serves both.

VR_FAMILY=6 makes it the IPv6 variant. A test writes IPv4 addresses; ip() gives
the variant's own, with the 32 bits inside fd00::/96:

	10.0.0.1	fd00::a00:1	10.0.0.1/24	fd00::a00:1/120
	0.0.0.0		::		127.0.0.1	::1
	239.1.2.3	ff15::ef01:203	224.0.0.1	ff02::1

The helpers (sockets, rtnetlink, packets) call ip() for the addresses they are
given; a test needs it where an address goes straight to a system call, and
where one that came back is compared. An address in IPv6 text stays as it is.

A test of what only IPv6 has says "# families: 6" in its third line, and is the
IPv6 variant by itself.
"""
import os
import socket
import struct
import sys


def only_six():
    """Is the program one for IPv6 alone?"""
    try:
        with open(sys.argv[0], encoding="utf-8") as f:
            return "# families: 6\n" in f.readlines(200)
    except (OSError, UnicodeDecodeError):
        return False


FAMILY = 6 if only_six() else int(os.environ.get("VR_FAMILY") or 4)
if FAMILY not in (4, 6):
    raise ValueError(f"VR_FAMILY is 4 or 6, not {FAMILY}")
V6 = FAMILY == 6


def pick(four, six):
    return six if V6 else four


def only(family):
    """Decorator: a test of what the other family does not have."""
    def deco(fn):
        fn.family = family
        return fn
    return deco


# ---- addresses ----

AF = pick(socket.AF_INET, socket.AF_INET6)
BITS = pick(32, 128)
NET6 = socket.inet_pton(socket.AF_INET6, "fd00::")[:12]
# What is not just embedded; prefixes here, too
ODD = {"0.0.0.0": "::", "0.0.0.0/0": "::/0", "127.0.0.1": "::1",
       "127.0.0.1/8": "::1/128", "127.0.0.1/32": "::1/128",
       "127.0.0.0/8": "::1/128",
       "224.0.0.0/4": "ff00::/8", "224.0.0.1": "ff02::1",
       "224.0.0.2": "ff02::2"}


def ip(text):
    """The variant's address or prefix; "default" and names stay."""
    addr, slash, plen = text.partition("/")
    if not V6 or ":" in text or not addr[:1].isdigit():
        return text
    if text in ODD:
        return ODD[text]
    raw = socket.inet_aton(addr)
    if raw[0] == 127 or raw == b"\xff" * 4:
        raise ValueError(f"IPv6 has nothing like {text}")
    net = NET6
    if raw[0] >> 4 == 14:       # transient; of link or site scope
        net = bytes([0xff, 0x12 if raw[0] == 224 else 0x15]) + bytes(10)
    out = socket.inet_ntop(socket.AF_INET6, net + raw)
    return f"{out}/{int(plen) + 96}" if slash else out


def family_of(addr):
    return socket.AF_INET6 if ":" in ip(addr) else socket.AF_INET


def packed(addr):
    return socket.inet_pton(family_of(addr), ip(addr))


def unpacked(raw):
    return socket.inet_ntop(socket.AF_INET6 if len(raw) == 16
                            else socket.AF_INET, raw)


def split_prefix(cidr):
    """(address, length); a missing length means a host."""
    addr, _, plen = ip(cidr).partition("/")
    return addr, int(plen or (128 if ":" in addr else 32))


def group_mac(group):
    """The Ethernet address that a multicast group is sent to."""
    raw = packed(group)
    if len(raw) == 16:
        return b"\x33\x33" + raw[12:]
    return b"\1\0\x5e" + bytes([raw[1] & 127]) + raw[2:]


def link_local(mac):
    """The IPv6 address that a device with this MAC gives itself."""
    host = bytes([mac[0] ^ 2]) + mac[1:3] + b"\xff\xfe" + mac[3:]
    return unpacked(b"\xfe\x80" + bytes(6) + host)


def sockaddr(addr, port=0):
    """struct sockaddr_storage."""
    fmt = pick("=HH4s", "=HHI16s")
    fields = (AF, socket.htons(port)) + pick((), (0,)) + (packed(addr),)
    return struct.pack(fmt, *fields).ljust(128, b"\0")


# ---- ICMP: the protocol and (type, code) of each message ----

ICMP = pick(1, 58)
ECHO_REQUEST, ECHO_REPLY = pick(((8, 0), (0, 0)), ((128, 0), (129, 0)))
EXT_ECHO, EXT_REPLY = pick((42, 43), (160, 161))        # types; code counts
UNREACH, EXCEEDED = pick((3, 11), (1, 3))               # types
NO_ROUTE = pick((3, 0), (1, 0))                 # there is no route
HOST_UNREACH = pick((3, 1), (1, 3))             # nobody has the address
REJECTED = pick((3, 1), (1, 0))                 # a route of type unreachable
PROHIBITED = pick((3, 13), (1, 1))              # a route of type prohibit
PORT_UNREACH = pick((3, 3), (1, 4))
PROTO_UNREACH = pick((3, 2), (4, 1))            # IPv6: parameter problem
TOO_BIG = pick((3, 4), (2, 0))
TTL_EXCEEDED, REASM_EXCEEDED = pick(((11, 0), (11, 1)), ((3, 0), (3, 1)))

# ---- socket options: SOL is their level ----

SOL = pick(socket.IPPROTO_IP, socket.IPPROTO_IPV6)
RECVERR, MTU, MTU_DISCOVER, PMTU_DO = pick((11, 14, 10, 2), (25, 24, 23, 2))
# switched on by, comes as control message
RECVPKTINFO, PKTINFO = pick((8, 8), (49, 50))
RECVTTL, TTL = pick((12, 2), (51, 52))
SET_TTL, TOS, FREEBIND, TRANSPARENT = pick((2, 1, 15, 19), (16, 67, 78, 75))
UNICAST_IF, MULTICAST_IF = pick((50, 32), (76, 17))
MULTICAST_TTL, MULTICAST_LOOP, MULTICAST_ALL = pick((33, 34, 49), (18, 19, 29))
JOIN, LEAVE = pick((35, 36), (20, 21))
RAW_HEAD = pick(20, 0)          # of what a raw socket receives


def pktinfo(ifindex, addr):
    """To send with: the device, the source address."""
    if V6:
        return struct.pack("=16si", packed(addr), ifindex)
    return struct.pack("=i4s4s", ifindex, packed(addr), bytes(4))


def pktinfo_of(data):
    """Received: (device, own address, destination); IPv6 has no own one."""
    if V6:
        dst, ifindex = struct.unpack("=16si", data)
        return ifindex, None, unpacked(dst)
    ifindex, own, dst = struct.unpack("=i4s4s", data)
    return ifindex, unpacked(own), unpacked(dst)


def mreq(group, ifindex=0, addr="0.0.0.0"):
    """For JOIN and LEAVE; IPv6 cannot name the device by an address."""
    if V6:
        return struct.pack("=16si", packed(group), ifindex)
    return struct.pack("=4s4si", packed(group), packed(addr), ifindex)


def multicast_if(ifindex):
    return struct.pack("=i", ifindex) if V6 else mreq("0.0.0.0", ifindex)


# ---- sysctls ----

CONF = pick("net.ipv4.conf", "net.ipv6.conf")   # then .DEVICE.KEY
NEIGH_CONF = pick("net.ipv4.neigh", "net.ipv6.neigh")
FORWARD = pick("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding")
FRAG_TIME = pick("net.ipv4.ipfrag_time", "net.ipv6.ip6frag_time")
# Errors per second and destination, and which types of them are limited
RATELIMIT = pick("net.ipv4.icmp_ratelimit", "net.ipv6.icmp.ratelimit")
RATEMASK = pick("net.ipv4.icmp_ratemask", "net.ipv6.icmp.ratemask")


def ratemask(*kinds):
    """RATEMASK for these types (IPv6: none is a type that nobody uses)."""
    if V6:
        return ",".join(map(str, kinds or (127,)))
    return sum(1 << kind for kind in kinds)


def proc_net(name):
    """/proc/net/tcp, udp, raw, icmp, ... of the family."""
    return f"/proc/thread-self/net/{name}" + pick("", "6")
