#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 4 6
"""The same address, protocol and port, bound in context 0 and 100 others.

All at once, each reached by its own peer only, through identical 4-tuples.
The peers are 101 devices of one outside namespace, all 10.0.0.2:

	router vN 10.0.0.1/24, context N ---- pN 10.0.0.2/24 outside

Guards the keys of inet_bind_bucket (bhash, bhash2), the TCP listener and
established hashes, the two UDP hashes and the raw hash.
"""
import errno as E
import socket
import struct

from vr_fam import AF, RAW_HEAD, SOL, only, packed
from vr_net import (HIP, HNET, RAW, RIP, TCP, UDP, Lab, Netns, both_run,
                    connect, pending, readable, serve, sock)
from vr_rt import sysctl
from vr_tap import check, eq, params, refused, run, slow

COUNT = 100 if slow() == 1 else 20
ALL = range(COUNT + 1)
LAB = Lab(*ALL, hosts=False)
FAR = Netns()
for n in ALL:
    LAB.link(n, f"v{n}", FAR, far=f"p{n}")
    FAR.rt.addr(f"p{n}", HNET)
    FAR.rt.link_set(f"p{n}", up=True)
for n in ALL:
    both_run(LAB.rt, f"v{n}", FAR.rt, f"p{n}")


def close(*groups):
    for group in groups:
        for one in group:
            one.close()


def second_bind(kind, addr, **kwargs):
    """A second bind inside each context is still refused."""
    for ctx in ALL:
        refused(E.EADDRINUSE, f"second bind in {ctx}", sock, kind, ctx, addr,
                **kwargs)


@params((RIP,), ("0.0.0.0",))
def test_tcp(addr):
    """TCP listeners on one port in every context, bound to"""
    listen = [serve(ctx, 80, addr=addr) for ctx in ALL]
    second_bind(TCP, (addr, 80))
    second_bind(TCP, (RIP if addr == "0.0.0.0" else "0.0.0.0", 80))
    clients, servers = [], []
    for ctx in ALL:                     # all open at once, equal 4-tuples
        with FAR:
            clients.append(connect((RIP, 80), src=(HIP, 4000),
                                   dev=f"p{ctx}"))
        servers.append(listen[ctx].accept()[0])
        eq(servers[ctx].getpeername()[:2], (HIP, 4000), "peer name")
    check(not any(pending(one) for one in listen), "a second connection")
    for ctx in ALL:
        clients[ctx].send(b"to %d" % ctx)
    for ctx in ALL:
        eq(servers[ctx].recv(100), b"to %d" % ctx, f"server of {ctx}")
        servers[ctx].send(b"from %d" % ctx)
    for ctx in ALL:
        eq(clients[ctx].recv(100), b"from %d" % ctx, f"client of {ctx}")
    for ctx in ALL:                     # client first: no timewait here
        clients[ctx].close()
        eq(servers[ctx].recv(1), b"", "end of file")
    close(servers, listen)


@params((RIP,), ("0.0.0.0",))
def test_udp(addr):
    """UDP sockets on one port in every context, bound to"""
    bound = [sock(UDP, ctx, (addr, 53)) for ctx in ALL]
    second_bind(UDP, (addr, 53))
    with FAR:
        peers = [sock(UDP, None, (HIP, 4000), dev=f"p{ctx}") for ctx in ALL]
    for ctx in ALL:
        peers[ctx].sendto(b"to %d" % ctx, (RIP, 53))
    for ctx in ALL:
        data, src = bound[ctx].recvfrom(100)
        eq((data, src[:2]), (b"to %d" % ctx, (HIP, 4000)), f"socket of {ctx}")
        eq(readable(bound[ctx]), None, f"more for {ctx}")
        bound[ctx].sendto(b"from %d" % ctx, src)
    for ctx in ALL:
        eq(peers[ctx].recv(100), b"from %d" % ctx, f"peer of {ctx}")
        eq(readable(peers[ctx]), None, f"more for the peer of {ctx}")
    close(bound, peers)


@params((RIP,), (None,))
def test_raw(addr):
    """raw sockets of one protocol in every context, bound to"""
    bound = [sock(RAW, ctx, addr and (addr, 0), proto=200) for ctx in ALL]
    with FAR:
        peers = [sock(RAW, None, (HIP, 0), dev=f"p{ctx}", proto=200)
                 for ctx in ALL]
    for ctx in ALL:
        peers[ctx].sendto(b"to %d" % ctx, (RIP, 0))
    for ctx in ALL:
        eq(bound[ctx].recv(100)[RAW_HEAD:], b"to %d" % ctx, f"socket of {ctx}")
        eq(readable(bound[ctx]), None, f"more for {ctx}")
        bound[ctx].sendto(b"from %d" % ctx, (HIP, 0))
    for ctx in ALL:
        eq(peers[ctx].recv(100)[RAW_HEAD:], b"from %d" % ctx,
           f"peer of {ctx}")
        eq(readable(peers[ctx]), None, f"more for the peer of {ctx}")
    close(bound, peers)


