#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 4
"""Hardware gets no filters of a device in a context, nor tunnels of one.

Guards netdev_fix_features(), tcf_mirred_offload_act_setup() and what a move asks
the driver; kernel/net/vrctx/offload_test.c has what needs other hardware than
netdevsim, which takes classic BPF.
"""
import contextlib
import errno as E
import os
import socket
import subprocess

from vr_net import Lab, inside, mounted
from vr_nl import attr, u32
from vr_rt import Rtnl
from vr_tap import check, eq, params, refused, run

LAB = Lab(1, 2, hosts=False)
# takes each packet
BPF = ("protocol", "all", "bpf", "da", "bytecode", "1,6 0 0 0,")
HARD = "skip_sw"
OFF = "TC offload is disabled on net device"
BUSY = "Hardware may have filters of the device"
VNI = u32(1, 7)


def call(*words):
    """Run a command; (did it succeed, what it said)."""
    done = subprocess.run(words, text=True, capture_output=True, check=False)
    return done.returncode == 0, done.stdout + done.stderr


def tc(line, *words):
    return call("tc", *line.split(), *words)


def good(done):
    check(done[0], done[1])
    return done[1]


def write(path, text):
    with open(path, "w", encoding="ascii") as f:
        f.write(text)


@contextlib.contextmanager
def simulated():
    """sim, a device of netdevsim with offload on, in context 0."""
    num = 1000 + os.getpid() % 10000
    before = {name for _, name in socket.if_nameindex()}
    with mounted("sysfs") as top, mounted("debugfs") as debug:
        bus = f"{top}/bus/netdevsim"
        write(f"{bus}/new_device", f"{num} 1")
        try:
            dev, = {name for _, name in socket.if_nameindex()} - before
            LAB.rt.link_set(dev, name="sim")
            write(f"{debug}/netdevsim/netdevsim{num}/ports/0/"
                  "bpf_tc_non_bound_accept", "Y")
            good(call("ethtool", "-K", "sim", "hw-tc-offload", "on"))
            good(tc("qdisc add dev sim clsact"))
            yield
        finally:
            write(f"{bus}/del_device", f"{num}")
            LAB.rt.index.pop("sim", None)


def feature():
    """Is offload on?"""
    said = good(call("ethtool", "-k", "sim"))
    return [line for line in said.splitlines() if "hw-tc-offload" in line
            ][0].split()[1] == "on"


def offloaded(*how):
    """Add a filter: is it in hardware? Or what refused it."""
    done, said = tc("filter add dev sim ingress pref 1", *BPF, *how)
    if not done:
        return said
    return " in_hw" in good(tc("filter show dev sim ingress"))


def flush():
    good(tc("filter del dev sim ingress"))


@params(1, 2)
def test_filter(ctx):
    """a filter of a device in a context is not in hardware:"""
    with simulated():
        eq(offloaded(HARD), True, "in context 0")
        flush()
        LAB.vr.move("sim", ctx)
        eq(OFF in str(offloaded(HARD)), True, "refused")
        eq(offloaded(), False, "one that can do without")
        flush()
        call("ethtool", "-K", "sim", "hw-tc-offload", "on")
        eq(feature(), False, "cannot be turned on")
        LAB.vr.move("sim", 0)
        eq(feature(), True, "back in context 0")
        eq(offloaded(HARD), True, "there")


def test_off():
    """offload that was off is off when a device comes back"""
    with simulated():
        good(call("ethtool", "-K", "sim", "hw-tc-offload", "off"))
        for ctx in (1, 2, 0):
            LAB.vr.move("sim", ctx)
            eq(feature(), False, f"in {ctx}")


def test_move():
    """a device with a filter in hardware does not move into a context"""
    with simulated():
        eq(offloaded(HARD), True, "in hardware")
        err = refused(E.EBUSY, "move", LAB.vr.move, "sim", 1)
        eq(err.extack, BUSY, "why")
        eq(feature(), True, "as it was")
        flush()
        LAB.vr.move("sim", 1)
        LAB.vr.move("sim", 2)


def test_deleted():
    """a device of a context that is deleted has offload again"""
    with simulated():
        LAB.vr.new(3)
        LAB.vr.move("sim", 3)
        eq(feature(), False, "in the context")
        LAB.vr.delete(3, force=True)
        eq(feature(), True, "in context 0")


@params(0, 1)
def test_tunnel(ctx):
    """redirection to a tunnel is for hardware if that is not in a context:"""
    with simulated(), inside(ctx), contextlib.closing(Rtnl()) as rt:
        rt.link_add(f"vx{ctx}", "vxlan", VNI + attr(15, b"\x12\xb5"))
        try:
            with inside(0):
                done, said = tc(
                    "filter add dev sim ingress protocol ip flower skip_sw "
                    f"action mirred egress redirect dev vx{ctx}")
            check(not done, "netdevsim takes no such filter")
            eq(("A tunnel in a context cannot be offloaded" in said,
                "only offload of BPF" in said), (ctx == 1, ctx == 0), said)
        finally:
            rt.link_del(f"vx{ctx}")


run(globals())
