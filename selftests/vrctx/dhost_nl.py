#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 4 6
"""Distributed hosts: the netlink family, events, grants, and the end of it.

Guards the refusals of vr_dhost, each of which has a text and changes nothing;
that no event of a socket is missing; and that a bind() waits for its grant.
"""
import errno
import os
import random
import signal
import socket
import struct
import threading

from vr_dhost import (ATTR, BIND_NTF, EVENTS, GRANT, HOST_DEL, HOST_DEL_NTF,
                      HOST_GET, HOST_NEW, HOST_NTF, HOST_SET, MEMBER_DEL,
                      MEMBER_NEW, PORT_DEL, PORT_GET, PORT_SET, SHARED,
                      SNET, SOCK_GET, SOCK_NTF, TCP_P, UDP_P, Binder, Dhost,
                      encode, load, mac, modules, unload)
from vr_fam import ECHO_REQUEST, ICMP, V6, ip, pick
from vr_hdr import ETH
from vr_net import TCP, UDP, Lab, Netns, connect, pending, readable, sock
from vr_nl import NLM_F_DUMP, attr
from vr_pkt import (ACK, MF, SYN, icmp, ip_packet, tcp_segment,
                    udp_datagram)
from vr_rt import sysctl
from vr_tap import check, eq, params, refused, run, slow, wait

LAB = Lab(0, 7, hosts=False)
RT = LAB.rt
load()
DH = Dhost()
for dev, num in (("d0", 0), ("d7", 7)):
    RT.veth(dev, "e" + dev[1])
    if num:
        LAB.vr.move(dev, num)
    RT.link_set(dev, up=True)
RT.link_add("t0", "dummy")
CTX = params((0,), (7,))
DEV = {0: "d0", 7: "d7"}
OTHER = Netns()
NOT_ADMIN = 65534
NLA_F_NESTED = 0x8000
SO_COOKIE = 57


def state():
    """All addresses with members, counters and the size of the port map."""
    return sorted(map(repr, DH.dump(HOST_GET)))


def no(want, what, cmd, **kwargs):
    """Refused with an errno and a text, and nothing is different after."""
    before = state()
    err = refused(want, what, DH.call, cmd, **kwargs)
    check(err.extack, f"{what}: no text")
    eq(state(), before, f"{what}: state")
    return err.extack


class Host:
    """with Host(7): the address is distributed there, has member 2."""

    def __init__(self, ctx, lead=1, **kwargs):
        self.ctx, self.lead, self.kwargs = ctx, lead, kwargs

    def __enter__(self):
        DH.call(HOST_NEW, context=self.ctx, own=1, lead=self.lead,
                **self.kwargs)
        DH.call(MEMBER_NEW, context=self.ctx, node=2, lladdr=mac(2),
                ifname=DEV[self.ctx])
        RT.addr(DEV[self.ctx], SNET)
        return self

    def __exit__(self, *_):
        RT.addr_del(DEV[self.ctx], SNET)
        DH.call(HOST_DEL, context=self.ctx)


@CTX
def test_host(ctx):
    """an address comes, is shown, goes: context"""
    eq(DH.dump(HOST_GET), [], "before")
    DH.call(HOST_NEW, context=ctx, own=3, lead=3, epoch=10, slice_min=100,
            slice_max=199, grants=1, timeout=77, handover=1)
    got = DH.call(HOST_GET, context=ctx)
    eq({k: got[k] for k in ("address", "context", "own", "lead", "epoch",
                            "slice_min", "slice_max", "grants", "timeout",
                            "handover", "ports", "member")},
       {"address": SHARED, "context": ctx, "own": 3, "lead": 3, "epoch": 10,
        "slice_min": 100, "slice_max": 199, "grants": 1, "timeout": 77,
        "handover": 1, "ports": 0, "member": {}}, "shown")
    eq(DH.dump(HOST_GET), [got], "dump")
    no(errno.EEXIST, "again", HOST_NEW, context=ctx, own=3)
    no(errno.ENOENT, "in another context", HOST_DEL, context=7 - ctx)
    no(errno.ESTALE, "stale epoch", HOST_DEL, context=ctx, epoch=9)
    no(errno.ESTALE, "epoch to come", HOST_DEL, context=ctx, epoch=11)
    DH.call(HOST_DEL, context=ctx, epoch=10)
    eq(DH.dump(HOST_GET), [], "after")


