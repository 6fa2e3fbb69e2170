#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 4 6
"""Distributed hosts: three nodes with one address look like one host.

The bodies of vr_dhost_tests.py on clusters in two contexts.
"""
import vr_dhost_tests
from vr_cluster import Cluster
from vr_tap import run

vr_dhost_tests.setup({f"context {ctx}": Cluster(ctx) for ctx in (0, 7)},
                     Cluster(slices=True))
run(vars(vr_dhost_tests), limit=120)
