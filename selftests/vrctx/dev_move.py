#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 4 6
"""Moving devices: what stays, what is flushed, what is refused.

Guards kernel/net/vrctx/dev.c and the refusals in the stacking code.
"""
import errno as E
import fcntl
import socket
import struct

import vr_nl as nl
from vr_fam import (AF, CONF, JOIN, SOL, V6, group_mac, ip, mreq, only, packed,
                    pick, proc_net)
from vr_nl import attr, table_of, u32
from vr_net import (HIP, RIP, TIMEOUT, UDP, Lab, Netns, both_run, inside,
                    readable, sock)
from vr_pkt import HMAC, Wire
from vr_rt import (RTM_GETADDR, RTM_GETNEIGH, RTM_NEWLINKPROP, RTN_UNICAST,
                   Rtnl, sysctl)
from vr_tap import Skip, check, eq, params, refused, run, wait

LAB = Lab(1, 2, hosts=False)
VR, RT = LAB.vr, LAB.rt
ALL = (0, 1, 2)
NTF_PROXY = 8
NET = (ip("10.1.1.0/24"), RTN_UNICAST)      # a route by most of the addresses


def ctx_of(dev):
    return VR.call(nl.DEV_GET, ifname=dev)["id"]


def make(kind, name="x0", data=b"", *extra):
    try:
        RT.link_add(name, kind, data, *extra)
    except OSError as err:
        raise Skip(f"no {kind} here: {err}") from err


def linked(dev):
    """IFLA_LINK attribute."""
    return u32(5, RT.ifindex(dev))


def test_addresses_stay():
    """addresses stay, routes follow"""
    make("dummy")
    for cidr in ("10.1.1.1/24", "10.1.1.2/24", "172.16.9.9/32"):
        RT.addr("x0", cidr)
    want = RT.addrs("x0")
    idx = struct.pack("=i", RT.ifindex("x0"))
    for ctx in (1, 2, 0):
        VR.move("x0", ctx)
        RT.up("x0")
        eq(RT.addrs("x0"), want, f"addresses in {ctx}")
        with sock(UDP, ctx, ("172.16.9.9", 9)):
            pass
        for other in set(ALL) - {ctx}:
            refused(E.EADDRNOTAVAIL, f"bind in {other}", sock, UDP, other,
                    ("172.16.9.9", 9))
            for table in (table_of(other),) if other else (254, 255):
                check(not any(got.get(4) == idx for _, got
                              in RT.all_routes(table)), f"route in {table}")
        check(NET in RT.routes(table_of(ctx)), "no route")
        RT.link_set("x0", up=False)
    RT.link_del("x0")


def test_address_found():
    """the address of a device that is down is found where that is"""
    view = {0: RT}
    for ctx in (1, 2):
        with inside(ctx):
            view[ctx] = Rtnl()
    here = ip("10.1.1.1")

    def find(ctx):
        """Asks the table of addresses; there is no route to it yet."""
        if V6:
            msg = struct.pack("=BBBBi", AF, 0, 0, 0, 0) + attr(1, packed(here))
            return view[ctx].request(RTM_GETADDR, 0, msg)
        return view[ctx].route_get("224.0.0.5", here)

    make("dummy")
    RT.addr("x0", "10.1.1.1/24")
    for ctx in (0, 1, 2, 0):
        VR.move("x0", ctx)
        find(ctx)
        for other in set(ALL) - {ctx}:
            refused(pick(E.ENETUNREACH, E.EADDRNOTAVAIL), f"{other} while in {ctx}",
                    find, other)
    RT.addr_del("x0", "10.1.1.1/24")
    refused(pick(E.ENETUNREACH, E.EADDRNOTAVAIL), "deleted", find, 0)
    RT.link_del("x0")


@only(6)
def test_addresses_lost():
    """addresses that went when the device did are in no context"""
    make("dummy")
    conf = [f"{CONF}.{dev}.keep_addr_on_down" for dev in ("all", "x0")]
    for path in conf:
        sysctl(path, 0)
    RT.addr("x0", "10.1.1.1/24")
    RT.up("x0")
    RT.link_set("x0", up=False)
    sysctl(conf[0], 1)
    eq(RT.addrs("x0"), [], "addresses")
    VR.move("x0", 1)
    RT.up("x0")
    for ctx in ALL:
        check(NET not in RT.routes(table_of(ctx)), f"route in {ctx}")
        refused(E.EADDRNOTAVAIL, f"bind in {ctx}", sock, UDP, ctx,
                ("10.1.1.1", 9))
    RT.link_del("x0")


