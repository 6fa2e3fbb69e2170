#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 4 6
"""Connection tracking: a connection is one of its context, so is all that
depends on it: the state that rules see, errors, expectations, fragments.

Guards nf_ct_zone_tmpl(), nf_ct_zone_equal(), nf_ct_exp_zone_equal_any() and
what is purged with a context.
"""
import contextlib
import errno as E
import os
import struct
import subprocess

from vr_fam import PORT_UNREACH, ip, only
from vr_hdr import ETH_VLAN
from vr_net import (CLONE_NEWNET, HIP, RIP, UDP, Lab, connect, inside, libc,
                    readable, serve, sock)
from vr_nft import (ICMPX, Queue, chain, conns, counted, flush, nft, proc,
                    rules)
from vr_nl import table_of
from vr_pkt import (ACK, ETH, MF, PSH, Peer, Wire, ip_packet, quote,
                    udp_datagram)
from vr_rt import sysctl
from vr_tap import check, eq, params, refused, run, wait

FIRST = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
LAB = Lab(1, 2, hosts=False)
ALL = (0, 1, 2)
W = {n: Wire(LAB, n) for n in ALL}
FLOW = (ip(HIP), 4000, ip(RIP), 53)
# A rule that looks at the state of connections: now they are tracked
nft("table inet on {\n"
    + chain("prerouting", "ct state established")
    + chain("output", "ct state established") + "}\n")


def at_53(ctx):
    """A datagram of the flow arrives in the context."""
    with sock(UDP, ctx, (RIP, 53)) as one:
        W[ctx].send_udp(4000, 53, b"x")
        W[ctx].sync()
        eq(readable(one), b"x", f"datagram in {ctx}")


def owners(dport, sport=None):
    """Whose entries with these ports there are."""
    return sorted(c.ctx for c in conns(dport)
                  if sport is None or c.orig[1] == sport)


def test_entries():
    """the same tuple is an entry in each context, and seen there alone"""
    for ctx in ALL:
        at_53(ctx)
    eq(owners(53), [0, 1, 2], "owners of entries, as context 0 sees them")
    for ctx in (1, 2):
        with inside(ctx):
            mine = conns(53)
        eq([c.orig for c in mine], [FLOW], f"entries that {ctx} sees")
        check("vrctx" not in mine[0].line, f"the number is shown in {ctx}")


@params((0,), (1,))
def test_loopback(ctx):
    """TCP with equal 4-tuples on loopback, first in context:"""
    port = 4100 + ctx
    listen = {n: serve(n, port, addr="127.0.0.1") for n in ALL}
    socks = []
    for n in (ctx, *(set(ALL) - {ctx})):
        one = connect(("127.0.0.1", port), n, src=("127.0.0.1", 4200 + ctx))
        two = listen[n].accept()[0]
        one.send(b"%d" % n)
        eq(two.recv(9), b"%d" % n, f"data in {n}")
        socks += [one, two]
    eq(owners(port), [0, 1, 2], "owners")
    for one in (*socks, *listen.values()):
        one.close()


@params((0, 1), (1, 0), (1, 2))
def test_state(ctx, other):
    """a reply is one in the context of the connection, not in another:"""
    port = 5000 + 10 * ctx + other
    socks = {n: sock(UDP, n, (RIP, port)) for n in (ctx, other)}
    with rules(chain("prerouting", f"udp dport {port} ct state new drop")):
        socks[ctx].sendto(b"x", (HIP, 53))
        for n in (ctx, other):
            W[n].send_udp(53, port, b"reply")
            W[n].sync()
        eq(readable(socks[ctx]), b"reply", f"reply in {ctx}")
        eq(readable(socks[other]), None, f"reply in {other}")
    for one in socks.values():
        one.close()


@contextlib.contextmanager
def buckets(count):
    """The table has that many; only the first namespace may say so."""
    path = "/sys/module/nf_conntrack/parameters/hashsize"

    def resize(num):
        libc("setns", FIRST, CLONE_NEWNET)
        with open(path, "w", encoding="ascii") as f:
            f.write(num)
        LAB.ns.join()

    with open(path, encoding="ascii") as f:
        before = f.read()
    resize(str(count))
    try:
        yield
    finally:
        resize(before)


def test_buckets():
    """contexts that share buckets do not share connections"""
    ports = range(20000, 23000)
    seen = "udp dport 54 ct state established counter name c"
    with rules("counter c { }\n" + chain("prerouting", seen)), buckets(512):
        with sock(UDP, 0, (RIP, 54)) as one:
            for port in ports:
                one.sendto(b"x", (HIP, port))
                if port % 100 == 0:
                    W[0].sync()
        for port in ports:
            W[1].send_udp(port, 54, b"x")
            if port % 100 == 0:
                W[1].sync()
        W[1].sync()
        eq(counted("c"), 0, "replies in 1 to what 0 sent")
    with rules("counter n { }\n" + chain(
            "output", "udp sport 54 ct state new counter name n")), \
            sock(UDP, 1, (RIP, 54)) as one:
        for port in ports[-20:]:
            one.sendto(b"x", (HIP, port))
        eq(counted("n"), 0, "connections lost as the table grew again")
    flush()


