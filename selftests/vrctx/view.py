#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 4 6
"""What ioctls and /proc/net show a process in a context, and let it change.

Guards vrctx_view_ifr(), vrctx_view_index(), vrctx_view_proc() and what the
files of /proc/net leave out.
"""
import array
import ctypes
import errno as E
import fcntl
import os
import socket
import struct

from vr_fam import AF, ICMP, V6, ip, only, pick, proc_net
from vr_net import HIP, RAW, TCP, UDP, Lab, inside, serve, sock
from vr_nl import table_of
from vr_pkt import Wire
from vr_rt import RTN_LOCAL, sysctl
from vr_tap import check, eq, params, refused, run

SIOCADDRT, SIOCDELRT = 0x890b, 0x890c
SIOCGIFNAME, SIOCGIFCONF, SIOCGIFFLAGS, SIOCSIFFLAGS = (0x8910, 0x8912,
                                                        0x8913, 0x8914)
SIOCGIFADDR, SIOCSIFADDR, SIOCSIFMTU = 0x8915, 0x8916, 0x8922
SIOCSIFNAME, SIOCGIFHWADDR, SIOCGIFINDEX = 0x8923, 0x8927, 0x8933
SIOCDIFADDR, SIOCDARP, SIOCGARP, SIOCSARP = 0x8936, 0x8953, 0x8954, 0x8955
SIOCGIFVLAN, SIOCBRADDBR, SIOCETHTOOL = 0x8982, 0x89a0, 0x8946

LAB = Lab(1, 2, hosts=False)
RT = LAB.rt
ALL = (0, 1, 2)
W = {n: Wire(LAB, n, cidr=f"10.0.0.{100 + n}/24") for n in ALL}
OWN = {n: {"lo", W[n].dev} for n in ALL}
CTL = {}
for num in ALL:
    with inside(num):
        CTL[num] = socket.socket(AF, UDP)


def ifreq(name, data=b""):
    return struct.pack("16s24s", name.encode(), data)


def ioctl(ctx, cmd, arg):
    with inside(ctx):
        return fcntl.ioctl(CTL[ctx], cmd, arg)


def inet(addr):
    return struct.pack("=H2x4s8x", socket.AF_INET, socket.inet_aton(addr))


@params((1, 2), (2, 1))
def test_named(ctx, other):
    """a device is named by name or number in its context, nowhere else:"""
    dev, far = W[ctx].dev, W[other].dev
    for cmd in (SIOCGIFINDEX, SIOCGIFFLAGS, SIOCGIFHWADDR):
        eq(ioctl(ctx, cmd, ifreq(dev)), ioctl(0, cmd, ifreq(dev)), dev)
    num = RT.ifindex(dev)
    got = ioctl(ctx, SIOCGIFNAME, ifreq("", struct.pack("=I", num)))
    eq(got[:16].rstrip(b"\0").decode(), dev, "name")
    for name in (far, W[0].dev, "nothing"):
        for cmd in (SIOCGIFINDEX, SIOCGIFFLAGS, SIOCGIFHWADDR, SIOCGIFADDR,
                    SIOCSIFFLAGS, SIOCSIFMTU, SIOCSIFNAME, SIOCETHTOOL):
            refused(E.ENODEV, f"{cmd:#x} of {name}", ioctl, ctx, cmd,
                    ifreq(name, struct.pack("=I", 1400)))
    for num in (RT.ifindex(far), RT.ifindex(W[0].dev), 9999):
        refused(E.ENODEV, f"name of {num}", ioctl, ctx, SIOCGIFNAME,
                ifreq("", struct.pack("=I", num)))
    eq(RT.link(far)[4], struct.pack("=I", 1500), "MTU of the other")


def test_lo():
    """lo may be looked at, not be changed"""
    check(struct.unpack_from("=H", ioctl(1, SIOCGIFFLAGS, ifreq("lo")), 16)[0]
          & 1, "lo is up")
    for cmd in (SIOCSIFFLAGS, SIOCSIFMTU, SIOCSIFNAME):
        refused(E.EPERM, f"{cmd:#x} of lo", ioctl, 1, cmd, ifreq("lo"))
    # get and set its tx-checksum
    for cmd, err in ((0x16, None), (0x17, E.EPERM)):
        buf = ctypes.create_string_buffer(struct.pack("=II", cmd, 0))
        arg = ifreq("lo", struct.pack("=Q", ctypes.addressof(buf)))
        if err:
            refused(err, f"ethtool {cmd:#x}", ioctl, 1, SIOCETHTOOL, arg)
        else:
            ioctl(1, SIOCETHTOOL, arg)