def test_bad_host():
    """addresses that cannot be distributed are refused"""
    for addr in pick(("0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255"),
                     ("::", "::1", "ff15::1", "fe80::1", "::ffff:10.0.0.1")):
        no(errno.EADDRNOTAVAIL, addr, HOST_NEW, own=1, address=addr)
    no(errno.EINVAL, "five bytes", HOST_NEW, own=1, address=b"\1" * 5)
    no(errno.EINVAL, "no address", HOST_NEW, own=1, address=None)
    no(errno.EINVAL, "no own", HOST_NEW)
    no((errno.EINVAL, errno.ERANGE), "own 0", HOST_NEW, own=0)
    no((errno.EINVAL, errno.ERANGE), "own too large", HOST_NEW,
       own=0xfffffffe)
    no(errno.ENOENT, "no such context", HOST_NEW, own=1, context=55)
    no((errno.EINVAL, errno.ERANGE), "no context at all", HOST_NEW, own=1,
       context=1 << 24)
    no(errno.EINVAL, "another lead", HOST_NEW, own=1, lead=2)
    no(errno.EINVAL, "half a slice", HOST_NEW, own=1, slice_min=5)
    no(errno.EINVAL, "slice backwards", HOST_NEW, own=1, slice_min=5,
       slice_max=4)
    no((errno.EINVAL, errno.ERANGE), "grants", HOST_NEW, own=1, grants=3)
    no((errno.EINVAL, errno.ERANGE), "handover", HOST_NEW, own=1, handover=2)
    no(errno.ENOENT, "delete what is not", HOST_DEL)
    no(errno.ENOENT, "show what is not", HOST_GET)
    refused(errno.EINVAL, "dump with attributes", DH.raw, HOST_GET,
            encode({"own": 1}), NLM_F_DUMP)


@CTX
def test_lead(ctx):
    """the lead is a member, its epoch grows: context"""
    with Host(ctx):
        no(errno.ENOENT, "lead not a member", HOST_SET, context=ctx, lead=3)
        DH.call(HOST_SET, context=ctx, lead=2)
        eq(DH.call(HOST_GET, context=ctx)["epoch"], 2, "epoch without any")
        DH.call(HOST_SET, context=ctx, lead=1, epoch=50)
        no(errno.ESTALE, "stale", HOST_SET, context=ctx, lead=2, epoch=49)
        no(errno.ESTALE, "the same", HOST_SET, context=ctx, lead=2, epoch=50)
        DH.call(HOST_SET, context=ctx, lead=1, epoch=50)
        DH.call(HOST_SET, context=ctx, lead=0, epoch=51)
        eq(DH.call(HOST_GET, context=ctx)["lead"], 0, "no lead")
        no(errno.EINVAL, "nothing to set", HOST_SET, context=ctx)
        no(errno.ENOENT, "foreign address", HOST_SET, context=ctx, lead=1,
           address=ip("10.0.0.9"))


@CTX
def test_members(ctx):
    """members are other nodes with an Ethernet address: context"""
    more = {"context": ctx, "ifname": DEV[ctx]}
    with Host(ctx):
        no(errno.EEXIST, "own id twice", MEMBER_NEW, node=1, lladdr=mac(9),
           **more)
        no(errno.EEXIST, "member twice", MEMBER_NEW, node=2, lladdr=mac(9),
           **more)
        no(errno.EEXIST, "MAC twice", MEMBER_NEW, node=3, lladdr=mac(2),
           **more)
        for bad in (b"\0" * 6, b"\xff" * 6, b"\1" * 6):
            no(errno.EINVAL, "MAC", MEMBER_NEW, node=3, lladdr=bad, **more)
        no((errno.EINVAL, errno.ERANGE), "short MAC", MEMBER_NEW, node=3,
           lladdr=b"\2" * 5, **more)
        no(errno.EINVAL, "own MAC", MEMBER_NEW, node=3,
           lladdr=RT.link(DEV[ctx])[1], **more)
        no(errno.EINVAL, "no MAC", MEMBER_NEW, node=3, **more)
        no(errno.EINVAL, "no node", MEMBER_NEW, lladdr=mac(3), **more)
        no(errno.EINVAL, "no device", MEMBER_NEW, node=3, lladdr=mac(3),
           context=ctx)
        no(errno.ENODEV, "what device", MEMBER_NEW, node=3, lladdr=mac(3),
           context=ctx, ifname="nix")
        no(errno.ENODEV, "what index", MEMBER_NEW, node=3, lladdr=mac(3),
           context=ctx, ifindex=9999)
        no(errno.EXDEV, "device elsewhere", MEMBER_NEW, node=3,
           lladdr=mac(3), context=ctx, ifname=DEV[7 - ctx])
        no((errno.EOPNOTSUPP, errno.EXDEV), "lo", MEMBER_NEW, node=3,
           lladdr=mac(3), context=ctx, ifname="lo")
        no(errno.ESTALE, "epoch", MEMBER_NEW, node=3, lladdr=mac(3), epoch=9,
           **more)
        DH.call(MEMBER_NEW, node=3, lladdr=mac(3), slice_min=5, slice_max=9,
                **more)
        eq(DH.call(HOST_GET, context=ctx)["member"][3],
           {"node": 3, "ifindex": RT.ifindex(DEV[ctx]), "lladdr": mac(3),
            "slice_min": 5, "slice_max": 9}, "member")
        no(errno.ENOENT, "delete another", MEMBER_DEL, context=ctx, node=4)
        DH.call(HOST_SET, context=ctx, lead=3)
        no(errno.EBUSY, "delete the lead", MEMBER_DEL, context=ctx, node=3)
        DH.call(PORT_SET, context=ctx, protocol=TCP_P, port=80, node=2)
        DH.call(MEMBER_DEL, context=ctx, node=2)
        eq(DH.dump(PORT_GET, address=SHARED, context=ctx), [],
           "ports of a member that went")