@only(6)
def test_link_local():
    """link-local addresses and the routes of every device follow"""
    make("dummy")
    idx = struct.pack("=i", RT.ifindex("x0"))
    for ctx in (1, 2, 0):
        VR.move("x0", ctx)
        RT.up("x0")
        wait(lambda c=ctx: any(key[0].startswith("fe80:") and key[1] == 2
                               and got.get(4) == idx for key, got
                               in RT.all_routes(table_of(c) if c else 255)),
             "the link-local address")
        for table in (254, 255, table_of(1), table_of(2)):
            have = {key[0] for key, got in RT.all_routes(table)
                    if got.get(4) == idx and key[1] != 2}
            want = {254: {"fe80::/64"}, 255: {"ff00::/8"}} if not ctx else {
                table_of(ctx): {"fe80::/64", "ff00::/8"}}
            eq(have, want.get(table, set()), f"table {table} of {ctx}")
        RT.link_set("x0", up=False)
    RT.link_del("x0")


def test_up_is_busy():
    """a device that is up: EBUSY, and it stays up"""
    make("dummy")
    RT.link_set("x0", up=True)
    err = refused(E.EBUSY, "move", VR.move, "x0", 1)
    check(err.extack, "no extack text")
    eq(ctx_of("x0"), 0, "context")
    check(RT.link("x0")["flags"] & 1, "went down")
    RT.link_del("x0")


def test_same_context():
    """a move to where it is: nothing happens, up or down"""
    make("dummy")
    RT.link_set("x0", up=True)
    VR.move("x0", 0)
    check(RT.link("x0")["flags"] & 1, "went down")
    RT.link_del("x0")


PORT = b"\x12\xb5"
KINDS = [("dummy", b""), ("veth", b""), ("bridge", b""), ("bond", b""),
         ("ipip", b""), ("gre", b""), ("gretap", b""), ("sit", b""),
         ("ip6tnl", b""), ("ip6gre", b""), ("ip6gretap", b""),
         ("vxlan", u32(1, 5) + nl.attr(15, PORT)),
         ("geneve", u32(1, 5) + nl.attr(2, bytes([10, 9, 9, 9]))),
         ("wireguard", b"")]
TUNNELS = [("vti", b""),
           ("bareudp", nl.attr(1, PORT) + nl.attr(2, b"\x88\x47")),
           ("xfrm", u32(1, 1) + u32(2, 5)),
           ("vrf", u32(1, 1000)), ("ifb", b""), ("team", b"")]


@params(*[(k,) for k, _ in KINDS])
def test_kind_moves(kind):
    """supported kind moves:"""
    make(kind, data=dict(KINDS)[kind])
    VR.move("x0", 1)
    eq(ctx_of("x0"), 1, "context")
    RT.link_set("x0", up=True)
    RT.link_set("x0", up=False)
    VR.move("x0", 0)
    RT.link_del("x0")


@params(*[(k,) for k, _ in TUNNELS])
def test_kind_refused(kind):
    """unsupported kind is refused:"""
    make(kind, data=dict(TUNNELS)[kind])
    try:
        err = refused(E.EOPNOTSUPP, kind, VR.move, "x0", 1)
        check(err.extack, "no extack text")
        eq(ctx_of("x0"), 0, "context")
    finally:
        RT.link_del("x0")


def test_tun():
    """a tun device moves"""
    try:
        fd = open("/dev/net/tun", "rb+", buffering=0)
    except OSError as err:
        raise Skip(f"no tun: {err}") from err
    with fd:
        fcntl.ioctl(fd, 0x400454ca, struct.pack("=16sH22x", b"t0", 0x1001))
        VR.move("t0", 1)
        RT.addr("t0", "10.8.0.1/24")
        RT.up("t0")
        with sock(UDP, 1) as one:
            one.sendto(b"through the tunnel", (ip("10.8.0.2"), 9))
        # IPv6 may have reported its groups before
        check(any(b"through the tunnel" in fd.read(2000)
                  for _ in range(pick(1, 5))), "no packet")
    RT.index.pop("t0", None)


STACKED = {"vlan": nl.attr(1, struct.pack("=H", 5)), "macvlan": u32(1, 4),
           "ipvlan": b""}


@params(*[(kind,) for kind in STACKED])
def test_stacked(kind):
    """a device on top of another moves by itself:"""
    LAB.rt.veth("low", "lowpeer")
    make(kind, "x0", STACKED[kind], linked("low"))
    VR.move("x0", 1)
    eq((ctx_of("x0"), ctx_of("low")), (1, 0), "contexts")
    RT.link_set("low", up=True)
    RT.link_set("x0", up=True)
    RT.link_del("low")
    RT.index.pop("x0", None)
    RT.index.pop("lowpeer", None)
    eq(VR.get(id=1)["devices"], 0, "devices of context 1")


