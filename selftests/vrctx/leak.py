#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 4 6
"""Route leaks: packets that go on in another context, because somebody said so.

	10.1.0.2 a1 ---- context 1
	10.2.0.2 a2 ---- context 2		a0 10.7.0.2 ---- context 0
	10.3.0.2 a3 ---- context 3

Guards kernel/net/vrctx/leak*.c, the state of a route that leads there, that
nobody but vrctl removes it, and what is looked at when a packet crosses.
"""
import errno as E
import socket
import struct

import vr_nl as nl
from vr_fam import (AF, ECHO_REPLY, ECHO_REQUEST, FORWARD, MTU, MTU_DISCOVER,
                    NO_ROUTE, PMTU_DO, PORT_UNREACH, SOL, TOO_BIG,
                    TTL_EXCEEDED, V6, ip, only)
from vr_leak import leak_attrs
from vr_net import (TCP, UDP, Lab, connect, enter, inside, pending, readable,
                    sock, whoami)
from vr_nl import table_of
from vr_pkt import DF, Wire, ip_packet, quote, udp_datagram
from vr_rt import Rtnl, sysctl
from vr_tap import check, eq, params, refused, run, wait

LAB = Lab(1, 2, 3, hosts=False)
RT, VR = LAB.rt, LAB.vr
NET = {n: f"10.{n or 7}.0.0/24" for n in range(4)}
OWN = {n: f"10.{n or 7}.0.1" for n in range(4)}
HOST = {n: f"10.{n or 7}.0.2" for n in range(4)}
sysctl(FORWARD, 1)
sysctl("net.ipv4.conf.all.send_redirects", 0)
A = {n: Wire(LAB, n, dev=f"a{n}", cidr=OWN[n] + "/24", ip=HOST[n])
     for n in NET}
METRIC = 0x56520000


def leak(frm, prefix, to):
    VR.bodies(nl.LEAK_NEW, leak_attrs(frm, prefix, to))


def unleak(frm, prefix):
    VR.bodies(nl.LEAK_DEL, leak_attrs(frm, prefix))


def read(body):
    got = nl.parse(body[4:])

    def num(key, fmt="=I"):
        return struct.unpack(fmt, got[key])[0]

    prefix = socket.inet_ntop(AF if len(got[nl.A_LEAK_PREFIX]) > 4
                              else socket.AF_INET, got[nl.A_LEAK_PREFIX])
    return ((num(nl.A_LEAK_FROM),
             f"{prefix}/{got[nl.A_LEAK_PREFIX_LEN][0]}"),
            (num(nl.A_LEAK_TO), num(nl.A_LEAK_PACKETS, "=Q"),
             num(nl.A_LEAK_BYTES, "=Q")))


def leaks(vr=VR):
    """{(from, prefix): (to, packets, bytes)}"""
    return dict(read(body) for body in
                vr.bodies(nl.LEAK_GET, b"", nl.NLM_F_DUMP))


def both(one, other):
    leak(one, NET[other], other)
    leak(other, NET[one], one)


def clean():
    for (frm, prefix), (to, *_) in leaks().items():
        VR.bodies(nl.LEAK_DEL, leak_attrs(frm, prefix))
        check(to != frm, "to itself")
    eq(leaks(), {}, "leaks left")


def collect():
    out = {n: wire.sync() for n, wire in A.items()}
    return {n: pkts for n, pkts in out.items() if pkts}


@params((1, 2), (1, 0), (0, 2))
def test_forward(one, other):
    """forwarded both ways between two contexts, and counted:"""
    A[one].send_udp(4000, 53, b"no", dst=HOST[other])
    eq([p.icmp for p in collect().pop(one)], [NO_ROUTE], "without a leak")
    leak(one, NET[other], other)
    A[one].send_udp(4000, 53, b"over", dst=HOST[other])
    got = collect()
    eq(list(got), [other], f"wires {got}")
    pkt = got[other][0]
    eq((pkt.src, pkt.dst, pkt.ttl, pkt.data),
       (ip(HOST[one]), ip(HOST[other]), 63, b"over"), "packet")
    A[other].send_udp(53, 4000, b"back", dst=HOST[one])
    eq(list(collect()), [other], "no way back without a leak")
    leak(other, NET[one], one)
    A[other].send_udp(53, 4000, b"back", dst=HOST[one])
    got = collect()
    eq(list(got), [one], f"wires {got}")
    have = leaks()
    eq(have[(one, ip(NET[other]))], (other, 1, len(pkt.raw[:pkt.len])),
       "counted")
    eq(have[(other, ip(NET[one]))][:2], (one, 1), "counted back")
    clean()
    A[one].send_udp(4000, 53, b"no more", dst=HOST[other])
    eq([p.icmp for p in collect().pop(one)], [NO_ROUTE], "after its end")


