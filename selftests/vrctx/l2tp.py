#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 4 6
"""L2TP: tunnels and sessions are of the context of who made them.

Guards the tables of net/l2tp/l2tp_core.c, the sockets of net/l2tp/l2tp_ip.c and
l2tp_ip6.c, and the generic netlink family.
"""
import contextlib
import errno as E
import socket
import struct

import vr_nl as nl
from vr_fam import AF, ip, packed, pick
from vr_net import HIP, RIP, UDP, Lab, inside, libc, readable, sock
from vr_nl import attr, parse, text, u32
from vr_pkt import ip_packet, udp_datagram
from vr_tap import check, eq, params, refused, run, wait
from vr_tun import Ends, below, dress, ip_cmd, path_mtus, too_big

LAB = Lab(0, 1, 2)
RT, VR = LAB.rt, LAB.vr
ALL = (0, 1, 2)
NEAR, FAR, PLEN = ip("10.8.0.1"), ip("10.8.0.2"), pick(24, 120)
PORT, PROTO = 1701, 115
UDP_ENCAP, IP_ENCAP, ETH, PPP = 0, 1, 5, 7
(TUNNEL_NEW, TUNNEL_DEL, TUNNEL_SET, TUNNEL_GET, SESSION_NEW, SESSION_DEL,
 SESSION_SET, SESSION_GET) = range(1, 9)
PW_TYPE, ENCAP, VERSION, IFNAME, CONN, PEER_CONN, SESSION, PEER_SESSION = (
    1, 2, 7, 8, 9, 10, 11, 12)
FD, SPORT, DPORT = 23, 26, 27
SRC, DST = pick((24, 25), (31, 32))


def u16(kind, val):
    return attr(kind, struct.pack("=H", val))


class L2tp(nl.Netlink):
    """The generic netlink family, as seen by who opens this."""

    def __init__(self):
        super().__init__(nl.NETLINK_GENERIC)
        self.family, info = self.genl_family("l2tp")
        group = parse(next(iter(parse(info[7]).values())))
        self.group = struct.unpack("=I", group[2])[0]

    def call(self, cmd, attrs=b"", flags=0):
        out = self.request(self.family, flags,
                           struct.pack("=BBH", cmd, 1, 0) + attrs)
        return [parse(body[4:]) for body in out]

    def tunnel(self, tid, encap=UDP_ENCAP, port=PORT, version=3, ends=(RIP, HIP),
               fd=None):
        msg = u32(CONN, tid) + u32(PEER_CONN, tid) + u16(ENCAP, encap) \
            + attr(VERSION, bytes([version]))
        if fd is None:
            msg += attr(SRC, packed(ends[0])) + attr(DST, packed(ends[1])) \
                + u16(SPORT, port) + u16(DPORT, port)
        else:
            msg += u32(FD, fd)
        self.call(TUNNEL_NEW, msg)

    def session(self, tid, sid, name, kind=ETH):
        self.call(SESSION_NEW, u32(CONN, tid) + u32(SESSION, sid)
                  + u32(PEER_SESSION, sid) + u16(PW_TYPE, kind)
                  + text(IFNAME, name))

    def numbers(self, cmd, *kinds):
        return sorted(tuple(struct.unpack("=I", one[kind])[0]
                            for kind in kinds)
                      for one in self.call(cmd, flags=nl.NLM_F_DUMP))

    def tunnels(self):
        return [one for one, in self.numbers(TUNNEL_GET, CONN)]

    def sessions(self):
        return self.numbers(SESSION_GET, CONN, SESSION)

    def clear(self):
        """Delete them all; that is finished later."""
        for tid in self.tunnels():
            self.call(TUNNEL_DEL, u32(CONN, tid))
        wait(lambda: not self.tunnels(), "tunnels to be gone")

    def listen(self):
        self.sock.setsockopt(nl.SOL_NETLINK, 1, self.group)

    def heard(self):
        """Commands of the notifications so far."""
        out = []
        while (buf := readable(self.sock)) is not None:
            out += [body[0] for kind, _, _, body in self.split(buf)
                    if kind == self.family]
        return out


