# SPDX-License-Identifier: GPL-2.0
"""Rules, by the nft of the distribution, and the connections that are tracked.

A number of packets that a rule has seen is what its counter says: a test puts
a named one into the rule.
"""
import contextlib
import ipaddress
import json
import re
import struct
import subprocess

from vr_fam import pick
from vr_net import RIP, UDP, readable, sock
from vr_nl import Netlink, attr, parse
from vr_tap import eq

IP = pick("ip", "ip6")
ICMPX = pick("icmp", "icmpv6")


def nft(rules, *argv):
    """Load rules, or run a command; what nft printed."""
    done = subprocess.run(["nft", *(argv or ("-f", "-"))], input=rules,
                          text=True, capture_output=True, check=False)
    if done.returncode:
        raise AssertionError(f"nft: {done.stderr}\n{rules}")
    return done.stdout


@contextlib.contextmanager
def rules(text, name="t", family="inet"):
    """with rules("chain ..."): they are loaded, in a table of their own."""
    nft(f"table {family} {name} {{\n{text}\n}}\n")
    try:
        yield
    finally:
        nft(f"delete table {family} {name}\n")


def chain(hook, *lines, kind="filter", prio="0", name=None):
    return (f"chain {name or hook} {{\ntype {kind} hook {hook} priority "
            f"{prio};\n" + "\n".join(lines) + "\n}\n")


def counted(counter, name="t", family="inet"):
    """Packets that a named counter has seen."""
    out = json.loads(nft("", "-j", "list", "counter", family, name, counter))
    return out["nftables"][-1]["counter"]["packets"]


@contextlib.contextmanager
def xtables(table, hook, *words):
    """iptables or ip6tables: a rule, as long as it is wanted."""
    def change(how):
        subprocess.run([pick("iptables", "ip6tables"), "-w", "-t", table, how,
                        hook, *words], check=True)
    change("-A")
    try:
        yield
    finally:
        change("-D")


class Conn:
    """A line of /proc/net/nf_conntrack."""
    def __init__(self, line):
        self.line = line
        self.proto = int(line.split()[3])
        self.ctx = int((re.findall(r"\bvrctx=(\d+)", line) or ["0"])[0])
        ends = [dict(end) for end in zip(*[iter(re.findall(
            r"\b(src|dst|sport|dport)=(\S+)", line))] * 4)]
        self.orig, self.reply = [
            (str(ipaddress.ip_address(e["src"])), int(e["sport"]),
             str(ipaddress.ip_address(e["dst"])), int(e["dport"]))
            for e in ends] if len(ends) == 2 else ((), ())

    def __repr__(self):
        return f"<{self.line.strip()}>"


def proc(name):
    with open(f"/proc/thread-self/net/{name}", encoding="ascii") as f:
        return f.read().splitlines()


def conns(dport=None):
    """The connections that the process sees, those to a port if one is said."""
    return [c for c in map(Conn, proc("nf_conntrack"))
            if dport is None or c.orig and c.orig[3] == dport]


# ---- ways back ----

@contextlib.contextmanager
def networks(rt, wires):
    """The wire of each context N has a network of its own, 10.6.N.0/24."""
    for ctx, wire in wires.items():
        rt.addr(wire.dev, f"10.6.{ctx}.1/24")
    yield
    for ctx, wire in wires.items():
        rt.addr_del(wire.dev, f"10.6.{ctx}.1/24")


def only_own(wires, port):
    """A datagram is taken from the network of its context, from no other."""
    for ctx, wire in wires.items():
        with sock(UDP, ctx, (RIP, port)) as one:
            for other in wires:
                wire.send_udp(4000, port, b"x", src=f"10.6.{other}.9")
                wire.sync()
                eq(readable(one), b"x" if other == ctx else None,
                   f"from a network of {other} in {ctx}")


class Queue(Netlink):
    """A queue of packets that wait for a verdict: nfnetlink_queue."""
    def __init__(self, num):
        super().__init__(12)
        self.num = num
        self.ask(2, attr(1, struct.pack("!BBH", 1, 0, 0)))      # bind
        self.ask(2, attr(2, struct.pack("!IB", 0, 1)))          # no payload

    def head(self):
        return struct.pack("!BBH", 0, 0, self.num)

    def ask(self, kind, data):
        self.request(3 << 8 | kind, 0, self.head() + data)

    def packet(self):
        """Number of the next packet."""
        _, _, _, body = next(self.split(self.sock.recv(1 << 16)))
        return struct.unpack_from("!I", parse(body[4:])[1])[0]

    def verdict(self, num, verdict):
        """0: dropped, 1: goes on. When this returns, it did."""
        self.ask(1, attr(2, struct.pack("!II", verdict, num)))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def flush():
    """No connections, in any context: what lists many may miss some."""
    with contextlib.closing(Netlink(12)) as ct:
        ct.request(1 << 8 | 2, 0, bytes(4))
