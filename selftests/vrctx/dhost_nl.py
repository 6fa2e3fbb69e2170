#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Distributed hosts: the netlink family, events, grants, and the end of it.

Guards the refusals of vr_dhost, each of which has a text and changes nothing;
that no event of a socket is missing; and that a bind() waits for its grant.
"""
import errno
import os
import signal

from vr_dhost import (BIND_NTF, EVENTS, GRANT, HOST_DEL, HOST_DEL_NTF,
                      HOST_GET, HOST_NEW, HOST_NTF, HOST_SET, MEMBER_DEL,
                      MEMBER_NEW, PORT_DEL, PORT_GET, PORT_SET, SHARED,
                      SOCK_GET, SOCK_NTF, TCP_P, UDP_P, Binder, Dhost, encode,
                      load, mac, modules, unload)
from vr_net import TCP, UDP, Lab, Netns, connect, pending, sock
from vr_nl import NLM_F_DUMP
from vr_tap import check, eq, params, refused, run

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
NOT_ADMIN = 65534


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
        RT.addr(DEV[self.ctx], SHARED + "/24")
        return self

    def __exit__(self, *_):
        RT.addr_del(DEV[self.ctx], SHARED + "/24")
        DH.call(HOST_DEL, context=self.ctx)


@CTX
def test_host(ctx):
    """an address comes, is shown, goes: context"""
    eq(DH.dump(HOST_GET), [], "before")
    DH.call(HOST_NEW, context=ctx, own=3, lead=3, epoch=10, slice_min=100,
            slice_max=199, grants=1, timeout=77)
    got = DH.call(HOST_GET, context=ctx)
    eq({k: got[k] for k in ("address", "context", "own", "lead", "epoch",
                            "slice_min", "slice_max", "grants", "timeout",
                            "ports", "member")},
       {"address": SHARED, "context": ctx, "own": 3, "lead": 3, "epoch": 10,
        "slice_min": 100, "slice_max": 199, "grants": 1, "timeout": 77,
        "ports": 0, "member": {}}, "shown")
    eq(DH.dump(HOST_GET), [got], "dump")
    no(errno.EEXIST, "again", HOST_NEW, context=ctx, own=3)
    no(errno.ENOENT, "in another context", HOST_DEL, context=7 - ctx)
    no(errno.ESTALE, "stale epoch", HOST_DEL, context=ctx, epoch=9)
    no(errno.ESTALE, "epoch to come", HOST_DEL, context=ctx, epoch=11)
    DH.call(HOST_DEL, context=ctx, epoch=10)
    eq(DH.dump(HOST_GET), [], "after")


def test_bad_host():
    """addresses that cannot be distributed are refused"""
    for addr in ("0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255"):
        no(errno.EADDRNOTAVAIL, addr, HOST_NEW, own=1, address=addr)
    no(errno.EAFNOSUPPORT, "IPv6", HOST_NEW, own=1, address=b"\0" * 16)
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
           address="10.0.0.9")


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


def socket_events(events, count):
    return [(EVENTS[e["event"]], e["context"], e["protocol"], e["port"])
            for _, e in events.events(count, (SOCK_NTF,))]


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
        listed = {(EVENTS[s["event"]], s["protocol"], s["port"], s["address"])
                  for s in DH.dump(SOCK_GET)}
        eq(listed, {("listening", 6, 80, SHARED), ("connected", 6, 80, SHARED),
                    ("connected", 6, local, SHARED), ("bound", 17, 53,
                                                      "0.0.0.0")}, "listed")
        for end in (other, one, listener, datagrams):
            end.close()
        got = events.events(10, (SOCK_NTF,))
        eq([e["seq"] - got[0][1]["seq"] for _, e in got], list(range(10)),
           "numbers")
        what = [(EVENTS[e["event"]], e["protocol"], e["port"]) for _, e in got]
        eq(what[:6], [("bound", 6, 80), ("listening", 6, 80),
                      ("bound", 6, local), ("connected", 6, local),
                      ("child", 6, 80), ("bound", 17, 53)], "events")
        eq(sorted(what[6:]), sorted([("closed", 6, 80), ("closed", 6, local),
                                     ("closed", 6, 80), ("closed", 17, 53)]),
           "closed")
        eq({e["context"] for _, e in got}, {ctx}, "context")
        cookies = {}
        for _, event in got:
            cookies.setdefault(event["cookie"], []).append(
                EVENTS[event["event"]])
        check(all(names[-1] == "closed" and names.count("closed") == 1
                  for names in cookies.values()), f"{cookies}")


@CTX
def test_grant(ctx):
    """bind() waits until it is granted or refused: context"""
    with Host(ctx, grants=1, timeout=20000, slice_min=500, slice_max=599), \
            Dhost(listen=True) as events:
        for deny, want in ((None, 0), (1, errno.EADDRINUSE)):
            for kind, addr in ((TCP, SHARED), (UDP, SHARED),
                               (TCP, "0.0.0.0")):
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


def test_grant_policy():
    """with nobody to ask the policy decides"""
    with Host(0, grants=1):
        refused(errno.EADDRINUSE, "refuse", sock, TCP, 0, (SHARED, 81))
        DH.call(HOST_SET, grants=2)
        sock(TCP, 0, (SHARED, 81)).close()
        DH.call(HOST_SET, grants=0)
        sock(TCP, 0, (SHARED, 81)).close()


def test_unload():
    """the module goes whatever there is, and comes again"""
    global DH  # pylint: disable=global-statement
    other = Netns()
    with other:
        Dhost().call(HOST_NEW, own=5)
    DH.call(HOST_NEW, own=1, grants=1, timeout=30000)
    DH.call(MEMBER_NEW, node=2, lladdr=mac(2), ifname="d0")
    DH.call(PORT_SET, protocol=TCP_P, port=1, port_last=5000, node=2)
    RT.addr("d0", SHARED + "/24")
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
    RT.addr_del("d0", SHARED + "/24")
    other.close()


run(globals())