def test_counters():
    """the second context forwards, the first does not"""
    leak(1, NET[2], 2)
    before = {n: VR.stats(n)["fwd-packets"] for n in (1, 2)}
    for _ in range(3):
        A[1].send_udp(4000, 53, b"x", dst=HOST[2])
    collect()
    eq({n: VR.stats(n)["fwd-packets"] - before[n] for n in (1, 2)},
       {1: 0, 2: 3}, "forwarded")
    eq(VR.stats(1)["wrong-ctx"], 0, "wrong context")
    clean()


def test_third():
    """three contexts: only what was asked for"""
    both(1, 2)
    both(2, 3)
    for frm, to, way in ((1, 2, 2), (2, 3, 3), (3, 2, 2), (2, 1, 1),
                         (1, 3, None), (3, 1, None)):
        A[frm].send_udp(1, 2, b"x", dst=HOST[to])
        got = collect()
        if way:
            eq(list(got), [way], f"{frm} to {to}")
        else:
            eq([p.icmp for p in got.pop(frm)], [NO_ROUTE], f"{frm} to {to}")
            eq(got, {}, f"elsewhere, {frm} to {to}")
    clean()


def test_loop():
    """what leads to a leak again is unreachable"""
    leak(1, "192.0.2.0/24", 2)
    leak(2, "192.0.2.0/24", 1)
    for n in (1, 2):
        A[n].send_udp(1, 2, b"x", dst="192.0.2.1")
        got = collect()
        eq([p.icmp for p in got.pop(n)], [NO_ROUTE], f"from {n}")
        eq(got, {}, "elsewhere")
        with sock(UDP, n) as one:
            refused((E.ENETUNREACH, E.EHOSTUNREACH), "socket", one.sendto,
                    b"x", (ip("192.0.2.1"), 9))
    eq([c[1] for c in leaks().values()], [0, 0], "counted")
    clean()


def test_no_route():
    """no route in the second context: the error is the first one's"""
    leak(1, "192.0.2.0/24", 2)
    RT.route("192.0.2.128/25", kind=7, table=table_of(2))       # unreachable
    for dst in ("192.0.2.1", "192.0.2.129"):
        A[1].send_udp(1, 2, b"x", dst=dst)
        got = collect()
        eq([(p.icmp, p.src) for p in got.pop(1)], [(NO_ROUTE, ip(OWN[1]))],
           f"error about {dst}")
        eq(got, {}, "elsewhere")
    RT.route_del("192.0.2.128/25", kind=7, table=table_of(2))
    clean()


def test_longest():
    """a longer prefix in the first context wins, and one of equal length"""
    leak(1, "10.0.0.0/8", 2)
    A[1].send_udp(1, 2, b"over", dst=HOST[2])
    eq(list(collect()), [2], "by the leak")
    for dst in (HOST[2] + "/32", "10.0.0.0/8"):
        RT.route(dst, via=HOST[1], dev="a1", table=table_of(1))
        A[1].send_udp(1, 2, b"stay", dst=HOST[2])
        eq(list(collect()), [1], f"by {dst}")
        RT.route_del(dst, via=HOST[1], dev="a1", table=table_of(1))
    A[1].send_udp(1, 2, b"over", dst=HOST[2])
    eq(list(collect()), [2], "by the leak again")
    clean()


@params((1, 2), (1, 0), (0, 2))
def test_local_service(one, other):
    """a host reaches a service of the other context:"""
    both(one, other)
    server = sock(UDP, other, bind=(OWN[other], 5300))
    A[one].send_udp(4000, 5300, b"query", dst=OWN[other])
    A[one].sync()
    data, peer = server.recvfrom(100)
    eq((data, peer[0]), (b"query", ip(HOST[one])), "query")
    server.sendto(b"answer", peer)
    pkt = A[one].expect(lambda p: p.proto == 17, "answer")
    eq((pkt.src, pkt.data), (ip(OWN[other]), b"answer"), "answer")
    A[one].send_icmp(*ECHO_REQUEST, 7, b"ping", dst=OWN[other])
    pkt = A[one].expect(lambda p: p.icmp == ECHO_REPLY and p.rest == 7, "echo")
    eq(pkt.src, ip(OWN[other]), "echo")
    A[one].send_udp(4000, 5301, b"closed", dst=OWN[other])
    A[one].expect(lambda p: p.icmp == PORT_UNREACH, "error")
    server.close()
    clean()