@only(4)
@params(1, 2)
def test_list(ctx):
    """SIOCGIFCONF lists the addresses of the context:"""
    buf = array.array("B", bytes(4096))
    arg = struct.pack("=i4xQ", 4096, buf.buffer_info()[0])
    size = struct.unpack_from("=i", ioctl(ctx, SIOCGIFCONF, arg))[0]
    raw = buf.tobytes()[:size]
    got = {raw[n:n + 16].split(b"\0")[0].decode()
           for n in range(0, size, 40)}
    eq(got, OWN[ctx], "devices")


@only(4)
def test_address4():
    """an address is set on a device of the context only"""
    LAB.rt.link_add("d1", "dummy")
    LAB.vr.move("d1", 1)
    ioctl(1, SIOCSIFADDR, ifreq("d1", inet("10.9.1.1")))
    eq(RT.addrs("d1"), ["10.9.1.1/8"], "address")
    eq(ioctl(1, SIOCGIFADDR, ifreq("d1"))[20:24],
       socket.inet_aton("10.9.1.1"), "read back")
    refused(E.ENODEV, "from 2", ioctl, 2, SIOCSIFADDR,
            ifreq("d1", inet("10.9.1.2")))
    refused(E.EPERM, "on lo", ioctl, 1, SIOCSIFADDR,
            ifreq("lo", inet("10.9.1.2")))
    eq(RT.addrs("d1"), ["10.9.1.1/8"], "address is left")
    RT.link_del("d1")


@only(6)
def test_address6():
    """an address is set on a device of the context only"""
    def arg(dev, addr):
        return struct.pack("=16sIi", socket.inet_pton(AF, addr), 64,
                           RT.ifindex(dev))
    dev = W[1].dev
    ioctl(1, SIOCSIFADDR, arg(dev, "2001:db8:9::1"))
    check("2001:db8:9::1/64" in RT.addrs(dev), "set")
    for ctx, err in ((2, E.ENODEV), (1, None)):
        if err:
            refused(err, "delete from 2", ioctl, ctx, SIOCDIFADDR,
                    arg(dev, "2001:db8:9::1"))
        else:
            ioctl(ctx, SIOCDIFADDR, arg(dev, "2001:db8:9::1"))
    check("2001:db8:9::1/64" not in RT.addrs(dev), "deleted")
    refused(E.ENODEV, "add from 2", ioctl, 2, SIOCSIFADDR,
            arg(dev, "2001:db8:9::2"))


def rtentry(dst, dev):
    """struct rtentry or in6_rtmsg; the name must live as long."""
    if V6:
        return struct.pack("=16s16s16sIHHI12xIi", socket.inet_pton(AF, dst),
                           bytes(16), socket.inet_pton(AF, HIP), 1, 128, 0, 1,
                           3, RT.ifindex(dev) if dev else 0), None
    name = (dev or "").encode() + b"\0"
    hold = ctypes.create_string_buffer(name, 16)
    return struct.pack("=Q16s16s16sHh4xQB7xHxx4xQQQH6x", 0, inet(dst),
                       inet(HIP), inet("255.255.255.255"), 7, 0, 0, 0, 1,
                       ctypes.addressof(hold) if dev else 0, 0, 0, 0), hold


@params(1, 2)
def test_route(ctx):
    """SIOCADDRT and SIOCDELRT work on the table of the context:"""
    dst, key = ip("192.0.2.9"), ip("192.0.2.9/32")
    arg, hold = rtentry(dst, W[ctx].dev)
    ioctl(ctx, SIOCADDRT, arg)
    for n in ALL:
        eq(key in [k[0] for k in RT.routes(table_of(n) if n else 254)],
           n == ctx, f"route in {n}")
    refused((E.ESRCH, E.ENODEV), "delete from the other", ioctl, 3 - ctx,
            SIOCDELRT, arg)
    refused(E.ENODEV if not V6 else (E.ENODEV, E.EINVAL),
            "through a device of the other", ioctl, 3 - ctx, SIOCADDRT, arg)
    ioctl(ctx, SIOCDELRT, arg)
    check(key not in [k[0] for k in RT.routes(table_of(ctx))], "deleted")
    del hold
    with inside(0), sock(UDP, ctx) as one:
        refused(E.EOPNOTSUPP, "with a socket of another context",
                fcntl.ioctl, one, SIOCADDRT, arg)


