#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 4
"""Which devices a process in a context finds in sysfs, and which files it writes.

Guards what fs/kernfs/dir.c asks about devices, and the store functions of
net-sysfs.c, br_sysfs_br.c, br_sysfs_if.c and bond_sysfs.c.
"""
import contextlib
import ctypes
import errno as E
import os
import platform
import socket
import struct

from vr_net import Lab, inside, libc, mounted
from vr_nl import attr, u32
from vr_rt import Rtnl
from vr_tap import check, eq, params, refused, run

LAB = Lab(1, 2, hosts=False)
ALL = (0, 1, 2)
NUM_TX_QUEUES = 31
GETDENTS = {"x86_64": 217, "aarch64": 61, "riscv64": 61}[platform.machine()]
# Directories of devices
NET, VIRTUAL, TAPS = "class/net", "devices/virtual/net", "class/macvtap"
# of a device, what to write
DEVICE = {"mtu": "1400", "tx_queue_len": "77", "ifalias": "an alias",
          "gro_flush_timeout": "0", "queues/rx-0/rps_flow_cnt": "0",
          "queues/tx-0/xps_cpus": "0",
          "brport/path_cost": "7"}
BRIDGE = {"bridge/ageing_time": "1000",
          "bridge/group_addr": "01:80:c2:00:00:0d"}
BOND = {"bonding/miimon": "100"}
for num in ALL:
    with inside(num), contextlib.closing(Rtnl()) as rt:
        rt.link_add(f"br{num}", "bridge")
        rt.link_add(f"bo{num}", "bond")
        rt.link_add(f"d{num}", "dummy", b"", u32(NUM_TX_QUEUES, 2))
        rt.link_set(f"d{num}", master=rt.ifindex(f"br{num}"))


@contextlib.contextmanager
def opened(path):
    """A directory, opened in context 0: a path to what it is."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/thread-self/fd/{fd}"
    finally:
        os.close(fd)


@contextlib.contextmanager
def device(dev, ctx, kind="dummy", over=None):
    """A device of a context that nobody has looked up yet."""
    data = attr(1, struct.pack("=H", 0)) if kind == "ipvlan" else b""
    LAB.rt.link_add(dev, kind, data,
                    *([u32(5, LAB.rt.ifindex(over))] if over else []))
    try:
        if ctx:
            LAB.vr.move(dev, ctx)
        yield
    finally:
        LAB.rt.link_del(dev)


def listed(ctx, path):
    with inside(ctx):
        return set(os.listdir(path))


def put(ctx, path, text):
    with inside(ctx), open(path, "w", encoding="ascii") as f:
        f.write(text)


def get(ctx, path):
    with inside(ctx), open(path, encoding="ascii") as f:
        return f.read()


def stat(ctx, path):
    with inside(ctx):
        return os.stat(path)


def files(num):
    """The devices of a context, their files and what to write."""
    for dev, names in ((f"d{num}", DEVICE), (f"br{num}", BRIDGE),
                       (f"bo{num}", BOND)):
        for name, text in names.items():
            yield dev, name, text


# ---- what is there ----

@params(*[(n, d) for n in ALL for d in (NET, VIRTUAL)])
def test_listed(ctx, where):
    """a directory has the devices that rtnetlink shows in a context:"""
    with inside(ctx):
        want = {name for _, name in socket.if_nameindex()}
    check({f"d{ctx}", "lo"} <= want, f"devices of {ctx}: {want}")
    with mounted("sysfs") as top:
        eq(listed(ctx, f"{top}/{where}") - {"bonding_masters"}, want, "names")
        with opened(f"{top}/{where}") as held:
            eq(listed(ctx, held) - {"bonding_masters"}, want,
               "names in a directory that context 0 has opened")


def entries(fd, size):
    """(name, position after it) of some entries of a directory."""
    buf = ctypes.create_string_buffer(size)
    end = libc("syscall", GETDENTS, fd, buf, size)
    off, out = 0, []
    while off < end:
        pos, reclen = struct.unpack_from("=qH", buf, off + 8)
        name = buf.raw[off + 19:off + reclen].split(b"\0")[0].decode()
        out.append((name, pos))
        off += reclen
    return out


@params((1, 2), (2, 1), (1, 0))
def test_listed_from(ctx, other):
    """a directory that is read from the place of another's device:"""
    with mounted("sysfs") as top, opened(f"{top}/{NET}") as held:
        fd = int(os.path.basename(held))
        got = entries(fd, 1 << 16)
        place = {name: pos for (_, pos), (name, _) in zip(got, got[1:])}
        for dev in (f"d{other}", f"br{other}", f"bo{other}"):
            for who in (0, ctx):
                with inside(who):
                    os.lseek(fd, place[dev], os.SEEK_SET)
                    names = [name for name, _ in entries(fd, 1 << 16)]
                eq(names[:1] == [dev], not who, f"{dev} first in {who}")
                check(who == 0 or f"d{other}" not in names, f"{names}")


@params(*[(c, o, d) for c, o in ((1, 2), (2, 1), (1, 0))
          for d in (NET, VIRTUAL)])
