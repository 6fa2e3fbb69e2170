#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The multicast group "events": every change, once, in order, per namespace."""
import errno as E

import vr_nl as nl
from vr_net import Lab, Netns
from vr_tap import check, eq, refused, run

LAB = Lab(hosts=False)
VR, RT = LAB.vr, LAB.rt
MON = nl.Vrctx(listen=True)


def silent():
    """No event is waiting: the next one is that of a marker context."""
    VR.new(99)
    eq([(c, e["id"]) for c, e in MON.events(1)], [(nl.CTX_NTF, 99)], "marker")
    VR.delete(99)
    eq([(c, e["id"]) for c, e in MON.events(1)], [(nl.CTX_DEL_NTF, 99)],
       "marker")


def test_new_rename_delete():
    """create, rename, delete"""
    VR.new(5)
    VR.call(nl.CTX_SET, id=5, name="five")
    VR.delete(name="five")
    got = MON.events(3)
    eq([(c, e["id"], e.get("name")) for c, e in got],
       [(nl.CTX_NTF, 5, None), (nl.CTX_NTF, 5, "five"),
        (nl.CTX_DEL_NTF, 5, "five")], "events")
    eq(got[0][1]["table"], nl.TABLE_BASE + 5, "table")
    silent()


def test_chosen_number():
    """a number chosen by the kernel is in the event"""
    ident = VR.new(name="auto")["id"]
    eq(MON.events(1)[0][1], VR.get(id=ident), "event")
    VR.delete(ident)
    MON.events(1)
    silent()


def test_device():
    """device moves"""
    VR.new(5, "five")
    MON.events(1)
    idx = RT.link_add("d0", "dummy")
    VR.move("d0", 5)
    VR.move("d0", 5)            # nothing changes: no event
    VR.move("d0", 0)
    eq([(c, e["ifname"], e["ifindex"], e["id"]) for c, e in MON.events(2)],
       [(nl.DEV_NTF, "d0", idx, 5), (nl.DEV_NTF, "d0", idx, 0)], "events")
    silent()


def test_forced_delete():
    """a forced delete reports the devices, then the context"""
    RT.link_add("d1", "dummy")
    for dev in ("d0", "d1"):
        VR.move(dev, 5)
    MON.events(2)
    VR.delete(5, force=True)
    got = MON.events(3)
    eq(sorted((c, e["ifname"], e["id"]) for c, e in got[:2]),
       [(nl.DEV_NTF, "d0", 0), (nl.DEV_NTF, "d1", 0)], "devices")
    eq((got[2][0], got[2][1]["id"]), (nl.CTX_DEL_NTF, 5), "context")
    silent()


def test_link_delete():
    """a device that goes away leaves its context"""
    VR.new(5)
    VR.move("d0", 5)
    MON.events(2)
    RT.link_del("d0")
    eq(VR.get(id=5)["devices"], 0, "devices")
    VR.delete(5)
    got = MON.events(1)
    while got[-1][0] != nl.CTX_DEL_NTF:
        eq((got[-1][0], got[-1][1]["id"]), (nl.DEV_NTF, 0), "event before")
        got = MON.events(1)
    silent()


def test_refused():
    """refused requests make no event"""
    VR.new(5, "five")
    MON.events(1)
    refused(E.EEXIST, "again", VR.new, 5)
    refused(E.EINVAL, "zero", VR.delete, 0)
    refused(E.EINVAL, "bad name", VR.call, nl.CTX_SET, id=5, name="a b")
    refused(E.ENODEV, "no device", VR.move, "nope", 5)
    VR.delete(5)
    eq(MON.events(1)[0][0], nl.CTX_DEL_NTF, "event")
    silent()


def test_other_namespace():
    """events stay in their namespace"""
    far = Netns()
    with far:
        vr = nl.Vrctx()
        mon = nl.Vrctx(listen=True)
        vr.new(7)
        eq(mon.events(1)[0][1]["id"], 7, "event there")
    silent()
    check(mon.sock.fileno() >= 0, "socket")
    far.close()


def test_moved_away():
    """a device that changes namespace leaves its context"""
    VR.new(5)
    RT.link_add("d2", "dummy")
    VR.move("d2", 5)
    MON.events(2)
    far = Netns()
    RT.link_set("d2", netns=far.fd)
    eq(VR.get(id=5)["devices"], 0, "devices")
    with far:
        eq(nl.Vrctx().call(nl.DEV_GET, ifname="d2")["id"], 0, "there")
    VR.delete(5)


run(globals())