def test_from_vrf():
    """what comes by a VRF of context 0 finds the second context's socket"""
    RT.link_add("red", "vrf", nl.u32(1, 100))
    RT.link_set("red", up=True)
    RT.link_set("a0", master=RT.ifindex("red"))
    A[0].up()
    leak(0, NET[2], 2)
    server = sock(UDP, 2, bind=("0.0.0.0", 5300))
    spy = sock(UDP, 0, bind=("0.0.0.0", 5300))
    A[0].send_udp(4000, 5300, b"query", dst=OWN[2])
    A[0].sync()
    eq((readable(server), readable(spy)), (b"query", None), "sockets")
    server.close()
    spy.close()
    clean()
    RT.link_del("red")
    A[0].up()


@params((1, 2), (1, 0), (0, 2))
def test_sockets(one, other):
    """sockets of two contexts talk, with their own addresses:"""
    both(one, other)
    listener = sock(TCP, other, bind=(OWN[other], 8000), listen=4, reuse=True)
    client = connect((OWN[other], 8000), ctx=one)
    eq(client.getsockname()[0], ip(OWN[one]), "source")
    server = wait(lambda: pending(listener), "connection")
    eq(server.getpeername()[0], ip(OWN[one]), "peer")
    for a, b in ((client, server), (server, client)):
        a.sendall(b"x" * 200000)
        got = 0
        while got < 200000:
            got += len(b.recv(65536))
    # a cached route is none when the leak ends
    unleak(one, NET[other])
    client.sendall(b"lost")
    with sock(UDP, one) as udp:
        refused(E.ENETUNREACH, "without a leak", udp.connect,
                (ip(OWN[other]), 9))
    check(readable(server) is None, "data without a leak")
    leak(one, NET[other], other)
    eq(server.recv(100), b"lost", "after it is back")
    for s in (client, server, listener):
        s.close()
    clean()


def test_socket_to_host():
    """a socket reaches a host of the other context"""
    both(1, 2)
    with sock(UDP, 1) as one:
        one.connect((ip(HOST[2]), 53))
        eq(one.getsockname()[0], ip(OWN[1]), "source")
        one.send(b"query")
        pkt = A[2].expect(lambda p: p.proto == 17, "query")
        eq((pkt.src, pkt.data), (ip(OWN[1]), b"query"), "query")
        A[2].send_udp(53, pkt.sport, b"answer", dst=OWN[1])
        eq(one.recv(100), b"answer", "answer")
        # an error that was caused behind the leak comes back by the other
        A[2].send_icmp(*PORT_UNREACH, 0, quote(ip_packet(
            17, udp_datagram(pkt.sport, 53, b"q", OWN[1], HOST[2]),
            OWN[1], HOST[2])), dst=OWN[1])
        A[2].sync()
        refused(E.ECONNREFUSED, "error", one.send, b"again")
        unleak(1, NET[2])
        refused(E.ENETUNREACH, "connected, without a leak", one.send, b"no")
        eq([p.data for p in A[2].sync()], [], "sent without a leak")
    clean()


def test_source_is_foreign():
    """an address that both have does not cross: it would be a lie"""
    both(1, 2)
    RT.addr("a2", "10.9.0.1/32")
    A[1].send_udp(1, 2, b"spoof", src="10.9.0.1", dst=HOST[2])
    eq([p for p in A[2].sync() if p.proto == 17], [], "forwarded")
    RT.addr("a1", "10.9.0.1/32")
    with sock(UDP, 1, bind=("10.9.0.1", 0)) as one:
        refused((E.ENETUNREACH, E.EHOSTUNREACH), "sent", one.sendto, b"x",
                (ip(HOST[2]), 9))
    with sock(UDP, 1, bind=("127.0.0.1", 0)) as one:
        refused((E.ENETUNREACH, E.EHOSTUNREACH, E.EINVAL), "from loopback",
                one.sendto, b"x", (ip(HOST[2]), 9))
    eq([p for p in A[2].sync() if p.proto == 17], [], "sent")
    RT.addr_del("a1", "10.9.0.1/32")
    RT.addr_del("a2", "10.9.0.1/32")
    clean()