NL, FAR_NL = {}, {}
for one_ctx in ALL:
    with inside(one_ctx):
        NL[one_ctx] = L2tp()
    with LAB.hosts[one_ctx]:
        FAR_NL[one_ctx] = L2tp()


def there(name):
    RT.index.pop(name, None)
    try:
        RT.ifindex(name)
    except OSError:
        return False
    return True


@contextlib.contextmanager
def cleaned(*names):
    """What a test made goes, also when it fails."""
    try:
        yield
    finally:
        for one in [*NL.values(), *FAR_NL.values()]:
            one.clear()
        for name in (*names, "t0", "t1", "t2"):
            wait(lambda dev=name: not there(dev), f"{name} to be gone")
        for num in ALL:
            far = LAB.hosts[num].rt
            far.index.pop("t", None)
            wait(lambda rt=far: b"t\0" not in [
                parse(body[16:])[3] for body in rt.request(
                    18, nl.NLM_F_DUMP, bytes(16))], "t to be gone")


def by_ip(encap, local, remote, name, tid=10, sid=100):
    """A tunnel and its session, by ip(8)."""
    ports = f" udp_sport {PORT} udp_dport {PORT}" if encap == "udp" else ""
    ip_cmd(f"l2tp add tunnel tunnel_id {tid} peer_tunnel_id {tid} encap {encap} "
           f"local {local} remote {remote}{ports}")
    ip_cmd(f"l2tp add session name {name} tunnel_id {tid} session_id {sid} "
           f"peer_session_id {sid}")


def near_end(num, encap):
    with inside(num):
        by_ip(encap, RIP, HIP, f"t{num}")
    RT.index.pop(f"t{num}", None)
    dress(RT, f"t{num}", NEAR, PLEN)


def far_end(num, encap):
    with LAB.hosts[num]:
        by_ip(encap, HIP, RIP, "t")
        dress(LAB.hosts[num].rt, "t", FAR, PLEN)


def number(encap):
    return {"udp": UDP_ENCAP, "ip": IP_ENCAP}[encap]


def forge(num, encap, sid, dev, port=PORT, data=b"forged"):
    """What the host of a context might send for a session with that number:
    a datagram for the address of the device.
    """
    frame = RT.link(dev)[1] + b"\x02\0\0\0\0\x09" + struct.pack(
        "!H", pick(0x800, 0x86dd)) + ip_packet(
            17, udp_datagram(7000, 7000, data, FAR, NEAR), FAR, NEAR)
    data = struct.pack("!II", sid, 0) + frame
    with LAB.hosts[num]:
        if encap == "udp":
            with sock(UDP, bind=(HIP, port)) as one:
                one.sendto(b"\0\3\0\0" + data, (RIP, port))
        else:
            with socket.socket(AF, socket.SOCK_RAW, PROTO) as one:
                one.sendto(data, (RIP, 0))


def received(dev):
    return struct.unpack_from("=Q", RT.link(dev)[23])[0]


ENCAPS = params("udp", "ip")


@ENCAPS
def test_same(encap):
    """tunnels with the same ends and numbers in three contexts:"""
    with cleaned():
        for num in ALL:
            near_end(num, encap)
            far_end(num, encap)
        for num in ALL:
            eq(VR.call(nl.DEV_GET, ifname=f"t{num}").get("id", 0), num,
               f"context of t{num}")
        with Ends(LAB, NEAR, FAR, {num: num for num in ALL}) as pairs:
            for num in ALL:
                pairs.talk(num)
            with inside(2):
                ip_cmd("l2tp del tunnel tunnel_id 10")
            wait(lambda: not there("t2"), "t2 to be gone")
            pairs.far[2].sendto(b"anybody there?", pairs.addr)
            below(LAB, 2)
            pairs.quiet(2)
            for num in (0, 1):
                pairs.talk(num)


