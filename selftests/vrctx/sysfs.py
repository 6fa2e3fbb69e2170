#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 4
"""Which files of the devices in sysfs a process in a context writes.

Guards the store functions of net-sysfs.c, br_sysfs_br.c, br_sysfs_if.c and
bond_sysfs.c.
"""
import contextlib
import errno as E
import os
import tempfile

from vr_net import Lab, inside, libc
from vr_nl import u32
from vr_rt import Rtnl
from vr_tap import check, eq, params, refused, run

LAB = Lab(1, 2, hosts=False)
ALL = (0, 1, 2)
MNT_DETACH, NUM_TX_QUEUES = 2, 31
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
def mounted():
    """The directory of the devices of this namespace."""
    with tempfile.TemporaryDirectory() as where:
        libc("mount", b"sysfs", where.encode(), b"sysfs", 0, None)
        try:
            yield f"{where}/class/net"
        finally:
            libc("umount2", where.encode(), MNT_DETACH)


def put(ctx, path, text):
    with inside(ctx), open(path, "w", encoding="ascii") as f:
        f.write(text)


def files(top, num):
    """The files of the devices of a context and what to write."""
    for dev, names in ((f"d{num}", DEVICE), (f"br{num}", BRIDGE),
                       (f"bo{num}", BOND)):
        for name, text in names.items():
            yield f"{top}/{dev}/{name}", text


@params(*[(n,) for n in ALL])
def test_own(ctx):
    """the files of its own devices can be written in a context:"""
    with mounted() as top:
        for path, text in files(top, ctx):
            put(ctx, path, text)


@params((1, 2), (2, 1), (1, 0))
def test_foreign(ctx, other):
    """the files of other devices can be written in no context but 0:"""
    with mounted() as top:
        for path, text in files(top, other):
            refused(E.EPERM, path.removeprefix(top), put, ctx, path, text)
            put(0, path, text)


def test_bonds():
    """bonds are not made and deleted by name in a context"""
    with mounted() as top:
        path = f"{top}/bonding_masters"
        for text in ("+made", "-bo2", "-bo1"):
            refused(E.EOPNOTSUPP, text, put, 1, path, text)
        for num in ALL:
            check(os.path.exists(f"{top}/bo{num}"), f"bo{num} is gone")
        check(not os.path.exists(f"{top}/made"), "a bond was made")
        put(0, path, "+made")
        with open(path, encoding="ascii") as f:
            eq("made" in f.read().split(), True, "made in context 0")
        put(0, path, "-made")


run(globals())