def test_ttl():
    """time exceeded behind the leak comes from the second context"""
    both(1, 2)
    A[1].send_ip(17, udp_datagram(1, 2, b"x", HOST[1], HOST[2]), dst=HOST[2],
                 ttl=1)
    pkt = A[1].expect(lambda p: p.icmp, "error")
    eq((pkt.icmp, pkt.src), (TTL_EXCEEDED, ip(OWN[2])), "error")
    clean()


def test_mtu():
    """the MTU behind the leak is found, in the first context"""
    both(1, 2)
    RT.link_set("a2", mtu=1300)
    A[1].send_ip(17, udp_datagram(1, 2, b"x" * 1400, HOST[1], HOST[2]),
                 dst=HOST[2], frag=DF)
    pkt = A[1].expect(lambda p: p.icmp, "error")
    eq((pkt.icmp, pkt.rest), (TOO_BIG, 1300), "error")
    with sock(UDP, 1) as one:
        one.setsockopt(SOL, MTU_DISCOVER, PMTU_DO)
        one.connect((ip(HOST[2]), 53))
        refused(E.EMSGSIZE, "sent", one.send, b"x" * 1400)
        wait(lambda: one.getsockopt(SOL, MTU) == 1300, "the MTU")
        eq(one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), E.EMSGSIZE,
           "what the error said")
        one.send(b"fits")
    eq([p.data for p in A[2].sync() if p.proto == 17], [b"fits"], "received")
    with sock(UDP, 2) as one:
        one.connect((ip(HOST[2]), 53))
        eq(one.getsockopt(SOL, MTU), 1300, "MTU of the link itself")
    RT.link_set("a2", mtu=1500)
    clean()


@only(4)
def test_rp_filter():
    """rp_filter looks at the device and its own context, not at the leak"""
    sysctl("net.ipv4.conf.all.rp_filter", 1)
    both(1, 2)
    A[1].send_udp(1, 2, b"over", dst=HOST[2])
    eq([p.data for p in A[2].sync() if p.proto == 17], [b"over"], "strict")
    # a source that is behind the leak does not come from this side
    A[1].send_udp(1, 2, b"spoof", src="10.2.0.77", dst="10.2.0.3")
    eq([p for p in A[2].sync() if p.proto == 17], [], "spoofed, strict")
    for conf in ("all", "a1"):
        sysctl(f"net.ipv4.conf.{conf}.rp_filter", 2)
    RT.neigh("a2", "10.2.0.3", A[2].rmac)
    A[1].send_udp(1, 2, b"loose", src="10.2.0.77", dst=HOST[2])
    eq([p.data for p in A[2].sync() if p.proto == 17], [b"loose"], "loose")
    for conf in ("all", "a1"):
        sysctl(f"net.ipv4.conf.{conf}.rp_filter", 0)
    clean()


def test_forwarding_off():
    """packets leave their context only where it forwards"""
    both(1, 2)
    sysctl(("net.ipv6" if V6 else "net.ipv4") + ".conf.a1.forwarding", 0)
    A[1].send_udp(1, 2, b"no", dst=HOST[2])
    A[2].send_udp(1, 2, b"yes", dst=HOST[1])
    eq([p for p in A[2].sync() if p.proto == 17], [], "off")
    eq([p.data for p in A[1].sync() if p.proto == 17], [b"yes"], "on")
    sysctl(("net.ipv6" if V6 else "net.ipv4") + ".conf.a1.forwarding", 1)
    clean()


def test_broadcast():
    """multicast and broadcast stay where they are, even with a leak for all"""
    leak(1, "0.0.0.0/0", 2)
    with sock(UDP, 1) as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        for dst in ("224.9.9.9",) + (() if V6 else ("255.255.255.255",)):
            try:
                one.sendto(b"all", (ip(dst), 9))
            except OSError:
                pass
    eq([p for p in A[2].sync() if p.proto == 17], [], "packets")
    eq(leaks()[(1, ip("0.0.0.0/0"))][1], 0, "counted")
    A[1].send_udp(1, 2, b"default", dst=HOST[2])
    eq([p.data for p in A[2].sync() if p.proto == 17], [b"default"], "default")
    collect()                           # multicast that stayed
    clean()