@params((0, 1), (1, 0), (1, 2))
def test_error(ctx, other):
    """an ICMP error is related to a connection of its context:"""
    port = 5100 + 10 * ctx + other
    with sock(UDP, ctx, (RIP, port)) as one, \
            rules("counter c { }\n" + chain(
                "prerouting", f"meta l4proto {ICMPX} ct state related "
                "counter name c")):
        one.sendto(b"x", (HIP, 53))
        sent = ip_packet(17, udp_datagram(port, 53, b"x", RIP, HIP), RIP, HIP)
        for n, want in ((other, 0), (ctx, 1)):
            W[n].send_icmp(*PORT_UNREACH, 0, quote(sent))
            W[n].sync()
            eq(counted("c"), want, f"related after an error in {n}")


HELP = """
ct helper tftp { type "tftp" protocol udp; }
ct helper ftp { type "ftp" protocol tcp; }
ct helper sip { type "sip" protocol udp; }
""" + chain("prerouting", "udp dport 69 ct helper set \"tftp\"",
            "tcp dport 21 ct helper set \"ftp\"",
            "udp dport 5060 ct helper set \"sip\"")


def expected(helper="tftp"):
    """Whose expectations of a helper there are."""
    return sorted(int((line.split("vrctx=") + ["0"])[1])
                  for line in proc("nf_conntrack_expect")
                  if f" {helper}" in line)


def read_request(ctx):
    """A TFTP client: the server will send from a port of its choice."""
    with sock(UDP, ctx, (RIP, 69)):
        W[ctx].send_udp(4000, 69, b"\0\1name\0octet\0")
        W[ctx].sync()


def test_expectation():
    """what a helper expects is expected in its context"""
    with rules(HELP + chain("output", "udp sport 5001 ct state new drop")):
        for ctx in (1, 2):
            read_request(ctx)
        eq(expected(), [1, 2], "owners of expectations")
        for ctx in (1, 2):
            with inside(ctx):
                eq(expected(), [0], f"seen in {ctx}, without the number")
        with sock(UDP, 0, (RIP, 5001)) as one:
            refused(E.EPERM, "data in 0", one.sendto, b"data", (HIP, 4000))
        for ctx in (1, 2):
            with sock(UDP, ctx, (RIP, 5001)) as one:
                one.sendto(b"data", (HIP, 4000))
                W[ctx].expect(lambda p: p.proto == 17 and p.sport == 5001,
                              "data")
        eq(expected(), [], "expectations that are left")


@only(4)
def test_ftp():
    """a command of FTP says what is expected, in its context"""
    with rules(HELP):
        for ctx in (0, 1):
            listen = serve(ctx, 21)
            peer = Peer(W[ctx], 4001, 21).open()
            served = listen.accept()[0]
            for line in (b"USER x\r\n", b"PORT 10,0,0,2,78,32\r\n"):
                peer.send(PSH | ACK, line)
                eq(served.recv(99), line, "command")
            eq(expected("ftp"), list(range(ctx + 1)), "owners of expectations")
            served.close()
            listen.close()


@only(4)
def test_helper():
    """a helper that does not know contexts is not run in one"""
    text = (b"REGISTER sip:10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.2:5060"
            b"\r\nCSeq: 1 REGISTER\r\nContact: <sip:u@10.0.0.2:5060>\r\n"
            b"Expires: 60\r\nContent-Length: 0\r\n\r\n")
    with rules(HELP):
        for ctx in ALL:
            with sock(UDP, ctx, (RIP, 5060)):
                W[ctx].send_udp(5060, 5060, text)
                W[ctx].sync()
        eq(expected("sip"), [0], "owners of expectations")


def test_fragments():
    """interleaved fragments of equal id"""
    bound = {n: sock(UDP, n, (RIP, 53)) for n in ALL}
    data = {n: bytes([65 + n]) * 1000 for n in ALL}
    for off in (0, 512):
        for n in ALL:
            whole = udp_datagram(4300, 53, data[n])
            W[n].send_ip(17, whole[off:off + 512] if not off else whole[off:],
                         ident=9, frag=off >> 3 | (0 if off else MF))
    for n in ALL:
        W[n].sync()
        eq(readable(bound[n]), data[n], f"datagram in {n}")
        bound[n].close()
    eq(owners(53, 4300), [0, 1, 2], "owners: tracking wants datagrams whole")