def test_too_many_members():
    """there is an end of members"""
    with Host(0):
        for num in range(3, 66):
            DH.call(MEMBER_NEW, node=num, lladdr=mac(num), ifname="d0")
        no(errno.ENOSPC, "one more", MEMBER_NEW, node=66, lladdr=mac(66),
           ifname="d0")
        eq(len(DH.call(HOST_GET)["member"]), 64, "members")


def test_device_gone():
    """a member stays when its device goes, and the device can go"""
    with Host(0):
        DH.call(MEMBER_NEW, node=3, lladdr=mac(3), ifname="t0")
        RT.link_del("t0")
        eq(DH.call(HOST_GET)["member"][3]["ifindex"], 0, "ifindex")
    RT.link_add("t0", "dummy")


@CTX
def test_ports(ctx):
    """the port map: given, shown, taken: context"""
    port = {"context": ctx, "protocol": TCP_P}
    with Host(ctx):
        DH.call(PORT_SET, port=80, node=2, **port)
        DH.call(PORT_SET, port=1000, port_last=1999, node=1, **port)
        DH.call(PORT_SET, context=ctx, protocol=UDP_P, port=80, node=1)
        DH.call(PORT_SET, context=ctx, protocol=47, port=0, node=2)
        eq(DH.call(PORT_GET, port=80, **port)["node"], 2, "owner")
        check("node" not in DH.call(PORT_GET, port=81, **port), "nobody's")
        eq(DH.call(HOST_GET, context=ctx)["ports"], 1003, "count")
        got = [(p["protocol"], p["port"], p["node"]) for p in
               DH.dump(PORT_GET, address=SHARED, context=ctx)]
        eq(got, [(6, 80, 2)] + [(6, p, 1) for p in range(1000, 2000)]
           + [(17, 80, 1), (47, 0, 2)], "dump")
        no(errno.ENOENT, "unknown member", PORT_SET, port=81, node=3, **port)
        no(errno.EINVAL, "no node", PORT_SET, port=81, **port)
        no(errno.EINVAL, "port 0", PORT_SET, port=0, node=1, **port)
        no(errno.EINVAL, "port of GRE", PORT_SET, port=5, node=1, context=ctx,
           protocol=47)
        no(errno.EINVAL, "backwards", PORT_SET, port=5, port_last=4, node=1,
           **port)
        no(errno.EINVAL, "no protocol", PORT_SET, port=5, node=1, context=ctx)
        no(errno.ESTALE, "epoch", PORT_SET, port=5, node=1, epoch=9, **port)
        no(errno.ENOENT, "take what nobody has", PORT_DEL, port=5, **port)
        DH.call(PORT_DEL, port=1500, port_last=65535, **port)
        eq(DH.call(HOST_GET, context=ctx)["ports"], 503, "count")
    refused(errno.ENOENT, "dump of no address", DH.dump, PORT_GET,
            address=SHARED)


@CTX
def test_shared_ports(ctx):
    """ports that several nodes have: given, shown, taken: context"""
    port = {"context": ctx, "protocol": TCP_P}
    key = {"address": SHARED, "context": ctx}
    with Host(ctx):
        DH.call(PORT_SET, port=80, port_last=82, owner=[2, 1], **port)
        DH.call(PORT_SET, port=81, node=2, **port)
        DH.call(PORT_SET, port=83, owner=[1], **port)
        DH.call(PORT_SET, context=ctx, protocol=47, port=0, owner=[1, 2])
        got = [(p["protocol"], p["port"], p.get("owner"), p.get("node"))
               for p in DH.dump(PORT_GET, **key)]
        eq(got, [(6, 80, [2, 1], None), (6, 81, None, 2),
                 (6, 82, [2, 1], None), (6, 83, [1], None),
                 (47, 0, [1, 2], None)], "dump")
        one = DH.call(PORT_GET, port=80, **port)
        eq((one.get("owner"), one.get("node")), ([2, 1], None), "one")
        for owners in ([1, 2], [2], [1, 2]):
            DH.call(PORT_SET, port=80, port_last=81, owner=owners, **port)
            eq([DH.call(PORT_GET, port=p, **port)["owner"] for p in (80, 81)],
               [owners] * 2, "others instead")
        err = no(errno.EEXIST, "twice", PORT_SET, port=80, owner=[1, 2, 1],
                 **port)
        check("twice" in err, err)
        no(errno.ENOENT, "unknown member", PORT_SET, port=80, owner=[1, 3],
           **port)
        err = no(errno.EINVAL, "both", PORT_SET, port=80, owner=[1], node=1,
                 **port)
        check("owners that share" in err, err)
        err = no(errno.ENOSPC, "66", PORT_SET, port=80,
                 owner=range(1, 67), **port)
        check("more owners" in err, err)
        no(errno.ERANGE, "0", PORT_SET, port=80, owner=[1, 0], **port)
        no(errno.ERANGE, "a number too large", PORT_SET, port=80,
           owner=[1, 0xfffffffe], **port)
        no(errno.ESTALE, "epoch", PORT_SET, port=80, owner=[1], epoch=9,
           **port)
        eq(DH.call(PORT_GET, port=80, **port)["owner"], [1, 2], "after that")
        # a member that goes has none any more
        DH.call(HOST_SET, context=ctx, lead=1)
        DH.call(PORT_SET, port=84, owner=[2], **port)
        DH.call(MEMBER_DEL, context=ctx, node=2)
        eq([(p["protocol"], p["port"], p.get("owner"))
            for p in DH.dump(PORT_GET, **key)],
           [(6, 80, [1]), (6, 81, [1]), (6, 82, [1]), (6, 83, [1]),
            (47, 0, [1])], "without the member")
        DH.call(PORT_DEL, port=1, port_last=65535, **port)
        eq(DH.call(HOST_GET, context=ctx)["ports"], 1, "count")