@ENCAPS
def test_forged(encap):
    """the number of a session of another context says nothing:"""
    kind = number(encap)
    with cleaned():
        for num, sid in ((0, 100), (1, 101)):
            NL[num].tunnel(10, kind)
            NL[num].session(10, sid, f"t{num}")
            RT.index.pop(f"t{num}", None)
            dress(RT, f"t{num}", NEAR, PLEN)
        with sock(UDP, 0, (NEAR, 7000)) as zero, \
                sock(UDP, 1, (NEAR, 7000)) as one:
            for num, sid, dev, want in ((1, 100, "t0", (None, None)),
                                        (2, 100, "t0", (None, None)),
                                        (0, 101, "t1", (None, None)),
                                        (2, 101, "t1", (None, None)),
                                        (0, 100, "t0", (b"forged", None)),
                                        (1, 101, "t1", (None, b"forged"))):
                forge(num, encap, sid, dev)
                below(LAB, num)
                eq((readable(zero), readable(one)), want,
                   f"of session {sid} by {num}")
        eq((received("t0"), received("t1")), (1, 1), "at the devices")


def test_number_twice():
    """a number in two tunnels of the same context, and in those of another"""
    ports = (PORT, PORT + 1)
    names = {(num, port): f"t{num}{port}" for num in (0, 1) for port in ports}
    with cleaned(*names.values()):
        for (num, port), name in names.items():
            NL[num].tunnel(port, port=port)
            NL[num].session(port, 100, name)
            RT.link_set(name, up=True)
        for num in (0, 1):
            refused(E.EEXIST, "tunnel", NL[num].tunnel, PORT, port=9)
            eq(NL[num].sessions(), [(port, 100) for port in ports], "sessions")
        count = dict.fromkeys(names, 0)
        for (num, port), name in names.items():
            forge(num, "udp", 100, name, port)
            below(LAB, num)
            count[num, port] = 1
            eq({key: received(dev) for key, dev in names.items()}, count,
               f"received after {name}")
        # the one that is found first goes, the other one is found still
        NL[1].call(SESSION_DEL, u32(CONN, PORT) + u32(SESSION, 100))
        wait(lambda: not there(names[1, PORT]), "session to be gone")
        forge(1, "udp", 100, names[1, PORT + 1], PORT + 1)
        below(LAB, 1)
        eq(received(names[1, PORT + 1]), 2, "received by the other one")
        eq(NL[0].sessions(), [(port, 100) for port in ports], "of 0")
    with cleaned():
        for num in ALL:
            NL[num].tunnel(10, IP_ENCAP)
            NL[num].tunnel(11, IP_ENCAP)
            NL[num].session(10, 100, f"t{num}")
            refused(E.EEXIST, "over IP", NL[num].session, 11, 100, "t9")


def test_view():
    """who asks sees, changes and deletes those of its own context"""
    own = {0: (10, 100), 1: (11, 101), 2: None}
    with cleaned():
        for num, ids in own.items():
            if ids:
                NL[num].tunnel(ids[0])
                NL[num].session(*ids, f"t{num}")
        for num, ids in own.items():
            eq(NL[num].tunnels(), [ids[0]] if ids else [], f"tunnels of {num}")
            eq(NL[num].sessions(), [ids] if ids else [], f"sessions of {num}")
            with inside(num):
                said = ip_cmd("l2tp show session")
            for other, has in own.items():
                eq(bool(has) and f"Session {has[1]} in tunnel {has[0]}" in said,
                   bool(has) and num == other, f"that of {other} shown to {num}")
            for other, has in own.items():
                if not has or num == other:
                    continue
                tid, sid = u32(CONN, has[0]), u32(SESSION, has[1])
                for cmd in (TUNNEL_GET, TUNNEL_SET, TUNNEL_DEL):
                    refused(E.ENODEV, f"{cmd} by {num}", NL[num].call, cmd, tid)
                refused(E.ENODEV, f"session by {num}", NL[num].session, has[0],
                        102, "t9")
                for cmd in (SESSION_GET, SESSION_SET, SESSION_DEL):
                    for which in (tid + sid, text(IFNAME, f"t{other}")):
                        refused(E.ENODEV, f"{cmd} by {num}", NL[num].call, cmd,
                                which)
        for num in (0, 1):
            tid, sid = u32(CONN, own[num][0]), u32(SESSION, own[num][1])
            NL[num].call(TUNNEL_SET, tid)
            NL[num].call(SESSION_SET, text(IFNAME, f"t{num}"))
            for which in (tid + sid, text(IFNAME, f"t{num}")):
                got = NL[num].call(SESSION_GET, which)[0]
                eq(got[IFNAME], b"t%d\0" % num, "name")


