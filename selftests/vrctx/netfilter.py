#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 4 6
"""Rules are those of all contexts; what they look up, and do, is the packet's.

Guards the look-ups of routes, addresses and sockets that rules ask for, the
answers that they make, and by what they know the context: "meta sdif", which
the nft of the distribution has.
"""
import contextlib
import ctypes
import errno as E
import socket
import subprocess

from vr_fam import PORT_UNREACH, SOL, ip, only, pick
from vr_net import (HIP, RAW, RIP, TCP, UDP, Lab, inside, libc, pending,
                    readable, serve, sock)
from vr_nft import IP, chain, counted, networks, only_own, rules
from vr_nl import table_of
from vr_pkt import RST, SYN, Peer, Wire
from vr_tap import eq, params, refused, run

LAB = Lab(1, 2, hosts=False)
ALL = (0, 1, 2)
W = {n: Wire(LAB, n) for n in ALL}
TRANSPARENT = pick(19, 75)
SO_MARK = 36


def tc(*args):
    subprocess.run(["tc", *args], check=True)


@params(("prerouting",), ("input",), ("output",), ("postrouting",))
def test_context(hook):
    """"meta sdif" is the number of the context's table in hook"""
    lines = [f"udp dport 85 meta sdif {table_of(n) if n else 0} "
             f"counter name c{n}" for n in ALL]
    with rules("".join(f"counter c{n} {{ }}\n" for n in ALL)
               + chain(hook, *lines)):
        for ctx in ALL:
            with sock(UDP, ctx, (RIP, 85)) as one:
                if hook in ("output", "postrouting"):
                    one.sendto(b"x", (HIP, 85))
                else:
                    W[ctx].send_udp(4000, 85, b"x")
                W[ctx].sync()
            eq([counted(f"c{n}") for n in ALL],
               [int(n <= ctx) for n in ALL], f"counters after {ctx}")


def test_verdict_map():
    """a verdict map gives each context rules of its own"""
    jumps = ", ".join(f"{table_of(n)} : jump own{n}" for n in (1, 2))
    with rules("chain own1 { udp dport 86 drop; }\n"
               "chain own2 { udp dport 87 drop; }\n"
               + chain("prerouting", f"meta sdif vmap {{ {jumps} }}")):
        for ctx in ALL:
            for port in (86, 87):
                with sock(UDP, ctx, (RIP, port)) as one:
                    W[ctx].send_udp(4000, port, b"x")
                    W[ctx].sync()
                    eq(readable(one), None if port == 85 + ctx else b"x",
                       f"to {port} in {ctx}")


def test_reject():
    """what a rule rejects is answered in the packet's context"""
    with rules(chain("input", "tcp dport 81 reject with tcp reset",
                     "udp dport 81 reject")):
        for ctx in ALL:
            W[ctx].send_tcp(4000, 81, 1000, flags=SYN)
            W[ctx].expect(lambda p: p.proto == 6 and p.flags & RST, "RST")
            W[ctx].send_udp(4000, 81, b"x")
            W[ctx].expect(lambda p: p.icmp == PORT_UNREACH, "unreachable")
            for other in set(ALL) - {ctx}:
                W[other].silent(f"an answer in {ctx}")


@params(("tcp",), ("udp",))
def test_reject_early(proto):
    """what is rejected before it has a route is answered, where none but the
    context has a way back:"""
    wires = [Wire(LAB, n, dev=f"x{n}", cidr=f"10.7.{n}.1/24",
                  ip=f"10.7.{n}.2") for n in (1, 2)]
    how = " with tcp reset" if proto == "tcp" else ""
    with rules(chain("prerouting", f"{proto} dport 81 reject{how}",
                     prio="raw")):
        for wire in wires:
            if proto == "tcp":
                wire.send_tcp(4000, 81, 1000, flags=SYN)
                wire.expect(lambda p: p.proto == 6 and p.flags & RST, "RST")
            else:
                wire.send_udp(4000, 81, b"x")
                wire.expect(lambda p: p.icmp == PORT_UNREACH, "unreachable")
            for other in (*wires, *W.values()):
                if other is not wire:
                    other.silent(f"an answer in {wire.ctx}")
    for wire in wires:
        LAB.rt.link_del(wire.dev)
        wire.far.close()


def test_fib_device():
    """"fib ... oif" looks into the table of the packet's context"""
    with networks(LAB.rt, W), rules(chain(
            "prerouting", "udp dport 83 fib saddr oif missing drop")):
        only_own(W, 83)


@params(("daddr",), ("daddr . iif",))
def test_fib_type(what):
    """the type of an address is that in the packet's context, asked for"""
    with networks(LAB.rt, W), rules("counter c { }\n" + chain(
            "prerouting", f"udp dport 84 fib {what} type local "
            "counter name c")):
        for ctx in ALL:
            for other in ALL:
                W[ctx].send_udp(4000, 84, b"x", dst=f"10.6.{other}.1")
            # on the loopback device, which is nobody's
            with sock(UDP, ctx) as one:
                one.sendto(b"x", (ip(f"10.6.{ctx}.1"), 84))
            W[ctx].sync()
            each = 2 if what == "daddr" else 1
            eq(counted("c"), each * (ctx + 1), f"local, sent in {ctx}")


def test_reroute():
    """a mark set on output has the route looked up again, in the context"""
    with rules(chain("output", "udp dport 82 meta mark set 7", kind="route")):
        for ctx in ALL:
            with sock(UDP, ctx) as one:
                one.sendto(b"x", (HIP, 82))
            for n in ALL:
                eq([p.dport for p in W[n].sync() if p.proto == 17],
                   [82] if n == ctx else [], f"wire of {n}, sent in {ctx}")