def test_full_port_map():
    """a port map takes each port once, and no port that there is not"""
    every = {"port": 1, "port_last": 65535}
    with Host(0):
        for node in (1, 2):
            for proto in (TCP_P, UDP_P):
                DH.call(PORT_SET, protocol=proto, node=node, **every)
            eq(DH.call(HOST_GET)["ports"], 2 * 65535, "ports")
        eq(DH.call(PORT_GET, protocol=TCP_P, port=65535)["node"], 2, "owner")
        before = state()
        for name in ("port", "port_last"):
            err = refused((errno.EINVAL, errno.ERANGE), f"{name} of 32 bits",
                          DH.raw, PORT_SET, encode({
                              "address": SHARED, "protocol": TCP_P, "port": 5,
                              "node": 1})
                          + attr(ATTR[name], struct.pack("=I", 65537)))
            check(err.extack, f"{name}: no text")
        eq(state(), before, "after")
        DH.call(PORT_DEL, protocol=TCP_P, **every)
        eq(DH.call(HOST_GET)["ports"], 65535, "ports in the end")


def test_context_deleted():
    """a context takes its distributed addresses along"""
    LAB.vr.new(9)
    with Dhost(listen=True) as events:
        DH.call(HOST_NEW, context=9, own=1)
        LAB.vr.delete(9)
        eq([c for c, _ in events.events(2, (HOST_NTF, HOST_DEL_NTF))],
           [HOST_NTF, HOST_DEL_NTF], "events")
    LAB.vr.new(9)
    eq(DH.dump(HOST_GET), [], "in a new one of that number")
    LAB.vr.delete(9)


def test_permission():
    """without CAP_NET_ADMIN nothing is changed, no event is heard"""
    def child():
        os.setgroups([])
        os.setresuid(NOT_ADMIN, NOT_ADMIN, NOT_ADMIN)
        mine = Dhost()
        for cmd in (HOST_NEW, HOST_DEL, HOST_SET, MEMBER_NEW, MEMBER_DEL,
                    PORT_SET, PORT_DEL, GRANT):
            err = refused(errno.EPERM, f"command {cmd}", mine.call, cmd,
                          **({"address": None, "cookie": 1}
                             if cmd == GRANT else {"own": 1}
                             if cmd == HOST_NEW else {}))
            check(err.extack, f"{cmd}: no text")
        refused(errno.EPERM, "sockets", mine.dump, SOCK_GET)
        refused(errno.EPERM, "another context", mine.call, HOST_GET,
                context=7)
        mine.call(HOST_GET)
        eq(len(mine.dump(HOST_GET)), 1, "what it sees")
        refused(errno.EPERM, "events", Dhost, True)
        os._exit(0)

    with Host(0):
        DH.call(HOST_NEW, context=7, own=1)
        pid = os.fork()
        if not pid:
            try:
                child()
            except BaseException as err:  # pylint: disable=broad-except
                print(f"# {err}", flush=True)
                os._exit(1)
        eq(os.waitpid(pid, 0)[1], 0, "child")
        DH.call(HOST_DEL, context=7)


