#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 4 6
"""A socket that asks for packets with a router alert gets those of its context.

Guards ip_call_ra_chain() and ip6_call_ra_chain().
"""
import contextlib
import socket
import struct

from vr_fam import AF, SOL, V6, ip, packed, pick
from vr_hdr import ETH_IP, ETH_IPV6, csum
from vr_net import HIP, RAW, Lab, inside, readable
from vr_pkt import Wire
from vr_rt import sysctl
from vr_tap import eq, params, run

LAB = Lab(1, 2, hosts=False)
ALL = (0, 1, 2)
W = {n: Wire(LAB, n) for n in ALL}
PROTO = 200
BEYOND = "10.0.0.99"
sysctl(f"net.{pick('ipv4', 'ipv6')}.conf.all.forwarding", 1)


def listener(ctx):
    with inside(ctx):
        one = socket.socket(AF, RAW, pick(PROTO, socket.IPPROTO_RAW))
    one.setsockopt(SOL, *pick((5, 1), (22, 0)))     # ROUTER_ALERT
    return one


def alerting(text):
    """A packet to another host, with the option."""
    src, dst = packed(ip(HIP)), packed(ip(BEYOND))
    if V6:
        text = bytes((PROTO, 0, 5, 2, 0, 0, 1, 0)) + text
        return struct.pack("!IHBB", 6 << 28, len(text), 0, 64) + src + dst \
            + text
    head = struct.pack("!BBHHHBBH4s4sI", 0x46, 0, 24 + len(text), 0, 0, 64,
                       PROTO, 0, src, dst, 0x94040000)
    return head[:10] + struct.pack("!H", csum(head)) + head[12:] + text


@params(*[(n,) for n in ALL])
def test_alert(ctx):
    """a packet with a router alert is heard in:"""
    with contextlib.ExitStack() as stack:
        ears = {n: stack.enter_context(listener(n)) for n in ALL}
        W[ctx].send(alerting(b"attention"), pick(ETH_IP, ETH_IPV6))
        W[ctx].sync()
        for n, one in ears.items():
            eq(b"attention" in (readable(one) or b""), n == ctx, f"heard in {n}")


run(globals())
