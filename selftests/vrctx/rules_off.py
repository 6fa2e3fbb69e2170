#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 4 6
"""What rules do that knows no contexts is not done to packets of one.

	10.0.0.2 w ---- router, context N ---- x 10.8.0.2	for N = 0, 1, 2

Guards nft_connlimit_do_eval(), connlimit_mt(), nft_synproxy_do_eval(),
synproxy_tg4(), synproxy_tg6(), nf_dup_ipv4(), nf_dup_ipv6(), addrtype_mt_v1(),
tcf_ct_act(), nf_dup_netdev_egress(), nf_fwd_netdev_egress(),
nft_fwd_neigh_eval(), nf_ct_bridge_pre() and ila_nf_input(). Each is seen to work in context 0.
"""
import contextlib
import subprocess

from vr_fam import ip, only, pick
from vr_net import HIP, RIP, UDP, Lab, inside, readable, sock
from vr_nft import IP, chain, conns, counted, rules, xtables
from vr_pkt import ACK, MF, RST, SYN, Wire, udp_datagram
from vr_rt import Rtnl, sysctl
from vr_tap import check, eq, params, run, wait

LAB = Lab(1, 2, hosts=False)
ALL = (0, 1, 2)
W = {n: Wire(LAB, n) for n in ALL}
X = {n: Wire(LAB, n, dev=f"x{n}", cidr="10.8.0.1/24", ip="10.8.0.2")
     for n in ALL}
# Whom no port of a bridge knows
OTHER = b"\2\0\0\0\0\x77"


def got(ctx, port, addr=RIP):
    """Does a datagram to a socket of the context arrive there?"""
    with sock(UDP, ctx, (addr, port)) as one:
        W[ctx].send_udp(4000, port, b"x", dst=addr)
        W[ctx].sync()
        return readable(one) == b"x"


def seen(wire, port):
    """How many datagrams to the port has the wire got by now?"""
    return sum(p.proto == 17 and p.dport == port for p in wire.sync())


# ---- counting connections ----

def test_count():
    """"ct count" matches connections of context 0 alone"""
    with rules("counter c { }\n" + chain(
            "prerouting", "udp dport 90 ct count over 0 counter name c")):
        for ctx in ALL:
            check(got(ctx, 90), f"no datagram in {ctx}")
            eq(counted("c"), 1, f"matched after {ctx}")


def test_connlimit():
    """so does "connlimit" of iptables"""
    with xtables("mangle", "PREROUTING", "-p", "udp", "--dport", "91", "-m",
                 "connlimit", "--connlimit-above", "0", "-j", "DROP"):
        eq([got(n, 91) for n in ALL], [False, True, True], "received")


# ---- a proxy for SYN ----

def answers(port):
    """What a SYN to a port where nobody listens is answered by, in each
    context; no other context may say anything.
    """
    out = []
    for ctx in ALL:
        W[ctx].send_tcp(4000, port, 1000, flags=SYN,
                        options=b"\2\4\5\xb4")
        out.append(W[ctx].expect(lambda p: p.proto == 6, "answer").flags)
        for other in set(ALL) - {ctx}:
            W[other].silent(f"an answer in {ctx}")
    return out


def test_synproxy():
    """"synproxy" answers for nobody in a context"""
    with rules(chain("prerouting", "tcp dport 92 tcp flags syn notrack",
                     prio="raw")
               + chain("input", "tcp dport 92 ct state untracked synproxy mss "
                       "1460 wscale 7")):
        eq(answers(92), [SYN | ACK, RST | ACK, RST | ACK], "flags")


def test_synproxy_xt():
    """nor does SYNPROXY of iptables"""
    with rules(chain("prerouting", "tcp dport 93 tcp flags syn notrack",
                     prio="raw")), \
            xtables("filter", "INPUT", "-p", "tcp", "--dport", "93", "-j",
                    "SYNPROXY", "--mss", "1460", "--wscale", "7"):
        eq(answers(93), [SYN | ACK, RST | ACK, RST | ACK], "flags")


# ---- copies ----

def copies(port):
    """How many copies has each wire got of what was received in each context,
    when these are to go to a neighbour?
    """
    out = []
    for ctx in ALL:
        before = wrong()
        check(got(ctx, port), f"no datagram in {ctx}")
        out.append([seen(X[n], port) for n in ALL])
        eq(wrong(), before, f"wrong on their way out, after {ctx}")
    return out


def wrong():
    return [LAB.vr.stats(n)["wrong-ctx"] for n in (1, 2)]


def test_dup():
    """"dup to" makes no copy of a packet of a context"""
    with rules(chain("prerouting", f"udp dport 94 dup to {ip('10.8.0.2')}"),
               family=IP):
        eq(copies(94), [[1, 0, 0], [0, 0, 0], [0, 0, 0]], "copies")


def test_tee():
    """nor does TEE of iptables"""
    with xtables("mangle", "PREROUTING", "-p", "udp", "--dport", "95", "-j",
                 "TEE", "--gateway", ip("10.8.0.2")):
        eq(copies(95), [[1, 0, 0], [0, 0, 0], [0, 0, 0]], "copies")