@params(("connected",), ("unconnected",))
def test_udp_connected(which):
    """UDP in one context does not see the other's, sockets"""
    # a connected socket scores higher: it would steal the other's datagrams
    one = sock(UDP, 1, (RIP, 53))
    two = sock(UDP, 2, (RIP, 53))
    if which == "connected":
        two.connect((HIP, 4000))
    with FAR:
        peer = sock(UDP, None, (HIP, 4000), dev="p1")
    peer.sendto(b"x", (RIP, 53))
    eq(one.recv(10), b"x", "socket of 1")
    eq(readable(two), None, "socket of 2")
    close([one, two, peer])


def test_reuseport_udp():
    """SO_REUSEPORT groups of UDP sockets do not span contexts"""
    group = {ctx: [sock(UDP, ctx, (RIP, 53), reuseport=True)
                   for _ in range(3)] for ctx in (0, 1, 2)}
    for ctx in (0, 1, 2):
        refused(E.EADDRINUSE, "bind without reuseport", sock, UDP, ctx,
                (RIP, 53))
    with FAR:
        peers = [sock(UDP, None, (HIP, 5000 + n), dev="p1")
                 for n in range(48)]
    for peer in peers:
        peer.sendto(b"x", (RIP, 53))
    got = {ctx: [sum(1 for _ in iter(lambda s=s: readable(s), None))
                 for s in group[ctx]] for ctx in group}
    eq((sum(got[0]), sum(got[1]), sum(got[2])), (0, 48, 0), f"counts {got}")
    check(sum(1 for n in got[1] if n) > 1, f"not distributed: {got}")
    close(peers, *group.values())


def test_reuseport_tcp():
    """SO_REUSEPORT groups of TCP listeners do not span contexts"""
    group = {ctx: [sock(TCP, ctx, (RIP, 80), listen=64, reuseport=True)
                   for _ in range(3)] for ctx in (0, 1, 2)}
    with FAR:
        peers = [connect((RIP, 80), src=(HIP, 5000 + n), dev="p1")
                 for n in range(32)]

    def accepted(one):
        return list(iter(lambda: pending(one), None))

    got = {ctx: [accepted(s) for s in group[ctx]] for ctx in group}
    num = {ctx: sum(map(len, got[ctx])) for ctx in got}
    eq(num, {0: 0, 1: 32, 2: 0}, "connections")
    close(peers, *group.values(), *[c for cs in got.values() for c in cs])


def test_reuseport_beside_plain():
    """a plain socket in one context is no obstacle to a group in another"""
    plain = sock(UDP, 3, (RIP, 53))
    group = [sock(UDP, 4, (RIP, 53), reuseport=True) for _ in range(2)]
    refused(E.EADDRINUSE, "group member beside the plain socket", sock, UDP,
            3, (RIP, 53), reuseport=True)
    close([plain], group)


def test_auto_ports():
    """ephemeral ports are used up per context"""
    with LAB.ns:
        old = sysctl("net.ipv4.ip_local_port_range")
        sysctl("net.ipv4.ip_local_port_range", "40000 40001")
    used = []
    try:
        for kind in (TCP, UDP):
            for ctx in (0, 1, 2):
                mine = [sock(kind, ctx, (RIP, 0)) for _ in range(2)]
                eq(sorted(s.getsockname()[1] for s in mine), [40000, 40001],
                   f"ports of {ctx}")
                refused(E.EADDRINUSE, f"third port in {ctx}", sock, kind, ctx,
                        (RIP, 0))
                used += mine
    finally:
        close(used)
        sysctl("net.ipv4.ip_local_port_range", old)


def test_connect_ports():
    """connect() finds a port although other contexts use the same"""
    old = sysctl("net.ipv4.ip_local_port_range")
    sysctl("net.ipv4.ip_local_port_range", "40000 40001")
    with FAR:
        listen = [sock(TCP, None, ("0.0.0.0", 80), listen=16, dev=f"p{ctx}")
                  for ctx in (0, 1, 2)]
    used = []
    try:
        for ctx in (0, 1, 2):
            mine = [connect((HIP, 80), ctx) for _ in range(2)]
            eq(sorted(s.getsockname()[1] for s in mine), [40000, 40001],
               f"ports of {ctx}")
            refused((E.EADDRNOTAVAIL, E.EADDRINUSE), f"third in {ctx}",
                    connect, (HIP, 80), ctx)
            used += mine
    finally:
        close(listen, used)
        sysctl("net.ipv4.ip_local_port_range", old)


