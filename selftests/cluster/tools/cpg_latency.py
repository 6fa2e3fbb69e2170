#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""How long corosync takes to give a process its own message: what nothing that
is ordered by it can be faster than. Prints milliseconds, one a line.
"""
import ctypes as c
import select
import sys
import time

CPG_TYPE_AGREED, CS_DISPATCH_ALL, CS_OK, CS_ERR_TRY_AGAIN = 2, 2, 1, 6


class Name(c.Structure):
    _fields_ = [("length", c.c_uint32), ("value", c.c_char * 128)]


class Part(c.Structure):
    _fields_ = [("base", c.c_char_p), ("len", c.c_size_t)]


DELIVER = c.CFUNCTYPE(None, c.c_uint64, c.c_void_p, c.c_uint32, c.c_uint32,
                      c.c_void_p, c.c_size_t)
CONFCHG = c.CFUNCTYPE(None, c.c_uint64, c.c_void_p, c.c_void_p, c.c_size_t,
                      c.c_void_p, c.c_size_t, c.c_void_p, c.c_size_t)


class Callbacks(c.Structure):
    _fields_ = [("deliver", DELIVER), ("confchg", CONFCHG)]


LIB = c.CDLL("libcpg.so.4")
SEEN = []


def call(name, *args):
    """Until it does not say "try again" """
    while True:
        ret = getattr(LIB, name)(*args)
        if ret == CS_OK:
            return
        if ret != CS_ERR_TRY_AGAIN:
            raise OSError(f"{name}: {ret}")
        time.sleep(0.001)


def main(count):
    handle = c.c_uint64()
    callbacks = Callbacks(DELIVER(lambda *_: SEEN.append(1)),
                          CONFCHG(lambda *_: None))
    name = Name(7, b"latency")
    fd = c.c_int()
    call("cpg_initialize", c.byref(handle), c.byref(callbacks))
    call("cpg_join", handle, c.byref(name))
    call("cpg_fd_get", handle, c.byref(fd))
    part = Part(b"x" * 64, 64)
    for num in range(count):
        began = time.monotonic()
        call("cpg_mcast_joined", handle, CPG_TYPE_AGREED, c.byref(part), 1)
        while len(SEEN) <= num:
            select.select([fd.value], [], [])
            call("cpg_dispatch", handle, CS_DISPATCH_ALL)
        print(f"{(time.monotonic() - began) * 1000:.3f}")


if __name__ == "__main__":
    main(int(sys.argv[1]))
