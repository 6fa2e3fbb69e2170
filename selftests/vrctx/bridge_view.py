#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""bridge(8) in a context: links, forwarding and group entries, VLANs of the
context's bridges.

Guards what rtnl.c lets pass of family AF_BRIDGE, what the dumps of
net/core/rtnetlink.c and net/bridge leave out, and who hears of changes there.
"""
import errno as E
import json
import socket
import struct
import subprocess

import vr_nl as nl
from vr_net import Lab, inside
from vr_nl import NLM_F_CREATE, NLM_F_DUMP, attr, u32
from vr_rt import RTM_DELLINK, RTM_DELNEIGH, RTM_GETLINK, RTM_GETNEIGH, \
    RTM_NEWNEIGH, Rtnl
from vr_tap import check, eq, params, refused, run

RTM_SETLINK = 19
RTM_NEWMDB, RTM_DELMDB, RTM_GETMDB = 84, 85, 86
RTM_NEWVLAN, RTM_DELVLAN, RTM_GETVLAN = 112, 113, 114
BRIDGE = socket.AF_BRIDGE if hasattr(socket, "AF_BRIDGE") else 7
MAC = bytes.fromhex("020000000099")
ALL = (0, 1, 2)

LAB = Lab(1, 2, hosts=False)
RT = LAB.rt
VIEW = {}


def tool(ctx, *cmd):
    """(status, output) of a program in a context."""
    with inside(ctx):
        got = subprocess.run(cmd, stdout=subprocess.PIPE, check=False,
                             stderr=subprocess.STDOUT, text=True, timeout=60)
    return got.returncode, got.stdout


def ok(ctx, line):
    status, out = tool(ctx, *line.split())
    eq(status, 0, f"{line} in {ctx}: {out}")
    return out


for num in ALL:
    ok(num, f"ip link add br{num} type bridge vlan_filtering 1")
    ok(num, f"ip link add p{num} type veth peer name q{num}")
    ok(num, f"ip link set p{num} master br{num}")
    for name in "br", "p", "q":
        ok(num, f"ip link set {name}{num} up")
    with inside(num):
        VIEW[num] = Rtnl()
IDX = {d: RT.ifindex(d) for n in ALL for d in (f"br{n}", f"p{n}", f"q{n}")}
# All that bridge(8) lists
LISTS = {"link": "bridge -j -d link show", "fdb": "bridge -j fdb show",
         "vlan": "bridge -j vlan show", "tunnels": "bridge -j -d vlan show",
         "mdb": "bridge -j -d mdb show", "globals": "bridge -j vlan global show"}


def listed(ctx):
    """Names in each list."""
    out = {}
    for name, line in LISTS.items():
        text = ok(ctx, line)
        if name == "link":      # these also name the other end
            out[name] = {got["ifname"] for got in json.loads(text)}
        else:
            out[name] = {d for d in [*IDX, "lo"] if f'"{d}"' in text}
    return out


@params(1, 2)
def test_show(ctx):
    """its own, and no others:"""
    ok(ctx, f"bridge mdb add dev br{ctx} port p{ctx} grp 239.1.1.1 permanent")
    seen = listed(ctx)
    own, port, far = f"br{ctx}", f"p{ctx}", f"q{ctx}"
    eq(seen["link"], {port}, "links")
    eq(seen["fdb"], {own, port, far}, "forwarding entries")
    for name in "vlan", "tunnels":
        eq(seen[name], {own, port}, name)
    eq(seen["mdb"], {own, port}, "groups")
    eq(seen["globals"], {own}, "VLANs of bridges")
    ok(ctx, f"bridge mdb del dev br{ctx} port p{ctx} grp 239.1.1.1 permanent")


def test_show_all():
    """context 0 sees all"""
    seen = listed(0)
    for name in ("link", "fdb", "vlan"):
        for n in ALL:
            check(f"p{n}" in seen[name], f"p{n} in {name}")


@params(1, 2)
def test_change(ctx):
    """what an operator says there:"""
    br, port = f"br{ctx}", f"p{ctx}"
    ok(ctx, f"bridge link set dev {port} cost 77")
    check('"cost":77' in ok(0, f"bridge -j link show dev {port}"), "cost")
    ok(ctx, f"bridge fdb add 02:00:00:00:00:99 dev {port} master static")
    got = json.loads(ok(ctx, f"bridge -j fdb get 02:00:00:00:00:99 br {br}"))
    eq(got[0]["ifname"], port, "entry found")
    ok(ctx, f"bridge fdb del 02:00:00:00:00:99 dev {port} master")
    ok(ctx, f"bridge vlan add vid 7 dev {port}")
    ok(ctx, f"bridge vlan add vid 7 dev {br} self")
    ok(ctx, f"bridge vlan set vid 7 dev {port} state blocking")
    ok(ctx, f"bridge vlan global set vid 7 dev {br} mcast_snooping 0")
    check('"vlan":7' in ok(0, f"bridge -j vlan show dev {port}"), "VLAN")
    ok(ctx, f"bridge mdb add dev {br} port {port} grp 239.1.1.2 permanent "
       "vid 7")
    # not every bridge(8) can do that
    eq(len(VIEW[ctx].request(RTM_GETMDB, 0, mdb_msg(br, None, "239.1.1.2", 7))),
       1, "group entries found")
    ok(ctx, f"bridge mdb del dev {br} port {port} grp 239.1.1.2 vid 7")
    ok(ctx, f"bridge vlan del vid 7 dev {br} self")
    ok(ctx, f"bridge vlan del vid 7 dev {port}")


def link_msg(dev):
    cost = attr(12 | 0x8000, u32(3, 55))            # IFLA_PROTINFO, cost
    return struct.pack("=BxHiII", BRIDGE, 0, IDX.get(dev, 1), 0, 0) + cost


def fdb_msg(dev, *extra, flags=4):                  # NTF_MASTER
    return struct.pack("=BxxxiHBB", BRIDGE, IDX.get(dev, 1) if dev else 0, 0x40,
                       flags, 0) + attr(2, MAC) + b"".join(extra)


def fdb_get(dev=None, master=None):
    extra = u32(9, IDX[master]) if master else b""  # NDA_MASTER
    return struct.pack("=BxxxiHBB", BRIDGE, IDX[dev] if dev else 0, 0,
                       0 if master else 4, 0) + attr(2, MAC) + extra


def mdb_msg(dev, port, group="239.1.1.9", vid=0):
    # struct br_mdb_entry: port, permanent, VLAN, group, protocol
    entry = struct.pack("=IBBH4s12xHxx", IDX[port] if port else 0,
                        1 if port else 0, 0, vid, socket.inet_aton(group),
                        socket.htons(0x800))
    return struct.pack("=Bxxxi", BRIDGE, IDX.get(dev, 1)) + attr(1, entry)


def vlan_msg(dev):
    info = attr(1 | 0x8000, attr(1, struct.pack("=HH", 0, 9)))
    return struct.pack("=BBHi", BRIDGE, 0, 0, IDX.get(dev, 1)) + info


@params((1, 2), (2, 1), (1, 0))
def test_refused(ctx, other):
    """another's bridge and port are not there:"""
    rt, br, port = VIEW[ctx], f"br{other}", f"p{other}"
    for what, kind, msg in (
            ("port", RTM_SETLINK, link_msg(port)),
            ("port, delete", RTM_DELLINK, link_msg(port)),
            ("entry", RTM_NEWNEIGH, fdb_msg(port)),
            ("entry, delete", RTM_DELNEIGH, fdb_msg(port)),
            ("entry of the device", RTM_NEWNEIGH, fdb_msg(port, flags=2)),
            ("entry, get by port", RTM_GETNEIGH, fdb_get(port)),
            ("entry, get by bridge", RTM_GETNEIGH, fdb_get(None, br)),
            ("group", RTM_NEWMDB, mdb_msg(br, port)),
            ("group at the port", RTM_NEWMDB, mdb_msg(f"br{ctx}", port)),
            ("group of the bridge", RTM_NEWMDB, mdb_msg(br, f"p{ctx}")),
            ("group, delete", RTM_DELMDB, mdb_msg(br, port)),
            ("group, get", RTM_GETMDB, mdb_msg(br, port)),
            ("VLAN", RTM_NEWVLAN, vlan_msg(port)),
            ("VLAN of the bridge", RTM_NEWVLAN, vlan_msg(br)),
            ("VLAN, delete", RTM_DELVLAN, vlan_msg(port))):
        flags = NLM_F_CREATE if kind in (RTM_NEWNEIGH, RTM_NEWMDB) else 0
        refused(E.ENODEV, what, rt.request, kind, flags, msg)
    # dumps that name it
    for what, kind, msg in (
            ("entries", RTM_GETNEIGH, struct.pack("=BxxxiHBB", BRIDGE, 0, 0, 0,
                                                  0) + u32(9, IDX[br])),
            ("VLANs", RTM_GETVLAN, vlan_msg(port)[:8])):
        refused(E.ENODEV, what, rt.request, kind, NLM_F_DUMP, msg)
    msg = struct.pack("=BxxxiHBB", BRIDGE, IDX[port], 0, 0, 0)
    eq(rt.request(RTM_GETNEIGH, NLM_F_DUMP, msg), [], "entries of the port")
    # names are not known either
    for line in (f"bridge fdb add 02:00:00:00:00:99 dev {port} master",
                 f"bridge mdb show dev {br}", f"bridge vlan show dev {port}",
                 f"bridge link set dev {port} cost 7"):
        check(tool(ctx, *line.split())[0], f"'{line}' works")


