#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Forward a packet in each of some contexts, for who counts cache lines.

usage: lines.py plain|ctx|vrf|netns

The plugin (see plugin/lines.c) is told when a packet of each of FEW flows, and
then of all MANY, is on its way, each flow in a context of its own: what is more
in the second count is that of MANY - FEW flows.
"""
import sys
import time

from flows import Flows, marks

# The lines of some hash chains are a matter of chance: of many flows the mean
# has little of it left.
FEW, MANY = 8, 136


def main(mode):
    page = marks()
    maker = Flows(mode)
    flows = [maker.add(num) for num in range(1, MANY + 1)]
    for _ in range(4):
        for flow in flows:
            flow.send()
    time.sleep(5)       # what was put off is done, such as RCU's callbacks
    for count in (FEW, MANY) * 3:
        page[0] = b"x"
        for flow in flows[:count]:
            flow.send()
        page[64] = b"x"
    sent = [flow.sent() for flow in flows]
    if sent != [10] * FEW + [7] * (MANY - FEW):
        sys.exit(f"lines: not forwarded: {sent}")
    print(f"{FEW}\t{MANY}")


main(*sys.argv[1:])