@only(4)
def test_arp():
    """SIOCSARP, SIOCGARP and SIOCDARP keep to the devices of the context"""
    def arpreq(dev):
        return struct.pack("=16sH14si16s16s", inet("10.0.0.77"), 1,
                           b"\2\0\0\0\0\7", 4, b"", dev.encode())
    ioctl(1, SIOCSARP, arpreq(W[1].dev))
    eq(ioctl(1, SIOCGARP, arpreq(W[1].dev))[18:24], b"\2\0\0\0\0\7", "entry")
    for cmd in (SIOCSARP, SIOCGARP, SIOCDARP):
        refused(E.ENODEV, f"{cmd:#x} from 2", ioctl, 2, cmd,
                arpreq(W[1].dev))
    ioctl(1, SIOCDARP, arpreq(W[1].dev))


def test_other_ioctls():
    """bridges and VLANs by ioctl are refused"""
    for cmd in (SIOCBRADDBR, SIOCGIFVLAN):
        refused(E.EOPNOTSUPP, f"{cmd:#x}", ioctl, 1, cmd, bytes(64))


# ---- /proc/net ----

def read(ctx, name):
    with inside(ctx):
        with open(f"/proc/thread-self/net/{name}", encoding="ascii") as f:
            return f.read()


DEVFILES = pick(("dev", "dev_mcast", "arp", "igmp", "mcfilter"),
                ("dev", "dev_mcast", "if_inet6", "igmp6", "mcfilter6",
                 "anycast6"))


@params(*DEVFILES)
def test_devices(name):
    """devices of the context, no others, in"""
    join = {}
    group = ip("239.1.2.3")
    for n in ALL:
        RT.neigh(W[n].dev, "10.0.0.88", b"\2\0\0\0\0\1")
        join[n] = sock(UDP, n)
        num = struct.pack("=I", RT.ifindex(W[n].dev))
        src = socket.inet_pton(AF, HIP)
        raw = socket.inet_pton(AF, group)
        if V6:
            # an anycast address; MCAST_JOIN_SOURCE_GROUP last, as mcfilter6
            # begins with the last group of a device, or leaves it out
            sysctl(f"net.ipv6.conf.{W[n].dev}.forwarding", 1)
            join[n].setsockopt(41, 27, socket.inet_pton(
                AF, f"2001:db8:77::{n + 1}") + num)
            pad = struct.pack("=HHI", AF, 0, 0)
            join[n].setsockopt(41, 46, num + bytes(4) + (pad + raw).ljust(
                128, b"\0") + (pad + src).ljust(128, b"\0"))
        else:
            join[n].setsockopt(0, 39, raw + socket.inet_aton(
                f"10.0.0.{100 + n}") + src)     # IP_ADD_SOURCE_MEMBERSHIP
    for n in ALL:
        got = read(n, name)
        for m in ALL:
            eq(W[m].dev in got, n in (0, m), f"{W[m].dev} in {n}: {got}")
    for n in ALL:
        join[n].close()
        if V6:
            sysctl(f"net.ipv6.conf.{W[n].dev}.forwarding", 0)


@params(1, 2)
def test_route_files(ctx):
    """the table of the context in the files that list routes:"""
    RT.route("192.0.2.0/24", via=HIP, dev=W[3 - ctx].dev,
             table=table_of(3 - ctx))
    if V6:
        want = {k[0].split("/")[0] for k in RT.routes(table_of(ctx))}
        got = {socket.inet_ntop(AF, bytes.fromhex(line.split()[0]))
               for line in read(ctx, "ipv6_route").splitlines()}
        eq(got - {"::"}, want - {"::"}, "ipv6_route")
    else:
        want = {k[0].split("/")[0] for k in RT.routes(table_of(ctx))
                if k[1] == 1}
        got = {socket.inet_ntoa(struct.pack("=I", int(line.split()[1], 16)))
               for line in read(ctx, "route").splitlines()[1:]}
        eq(got, want, "route")
        trie = read(ctx, "fib_trie")
        for key, kind in RT.routes(table_of(ctx)):
            if kind == RTN_LOCAL:
                check(key.split("/")[0] in trie, f"{key} in fib_trie")
        check("192.0.2.0" not in trie, "a foreign route in fib_trie")
    RT.route_del("192.0.2.0/24", table=table_of(3 - ctx))


