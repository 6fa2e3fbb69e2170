#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""When corosync says that members of a group came or went: prints the time
(monotonic, in seconds) and the nodes that are left, a line each.
"""
import ctypes as c
import select
import sys
import time

from cpg_latency import (CONFCHG, CS_DISPATCH_ALL, DELIVER, Callbacks, Name,
                         call)


class Address(c.Structure):
    _fields_ = [("nodeid", c.c_uint32), ("pid", c.c_uint32),
                ("reason", c.c_uint32)]


def changed(_handle, _group, members, count, *_):
    nodes = c.cast(members, c.POINTER(Address))
    print(f"{time.monotonic():.6f}", *sorted(nodes[i].nodeid
                                             for i in range(count)), flush=True)


def main():
    handle, fd = c.c_uint64(), c.c_int()
    callbacks = Callbacks(DELIVER(lambda *_: None), CONFCHG(changed))
    name = Name(5, b"watch")
    call("cpg_initialize", c.byref(handle), c.byref(callbacks))
    call("cpg_join", handle, c.byref(name))
    call("cpg_fd_get", handle, c.byref(fd))
    while True:
        select.select([fd.value], [], [])
        call("cpg_dispatch", handle, CS_DISPATCH_ALL)


sys.exit(main())
