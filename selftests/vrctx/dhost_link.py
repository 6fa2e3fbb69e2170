#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 4 6
"""Distributed hosts over other devices: VLANs, bonds, a segment of their own.

The bodies of vr_dhost_tests.py that have to do with devices, where the address
is on a VLAN or a bond, where the members are reached by another device than the
one by which the client comes, and where the switch gives all packets to all
nodes, so that nothing is handed over: that is switched off.
"""
import vr_dhost_tests as bodies
from vr_cluster import Cluster
from vr_tap import run

LABS = {link: Cluster(7, link=link) for link in (
    "vlan", "bond", "apart", "all")}
LABS["all"].set_handover(False)
bodies.setup(LABS)
run({name: getattr(bodies, name) for name in (
    "test_arp", "test_nobody", "test_services", "test_datagrams",
    "test_fragment_order", "test_outgoing", "test_errors", "test_move_lead",
    "test_two_leads")}, limit=120)