def test_notify():
    """who listens hears of those of its own context"""
    ears = {}
    try:
        for num in ALL:
            with inside(num):
                ears[num] = L2tp()
        with LAB.hosts[0]:
            ears["host"] = L2tp()
        for one in ears.values():
            one.listen()
        with cleaned():
            for num in (1, 0):
                NL[num].tunnel(10)
                NL[num].session(10, 100, f"t{num}")
                NL[num].call(SESSION_SET, text(IFNAME, f"t{num}"))
                NL[num].call(TUNNEL_SET, u32(CONN, 10))
                NL[num].call(SESSION_DEL, u32(CONN, 10) + u32(SESSION, 100))
                NL[num].call(TUNNEL_DEL, u32(CONN, 10))
                want = [TUNNEL_NEW, SESSION_NEW, SESSION_SET, TUNNEL_SET,
                        SESSION_DEL, TUNNEL_DEL]
                eq({key: one.heard() for key, one in ears.items()},
                   {0: [] if num else want, 1: want if num else [], 2: [],
                    # all namespaces hear of context 0's
                    "host": [] if num else want}, f"heard of {num}")
    finally:
        for one in ears.values():
            one.close()


@ENCAPS
def test_two_contexts(encap):
    """the device of a session in another context than its tunnel:"""
    with cleaned():
        for num in ALL:
            far_end(num, encap)
        with inside(1):
            by_ip(encap, RIP, HIP, "t1")
        VR.move("t1", 2)
        dress(RT, "t1", NEAR, PLEN)
        with Ends(LAB, NEAR, FAR, {0: 0, 1: 2, 2: 1},
                  ip("0.0.0.0")) as pairs:
            pairs.talk(1)
            pairs.far[2].sendto(b"not by this way", pairs.addr)
            below(LAB, 2)
            pairs.quiet(2)


@ENCAPS
def test_address(encap):
    """the address of a tunnel is one of the context:"""
    kind, addr = number(encap), ip("10.9.0.1")
    RT.addr("v2", "10.9.0.1/24")
    try:
        with cleaned():
            for num in (0, 1):
                refused(E.EADDRNOTAVAIL, f"in {num}", NL[num].tunnel, 10, kind,
                        ends=(addr, HIP))
            NL[2].tunnel(10, kind, ends=(addr, HIP))
            eq(NL[2].tunnels(), [10], "tunnels")
    finally:
        RT.addr_del("v2", "10.9.0.1/24")


def l2tp_sockaddr(addr, conn):
    return pick(struct.pack("=HH4sI4x", AF, 0, packed(addr), conn),
                struct.pack("=HHI16sII", AF, 0, 0, packed(addr), 0, conn))


def test_control():
    """control messages of a context do not reach a daemon of context 0"""
    with socket.socket(AF, UDP, PROTO) as one:
        addr = l2tp_sockaddr(RIP, 10)
        libc("bind", one.fileno(), addr, len(addr))
        for num in (1, 2, 0):
            with LAB.hosts[num], socket.socket(AF, socket.SOCK_RAW,
                                               PROTO) as far:
                far.sendto(struct.pack("!IHHI", 0, 0xc803, 12, 10) + bytes(4),
                           (RIP, 0))
            below(LAB, num)
            eq(readable(one) is not None, num == 0, f"heard of {num}")
        # nor do the two take the number from each other
        with cleaned():
            refused(E.EADDRINUSE, "in 0", NL[0].tunnel, 10, IP_ENCAP)
            NL[1].tunnel(10, IP_ENCAP)