def test_lo():
    """the loopback device serves all: no entries there"""
    for kind, msg in ((RTM_NEWNEIGH, fdb_msg("lo", flags=2)),
                      (RTM_SETLINK, link_msg("lo")),
                      (RTM_NEWVLAN, vlan_msg("lo"))):
        refused(E.EPERM, f"type {kind}", VIEW[1].request, kind, NLM_F_CREATE,
                msg)


def test_namespace():
    """another namespace is not in reach"""
    for kind, size, nla in ((RTM_GETLINK, 16, 46), (22, 8, 10)):
        for flags in (0, NLM_F_DUMP):
            err = refused(E.EPERM, f"type {kind}", VIEW[1].request, kind,
                          flags, bytes([0 if kind == RTM_GETLINK else 10])
                          + bytes(size - 1) + u32(nla, 0))
            check("namespace" in err.extack, f"text: {err.extack}")


def heard(one, devices):
    """Kinds of what was said of these devices: a bridge elsewhere has timers
    of its own."""
    out = set()
    one.sock.setblocking(False)
    try:
        while True:
            for kind, _, _, body in one.split(one.sock.recv(1 << 16)):
                # All of family AF_BRIDGE have the device there
                if body[0] == BRIDGE \
                        and struct.unpack_from("=I", body, 4)[0] in devices:
                    out.add(kind)
    except BlockingIOError:
        return out