@CTX
def test_socket_events(ctx):
    """each socket of the address is told of, in order, and listed: context"""
    with Host(ctx), Dhost(listen=True) as events:
        listener = sock(TCP, ctx, (SHARED, 80), listen=8)
        one = connect((SHARED, 80), ctx, (SHARED, 0))
        local = one.getsockname()[1]
        other = pending(listener)
        datagrams = sock(UDP, ctx, ("0.0.0.0", 53))
        sock(UDP, ctx, ("127.0.0.1", 54)).close()
        with OTHER, sock(UDP, 0, ("0.0.0.0", 55)):
            listed = {(EVENTS[s["event"]], s["protocol"], s["port"],
                       s["address"]) for s in DH.dump(SOCK_GET)}
        eq(listed, {("listening", 6, 80, SHARED), ("connected", 6, 80, SHARED),
                    ("connected", 6, local, SHARED),
                    ("bound", 17, 53, ip("0.0.0.0"))}, "listed")
        for end in (other, one, listener, datagrams):
            end.close()
        got = events.events(11, (SOCK_NTF,))
        eq([e["seq"] - got[0][1]["seq"] for _, e in got], list(range(11)),
           "numbers")
        what = [(EVENTS[e["event"]], e["protocol"], e["port"]) for _, e in got]
        eq(what[:7], [("bound", 6, 80), ("listening", 6, 80),
                      ("bound", 6, local), ("connected", 6, local),
                      ("child", 6, 80), ("accepted", 6, 80),
                      ("bound", 17, 53)], "events")
        eq(sorted(what[7:]), sorted([("closed", 6, 80), ("closed", 6, local),
                                     ("closed", 6, 80), ("closed", 17, 53)]),
           "closed")
        eq({e["context"] for _, e in got}, {ctx}, "context")
        eq({e["pid"] for _, e in got[:4] + got[5:7]}, {os.getpid()}, "process")
        eq(got[4][1]["cookie"], got[5][1]["cookie"], "the child")
        cookies = {}
        for _, event in got:
            cookies.setdefault(event["cookie"], []).append(
                EVENTS[event["event"]])
        check(all(names[-1] == "closed" and names.count("closed") == 1
                  for names in cookies.values()), f"{cookies}")


def cookie(one):
    return struct.unpack("=Q", one.getsockopt(socket.SOL_SOCKET, SO_COOKIE,
                                              8))[0]


def made_elsewhere(ctx, port):
    """A UDP socket that a child process bound, which then waits for its end:
    the socket, the child's PID, and what ends it.
    """
    near, far = socket.socketpair()
    pid = os.fork()
    if not pid:
        near.close()
        with sock(UDP, ctx, (SHARED, port)) as made:
            socket.send_fds(far, [b"x"], [made.fileno()])
            far.recv(1)
        os._exit(0)
    far.close()
    fd = socket.recv_fds(near, 1, 1)[1][0]
    return socket.socket(fileno=fd), pid, near


@CTX
def test_pids(ctx):
    """the list says which process took each socket last: context"""
    def listed():
        return {s["cookie"]: s["pid"] for s in DH.dump(SOCK_GET)}

    me = os.getpid()
    with Host(ctx):
        listener = sock(TCP, ctx, (SHARED, 90), listen=8)
        one = connect((SHARED, 90), ctx, (SHARED, 0))
        mine = {cookie(listener): me, cookie(one): me}
        child = set(listed()) - set(mine)
        eq(listed(), mine | {c: 0 for c in child}, "not accepted yet")
        other = pending(listener)
        eq(child, {cookie(other)}, "the child")
        mine[cookie(other)] = me
        eq(listed(), mine, "accepted")

        passed, pid, end = made_elsewhere(ctx, 91)
        eq(listed(), mine | {cookie(passed): pid}, "bound elsewhere")
        end.close()
        eq(os.waitpid(pid, 0)[1], 0, "exit")
        eq(listed(), mine | {cookie(passed): 0}, "its process is gone")
        one.close()
    with Host(ctx):     # what was noted outlives the address
        del mine[cookie(other)]
        other.close()
        wait(lambda: set(listed()) <= {*mine, cookie(passed)}, "closed")
        eq(listed()[cookie(listener)], me, "later")
    for end in (listener, passed):
        end.close()


def drained(one):
    """Read all that is there, overruns included."""
    left = True
    while left:
        try:
            left = readable(one)
        except OSError as err:
            eq(err.errno, errno.ENOBUFS, "error")


def test_overrun():
    """who is too slow is told so, and sees by the numbers what it missed"""
    with Host(0), Dhost(listen=True) as events:
        events.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        kept = [sock(UDP, 0, (SHARED, port)) for port in range(100, 200)]
        refused(errno.ENOBUFS, "an overrun", events.events, 100)
        for one in kept[1:]:
            one.close()
        # all that is there, up to a number; what came after has greater ones
        listed = DH.dump(SOCK_GET)
        eq([s["port"] for s in listed], [100], "listed")
        drained(events.sock)
        kept[0].close()
        eq(events.events(1, (SOCK_NTF,))[0][1]["seq"], listed[0]["seq"] + 1,
           "the next number")


def test_no_memory():
    """who listens is told of an event that there was no memory for"""
    path = "/proc/thread-self/fail-nth"
    if not os.path.exists(path):
        print("# this kernel cannot make allocations fail")
        return
    with open("/sys/kernel/debug/failslab/verbose", "w", encoding="ascii") as f:
        f.write("0")
    fail, told, pids = os.open(path, os.O_WRONLY), [], set()
    with Host(0), Dhost(listen=True) as events:
        for nth in range(1, 12):
            with sock(UDP, 0) as one:
                os.write(fail, str(nth).encode())
                try:
                    one.bind((SHARED, 2000 + nth))
                finally:
                    os.write(fail, b"0")
                try:
                    got = events.events(1, (SOCK_NTF,))
                    told.append(got[0][1]["port"] - 2000 - nth)
                except OSError as err:
                    told.append(err.errno)
                pids |= {s["pid"] for s in DH.dump(SOCK_GET)}
            eq(events.events(1, (SOCK_NTF,))[0][1]["event"],
               EVENTS.index("closed"), "the next event")
    os.close(fail)
    eq(set(told), {errno.ENOBUFS, 0}, "told")
    eq(pids, {0, os.getpid()}, "PIDs, where there was memory for one")