def test_reborn():
    """a context that gets the number of a deleted one finds nothing"""
    with rules(HELP):
        read_request(1)
        for ctx in ALL:
            at_53(ctx)
        whole = udp_datagram(4400, 53, b"A" * 1000)
        W[1].send_ip(17, whole[:512], ident=11, frag=MF)
        W[1].sync()
        eq((owners(53, 4000), expected()), ([0, 1, 2], [1]), "before")
        W[1].reborn()
        eq((owners(53, 4000), expected()), ([0, 2], []), "after")
        eq([c for c in conns() if c.ctx == 1], [], "what is left")
    with sock(UDP, 1, (RIP, 53)) as one:
        W[1].send_ip(17, whole[512:], ident=11, frag=512 >> 3)
        W[1].sync()
        eq(readable(one), None, "fragments of two contexts")


def command(*args):
    subprocess.run(args, check=True)


@params(("VLAN", 5, False), ("VLAN", 5, True), ("macvlan", None, False))
def test_above_bridge(kind, vid, passed):
    """what a bridge saw is seen again in the context of the device above, or
    in that at once, if rules see that device:"""
    port = 5200 + len(kind) + passed
    for what in ("call-iptables", "call-ip6tables", "filter-vlan-tagged"):
        sysctl(f"net.bridge.bridge-nf-{what}", 1)
    sysctl("net.bridge.bridge-nf-pass-vlan-input-dev", int(passed))
    command("ip", "link", "add", "name", "b0", "type", "bridge")
    after = contextlib.ExitStack()
    after.callback(LAB.rt.link_del, "b0")
    LAB.vr.move("b0", 1)
    wire = Wire(LAB, 1, dev="port", cidr=None)
    after.callback(LAB.rt.link_del, "port")
    command("ip", "link", "set", "dev", "port", "master", "b0")
    command("ip", "link", "add", "name", "above", "link", "b0", "type",
            kind.lower(), *(["id", str(vid)] if vid else ["mode", "bridge"]))
    after.callback(LAB.rt.link_del, "above")
    LAB.vr.move("above", 2)
    LAB.rt.addr("above", "10.7.0.1/24")
    for dev in ("b0", "above"):
        LAB.rt.link_set(dev, up=True)
    wait(lambda: LAB.rt.running("above"), "the device to run")
    mac = LAB.rt.link("above")[1]
    pkt = ip_packet(17, udp_datagram(4600, port, b"x", "10.7.0.2", "10.7.0.1"),
                    "10.7.0.2", "10.7.0.1")
    lines = [f"udp dport {port} meta sdif {table_of(n)} counter name c{n}"
             for n in (1, 2)]
    with after, sock(UDP, 2, ("10.7.0.1", port)) as one, rules(
            "counter c1 { }\ncounter c2 { }\n" + chain("prerouting", *lines)):
        if vid:
            wire.send(struct.pack("!HH", vid, ETH) + pkt, ETH_VLAN, mac)
        else:
            wire.send(pkt, dst=mac)
        eq(one.recv(9), b"x", "datagram")
        eq((counted("c1"), counted("c2")), (0, 2) if passed else (1, 1),
           "prerouting in each")
        eq(owners(port), [2], "owner")


def reborn_2():
    """The number that a deleted context had is free."""
    LAB.vr.new(2)
    LAB.vr.move(W[2].dev, 2)
    W[2].up()
    at_53(2)


@only(4)
def test_held():
    """the number is not free as long as a packet's connection carries it"""
    command("tc", "qdisc", "add", "dev", "lo", "root", "netem", "delay",
            "100s")
    with sock(UDP, 2, ("127.0.0.1", 4500)) as one:
        one.sendto(b"x", ("127.0.0.1", 4501))
    LAB.vr.delete(2, force=True)
    refused(E.EBUSY, "number in use", LAB.vr.new, 2)
    command("tc", "qdisc", "del", "dev", "lo", "root")
    reborn_2()


@params((0,), (1,))
def test_queued(verdict):
    """nor while one without a connection waits for a verdict of user space:"""
    port = 4510 + verdict
    notrack = chain("output", f"udp dport {port} notrack", prio="raw")
    with Queue(7) as queue, rules(notrack + chain(
            "prerouting", f"udp dport {port} notrack queue num 7",
            prio="raw")), sock(UDP, 2) as one:
        one.sendto(b"x", (ip("127.0.0.1"), port))
        num = queue.packet()
        one.close()
        LAB.vr.delete(2, force=True)
        refused(E.EBUSY, "number in use", LAB.vr.new, 2)
        queue.verdict(num, verdict)
        reborn_2()


run(globals())