FOUR = {"af": socket.AF_INET}
IPV6_FLOWLABEL_MGR, IPV6_FLOWINFO_SEND, FL_CREATE = 32, 33, 1


def six_only(kind, ctx, port):
    """A bound IPv6 socket that leaves IPv4 to others."""
    new = sock(kind, ctx)
    new.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    new.bind(("::", port))
    return new


@only(6)
@params((TCP,), (UDP,))
def test_both_families(kind):
    """a socket of both families takes the port in its own context only:"""
    used = []
    for ctx, other in ((0, 1), (1, 0), (1, 2)):
        own = sock(kind, ctx, ("::", 88))
        for addr in ("0.0.0.0", "127.0.0.1"):
            refused(E.EADDRINUSE, f"{addr} in {ctx}", sock, kind, ctx,
                    (addr, 88), **FOUR)
            sock(kind, other, (addr, 88), **FOUR).close()
        refused(E.EADDRINUSE, f"mapped in {ctx}", sock, kind, ctx,
                ("::ffff:127.0.0.1", 88))
        sock(kind, other, ("::ffff:127.0.0.1", 88)).close()
        own.close()
        own = sock(kind, ctx, ("127.0.0.1", 88), **FOUR)
        for addr in ("::", "::ffff:127.0.0.1"):
            refused(E.EADDRINUSE, f"{addr} in {ctx}", sock, kind, ctx,
                    (addr, 88))
            sock(kind, other, (addr, 88)).close()
        sock(kind, ctx, ("::1", 88)).close()
        six_only(kind, ctx, 88).close()
        own.close()
    # side by side in one context if each has but one family
    for ctx in (0, 1, 2):
        used.append(sock(kind, ctx, ("0.0.0.0", 88), **FOUR))
        used.append(six_only(kind, ctx, 88))
        for af in (AF, socket.AF_INET):
            refused(E.EADDRINUSE, f"again in {ctx}", sock, kind, ctx,
                    ("0.0.0.0", 88), af=af)
    close(used)


@only(6)
def test_link_local():
    """one link-local address on a device of each context"""
    used = []
    for ctx in (1, 2):
        LAB.rt.addr(f"v{ctx}", "fe80::5/64")
    for kind in (TCP, UDP):
        for ctx, other in ((1, 2), (2, 1)):
            scope = [LAB.rt.ifindex(f"v{n}") for n in (ctx, other)]
            used.append(sock(kind, ctx, ("fe80::5", 88, 0, scope[0])))
            refused(E.EADDRINUSE, f"again in {ctx}", sock, kind, ctx,
                    ("fe80::5", 88, 0, scope[0]))
            refused(E.ENODEV, "with the other's device", sock, kind, ctx,
                    ("fe80::5", 89, 0, scope[1]))
            refused(E.EADDRNOTAVAIL, "from context 3", sock, kind, 3,
                    ("fe80::5", 88, 0, LAB.rt.ifindex("v3")))
    close(used)
    for ctx in (1, 2):
        LAB.rt.addr_del(f"v{ctx}", "fe80::5/64")


def lease(one, label, flags):
    """Ask for a flow label to HIP for this socket alone."""
    # struct in6_flowlabel_req: destination, label, action, share (FL_S_EXCL),
    # flags, expires, linger
    one.setsockopt(SOL, IPV6_FLOWLABEL_MGR, struct.pack(
        "=16sIBBHHHI", packed(HIP), socket.htonl(label), 0, 1, flags, 0, 0, 0))


@only(6)
def test_flow_label():
    """one exclusive flow label in each context"""
    used = []
    for ctx in (0, 1, 2):
        used += [sock(UDP, ctx), sock(UDP, ctx)]
        lease(used[-2], 0x12345, FL_CREATE)
        refused(E.EPERM, f"again in {ctx}", lease, used[-1], 0x12345,
                FL_CREATE)
        used[-2].setsockopt(SOL, IPV6_FLOWINFO_SEND, 1)
        used[-2].sendto(b"x", (HIP, 9, 0x12345, 0))
    with sock(UDP, 3) as one:
        refused(E.ENOENT, "not made in 3", lease, one, 0x12345, 0)
        one.setsockopt(SOL, IPV6_FLOWINFO_SEND, 1)
        refused(E.EINVAL, "not leased in 3", one.sendto, b"x",
                (HIP, 9, 0x12345, 0))
    close(used)


def test_clean():
    """nothing is left: every context can be deleted"""
    for ctx in ALL:
        LAB.rt.link_del(f"v{ctx}")
    for ctx in ALL[1:]:
        LAB.quiet(ctx)
        LAB.vr.delete(ctx)


run(globals(), limit=90)
