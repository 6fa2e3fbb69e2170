#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 4 6
"""Tunnels: their own packets travel in the context of who made them.

Guards include/net/vrctx_tunnel.h, the look-ups of tunnels by address, those of
the sockets of tunnels over UDP, and the routes of what is encapsulated.
"""
import contextlib
import errno as E
import fcntl
import socket
import struct

from vr_fam import AF, ip, packed, pick
from vr_net import HIP, RIP, UDP, Lab, inside, sock
from vr_nl import NLM_F_ACK, attr, u32
from vr_rt import Rtnl
from vr_tap import check, eq, params, refused, run, wait
from vr_tun import Ends, below, dress, path_mtus, too_big

LAB = Lab(0, 1, 2)
RT, VR = LAB.rt, LAB.vr
ALL = (0, 1, 2)
VIEW = {}
for num in ALL:
    with inside(num):
        VIEW[num] = Rtnl()
IPTUN, GRE = (2, 3), (6, 7)                  # attributes: local, remote
VNI, PORT = u32(1, 7), attr(15, struct.pack("!H", 4789))
SIOCADDTUNNEL = 0x89f1
IFLA_NET_NS_FD, RTM_SETLINK = 28, 19


def by(which):
    return lambda near, far: attr(which[0], packed(near)) + \
        attr(which[1], packed(far))


KINDS = pick({"ipip": by(IPTUN), "sit": by(IPTUN), "gre": by(GRE),
              "gretap": by(GRE)},
             {"ip6tnl": lambda near, far: by(IPTUN)(near, far) + attr(9, b"\0"),
              "ip6gre": by(GRE), "ip6gretap": by(GRE)})
KINDS["vxlan"] = lambda near, far: VNI + PORT + by(pick((4, 2), (17, 16)))(
    near, far)
KINDS["geneve"] = lambda near, far: VNI + attr(pick(2, 7), packed(far))
# sit carries IPv6
INNER = {"sit": (socket.AF_INET6, "fd08::1", "fd08::2", 64)}


def inner(kind):
    """Family, addresses near and far, length of the prefix."""
    return INNER.get(kind) or (AF, ip("10.8.0.1"), ip("10.8.0.2"),
                               pick(24, 120))


def near_end(ctx, kind, name=None):
    name = name or f"t{ctx}"
    VIEW[ctx].link_add(name, kind, KINDS[kind](RIP, HIP))
    RT.index.pop(name, None)
    near, plen = inner(kind)[1::2]
    dress(RT, name, near, plen)
    return name


def far_end(ctx, kind):
    far = LAB.hosts[ctx]
    with far:
        far.rt.link_add("t", kind, KINDS[kind](HIP, RIP))
        dress(far.rt, "t", *inner(kind)[2:])


@contextlib.contextmanager
def cleaned():
    """What a test made goes, also when it fails."""
    try:
        yield
    finally:
        for num in ALL:
            with contextlib.suppress(OSError), LAB.hosts[num]:
                LAB.hosts[num].rt.link_del("t")
            with contextlib.suppress(OSError):
                RT.link_del(f"t{num}")
            VIEW[num].index.pop(f"t{num}", None)


def ends(kind, contexts=ALL, addr=None):
    """A socket inside of every tunnel."""
    return Ends(LAB, *inner(kind)[1:3], dict(zip(ALL, contexts)), addr)


@params(*[(kind,) for kind in KINDS])
def test_same_ends(kind):
    """tunnels with the same ends in three contexts:"""
    with cleaned():
        for num in ALL:
            near_end(num, kind)
            far_end(num, kind)
        with ends(kind) as pairs:
            for num in ALL:
                pairs.talk(num)
            # without one of its own, no other takes its packets
            VIEW[2].link_del("t2")
            RT.index.pop("t2")
            pairs.far[2].sendto(b"anybody there?", pairs.addr)
            below(LAB, 2)
            pairs.quiet(2)
            for num in (0, 1):
                pairs.talk(num)


@params(*[(kind,) for kind in KINDS])
def test_twice(kind):
    """the same ends once more in the same context are refused:"""
    with cleaned():
        near_end(1, kind)
        refused((E.EEXIST, E.EBUSY), "twice", VIEW[1].link_add, "t9", kind,
                KINDS[kind](RIP, HIP))
        refused(E.ENODEV, "not there", RT.ifindex, "t9")
        near_end(2, kind)