def test_route_shown():
    """the route is there to see, and nobody but a leak-del takes it away"""
    leak(1, NET[2], 2)
    with inside(1):
        view = Rtnl()
    for rt, table in ((RT, table_of(1)), (view, 254)):
        got = rt.routes(table)[(ip(NET[2]), 1)]
        eq((got[4], got[6]), (struct.pack("=i", 1),
                              struct.pack("=I", METRIC)), "dev lo, metric")
        for kwargs in ({}, {"dev": "lo"}, {"metric": METRIC}):
            err = refused(E.ESRCH, f"delete {kwargs}", rt.route_del, NET[2],
                          table=table, **kwargs)
            check("leak" in err.extack, f"text: {err.extack!r}")
        err = refused(E.EPERM, "replace", rt.route, NET[2], replace=True,
                      via=HOST[1], dev="a1", metric=METRIC, table=table)
        check("leak" in err.extack, f"text: {err.extack!r}")
    kind, got = view.route_get(HOST[2])
    eq((kind, got[4]), (1, struct.pack("=i", 1)), "route get")
    view.close()
    A[1].send_udp(1, 2, b"still", dst=HOST[2])
    eq(list(collect()), [2], "still leads")
    clean()
    check((ip(NET[2]), 1) not in RT.routes(table_of(1)), "route left")


def test_lo_down():
    """the loopback device goes down and up, the leak is back"""
    leak(1, NET[2], 2)
    leak(0, NET[2], 2)
    RT.link_set("lo", up=False)
    err = refused(E.ENETDOWN, "a new one", leak, 1, NET[3], 3)
    check(err.extack, "no extack text")
    RT.link_set("lo", up=True)
    for n in (1, 0):
        wait(lambda n=n: (ip(NET[2]), 1) in RT.routes(table_of(n)), "route")
        A[n].send_udp(1, 2, b"back", dst=HOST[2])
        eq(list(collect()), [2], f"from {n}")
    clean()


@params((5, 1), (1, 5))
def test_context_deleted(frm, to):
    """a leak goes with either context; a new one of the number has none:"""
    VR.new(5)
    wire = Wire(LAB, 5, dev="a5", cidr="10.5.0.1/24", ip="10.5.0.2")
    prefix = "10.5.0.0/24" if to == 5 else NET[1]
    ears = nl.Vrctx(listen=True)
    leak(frm, prefix, to)
    one = sock(UDP, frm)
    one.connect((ip("10.5.0.2" if to == 5 else HOST[1]), 53))
    one.send(b"cached")
    target = wire if to == 5 else A[1]
    eq(len([p for p in target.sync() if p.proto == 17]), 1, "sent")
    VR.delete(5, force=True)
    eq(leaks(), {}, "left")
    kinds = [kind for kind, _ in ears.events(4)]
    eq([k for k in kinds if k in (nl.LEAK_NTF, nl.LEAK_DEL_NTF)],
       [nl.LEAK_NTF, nl.LEAK_DEL_NTF], f"events {kinds}")
    refused((E.ENETUNREACH, E.EHOSTUNREACH), "sent", one.send, b"stale")
    one.close()
    VR.new(5)
    RT.link_set("a5", up=False)
    VR.move("a5", 5)
    wire.up()
    with sock(UDP, frm) as two:
        refused(E.ENETUNREACH, "after reuse", two.connect,
                (ip("10.5.0.2" if to == 5 else HOST[1]), 53))
    RT.link_del("a5")
    VR.delete(5)
    wire.far.close()
    ears.close()


def test_names():
    """contexts by name, default is 0"""
    VR.call(nl.CTX_SET, id=1, name="red")
    leak("red", NET[0], "default")
    eq(leaks(), {(1, ip(NET[0])): (0, 0, 0)}, "leaks")
    body, = VR.bodies(nl.LEAK_GET, leak_attrs("red", NET[0]))
    got = nl.parse(body[4:])
    eq((got[nl.A_LEAK_FROM + 1], got[nl.A_LEAK_TO + 1]),
       (b"red\0", b"default\0"), "names")
    unleak("red", NET[0])
    eq(leaks(), {}, "left")