def bound6(ctx, addr, port, v6only=False):
    """A UDP socket of IPv6, in any variant."""
    new = sock(UDP, ctx, af=socket.AF_INET6)
    new.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, v6only)
    new.bind((addr, port))
    return new


@CTX
def test_both_families(ctx):
    """sockets for all addresses are told of if this one is among them:"""
    with Host(ctx), Dhost(listen=True) as events:
        for port, new in enumerate((
                lambda port: bound6(ctx, "::", port),
                lambda port: bound6(ctx, "::", port, v6only=True),
                lambda port: sock(UDP, ctx, ("0.0.0.0", port),
                                  af=socket.AF_INET),
                lambda port: bound6(ctx, pick("::ffff:", "") + SHARED, port)),
                                   60):
            new(port).close()
        want = [(60, "::", False), (61, "::", True) if V6 else
                (62, "0.0.0.0", False), (63, SHARED, False)]
        got = [(e["port"], e["address"], e.get("v6only", False))
               for _, e in events.events(6, (SOCK_NTF,))]
        eq(got, [w for w in want for _ in range(2)], "bound and closed")


@CTX
def test_grant(ctx):
    """bind() waits until it is granted or refused: context"""
    with Host(ctx, grants=1, timeout=20000, slice_min=500, slice_max=599), \
            Dhost(listen=True) as events:
        for deny, want in ((None, 0), (1, errno.EADDRINUSE)):
            for kind, addr in ((TCP, SHARED), (UDP, SHARED),
                               (TCP, ip("0.0.0.0")), (TCP, "::")):
                one = Binder(ctx, 81, kind, addr)
                ask = events.events(1, (BIND_NTF,))[0][1]
                eq((ask["address"], ask["context"], ask["port"]),
                   (addr, ctx, 81), "question")
                check(one.result is None, "it waits")
                DH.call(GRANT, address=None, cookie=ask["cookie"], deny=deny)
                eq(one.end(), want, "bind()")
                # told once that it has the port, once that it has not
                got = [EVENTS[e["event"]] for _, e in
                       events.events(1, (SOCK_NTF,))]
                eq(got, ["closed"], "after")
        # answered already, and never asked
        no(errno.ENOENT, "late", GRANT, address=None, cookie=ask["cookie"])
        no(errno.EINVAL, "no cookie", GRANT, address=None)
        # of the node's slice, of another address: nobody is asked
        with sock(TCP, ctx, (SHARED, 555)), sock(TCP, ctx, ("127.0.0.1", 81)):
            pass


@CTX
def test_grant_ephemeral(ctx):
    """ports that nobody named come from the slice, and nobody waits:"""
    key = "net.ipv4.ip_local_port_range"
    usual = sysctl(key)
    with Host(ctx, grants=1, timeout=20000, slice_min=20000,
              slice_max=20099), Dhost(listen=True) as events:
        sysctl(key, "20000 20099")
        with sock(TCP, ctx, (SHARED, 0), listen=8) as listener, \
                connect(listener.getsockname()[:2], ctx, (SHARED, 0)) as one, \
                sock(UDP, ctx) as datagrams:
            datagrams.connect((SHARED, 9))
            ports = [end.getsockname()[1] for end in (listener, one,
                                                      datagrams)]
            check(all(20000 <= port <= 20099 for port in ports), f"{ports}")
        got = events.events(3, (SOCK_NTF, BIND_NTF))
        eq({kind for kind, _ in got}, {SOCK_NTF}, "no question")
        sysctl(key, usual)


def test_grant_ends():
    """a bind() that waits ends by timeout, signal, or the address's end"""
    with Host(0, grants=1, timeout=50), Dhost(listen=True) as events:
        one = Binder(0, 81)
        eq(one.end(), errno.EAGAIN, "timeout")
        ask = events.events(1, (BIND_NTF,))[0][1]
        no(errno.ENOENT, "too late", GRANT, address=None,
           cookie=ask["cookie"])
        DH.call(HOST_SET, timeout=20000)
        pid = os.fork()
        if not pid:
            sock(TCP, 0, (SHARED, 81))
            os._exit(1)
        ask = events.events(1, (BIND_NTF,))[0][1]
        os.kill(pid, signal.SIGKILL)
        eq(os.waitpid(pid, 0)[1], signal.SIGKILL, "killed")
        no(errno.ENOENT, "dead", GRANT, address=None, cookie=ask["cookie"])
        got = [e for _, e in events.events(1, (SOCK_NTF,))]
        eq(EVENTS[got[0]["event"]], "closed", "its port")
        one = Binder(0, 81)
        events.events(1, (BIND_NTF,))
        DH.call(HOST_SET, grants=0)
        check(one.result is None, "it still waits")
        DH.call(HOST_DEL)
        eq(one.end(), 0, "without the address")
        DH.call(HOST_NEW, own=1)


