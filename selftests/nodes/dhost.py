#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Distributed hosts on machines of their own.

usage: dhost.py CTX TEST...         VR_FAMILY=6: IPv6

Tests of ../vrctx and ../programs where nodes 2 and 3 are guests with a kernel
each; the client and node 1 are namespaces of this one. The address is in
context CTX.
"""
import glob
import runpy
import subprocess
import sys

from vr_agent import Far, TESTS, control
import vr_cluster
import vr_dhost_tests as bodies
from vr_cluster import NODES
from vr_fam import FAMILY
from vr_net import Netns
from vr_tap import run, wait

HERE = 1


def start(num):
    """The agent of a guest; it lives as long as that does."""
    subprocess.run(["on", str(num), f"VR_FAMILY={FAMILY} setsid python3 "
                    f"/repo/selftests/nodes/vr_agent.py {num} "
                    "</dev/null >/tmp/agent.log 2>&1 &"], check=True)


class Guests(vr_cluster.Cluster):
    """eth0 of this guest is a port of the switch."""
    # a segment between guests drops what comes at once
    largest, bulk, burst = 6000, 1 << 18, 4

    def __init__(self, ctx):
        self.cable = Netns(new=False)
        for num in NODES:
            if num != HERE:
                start(num)
        super().__init__(ctx)

    def node(self, num):
        if num == HERE:
            return super().node(num)
        if self.cable:
            self.cable.rt.link_set("eth0", netns=self.switch.fd)
            self.cable = None
            with self.switch:
                rt = self.switch.rt
                rt.link_set("eth0", up=True, master=self.bridges["br0"])
                control(rt, HERE)
            wait(lambda: rt.running("eth0"), "eth0")
        return Far(num, self.ctx, self.switch)

    def ports(self):
        return ["pc", f"p{HERE}", "eth0"]


def program(name, lab):
    """A test that is a program: the cluster that it makes is this one."""
    def cluster(*argv, distributed=True):
        return lab if distributed else own(*argv, distributed=False)

    own, vr_cluster.Cluster = vr_cluster.Cluster, cluster
    path, = glob.glob(f"{TESTS}/[pv]r*/{name}.py")
    try:
        runpy.run_path(path, run_name="__main__")
    finally:
        vr_cluster.Cluster = own


def main():
    ctx, *names = sys.argv[1:]
    del sys.argv[1:]
    lab, failed = Guests(int(ctx)), []
    vr_cluster.CONTEXTS = (lab.ctx,)
    for name in names:
        print(f"# {name}", flush=True)
        lab.set_lead(HERE)
        try:
            if name == "dhost":
                bodies.setup({f"context {ctx}": lab})
                run(vars(bodies), limit=240)
            program(name, lab)
        except SystemExit as end:
            if end.code:
                failed.append(name)
    sys.exit(f"failed: {failed}" if failed else 0)


main()