def test_master():
    """a device with a master is EBUSY, and enslaving across is refused"""
    make("bridge", "br0")
    make("dummy")
    RT.link_set("x0", master=RT.ifindex("br0"))
    refused(E.EBUSY, "bridge port", VR.move, "x0", 1)
    RT.link_set("x0", master=0)
    VR.move("x0", 1)
    err = refused((E.EOPNOTSUPP, E.EINVAL, E.EBUSY, E.EXDEV),
                  "enslave a device of a context", RT.link_set, "x0",
                  master=RT.ifindex("br0"))
    check(err.extack, "no extack text")
    RT.link_del("x0")
    RT.link_del("br0")


@params(("bridge", None), ("bond", None))
def test_ports(kind, _):
    """with ports it does not move, without it does:"""
    make(kind, "br0")
    make("dummy")
    RT.link_set("x0", master=RT.ifindex("br0"))
    err = refused(E.EBUSY, kind, VR.move, "br0", 1)
    check(err.extack, "no extack text")
    eq(ctx_of("br0"), 0, "context")
    RT.link_set("x0", master=0)
    RT.link_set("br0", up=False)
    VR.move("br0", 1)
    eq(ctx_of("br0"), 1, "context")
    RT.link_del("x0")
    RT.link_del("br0")


def test_bound_socket():
    """a socket that is bound to a device which moved reaches nothing"""
    make("dummy")
    VR.move("x0", 1)
    RT.addr("x0", "10.1.1.1/24")
    RT.up("x0")
    with sock(UDP, 1, dev="x0") as one:
        one.sendto(b"x", (ip("10.1.1.9"), 9))
        RT.link_set("x0", up=False)
        VR.move("x0", 2)
        RT.up("x0")
        refused(pick(E.ENODEV, E.ENETUNREACH), "send", one.sendto, b"x",
                (ip("10.1.1.9"), 9))
    RT.link_del("x0")


def test_altname():
    """a device is found by an alternative name, however long"""
    make("dummy")
    name = "an-alternative-name-of-more-than-15-characters"
    msg = struct.pack("=BxHiII", 0, 0, RT.ifindex("x0"), 0, 0)
    RT.request(RTM_NEWLINKPROP, 0x600, msg + nl.attr(52 | 0x8000,
                                                     nl.text(53, name)))
    VR.move(name, 1)
    eq(ctx_of("x0"), 1, "context")
    eq(ctx_of(name), 1, "context by that name")
    refused(E.ENODEV, "another name", VR.move, name + "s", 0)
    RT.link_del("x0")


def test_vrf():
    """no device of a context under a VRF, no VRF in a context"""
    make("vrf", "red", u32(1, 1000))
    make("dummy")
    VR.move("x0", 1)
    err = refused((E.EOPNOTSUPP, E.EINVAL, E.EBUSY, E.EXDEV), "enslave",
                  RT.link_set, "x0", master=RT.ifindex("red"))
    check(err.extack, "no extack text")
    VR.move("x0", 0)
    RT.link_set("x0", master=RT.ifindex("red"))
    refused(E.EBUSY, "VRF port", VR.move, "x0", 1)
    refused((E.EINVAL, E.EBUSY), "VRF with a context's table", RT.link_add,
            "blue", "vrf", u32(1, table_of(1)))
    RT.link_del("x0")
    RT.link_del("red")


def test_rx_handler():
    """the lower device of a macvlan has an rx handler: EBUSY"""
    make("dummy", "low")
    make("macvlan", "x0", u32(1, 4), linked("low"))
    RT.link_set("x0", up=True)
    refused(E.EBUSY, "lower device", VR.move, "low", 1)
    RT.link_del("low")
    RT.index.pop("x0", None)


def groups():
    """Has anybody joined the group?"""
    with open(proc_net("igmp"), encoding="ascii") as f:
        return pick("010101EF", packed("239.1.1.1").hex()) in f.read()


def test_flushed():
    """neighbours, routes and multicast do not travel along"""
    wire = Wire(LAB, 1)
    RT.route("192.0.2.0/24", via=HIP, dev="w1", table=table_of(1))
    one = sock(UDP, 1, ("0.0.0.0", 5353))
    one.setsockopt(SOL, JOIN, mreq("239.1.1.1", RT.ifindex("w1")))
    RT.link_set("w1", up=False)
    VR.move("w1", 2)
    wire.static = False
    wire.up()
    # IPv6 keeps entries of the groups that it tells about its own
    eq([n for n in RT.neighs("w1") if not n.startswith("ff")], [],
       "neighbours")
    for ctx in ALL:
        check((ip("192.0.2.0/24"), RTN_UNICAST) not in RT.routes(table_of(ctx)),
              f"route in {ctx}")
    check(not groups(), "still joined")
    RT.neigh("w1", HIP, HMAC)
    wire.send_udp(4000, 5353, b"m", dst="239.1.1.1",
                  mac=group_mac("239.1.1.1"))
    wire.send_udp(4000, 5353, b"u")
    wire.sync()
    eq(readable(one), None, "datagram for the old context's socket")
    one.close()
    RT.link_del("w1")