def test_grants_apart():
    """binds that wait at the same time are answered one by one"""
    near, far = SHARED, ip("10.0.0.9")
    with Host(0, grants=1, timeout=20000), Dhost(listen=True) as events:
        DH.call(HOST_NEW, address=far, own=1, grants=1, timeout=20000)
        RT.addr("d0", "10.0.0.9/24")
        waits = [Binder(0, port, addr=addr) for port, addr in
                 ((81, near), (82, near), (83, far))]
        asks = {ask["port"]: ask["cookie"] for _, ask in
                events.events(3, (BIND_NTF,))}
        DH.call(GRANT, address=None, cookie=asks[82], deny=1)
        eq(waits[1].end(), errno.EADDRINUSE, "the second")
        RT.addr_del("d0", "10.0.0.9/24")
        DH.call(HOST_DEL, address=far)
        eq(waits[2].end(), 0, "that of an address that went")
        check(waits[0].result is None, "the first still waits")
        DH.call(GRANT, address=None, cookie=asks[81])
        eq(waits[0].end(), 0, "the first")


def test_grant_shared():
    """what is granted is given back once, by the last who has the socket"""
    with Host(0, grants=1, timeout=20000, slice_min=500, slice_max=599), \
            Dhost(listen=True) as events:
        one = Binder(0, 84)
        ask = events.events(1, (BIND_NTF,))[0][1]
        DH.call(GRANT, address=None, cookie=ask["cookie"])
        one.join(20)
        # inherited, and passed on in a message
        left, right = socket.socketpair()
        socket.send_fds(left, [b"x"], [one.sock.fileno()])
        pid = os.fork()
        if not pid:
            left.close()
            os.close(one.sock.fileno())
            got = socket.recv_fds(right, 1, 1)[1][0]
            right.recv(1)                   # until it is the only one
            os.close(got)
            os._exit(0)
        right.close()
        eq(one.end(), 0, "bind()")
        sock(UDP, 0, (SHARED, 555)).close()
        left.close()
        eq(os.waitpid(pid, 0)[1], 0, "child")
        got = [(EVENTS[e["event"]], e["port"]) for _, e in
               events.events(3, (SOCK_NTF,))]
        eq(got, [("bound", 555), ("closed", 555), ("closed", 84)], "events")


def test_grant_interrupted():
    """a signal ends the wait, and the port is given back"""
    with Host(0, grants=1, timeout=20000), Dhost(listen=True) as events:
        pid = os.fork()
        if not pid:
            signal.signal(signal.SIGUSR1, lambda *_: None)
            with sock(TCP, 0) as one:
                try:
                    one.bind((SHARED, 85))
                except InterruptedError:
                    signal.pause()      # it still has the socket
            os._exit(1)
        events.events(1, (BIND_NTF,))
        os.kill(pid, signal.SIGUSR1)
        got = events.events(1, (SOCK_NTF, BIND_NTF))[0]
        eq((got[0], EVENTS[got[1]["event"]], got[1]["port"]),
           (SOCK_NTF, "closed", 85), "its port")
        os.kill(pid, signal.SIGKILL)
        eq(os.waitpid(pid, 0)[1], signal.SIGKILL, "child")


def test_grant_policy():
    """with nobody to ask the policy decides"""
    with Host(0, grants=1):
        refused(errno.EADDRINUSE, "refuse", sock, TCP, 0, (SHARED, 81))
        DH.call(HOST_SET, grants=2)
        sock(TCP, 0, (SHARED, 81)).close()
        DH.call(HOST_SET, grants=0)
        sock(TCP, 0, (SHARED, 81)).close()


# What each command may have besides the address
KEY = ("context", "epoch")
TAKES = {
    HOST_GET: ("context",), HOST_DEL: KEY,
    HOST_NEW: KEY + ("own", "lead", "slice_min", "slice_max", "grants",
                     "timeout", "handover"),
    HOST_SET: KEY + ("lead", "grants", "timeout", "handover"),
    MEMBER_NEW: KEY + ("node", "ifindex", "ifname", "lladdr", "slice_min",
                       "slice_max"),
    MEMBER_DEL: KEY + ("node",),
    PORT_GET: ("context", "protocol", "port"),
    PORT_SET: KEY + ("protocol", "port", "port_last", "node", "owner"),
    PORT_DEL: KEY + ("protocol", "port", "port_last"),
    SOCK_GET: (), GRANT: ("cookie", "deny"),
}


def sensible(rnd, name):
    return {"ifname": ("d0", "d7", "lo", "none"), "context": (0, 0, 7, 8),
            "lladdr": [mac(num) for num in range(1, 8)], "epoch": (1, 2, 3),
            "protocol": (TCP_P, UDP_P, 47), "grants": (0, 1, 2),
            "own": (1, 1, 2), "lead": (1, 2, 0), "node": (1, 2, 3), "slice_min": (1, 2, 80),
            "slice_max": (80, 80, 1), "port_last": (255, 300, 1),
            "owner": ([1], [2, 1], [1, 1])}.get(
                name, (1, 2, 3, 80, 255, 0))[rnd.randrange(3)]


