#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Generic netlink family "vrctx": what is accepted, what is refused and how.

Each refusal must carry the errno below and an extack text, and must leave the
contexts and the devices as they were. Guards kernel/net/vrctx/netlink.c and
the generated policies.
"""
import errno as E
import struct

import vr_nl as nl
from vr_nl import attr, text, u32
from vr_net import Lab, inside, libc
from vr_tap import check, eq, refused, run

LAB = Lab(5, 6, hosts=False)
VR, RT = LAB.vr, LAB.rt
VR.call(nl.CTX_SET, id=6, name="six")
DOWN = RT.link_add("down0", "dummy")
RT.link_add("up0", "dummy")
RT.link_set("up0", up=True)

ID_BAD = [
    ("id of 0 bytes", attr(nl.A_ID), E.EINVAL),
    ("id of 3 bytes", attr(nl.A_ID, b"\5\0\0"), E.EINVAL),
    ("id of 8 bytes", attr(nl.A_ID, b"\5" + b"\0" * 7), E.EINVAL),
    ("id max + 1", u32(nl.A_ID, nl.ID_MAX + 1), E.ERANGE),
    ("id ANY", u32(nl.A_ID, nl.ANY), E.ERANGE),
]
NAME_BAD = [
    ("name attribute of 0 bytes", attr(nl.A_NAME), E.EINVAL),
    ("name without NUL", attr(nl.A_NAME, b"six"), E.EINVAL),
    ("name of 32 bytes", text(nl.A_NAME, "n" * 32), E.EINVAL),
    ("name of 4000 bytes", text(nl.A_NAME, "n" * 4000), E.EINVAL),
]
# names that fit the policy but are no names; new contexts only
NAME_ILLEGAL = [
    ("empty name", ""), ("space", "a b"), ("leading space", " a"),
    ("numeric", "17"), ("long numeric", "0" * 31), ("slash", "a/b"),
    ("newline", "a\n"), ("control", "a\1"), ("UTF-8", "k\u00e4se"),
    ("not UTF-8", b"\xff\xfe"), ("colon", "a:b"), ("del", "a\x7f"),
]
UNKNOWN = [
    ("unknown attribute", attr(99, b"\0\0\0\0"), E.EINVAL),
    ("attribute of type 0", attr(0, b"\0\0\0\0"), E.EINVAL),
    ("attribute longer than the message",
     struct.pack("=HH", 400, nl.A_ID) + b"\5\0\0\0", E.EINVAL),
    ("bytes left over", b"\1\2\3", E.EINVAL),
    ("nested id", u32(nl.A_ID | nl.NLA_F_NESTED, 5), E.EINVAL),
]
NO_CTX = [
    ("no such id", u32(nl.A_ID, 4242), E.ENOENT),
    ("no such id, max", u32(nl.A_ID, nl.ID_MAX), E.ENOENT),
    ("no such name", text(nl.A_NAME, "nobody"), E.ENOENT),
]
NO_DEV = [
    ("ifindex 0", u32(nl.A_IFINDEX, 0), E.ERANGE),
    ("ifindex negative", u32(nl.A_IFINDEX, 0xffffffff), E.ERANGE),
    ("ifindex of 2 bytes", attr(nl.A_IFINDEX, b"\1\0"), E.EINVAL),
    ("no such ifindex", u32(nl.A_IFINDEX, 99999), E.ENODEV),
    ("no such ifname", text(nl.A_IFNAME, "nope0"), E.ENODEV),
    ("empty ifname", text(nl.A_IFNAME, ""), (E.ENODEV, E.EINVAL)),
    ("ifname of 16 bytes", text(nl.A_IFNAME, "n" * 16),
     (E.ENODEV, E.EINVAL, E.ERANGE)),
    ("ifname without NUL", attr(nl.A_IFNAME, b"down0"), E.EINVAL),
]


def with_tail(rows, tail):
    return [(label, head + tail, err) for label, head, err in rows]


def state():
    return (VR.dump(nl.CTX_GET), VR.dump(nl.DEV_GET))


def matrix(cmd, rows, flags=0):
    before = state()
    for label, data, want in rows:
        err = refused(want, label, VR.raw, cmd, data, flags)
        check(err.extack, f"{label}: no extack text with {err}")
        eq(state(), before, f"{label}: state after")


def test_ctx_get():
    """ctx-get refuses bad input"""
    matrix(nl.CTX_GET, ID_BAD + NAME_BAD + UNKNOWN + NO_CTX + [
        ("no attribute", b"", E.EINVAL),
        ("foreign attribute", u32(nl.A_PID, 1), E.EINVAL),
    ] + [(lbl, text(nl.A_NAME, name), (E.EINVAL, E.ENOENT))
         for lbl, name in NAME_ILLEGAL])


def test_ctx_new():
    """ctx-new refuses bad input"""
    matrix(nl.CTX_NEW, ID_BAD + NAME_BAD + UNKNOWN + [
        ("number 0", u32(nl.A_ID, 0), E.EINVAL),
        ("number taken", u32(nl.A_ID, 5), E.EEXIST),
        ("name taken", text(nl.A_NAME, "six"), E.EEXIST),
        ("name taken, number free",
         u32(nl.A_ID, 7) + text(nl.A_NAME, "six"), E.EEXIST),
        ("number taken, name free",
         u32(nl.A_ID, 5) + text(nl.A_NAME, "free"), E.EEXIST),
        ("force", u32(nl.A_ID, 7) + attr(nl.A_FORCE), E.EINVAL),
    ] + [(lbl, u32(nl.A_ID, 7) + text(nl.A_NAME, name), E.EINVAL)
         for lbl, name in NAME_ILLEGAL] + [
        (f"reserved name {name}", text(nl.A_NAME, name), (E.EINVAL, E.EEXIST))
        for name in ("default", "-")])


def test_ctx_set():
    """ctx-set refuses bad input"""
    ident = u32(nl.A_ID, 5)
    name = text(nl.A_NAME, "five")
    matrix(nl.CTX_SET, with_tail(ID_BAD, name) + UNKNOWN + [
        (lbl, ident + data, err) for lbl, data, err in NAME_BAD
    ] + [
        ("no attribute", b"", E.EINVAL),
        ("no name", ident, E.EINVAL),
        ("no number", name, E.EINVAL),
        ("number 0", u32(nl.A_ID, 0) + name, E.EINVAL),
        ("no such number", u32(nl.A_ID, 4242) + name, E.ENOENT),
        ("name taken", ident + text(nl.A_NAME, "six"), E.EEXIST),
    ] + [(lbl, ident + text(nl.A_NAME, bad), E.EINVAL)
         for lbl, bad in NAME_ILLEGAL])


def test_ctx_del():
    """ctx-del refuses bad input"""
    matrix(nl.CTX_DEL, ID_BAD + NAME_BAD + UNKNOWN + NO_CTX + [
        ("no attribute", b"", E.EINVAL),
        ("number 0", u32(nl.A_ID, 0), E.EINVAL),
        ("number 0 by force", u32(nl.A_ID, 0) + attr(nl.A_FORCE), E.EINVAL),
        ("force with a value",
         u32(nl.A_ID, 5) + attr(nl.A_FORCE, b"\1\0\0\0"),
         (E.EINVAL, E.ERANGE)),
        ("foreign attribute", u32(nl.A_ID, 5) + u32(nl.A_PID, 1), E.EINVAL),
    ])


def test_dev_get():
    """dev-get refuses bad input"""
    matrix(nl.DEV_GET, NO_DEV + UNKNOWN + [
        ("no attribute", b"", E.EINVAL),
        ("id instead of a device", u32(nl.A_ID, 5), E.EINVAL),
    ])


def test_dev_set():
    """dev-set refuses bad input"""
    dev = text(nl.A_IFNAME, "down0")
    ident = u32(nl.A_ID, 5)
    matrix(nl.DEV_SET, with_tail(NO_DEV, ident) + UNKNOWN
           + with_tail(ID_BAD + NAME_BAD + NO_CTX, dev) + [
        ("no attribute", b"", E.EINVAL),
        ("no device", ident, E.EINVAL),
        ("no context", dev, E.EINVAL),
        ("force", dev + ident + attr(nl.A_FORCE), E.EINVAL),
        ("device up", text(nl.A_IFNAME, "up0") + ident, E.EBUSY),
        ("lo", text(nl.A_IFNAME, "lo") + ident, E.EOPNOTSUPP),
        ("lo by index", u32(nl.A_IFINDEX, 1) + ident, E.EOPNOTSUPP),
    ])


def test_stats_get():
    """stats-get refuses bad input"""
    matrix(nl.STATS_GET, ID_BAD + NAME_BAD + UNKNOWN + NO_CTX + [
        ("no attribute", b"", E.EINVAL),
    ])


def test_task_get():
    """task-get refuses bad input"""
    matrix(nl.TASK_GET, UNKNOWN + [
        ("no attribute", b"", E.EINVAL),
        ("pid 0", u32(nl.A_PID, 0), E.ERANGE),
        ("pid of 1 byte", attr(nl.A_PID, b"\1"), E.EINVAL),
        ("no such pid", u32(nl.A_PID, 0x7fffffff), E.ESRCH),
        ("negative pid", u32(nl.A_PID, 0xffffffff), E.ESRCH),
    ])


def test_dumps():
    """dumps refuse bad filters"""
    for cmd in (nl.DEV_GET, nl.TASK_GET):
        matrix(cmd, ID_BAD + NAME_BAD + UNKNOWN[:2] + NO_CTX, nl.NLM_F_DUMP)
    for cmd in (nl.CTX_GET, nl.STATS_GET):
        matrix(cmd, [("filter", u32(nl.A_ID, 5), E.EINVAL),
                     ("unknown", attr(99), E.EINVAL)], nl.NLM_F_DUMP)


def test_commands():
    """commands that do not exist, and no dump of a change"""
    before = state()
    for cmd in (0, nl.CTX_NTF, nl.CTX_DEL_NTF, nl.DEV_NTF, nl.LEAK_NTF,
                nl.LEAK_DEL_NTF, 17, 255):
        refused(E.EOPNOTSUPP, f"command {cmd}", VR.raw, cmd)
    for cmd in (nl.CTX_NEW, nl.CTX_DEL, nl.CTX_SET, nl.DEV_SET, nl.LEAK_NEW,
                nl.LEAK_DEL):
        refused(E.EOPNOTSUPP, f"dump of {cmd}", VR.raw, cmd, b"",
                nl.NLM_F_DUMP)
    refused(E.EINVAL, "no genetlink header", VR.request, VR.family, 0, b"")
    eq(state(), before, "state after")


def test_good():
    """numbers and names at their limits are accepted and reported"""
    for ident in (1, nl.ID_MAX):
        got = VR.new(ident)
        eq(got["id"], ident, "number of the reply")
        eq(got["table"], nl.TABLE_BASE + ident, "table of the reply")
        check("name" not in got, "unnamed context has a name")
        VR.delete(ident)
    for name in ("a", "n" * 31, "0x", "1.2", "--", "A_b.c-9", "."):
        got = VR.new(7, name)
        eq((got["id"], got["name"]), (7, name), "reply")
        eq(VR.get(name=name)["id"], 7, "found by name")
        VR.delete(name=name)
    refused(E.ENOENT, "deleted", VR.get, id=7)


def test_lowest_free():
    """ctx-new without a number takes the lowest free one"""
    got = [VR.new()["id"] for _ in range(5)]
    eq(got, [1, 2, 3, 4, 7], "numbers")
    VR.delete(3)
    eq(VR.new(name="again")["id"], 3, "freed number")
    for ident in (1, 2, 3, 4, 7):
        VR.delete(ident)


def test_default():
    """context 0 always exists, with table 254"""
    got = VR.get(id=0)
    eq((got["id"], got["table"]), (0, 254), "context 0")
    eq([c["id"] for c in VR.dump(nl.CTX_GET)], [0, 5, 6], "dump")


def test_rename():
    """rename, and the old name is free again"""
    VR.call(nl.CTX_SET, id=5, name="old")
    VR.call(nl.CTX_SET, id=5, name="new")
    refused(E.ENOENT, "old name", VR.get, name="old")
    eq(VR.get(name="new")["id"], 5, "new name")
    VR.call(nl.CTX_SET, id=5, name="new")
    VR.call(nl.CTX_SET, id=6, name="old")
    VR.call(nl.CTX_SET, id=6, name="six")


def test_dev():
    """dev-set and dev-get, by number and by name"""
    VR.raw(nl.DEV_SET, u32(nl.A_IFINDEX, DOWN) + text(nl.A_NAME, "six"))
    got = VR.call(nl.DEV_GET, ifname="down0")
    eq((got["id"], got["name"], got["ifindex"], got["ifname"]),
       (6, "six", DOWN, "down0"), "device")
    eq([d["ifname"] for d in VR.dump(nl.DEV_GET, id=6)], ["down0"], "dump 6")
    eq([d["ifname"] for d in VR.dump(nl.DEV_GET, id=5)], [], "dump 5")
    check("down0" not in [d["ifname"] for d in VR.dump(nl.DEV_GET, id=0)],
          "device still in the dump of context 0")
    eq(VR.get(id=6)["devices"], 1, "devices of context 6")
    err = refused(E.EBUSY, "delete with a device", VR.delete, 6)
    check(err.extack, "no extack text")
    VR.move("down0", 0)
    eq(VR.get(id=6)["devices"], 0, "devices of context 6 after")


def test_task():
    """task-get: do and dump"""
    pid = libc("gettid")
    eq(VR.call(nl.TASK_GET, pid=pid)["id"], 0, "own context")
    eq(VR.dump(nl.TASK_GET, id=5), [], "tasks of 5")
    with inside(5):
        eq(VR.call(nl.TASK_GET, pid=pid)["id"], 5, "own context inside 5")
        eq([t["pid"] for t in VR.dump(nl.TASK_GET, id=5)], [pid], "tasks of 5")
        eq([t["id"] for t in VR.dump(nl.TASK_GET)], [5], "all tasks")
        eq(VR.get(id=5)["tasks"], 1, "count")


def test_long_dump():
    """a dump over many messages is complete and in order"""
    made = list(range(1000, 1400))
    for ident in made:
        VR.new(ident, f"a-rather-long-name-{ident}")
    eq([c["id"] for c in VR.dump(nl.CTX_GET)], [0, 5, 6] + made, "contexts")
    eq([c["id"] for c in VR.dump(nl.STATS_GET)], [0, 5, 6] + made, "stats")
    for ident in made:
        VR.delete(ident)
    eq([c["id"] for c in VR.dump(nl.CTX_GET)], [0, 5, 6], "after")


run(globals())