@params(*[(kind,) for kind in KINDS])
def test_two_contexts(kind):
    """made in 0, its device moved to 1: carried by 0:"""
    af, near, _, plen = inner(kind)
    with cleaned():
        for num in ALL:
            far_end(num, kind)
        RT.link_add("t0", kind, KINDS[kind](RIP, HIP))
        VR.move("t0", 1)
        dress(RT, "t0", near, plen)
        with ends(kind, (1, 2, 0),
                  "::" if af == socket.AF_INET6 else "0.0.0.0") as pairs:
            pairs.talk(0)
            pairs.far[1].sendto(b"not by this way", pairs.addr)
            below(LAB, 1)
            pairs.quiet(1)


def test_number():
    """the number of a context below a tunnel is not given again"""
    kind = pick("gre", "ip6gre")
    VR.new(7)
    with inside(7):
        rt = Rtnl()
    rt.link_add("t7", kind, KINDS[kind](RIP, HIP))
    RT.index.pop("t7", None)
    VR.move("t7", 0)
    rt.close()
    VR.delete(id=7)
    af, near, far, plen = inner(kind)
    dress(RT, "t7", near, plen)
    with sock(UDP, bind=(near, 7000), af=af) as one:
        one.sendto(b"where to?", (far, 7000))   # nowhere
    refused((E.EBUSY, E.EEXIST), "new", VR.new, 7)
    RT.link_del("t7")

    def again():
        try:
            VR.new(7)
        except OSError:
            return False
        return True
    wait(again, "number 7 to be free")
    VR.delete(id=7)


def test_sockets():
    """wireguard: its sockets are in the context of who made it"""
    before = LAB.sockets(1)
    with cleaned():
        VIEW[1].link_add("t1", "wireguard")
        VR.move("t1", 0)
        # whoever sets it up: it is in 0, so a process in 2 may not
        refused(E.ENODEV, "up", VIEW[2].link_set, "t1", True)
        RT.link_set("t1", up=True)
        eq(LAB.sockets(1) - before, 2, "sockets of 1")
        RT.link_set("t1", up=False)
        LAB.quiet(1, before)


def test_path_mtu():
    """an error about a datagram of a tunnel is about those of the context"""
    said = 40000, 4789, struct.pack("!II", 8 << 24, 7 << 8)
    with cleaned():
        near_end(0, "vxlan")
        for num in (1, 2):
            too_big(LAB, num, *said)
        # noted there, whoever has sent the datagram
        eq(path_mtus(*ALL), [1500, 1300, 1300], "without a tunnel")
        near_end(1, "vxlan")
        too_big(LAB, 1, *said)
        eq(path_mtus(0, 1), [1500, 1300], "in 1")
        too_big(LAB, 0, *said)
        eq(path_mtus(0, 1), [1300, 1300], "in 0")


def test_refused():
    """no tunnel for everything, none on others' devices, none by ioctl"""
    external = pick((("ipip", 19), ("gre", 18)), (("ip6tnl", 19),
                                                  ("ip6gre", 18)))
    for kind, flag in external:
        refused(E.EOPNOTSUPP, f"external {kind}", VIEW[1].link_add, "t1", kind,
                attr(flag))
    err = refused(E.ENODEV, "device of 2", VIEW[1].link_add, "t1", "vxlan",
                  KINDS["vxlan"](RIP, HIP) + u32(3, RT.ifindex("v2")))
    check(err.extack, "no extack text")
    refused(E.EOPNOTSUPP, "bareudp", VIEW[1].link_add, "t1", "bareudp",
            attr(1, b"\x12\xb5") + attr(2, b"\x88\x47"))
    kind = pick("ipip", "ip6tnl")
    with cleaned():
        near_end(1, kind)
        msg = struct.pack("=BxHiII", 0, 0, RT.ifindex("t1"), 0, 0)
        refused((E.EINVAL, E.EPERM), "to a namespace", RT.request,
                RTM_SETLINK, NLM_F_ACK,
                msg + u32(IFLA_NET_NS_FD, LAB.hosts[1].fd))
        with inside(1), socket.socket(AF, UDP) as one:
            refused(E.EOPNOTSUPP, "SIOCADDTUNNEL", fcntl.ioctl, one,
                    SIOCADDTUNNEL, struct.pack("=16s24x", b"t1"))
        eq(VR.get(id=1)["devices"], 2, "devices of 1")


run(globals())
