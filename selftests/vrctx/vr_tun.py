# SPDX-License-Identifier: GPL-2.0
"""Tunnels from the router of a Lab to its hosts: who is at their ends?"""
import socket
import subprocess

from vr_fam import AF, ICMP, MTU, SOL, TOO_BIG
from vr_net import HIP, RAW, RIP, UDP, readable, sock
from vr_pkt import icmp, ip_packet, udp_datagram
from vr_rt import have_sysctl, sysctl
from vr_tap import eq


def dress(rt, name, addr, plen):
    """The address of a tunnel; then it is up."""
    if ":" in addr:
        for key, val in (("disable_ipv6", 0), ("accept_dad", 0),
                         ("dad_transmits", 0), ("router_solicitations", 0)):
            if have_sysctl(f"net.ipv6.conf.{name}.{key}"):
                sysctl(f"net.ipv6.conf.{name}.{key}", val)
    rt.addr(name, f"{addr}/{plen}")
    rt.link_set(name, up=True)


def answer(one, far, addr, text):
    """A datagram each way."""
    far.sendto(text, addr)
    data, peer = one.recvfrom(100)
    eq(data, text, "what came")
    one.sendto(data[::-1], peer)
    eq(far.recv(100), text[::-1], "what came back")


class Ends:
    """A socket inside of every tunnel, on the same address and port."""

    def __init__(self, lab, near, far, contexts, addr=None):
        """contexts: where the near ends of the tunnels to the hosts of these are
        themselves; addr: not on that of the tunnel.
        """
        af = socket.AF_INET6 if ":" in near else socket.AF_INET
        self.addr = near, 7000
        self.near, self.far = {}, {}
        for num, ctx in contexts.items():
            self.near[num] = sock(UDP, ctx, (addr or near, 7000), af=af)
            with lab.hosts[num]:
                self.far[num] = sock(UDP, bind=(far, 7000), af=af)

    def talk(self, num):
        answer(self.near[num], self.far[num], self.addr, b"this is %d" % num)
        self.quiet(num)

    def quiet(self, num):
        """Nobody has heard anything of that host."""
        for other, one in self.near.items():
            eq(readable(one), None, f"{other} heard of {num}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for one in [*self.near.values(), *self.far.values()]:
            one.close()


def below(lab, num):
    """All that the host sent before has been looked at."""
    with sock(UDP, num, (RIP, 7001)) as one, lab.hosts[num], \
            sock(UDP, bind=(HIP, 7001)) as far:
        answer(one, far, (RIP, 7001), b"below")


def too_big(lab, num, sport, dport, data):
    """The host of a context says that a datagram of a tunnel did not pass."""
    data = udp_datagram(sport, dport, data, RIP, HIP)
    with lab.hosts[num], socket.socket(AF, RAW, ICMP) as one:
        one.sendto(icmp(*TOO_BIG, 1300, ip_packet(17, data, RIP, HIP)),
                   (RIP, 0))
    below(lab, num)


def path_mtus(*contexts):
    """What is known in each of the way to its host."""
    out = []
    for num in contexts:
        with sock(UDP, num) as one:
            one.connect((HIP, 9))
            out.append(one.getsockopt(SOL, MTU))
    return out


def ip_cmd(line):
    """ip(8), in the context and the namespace of the caller: what it says."""
    done = subprocess.run(["ip", *line.split()], text=True, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        raise AssertionError(f"ip {line}: {done.stdout}")
    return done.stdout