def test_socket():
    """"socket" looks for one in the packet's context"""
    with rules("counter u { }\ncounter t { }\n" + chain(
            "prerouting", "udp dport 88 socket mark 7 counter name u",
            "tcp dport 88 socket mark 7 counter name t")):
        opened = []
        for ctx, mark in ((0, 5), (1, 7), (2, 6)):
            for one in (serve(ctx, 88, UDP), serve(ctx, 88)):
                one.setsockopt(socket.SOL_SOCKET, SO_MARK, mark)
                opened.append(one)
        for ctx, want in ((0, 0), (2, 0), (1, 1)):
            W[ctx].send_udp(4000, 88, b"x")
            W[ctx].send_tcp(4000, 88, 1000, flags=SYN)
            W[ctx].sync()
            eq((counted("u"), counted("t")), (want, want), f"sent in {ctx}")
        for one in opened:
            one.close()


@params(("connmark",), ("ctinfo", "cpmark", "0xffffffff"))
def test_mark_restored(*action):
    """a mark that tc restores is that of the connection in context 0:"""
    port = 90 + len(action)
    after = contextlib.ExitStack()
    for ctx in ALL:
        tc("qdisc", "add", "dev", W[ctx].dev, "clsact")
        after.callback(tc, "qdisc", "del", "dev", W[ctx].dev, "clsact")
        tc("filter", "add", "dev", W[ctx].dev, "ingress", "protocol",
           pick("ip", "ipv6"), "matchall", "action", *action)
    lines = [f"udp dport {port} meta sdif {table_of(n) if n else 0} "
             f"meta mark {5 + n} counter name c{n}" for n in ALL]
    marks = ", ".join(f"{table_of(n) if n else 0} : {5 + n}" for n in ALL)
    with after, rules("".join(f"counter c{n} {{ }}\n" for n in ALL)
                      + chain("prerouting", *lines)
                      + chain("input", f"udp dport {port} ct mark set "
                              f"meta sdif map {{ {marks} }}")):
        for ctx in ALL:
            with sock(UDP, ctx, (RIP, port)):
                for _ in range(3):
                    W[ctx].send_udp(4000, port, b"x")
                W[ctx].sync()
        eq([counted(f"c{n}") for n in ALL], [2, 0, 0], "marks restored")


def transparent(ctx, port, kind):
    one = sock(kind, ctx, reuse=True)
    one.setsockopt(SOL, TRANSPARENT, 1)
    one.bind((ip(RIP), port))
    return one


@params((1,), (2,))
def test_tproxy(ctx):
    """"tproxy" leads to a socket of the packet's context:"""
    with rules(chain("prerouting", f"udp dport 89 tproxy {IP} to :8089",
                     f"tcp dport 89 tproxy {IP} to :8089")):
        other = 3 - ctx
        with transparent(other, 8089, UDP) as far, \
                transparent(other, 8089, socket.SOCK_STREAM) as far_tcp, \
                transparent(ctx, 8089, UDP) as one, \
                transparent(ctx, 8089, socket.SOCK_STREAM) as tcp:
            far_tcp.listen(1)
            tcp.listen(1)
            W[ctx].send_udp(4000, 89, b"x")
            W[ctx].sync()
            eq((readable(one), readable(far)), (b"x", None), "datagrams")
            peer = Peer(W[ctx], 4000, 89).open()
            peer.send(data=b"hello")
            W[ctx].sync()
            served = pending(tcp)
            eq((readable(served), pending(far_tcp)), (b"hello", None),
               "connections")
            served.close()


# ---- rules and services that are set and shown by socket options ----

XT_INFO = 64                    # IPT_SO_GET_INFO, IP6T_SO_GET_INFO
XT_REPLACE, XT_COUNTERS = 64, 65
ORIGINAL_DST = 80
IPVS_VERSION, IPVS_FLUSH = 1152, 1157


def test_socket_options():
    """iptables and ip6tables are neither changed nor shown in a context"""
    def info():
        # struct ipt_getinfo: name, hooks, where chains begin and end
        name = ctypes.create_string_buffer(b"filter", 84)
        libc("getsockopt", one.fileno(), SOL, XT_INFO, name,
             ctypes.byref(ctypes.c_uint(84)))
        return name.raw
    with sock(RAW, 0, proto=255) as one:
        before = info()
        eq(before[:6], b"filter", "table of context 0")
        for ctx in (1, 2):
            with inside(ctx):
                refused(E.EOPNOTSUPP, "info", info)
                for opt in (XT_REPLACE, XT_COUNTERS):
                    refused(E.EOPNOTSUPP, f"option {opt}", one.setsockopt,
                            SOL, opt, bytes(96))
        refused(E.EINVAL, "counters", one.setsockopt, SOL, XT_COUNTERS,
                bytes(96))
        eq(info(), before, "after all")


@only(4)
def test_socket_options_ipvs():
    """nor are the services of IPVS"""
    with sock(RAW, 0, proto=255) as one:
        one.setsockopt(SOL, IPVS_FLUSH, b"")
        one.getsockopt(SOL, IPVS_VERSION, 64)
        with inside(1):
            refused(E.EOPNOTSUPP, "flush", one.setsockopt, SOL, IPVS_FLUSH,
                    b"")
            refused(E.EOPNOTSUPP, "version", one.getsockopt, SOL,
                    IPVS_VERSION, 64)


def test_original_dst():
    """where a connection went to at first is told in a context"""
    for ctx in ALL:
        with inside(ctx), sock(TCP) as one:
            refused((E.ENOENT, E.ENOTCONN), "not connected", one.getsockopt,
                    SOL, ORIGINAL_DST, 28)


run(globals())
