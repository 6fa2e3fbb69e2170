#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 4
"""What waits in the backlog of a CPU while its device moves is dropped.

Guards vrctx_dev_flush() of kernel/net/vrctx/dev.c. A packet is tagged when it
is taken from there, so one that came before the move would be taken for one of
the next context. The CPU that has them is held by a process that gives it to
nobody, for less than what the scheduler lets pass; what is left are interrupts,
after each of which some ten packets are taken if the weight is one.
"""
import os
import socket
import time

from vr_net import (CLONE_NEWNET, HNET, RIP, RNET, UDP, Lab, Netns, both_run,
                    child, libc, mounted, readable, sock)
from vr_rt import features, sysctl
from vr_tap import check, eq, run, slow

LAB = Lab(1, 2, hosts=False)
RT, FAR = LAB.rt, Netns(ipv6=False)
PORT, SIZE, PACKETS, AT_ONCE = 7000, 20, 1920, 64
SOL_UDP, UDP_SEGMENT, SNDBUFFORCE = 17, 103, 32
HELD, ROUNDS = 0.8, 5
# Of the machine: to be set in its first namespace
WEIGHTS = {"net.core.dev_weight": 1, "net.core.netdev_budget": 1,
           "net.core.netdev_max_backlog": 2 * PACKETS}


def machine(values):
    """Set sysctls of the machine; what they were."""
    fd = os.open("/proc/1/ns/net", os.O_RDONLY)
    libc("setns", fd, CLONE_NEWNET)
    try:
        before = {key: sysctl(key) for key in values}
        for key, val in values.items():
            sysctl(key, val)
    finally:
        os.close(fd)
        LAB.ns.join()
    return before


def hold(cpu, ready):
    os.sched_setaffinity(0, {cpu})
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(50))
    end = time.monotonic() + HELD
    os.write(ready, b"x")
    while time.monotonic() < end:
        pass


def waiting(cpu):
    """How many packets are in the backlog of the CPU."""
    with open("/proc/net/softnet_stat", encoding="ascii") as f:
        rows = [[int(col, 16) for col in line.split()] for line in f]
    return next(row[11] for row in rows if row[12] == cpu)


def up():
    RT.link_set("b0", up=True)
    both_run(RT, "b0", FAR.rt)


def moved_under_load(peer, cpu, to):
    """Packets wait for the CPU, then the device moves; how many there were."""
    rfd, wfd = os.pipe()
    pid = child(hold, cpu, wfd)
    try:
        os.read(rfd, 1)
        for _ in range(PACKETS // AT_ONCE):
            peer.send(bytes(SIZE * AT_ONCE))
        left = waiting(cpu)
        RT.link_set("b0", up=False)
        LAB.vr.move("b0", to)
        up()
    finally:
        eq(os.waitpid(pid, 0)[1], 0, "who holds the CPU")
        os.close(rfd)
        os.close(wfd)
    return left


def after(peer, to):
    """Wait until what was there is dealt with: this comes last."""
    with sock(UDP, to, ("0.0.0.0", PORT + 1)) as last:
        peer.sendto(b"last", (RIP, PORT + 1))
        eq(last.recv(9), b"last", "a datagram")


def test_move():
    """packets that wait while a device moves are not the next context's"""
    cpu = max(range(os.cpu_count()))
    if not cpu:
        print("# one CPU: who waits for it does not move a device")
        return
    RT.veth("b0", "eth0", FAR.fd)
    LAB.vr.move("b0", 1)
    RT.addr("b0", RNET)
    FAR.rt.addr("eth0", HNET)
    FAR.rt.link_set("eth0", up=True)
    up()
    FAR.rt.neigh("eth0", RIP, RT.link("b0")[1])
    with mounted("sysfs") as top, \
            open(f"{top}/class/net/b0/queues/rx-0/rps_cpus", "w",
                 encoding="ascii") as f:
        f.write(f"{1 << cpu:x}")
    with FAR:
        features("eth0", False, "tx-udp-segmentation")
        peer = sock(UDP)
        peer.setsockopt(socket.SOL_SOCKET, SNDBUFFORCE, 1 << 26)
        peer.setsockopt(SOL_UDP, UDP_SEGMENT, SIZE)
        peer.connect((RIP, PORT))
    before = machine(WEIGHTS)
    try:
        for turn in range(ROUNDS):
            to = 2 - turn % 2
            # the old context's, too: no flood of ICMP errors
            with sock(UDP, to, ("0.0.0.0", PORT)) as new, \
                    sock(UDP, 3 - to, ("0.0.0.0", PORT)):
                left = moved_under_load(peer, cpu, to)
                after(peer, to)
                eq(readable(new), None, f"received in {to}")
            if left:
                break
    finally:
        machine(before)
    print(f"# {left} packets waited in the end", flush=True)
    check(left or slow() > 1, "no packet waited")
    peer.close()
    RT.link_del("b0")


run(globals())