def test_descriptor():
    """a tunnel over a given socket: one of the context of who asks"""
    with contextlib.ExitStack() as stack, cleaned():
        given = {}
        for num in ALL:
            given[num] = stack.enter_context(sock(UDP, num, (RIP, PORT)))
            given[num].connect((HIP, PORT))
        for num in ALL:
            for other in ALL:
                if other != num:
                    refused(E.EINVAL, f"of {other} by {num}", NL[num].tunnel, 10,
                            fd=given[other].fileno())
            NL[num].tunnel(10, fd=given[num].fileno())
            refused(E.EBUSY, f"twice in {num}", NL[num].tunnel, 11,
                    fd=given[num].fileno())
            NL[num].session(10, 100, f"t{num}")
            RT.link_set(f"t{num}", up=True)
        for num in ALL:
            forge(num, "udp", 100, f"t{num}")
            below(LAB, num)
        eq([received(f"t{num}") for num in ALL], [1, 1, 1], "received")
        for num in (1, 0, 2):           # the tunnel goes with its socket
            given[num].close()
            wait(lambda one=NL[num]: not one.tunnels(), f"end of that of {num}")
    with sock(UDP, nl.ANY, (ip("0.0.0.0"), PORT)) as one:
        for num in ALL:
            refused(E.EINVAL, "for all", NL[num].tunnel, 10, fd=one.fileno())


def test_ppp():
    """PPP has no sockets in a context, so its sessions are refused"""
    with cleaned():
        for version in (2, 3):
            NL[1].tunnel(10 + version, version=version, port=PORT + version)
            err = refused(E.EOPNOTSUPP, "PPP", NL[1].session, 10 + version, 100,
                          "t1", PPP)
            check("context" in err.extack, "no extack text")
    with inside(1):                     # AF_PPPOX, PX_PROTO_OL2TP
        refused(E.EAFNOSUPPORT, "socket", socket.socket, 24, UDP, 1)


def test_path_mtu():
    """an error about a datagram of a tunnel is about that of the context"""
    with cleaned():
        for num in (0, 1):
            NL[num].tunnel(10)
        for num, want in ((1, [1500, 1300]), (0, [1300, 1300])):
            too_big(LAB, num, PORT, PORT, bytes(16))
            eq(path_mtus(0, 1), want, f"after that to {num}")


@ENCAPS
def test_deleted(encap):
    """a deleted context takes its tunnels with it:"""
    kind = number(encap)
    VR.new(7)
    RT.link_add("d7", "dummy")
    VR.move("d7", 7)
    RT.addr("d7", "10.7.0.1/24")
    RT.link_set("d7", up=True)
    try:
        for turn in range(2):
            with inside(7), contextlib.closing(L2tp()) as one:
                eq(one.tunnels(), [], "tunnels before")
                one.tunnel(10, kind, ends=(ip("10.7.0.1"), ip("10.7.0.2")))
                one.session(10, 100, "t7")
                one.session(10, 101, "t8")
            NL[0].tunnel(10)
            RT.link_set("t7", up=True)
            refused(E.EBUSY, "with devices", VR.delete, id=7)
            VR.move("t8", 0)
            VR.delete(id=7, force=True)
            check(not there("t7"), f"t7 is there after {turn}")
            check(not there("t8"), f"t8 is there after {turn}")
            eq(NL[0].tunnels(), [10], "of context 0")
            NL[0].clear()
            VR.new(7)
            eq(LAB.sockets(7), 0, "sockets")
            VR.move("d7", 7)
            RT.up("d7")
    finally:
        VR.delete(id=7, force=True)
        RT.link_del("d7")


def test_dead():
    """nobody makes a tunnel in a context that is deleted"""
    VR.new(7)
    with inside(7):
        one = L2tp()
        VR.delete(id=7)
    for kind in (UDP_ENCAP, IP_ENCAP):
        refused(E.ENETUNREACH, "tunnel", one.tunnel, 10, kind)
    eq(one.tunnels(), [], "tunnels")
    one.close()


run(globals(), 300)