def random_request(rnd):
    """A command with most of what it takes, now and then anything at all."""
    cmd = rnd.choice([*TAKES] + [HOST_NEW, MEMBER_NEW, PORT_SET] * 3
                     + [rnd.randrange(20)])
    out = encode({"address": rnd.choice((SHARED, SHARED, "10.0.0.7",
                                         "fd00::7"))})
    for name in TAKES.get(cmd, ()):
        if rnd.randrange(5 if name != "epoch" else 2):
            out += encode({name: sensible(rnd, name)})
    for _ in range(rnd.choice((0, 0, 0, 1, 3))):
        out += attr(rnd.randrange(len(ATTR) + 3)
                    | rnd.choice((0, 0, NLA_F_NESTED)),
                    rnd.randbytes(rnd.choice((0, 1, 2, 4, 6, 8, 16, 40))))
    return cmd, out, rnd.choice((0, 0, 0, NLM_F_DUMP))


def test_random():
    """requests made of anything leave a family that works"""
    seed = int(os.environ.get("VR_SEED") or random.randrange(1 << 32))
    print(f"# seed {seed}", flush=True)
    rnd, made, done = random.Random(seed), 0, 0
    # some have to be taken, however long that takes
    while made < 3000 // slow() or (done < 60 // slow() and made < 20000):
        made += 1
        try:
            DH.raw(*random_request(rnd))
            done += 1
        except OSError:
            pass
    check(done >= 60 // slow(), f"only {done} were taken")
    for host in DH.dump(HOST_GET):
        DH.call(HOST_DEL, address=host["address"], context=host["context"])
    with Host(0):
        DH.call(PORT_SET, protocol=TCP_P, port=80, node=2)
        eq(DH.call(HOST_GET)["ports"], 1, "ports")


def stray(stop, dst):
    """Packets to the address, of any kind, until told to stop."""
    rnd = random.Random(1)
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as wire:
        wire.bind(("e0", 0))
        at = dst + mac(50) + struct.pack("!H", ETH)
        far = ip("10.0.0.100")
        while not stop.wait(0.002):
            port = rnd.randrange(1, 100)
            for proto, payload in (
                    (TCP_P, tcp_segment(9, port, 1, 1, rnd.choice((SYN, ACK)),
                                        b"", far, SHARED)),
                    (UDP_P, udp_datagram(9, port, b"x", far, SHARED)),
                    (ICMP, icmp(*ECHO_REQUEST, 1, b"", far, SHARED))):
                for frag in (0, MF, 100):
                    wire.send(at + ip_packet(proto, payload, far, SHARED,
                                             ident=port, frag=frag))


def test_traffic():
    """the module comes and goes while packets and sockets do"""
    global DH  # pylint: disable=global-statement
    stop = threading.Event()
    sender = threading.Thread(target=stray,
                              args=(stop, RT.link("d0")[1]))
    RT.neigh("d0", ip("10.0.0.100"), mac(50))
    RT.link_set("e0", up=True)
    with sock(TCP, 0, ("0.0.0.0", 60), listen=8):
        sender.start()
        try:
            for _ in range(5):
                with Host(0):
                    DH.call(PORT_SET, protocol=TCP_P, port=1, port_last=50,
                            node=2)
                    wait(lambda: min(map(DH.call(HOST_GET)["stats"].get, (
                        "local", "lead", "handed_over", "flooded"))),
                        "packets of each kind")
                    for port in range(200, 220):
                        sock(UDP, 0, (SHARED, port)).close()
                    unload()
                    RT.addr_del("d0", SNET)
                    load()
                    DH = Dhost()
                    DH.call(HOST_NEW, own=1)    # which Host() takes back
                    RT.addr("d0", SNET)
        finally:
            stop.set()
            sender.join()
    eq(DH.dump(HOST_GET), [], "addresses")


def test_unload():
    """the module goes whatever there is, and comes again"""
    global DH  # pylint: disable=global-statement
    other = Netns()
    with other:
        Dhost().call(HOST_NEW, own=5)
    DH.call(HOST_NEW, own=1, grants=1, timeout=30000)
    DH.call(MEMBER_NEW, node=2, lladdr=mac(2), ifname="d0")
    DH.call(PORT_SET, protocol=TCP_P, port=1, port_last=5000, node=2)
    RT.addr("d0", SNET)
    with Dhost(listen=True) as events:
        one = Binder(0, 81)
        events.events(1, (BIND_NTF,))
        unload()
        eq(one.end(), 0, "a bind() that waited")
    check("vr_dhost" not in modules(), "it is gone")
    sock(TCP, 0, (SHARED, 81)).close()
    load()
    DH = Dhost()
    eq(DH.dump(HOST_GET), [], "addresses")
    RT.addr_del("d0", SNET)
    other.close()


run(globals())