def proxies(dev):
    msg = struct.pack("=BxxxiHBB", AF, 0, 0, NTF_PROXY, 0)
    return [body for body in RT.request(RTM_GETNEIGH, nl.NLM_F_DUMP, msg)
            if struct.unpack_from("=i", body, 4)[0] == RT.ifindex(dev)]


@only(6)
def test_new_router():
    """a device that was never up leaves behind a group that routers are in"""
    make("dummy")
    with sock(UDP, 0) as one, open("/proc/net/igmp6", encoding="ascii") as f:
        one.setsockopt(SOL, JOIN, mreq("ff02::2", RT.ifindex("x0")))
        for there in (True, False):
            f.seek(0)
            eq(any("x0" in line and packed("ff02::2").hex() in line
                   for line in f), there, "in the group")
            VR.move("x0", 1)
    RT.link_del("x0")


@params(("neighbour",), ("proxy entry",), ("group",))
def test_new(what):
    """a device that was never up leaves behind its:"""
    make("dummy")
    with sock(UDP, 0) as one:
        if what == "neighbour":
            RT.neigh("x0", HIP, HMAC)
        elif what == "group":
            one.setsockopt(SOL, JOIN, mreq("239.1.1.1", RT.ifindex("x0")))
        else:
            RT.proxy("10.0.5.9", dev="x0")
        before = (RT.neighs("x0"), proxies("x0"), groups())
        check(any(before), "nothing was there")
        VR.move("x0", 1)
        eq((RT.neighs("x0"), proxies("x0"), groups()), ({}, [], False),
           "what it took along")
    VR.move("x0", 0)
    eq((RT.neighs("x0"), proxies("x0"), groups()), ({}, [], False), "back")
    RT.link_del("x0")


def test_connection_stays_behind():
    """an established connection is not carried into the new context"""
    host = LAB.add_host(1, "h1")
    listen = sock(socket.SOCK_STREAM, 1, (RIP, 80), listen=2)
    with host:
        peer = socket.create_connection((RIP, 80), 10)
    server = listen.accept()[0]
    RT.link_set("h1", up=False)
    VR.move("h1", 2)
    RT.link_set("h1", up=True)
    both_run(RT, "h1", host.rt)
    peer.settimeout(TIMEOUT)
    peer.send(b"anyone?")
    refused(E.ECONNRESET, "answer from context 2", peer.recv, 1)
    eq(readable(server), None, "data for the old context")
    for one in (peer, server, listen):
        one.close()
    RT.link_del("h1")
    host.close()


def test_namespace_move():
    """a device that changes namespace comes out in context 0"""
    far = Netns()
    make("dummy")
    VR.move("x0", 1)
    RT.addr("x0", "10.1.1.1/24")
    RT.link_set("x0", up=True)
    RT.link_set("x0", netns=far.fd)
    eq(VR.get(id=1)["devices"], 0, "devices of context 1")
    check(NET not in RT.routes(table_of(1)), "route left")
    with far:
        eq(nl.Vrctx().call(nl.DEV_GET, ifname="x0")["id"], 0, "there")
        far.rt.addr("x0", "10.1.1.1/24")
        far.rt.link_set("x0", up=True)
        check(NET in far.rt.routes(254), "no route in main")
    far.close()


def test_rename():
    """the name is no part of it: renamed devices stay in their context"""
    make("dummy")
    VR.move("x0", 1)
    RT.link_set("x0", name="y0")
    eq(ctx_of("y0"), 1, "context")
    RT.link_del("y0")


def test_new_devices():
    """new devices are born in context 0, the lower device's is no matter"""
    make("dummy")
    VR.move("x0", 1)
    make("dummy", "x1")
    eq(ctx_of("x1"), 0, "context")
    for dev in ("x0", "x1"):
        RT.link_del(dev)


def test_many_moves():
    """to and fro, with addresses and while the other context is used"""
    make("dummy")
    RT.addr("x0", "10.1.1.1/24")
    for turn in range(60):
        ctx = ALL[turn % 3]
        VR.move("x0", ctx)
        RT.up("x0")
        sock(UDP, ctx, ("10.1.1.1", 9)).close()
        RT.link_set("x0", up=False)
    RT.link_del("x0")
    for ctx in (1, 2):
        eq(VR.get(id=ctx)["devices"], 0, f"devices of {ctx}")


run(globals(), limit=90)