def test_looked_up(ctx, other, where):
    """a device of another context is not found by its name:"""
    with mounted("sysfs") as top, device("new", other):
        path = f"{top}/{where}/new"
        for name in ("", "/mtu", "/queues/rx-0"):
            refused(E.ENOENT, f"{name}, first", stat, ctx, path + name)
        for who in (0, other):
            check(get(who, f"{path}/mtu"), f"mtu in {who}")
        for name in ("", "/mtu", "/queues/rx-0"):
            refused(E.ENOENT, f"{name}, after others", stat, ctx, path + name)
        refused(E.ENOENT, "from an own device", stat, ctx,
                f"{top}/{VIRTUAL}/d{ctx}/../new")
        check(get(0, f"{path}/mtu"), "mtu in 0, after all")


def test_not_dropped():
    """who is in a directory stays there when another context asks for it"""
    with mounted("sysfs") as top, device("new", 2):
        before = os.getcwd()
        os.chdir(f"{top}/{VIRTUAL}/new")
        try:
            refused(E.ENOENT, "look-up", stat, 1, f"{top}/{VIRTUAL}/new")
            eq(os.getcwd(), f"{top}/{VIRTUAL}/new", "directory")
        finally:
            os.chdir(before)


def test_moved():
    """a device that moves is found where it is, not where it was"""
    with mounted("sysfs") as top, device("new", 1):
        path = f"{top}/{NET}/new"
        for now in (1, 2, 0, 1):
            LAB.vr.move("new", now)
            for ctx in (1, 2):
                eq("new" in listed(ctx, f"{top}/{NET}"), ctx == now,
                   f"listed in {ctx} when it is in {now}")
                if ctx == now:
                    check(get(ctx, f"{path}/mtu"), f"mtu in {ctx}")
                else:
                    refused(E.ENOENT, f"in {ctx}, it is in {now}", stat, ctx,
                            path)
            check(get(0, f"{path}/mtu"), "mtu in 0")


def test_renamed():
    """a name that a device of another context had is that of an own one"""
    with mounted("sysfs") as top, device("new", 2), device("own", 1):
        path = f"{top}/{NET}/new"
        check(get(0, f"{path}/mtu"), "mtu in 0")
        refused(E.ENOENT, "another's", stat, 1, path)
        LAB.rt.link_set("new", name="old")
        LAB.rt.link_set("own", name="new")
        check(get(1, f"{path}/mtu"), "mtu in 1")
        refused(E.ENOENT, "own", stat, 2, path)
        LAB.rt.link_set("new", name="own")
        LAB.rt.link_set("old", name="new")


def test_links():
    """a link to the device below is there for who sees that"""
    with mounted("sysfs") as top, device("low", 0), device("ipv", 1, "ipvlan", "low"):
        link = f"{top}/{NET}/ipv/lower_low"
        eq([os.path.basename(link) in listed(n, os.path.dirname(link))
            for n in (0, 1)], [True, False], "listed in 0, 1")
        with inside(1):
            refused(E.ENOENT, "link", os.readlink, link)
        with inside(0):
            eq(os.path.basename(os.readlink(link)), "low", "link")
        with inside(1):
            refused(E.ENOENT, "link, after context 0", os.readlink, link)


def test_tap():
    """what belongs to a device of another context is not seen, either"""
    with mounted("sysfs") as top, device("low", 0), \
         device("mvt", 0, "macvtap", "low"):
        tap = f"tap{LAB.rt.ifindex('mvt')}"
        eq([tap in listed(n, f"{top}/{TAPS}") for n in (0, 1)], [True, False],
           "listed in 0, 1")
        refused(E.ENOENT, "look-up", stat, 1, f"{top}/{TAPS}/{tap}")


def test_other_tags():
    """what has the tag of a namespace and is no device is there for all"""
    with mounted("sysfs") as top:
        eq(listed(1, f"{top}/fs/nfs/net"), {"nfs_client"}, "of NFS")
        check("bonding_masters" in listed(1, f"{top}/{NET}"), "bonding_masters")


@params(*[(n,) for n in ALL])
def test_bonds_listed(ctx):
    """bonding_masters has the bonds that are seen in a context:"""
    with mounted("sysfs") as top:
        eq(get(ctx, f"{top}/{NET}/bonding_masters").split(),
           [f"bo{n}" for n in ALL if ctx in (0, n)], "bonds")


# ---- what is written ----

@params(*[(n,) for n in ALL])
def test_own(ctx):
    """the files of its own devices can be written in a context:"""
    with mounted("sysfs") as top:
        for dev, name, text in files(ctx):
            put(ctx, f"{top}/{NET}/{dev}/{name}", text)


@params((1, 2), (2, 1), (1, 0))
def test_foreign(ctx, other):
    """those of others, in directories that are open, in no context but 0:"""
    with mounted("sysfs") as top:
        for dev, name, text in files(other):
            with opened(f"{top}/{NET}/{dev}") as held:
                refused(E.EPERM, f"{dev}/{name}", put, ctx, f"{held}/{name}",
                        text)
                put(0, f"{held}/{name}", text)


def test_bonds():
    """bonds are not made and deleted by name in a context"""
    with mounted("sysfs") as top:
        path = f"{top}/{NET}/bonding_masters"
        for text in ("+made", "-bo2", "-bo1"):
            refused(E.EOPNOTSUPP, text, put, 1, path, text)
        for num in ALL:
            check(os.path.exists(f"{top}/{NET}/bo{num}"), f"bo{num} is gone")
        check(not os.path.exists(f"{top}/{NET}/made"), "a bond was made")
        put(0, path, "+made")
        eq("made" in get(0, path).split(), True, "made in context 0")
        put(0, path, "-made")


run(globals())