# ---- types of addresses ----

@params(("of the packet",), ("of its device",))
def test_addrtype(how):
    """"addrtype" does not match in a context:"""
    limit = ["--limit-iface-in"] if "device" in how else []
    with xtables("mangle", "PREROUTING", "-p", "udp", "--dport", "96", "-m",
                 "addrtype", "--dst-type", "LOCAL", *limit, "-j", "DROP"):
        eq([got(n, 96) for n in ALL], [False, True, True], "received")


# ---- tracking by tc ----

def tc(*args):
    subprocess.run(["tc", *args], check=True)


@contextlib.contextmanager
def action(dev, *words):
    """All that the device receives goes through an action."""
    tc("qdisc", "add", "dev", dev, "clsact")
    try:
        tc("filter", "add", "dev", dev, "ingress", "protocol",
           pick("ip", "ipv6"), "matchall", "action", *words)
        yield
    finally:
        tc("qdisc", "del", "dev", dev, "clsact")


def test_act_ct():
    """the action "ct" tracks nothing of a context"""
    for ctx in ALL:
        zone = 10 + ctx
        with action(W[ctx].dev, "ct", "commit", "zone", str(zone)):
            check(got(ctx, 97), f"no datagram in {ctx}")
            # the table is read in pieces: it may miss one when another goes
            wait(lambda zone=zone, ctx=ctx: len(
                [c for c in conns(97) if f"zone={zone} " in c.line])
                == int(ctx == 0), f"connections of the action in {ctx}")


# ---- from device to device ----

def at_device(dev, rule):
    """What the device receives comes to a rule first."""
    return rules(f"chain i {{\ntype filter hook ingress device {dev} priority "
                 f"0;\n{rule}\n}}\n", family="netdev")


@params(("dup to", "{}", True), ("fwd to", "{}", False),
        (f"fwd {IP} to", f"{ip('10.8.0.2')} device {{}}", False))
def test_netdev(what, where, arrives):
    """to another device, but not to one of another context, leads:"""
    for ctx in ALL:
        for other in ALL:
            rule = f"udp dport 98 {what} {where.format(X[other].dev)}"
            with at_device(W[ctx].dev, rule):
                eq(got(ctx, 98), arrives, f"received in {ctx}")
            eq(seen(X[other], 98), int(ctx == other),
               f"from {ctx} to a device of {other}")


# ---- tracking on a bridge ----

@contextlib.contextmanager
def bridged(ctx):
    """The far ends of two ports of a bridge in the context."""
    with inside(ctx), contextlib.closing(Rtnl()) as rt:
        rt.link_add("b0", "bridge")
        rt.link_set("b0", up=True)
        ports = [Wire(LAB, ctx, dev=dev, cidr=None, static=False)
                 for dev in ("p1", "p2")]
        for one in ports:
            rt.link_set(one.dev, master=rt.ifindex("b0"))
        wait(lambda: all(rt.running(dev) for dev in ("b0", "p1", "p2")),
             "the bridge to run")
    try:
        yield ports
    finally:
        for dev in ("p1", "p2", "b0"):
            LAB.rt.link_del(dev)
        for one in ports:
            one.far.close()


def test_bridge():
    """what passes a bridge of a context is not tracked, nor put together"""
    sysctl(pick("net.bridge.bridge-nf-call-iptables",
                "net.bridge.bridge-nf-call-ip6tables"), 0)
    size = 1232             # what IPv6 does not make smaller
    whole = udp_datagram(4000, 99, bytes(2 * size - 8), HIP, RIP)
    with rules("counter c { }\n" + chain(
            "prerouting", "udp dport 99 ct state new counter name c"),
               family="bridge"):
        for ctx in ALL:
            with bridged(ctx) as (one, two):
                for start, more in ((0, MF), (size, 0)):
                    one.send_ip(17, whole[start:start + size], ident=7,
                                frag=more | start >> 3, mac=OTHER)
                for _ in range(2):
                    two.expect(lambda p: p.proto == 17, "fragment")
            wait(lambda: len(conns(99)) == 1, "one connection")
            eq(counted("c", family="bridge"), 1, f"counted after {ctx}")


@only(6)
def test_ila():
    """what ILA maps to another locator is context 0's"""
    addr = "fd09::1"
    for ctx in ALL:
        LAB.rt.addr(W[ctx].dev, addr + "/64")
        eq(got(ctx, 100, addr), True, f"before, in {ctx}")
    match = ["ip", "ila", "{}", "loc_match", "fd09:0:0:0", "loc", "fd0a:0:0:0"]
    try:
        subprocess.run([w.format("add") for w in match] +
                       ["csum-mode", "no-action"], check=True)
        eq([got(n, 100, addr) for n in ALL], [False, True, True], "received")
    finally:
        subprocess.run([w.format("del") for w in match], check=True)
        for ctx in ALL:
            LAB.rt.addr_del(W[ctx].dev, addr + "/64")


run(globals())