BAD = (("the same context", E.EINVAL, (1, NET[2], 1)),
       ("the same, 0", E.EINVAL, (0, NET[2], 0)),
       ("unknown from", E.ENOENT, (99, NET[2], 1)),
       ("unknown to", E.ENOENT, (1, NET[2], 99)),
       ("unknown name", E.ENOENT, ("nobody", NET[2], 1)),
       ("unknown to-name", E.ENOENT, (1, NET[2], "nobody")),
       ("host bits", E.EINVAL, (1, HOST[2] + "/24", 2)),
       ("multicast", E.EINVAL, (1, "224.0.0.0/4", 2)),
       ("loopback", E.EINVAL, (1, "127.0.0.1/32", 2)),
       ("no to", E.EINVAL, (1, NET[2], None)),
       ("no from", E.EINVAL, (None, NET[2], 2)),
       ("no prefix", E.EINVAL, (1, None, 2)))


@params(*[(n,) for n in range(len(BAD))])
def test_refused(num):
    """refused with a text, nothing made:"""
    what, want, args = BAD[num]
    before = {n: set(RT.routes(table_of(n))) for n in range(4)}
    err = refused(want, what, leak, *args)
    check(err.extack, f"{what}: no extack text")
    eq(leaks(), {}, f"{what}: made")
    eq({n: set(RT.routes(table_of(n))) for n in range(4)}, before, "routes")


def test_refused_more():
    """prefixes that are none, duplicates, what is not there"""
    for raw, plen in ((b"\n\0\0", 8), (bytes(5), 8), (bytes(17), 8),
                      (bytes(4), 33), (bytes(16), 129)):
        err = refused((E.EINVAL, E.ERANGE), f"{raw} / {plen}", VR.bodies,
                      nl.LEAK_NEW, leak_attrs(1, to=2)
                      + nl.attr(nl.A_LEAK_PREFIX, raw)
                      + nl.attr(nl.A_LEAK_PREFIX_LEN, bytes([plen])))
        check(err.extack, "no extack text")
    leak(1, NET[2], 2)
    err = refused(E.EEXIST, "twice", leak, 1, NET[2], 2)
    check(err.extack, "no extack text")
    refused(E.EEXIST, "to another", leak, 1, NET[2], 3)
    for args in ((1, NET[3]), (2, NET[2])):
        for cmd in (nl.LEAK_DEL, nl.LEAK_GET):
            err = refused(E.ENOENT, f"{cmd} {args}", VR.bodies, cmd,
                          leak_attrs(*args))
            check(err.extack, "no extack text")
    err = refused(E.EINVAL, "dump of one", VR.bodies, nl.LEAK_GET,
                  leak_attrs(1), nl.NLM_F_DUMP)
    check(err.extack, "no extack text")
    eq(len(leaks()), 1, "leaks")
    clean()


def test_inside():
    """in a context one can neither make nor end them, and sees none"""
    leak(1, NET[2], 2)
    before = whoami()[0]
    enter(1)
    own = nl.Vrctx()
    for cmd, args in ((nl.LEAK_NEW, (1, NET[3], 3)),
                      (nl.LEAK_DEL, (1, NET[2]))):
        err = refused(E.EPERM, f"command {cmd}", own.bodies, cmd,
                      leak_attrs(*args))
        check("context 0" in err.extack, f"text: {err.extack!r}")
    enter(before)
    # its socket is of the context still
    refused(E.EPERM, "by its socket", own.bodies, nl.LEAK_DEL,
            leak_attrs(1, NET[2]))
    own.close()
    eq(len(leaks()), 1, "leaks")
    clean()


def test_user_routes():
    """user space cannot make such a route itself"""
    msg = RT.route_msg("192.0.2.0/24", dev="lo", table=table_of(1))
    for kind in (11, 12, 255):
        err = refused(E.EINVAL, f"encapsulation {kind}", RT.request, 24, 0x600,
                      msg + nl.attr(21, struct.pack("=H", kind))
                      + nl.nest(22, nl.u32(1, 1)))
        check(err.extack, "no extack text")


def test_gateway():
    """a gateway is not behind a leak"""
    leak(1, NET[2], 2)
    refused((E.EINVAL, E.ENETUNREACH, E.EHOSTUNREACH, E.ENODEV), "gateway",
            RT.route, "192.0.2.0/24", via=HOST[2], table=table_of(1))
    clean()


run(globals())
