#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 4 6
"""Contexts that come and go while packets, sockets and devices are busy.

Guards the references that carriers hold, the flush of the backlogs when a
device moves, and the purge. What they can break shows as a packet in context
0, a number that stays busy, or a fault in the kernel's log.
"""
import errno as E
import os
import select
import socket
import threading

import vr_nl as nl
from vr_fam import AF
from vr_net import (HIP, HNET, RIP, RNET, TCP, UDP, Lab, Netns, child,
                    connect, pending, readable, set_ctx, sock)
from vr_tap import eq, run, slow, wait

GONE = (E.ECONNABORTED, E.ENETUNREACH, E.ECONNRESET, E.ENOTCONN)
TURNS = 1 if slow() > 1 else 5


def flood(far, stop):
    """Send to the router until told to stop."""
    far.join()
    with sock(UDP) as one:
        while not select.select([stop], [], [], 0)[0]:
            for _ in range(50):
                try:
                    one.sendto(b"flood", (RIP, 53))
                except OSError:
                    pass


def test_in_flight():
    """delete and move while packets arrive and sockets send"""
    lab = Lab(0)
    far = Netns()
    lab.rt.veth("f0", "eth0", far.fd)
    far.rt.addr("eth0", HNET)
    far.rt.link_set("eth0", up=True)
    lab.rt.addr("f0", RNET)
    far.rt.neigh("eth0", RIP, lab.rt.link("f0")[1])
    rfd, wfd = os.pipe()
    pid = child(lambda: flood(far, rfd))
    spy = sock(UDP, 0, ("0.0.0.0", 53))
    got = 0
    try:
        for turn in range(4 * TURNS):
            num = 1 + turn % 3
            lab.vr.new(num)
            lab.vr.move("f0", num)
            one = sock(UDP, num, ("0.0.0.0", 53))
            lab.rt.link_set("f0", up=True)
            lab.rt.neigh("f0", HIP, far.rt.link("eth0")[1])
            eq(one.recv(10), b"flood", "datagram")
            one.sendto(b"back", (HIP, 53))
            got += 1
            if turn & 1:        # move it away under fire, then delete
                lab.rt.link_set("f0", up=False)
                lab.vr.move("f0", 0)
                lab.vr.delete(num)
            else:
                lab.vr.delete(num, force=True)
            one.close()
            eq(readable(spy), None, "datagram in context 0")
    finally:
        os.write(wfd, b"x")     # the child holds both ends, too
        status = os.waitpid(pid, 0)[1]
        os.close(rfd)
        os.close(wfd)
        spy.close()
    eq((got, status), (4 * TURNS, 0), "turns and sender")


def test_set_races_delete():
    """sockets that enter a context while it is deleted"""
    lab = Lab()
    stop = threading.Event()

    def enterer():
        while not stop.is_set():
            with socket.socket(AF, UDP) as one:
                try:
                    set_ctx(one, 1)
                except OSError as err:
                    if err.errno != E.ENOENT:
                        raise

    job = threading.Thread(target=enterer)
    job.start()
    try:
        for _ in range(20 * TURNS):
            wait(lambda: try_new(lab.vr), "create")
            lab.vr.delete(1)
    finally:
        stop.set()
        job.join()
    lab.vr.new(1)
    eq(lab.sockets(1), 0, "sockets")


def try_new(vr, num=1):
    try:
        return vr.new(num)
    except OSError as err:
        eq(err.errno, E.EBUSY, "create")
        return None


def test_move_races_delete():
    """a device that is moved while its contexts are deleted by force"""
    lab = Lab()
    lab.rt.link_add("d0", "dummy")
    lab.rt.addr("d0", RNET)

    def mover():
        vr = nl.Vrctx()
        for turn in range(60 * TURNS):
            try:
                vr.move("d0", turn % 3)
            except OSError as err:
                if err.errno != E.ENOENT:
                    raise

    pid = child(mover)
    for turn in range(20 * TURNS):
        wait(lambda n=1 + turn % 2: try_new(lab.vr, n), "create")
        lab.vr.delete(1 + turn % 2, force=True)
    eq(os.waitpid(pid, 0)[1], 0, "mover")
    eq(lab.vr.call(nl.DEV_GET, ifname="d0")["id"], 0, "device")
    for num in (1, 2):
        lab.vr.new(num)
        eq(lab.vr.get(id=num)["devices"], 0, f"devices of {num}")


def test_link_flap_races_delete():
    """a device goes up and down while its context is deleted"""
    lab = Lab()
    lab.rt.link_add("d0", "dummy")
    lab.rt.addr("d0", RNET)

    def flapper():
        for _ in range(40 * TURNS):
            lab.rt.link_set("d0", up=True)
            lab.rt.link_set("d0", up=False)

    pid = child(flapper)
    for _ in range(10 * TURNS):
        wait(lambda: try_new(lab.vr), "create")
        try:
            lab.vr.move("d0", 1)
        except OSError as err:
            eq(err.errno, E.EBUSY, "move")
        lab.vr.delete(1, force=True)
    eq(os.waitpid(pid, 0)[1], 0, "flapper")


def test_connections_race_delete():
    """connections over loopback while the context is deleted"""
    lab = Lab()

    def talker():
        for _ in range(100 * TURNS):
            try:
                with sock(TCP, 1, ("127.0.0.1", 80), listen=4,
                          reuse=True) as listen:
                    with connect(("127.0.0.1", 80), 1) as one:
                        two = pending(listen)
                        one.send(b"x")
                        if two:
                            two.close()
            except OSError as err:
                if err.errno not in (*GONE, E.ENOENT, E.EADDRINUSE, E.EINVAL,
                                     E.EPIPE, E.ECONNREFUSED, E.EHOSTUNREACH):
                    raise

    pid = child(talker)
    for _ in range(20 * TURNS):
        wait(lambda: try_new(lab.vr), "create")
        lab.vr.delete(1)
    eq(os.waitpid(pid, 0)[1], 0, "talker")
    wait(lambda: try_new(lab.vr), "create at last")
    eq(lab.sockets(1), 0, "sockets")


run(globals(), limit=120)