@params(("tcp", TCP, 0), ("udp", UDP, 0), ("raw", RAW, 97),
        ("icmp", UDP, ICMP))
def test_sockets(name, kind, proto):
    """sockets of the context, no others, in"""
    made, ports = [], {}
    for n in ALL:
        if kind == RAW:
            one = sock(RAW, n, proto=97 + n)
            ports[n] = 97 + n
        elif kind == TCP:
            one = serve(n, 7001 + n, addr=ip("0.0.0.0"))
            ports[n] = 7001 + n
        else:
            one = sock(kind, n, (ip("0.0.0.0"), 7001 + n), proto=proto)
            ports[n] = 7001 + n
        made.append(one)
    for n in ALL:
        got = {int(line.split()[1].split(":")[1], 16) for line in
               read(n, os.path.basename(proc_net(name))).splitlines()[1:]}
        for m in ALL:
            eq(ports[m] in got, n in (0, m), f"{ports[m]} in {n}: {got}")
    for one in made:
        one.close()


def test_netlink_sockets():
    """/proc/net/netlink and packet list the sockets of the context"""
    for name, args in (("netlink", (socket.AF_NETLINK, RAW, 0)),
                       ("packet", (socket.AF_PACKET, RAW, 0))):
        made = {}
        for n in (1, 2):
            with inside(n):
                made[n] = socket.socket(*args)
                if name == "netlink":
                    made[n].bind((0, 0))
        for n in ALL:
            got = {line.split()[-1] for line in
                   read(n, name).splitlines()[1:]}
            for m, one in made.items():
                eq(str(os.fstat(one.fileno()).st_ino) in got, n in (0, m),
                   f"{name} of {m} in {n}")
        for one in made.values():
            one.close()


def test_opened_before():
    """an open file keeps the view of who opened it"""
    with inside(1), open("/proc/thread-self/net/dev", encoding="ascii") as f:
        with inside(0):
            text = f.read()
    check(W[1].dev in text and W[2].dev not in text, text)


def test_closed():
    """files that do not keep to a context cannot be opened in one"""
    for name in ("fib_triestat", "ip_tables_names", "stat/nf_conntrack"):
        if os.path.exists(f"/proc/thread-self/net/{name}"):
            refused(E.EOPNOTSUPP, name, read, 1, name)
            read(0, name)
    RT.link_add("bo1", "bond")          # not made by the helpers of /proc/net
    refused(E.EOPNOTSUPP, "of a bond", read, 1, "bonding/bo1")
    check(read(0, "bonding/bo1"), "bond")
    RT.link_del("bo1")
    for name in ("softnet_stat", "psched", "stat/rt_cache"):
        eq(len(read(1, name).split()) > 3, True, name)
    if V6:
        refused(E.ENODEV, "counters of a foreign device", read, 1,
                f"dev_snmp6/{W[2].dev}")
        check(read(1, f"dev_snmp6/{W[1].dev}"), "counters")


@only(6)
def test_flow_labels():
    """/proc/net/ip6_flowlabel lists the labels of the context"""
    made = []
    for n in (1, 2):
        one = sock(UDP, n)
        req = struct.pack("!16sI", socket.inet_pton(AF, HIP), 0x70 + n) \
            + struct.pack("=BBHHHI", 0, 255, 1, 0, 6, 0)
        one.setsockopt(41, 32, req)             # IPV6_FLOWLABEL_MGR
        made.append(one)
    for n in ALL:
        got = {line.split()[0] for line in
               read(n, "ip6_flowlabel").splitlines()[1:]}
        for m in (1, 2):
            eq(f"{0x70 + m:05X}" in got, n in (0, m), f"{m} in {n}: {got}")
    for one in made:
        one.close()


run(globals())