@params(*ALL)
def test_events(ctx):
    """changes are heard in their own context, and in 0:"""
    ears = {}
    for n in ALL:
        with inside(n):
            ears[n] = nl.Netlink(socket.NETLINK_ROUTE)
        for group in (1, 3, 26, 33):    # link, neigh, mdb, brvlan
            ears[n].sock.setsockopt(nl.SOL_NETLINK, 1, group)
    br, port, far = f"br{ctx}", f"p{ctx}", f"q{ctx}"
    for line in (f"bridge link set dev {port} cost 78",
                 f"bridge fdb add 02:00:00:00:00:98 dev {port} master static",
                 f"bridge fdb add 02:00:00:00:00:98 dev {far} self",
                 f"bridge vlan add vid 8 dev {port}",
                 f"bridge vlan global set vid 1 dev {br} mcast_snooping 0",
                 f"bridge mdb add dev {br} port {port} grp 239.1.1.3 permanent",
                 f"bridge mdb del dev {br} port {port} grp 239.1.1.3 permanent",
                 f"bridge vlan del vid 8 dev {port}",
                 f"bridge fdb del 02:00:00:00:00:98 dev {far} self",
                 f"bridge fdb del 02:00:00:00:00:98 dev {port} master"):
        ok(ctx, line)
    want = {16, RTM_NEWNEIGH, RTM_DELNEIGH, RTM_NEWMDB, RTM_DELMDB,
            RTM_NEWVLAN, RTM_DELVLAN}
    for n, one in ears.items():
        got = heard(one, {IDX[br], IDX[port], IDX[far]})
        eq(got >= want, n in (0, ctx), f"{got} in {n}")
        if n not in (0, ctx):
            eq(got, set(), f"in {n}")
        one.close()


def test_gone():
    """a context that has no bridge has nothing to show"""
    LAB.vr.new(3)
    for name, line in LISTS.items():
        eq(json.loads(ok(3, line) or "[]") or [], [{"mdb": [], "router": {}}]
           if name == "mdb" else [], name)
    LAB.vr.delete(3)


run(globals(), 120)
