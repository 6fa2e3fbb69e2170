#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""What a client of three machines with one address sees when something breaks.

1000 connections to nodes 1 and 2 are there all the time, and new ones are made
while things happen to node 3, the lead: all of them have to live. Cases that
need no machine of their own are in ../cluster/vrd.py.
"""
import contextlib
import errno
import signal
import time

# first: it makes the others known
from vr_guests import INTERCONNECT, LEAD, Guests
from vr_client import Crowd, Stream
from vr_dhost import mac
from vr_lab import lab
from vr_tap import check, eq, slow, wait
from vr_vrd import HERE, VRCTL, Bind, Load, run

TOKEN = 1000            # ms, times slow()
DETECTION = 2.2 * TOKEN * slow() / 1000
COUNT = 1000            # connections
STAY = {1: 8001, 2: 8002}       # nodes whose connections must live

LAB = Guests(TOKEN)
NODES = LAB.nodes
LAB.start()


CROWD = []
answers = LAB.answered_by


def stream():
    return Stream(LAB, [*STAY.values()])


def all_alive():
    eq(CROWD[0].alive(), COUNT, "connections that live")


def back():
    """All is as at the beginning."""
    LAB.settled(LEAD)
    answers(LEAD)
    for num, port in STAY.items():
        for node in NODES.values():
            wait(lambda n=node, p=port, o=num: n.ports().get(("tcp", p)) == o,
                 f"port {port} to be node {num}'s")
    same = [node.ports() for node in NODES.values()]
    eq(same[1:], same[:1] * 2, "databases")
    all_alive()


def others():
    """The other two go on with node 2 for a lead."""
    LAB.settled(2, (1, 2))
    answers(2)
    all_alive()


def stopped():
    """The lead's machine is, until the others go on without it."""
    lab(f"stop {LEAD}")
    LAB.unplugged.add(LEAD)
    others()


def epoch():
    return NODES[1].state()["epoch"]


def steady(seconds, lead=LEAD):
    """All that time there is one lead, and who answers is it."""
    first, end = epoch(), time.monotonic() + seconds
    while time.monotonic() < end:
        seen = set(LAB.ask())
        check(seen <= {mac(lead)}, f"who answers: {seen}")
    eq(epoch(), first, "epoch")


def contend(port, maybe=()):
    """Two nodes bind the same port at the same time: one gets it; or maybe
    there is another answer.
    """
    pair = [Bind(NODES[num], port) for num in (1, 2)]
    results = [one.end() for one in pair]
    for one in pair:
        one.sock.close()
    check(results.count(0) < 2, f"two owners of port {port}")
    if not set(results) & set(maybe):
        eq(sorted(results), [0, errno.EADDRINUSE], "bind()")


@contextlib.contextmanager
def wrong(what, right):
    """Something is wrong on the interconnect meanwhile."""
    lab(what)
    try:
        yield
    finally:
        lab(right)


def test_start():
    """three machines, one host, a thousand connections"""
    answers(LEAD)
    for num, port in STAY.items():
        NODES[num].echo(port)
    CROWD.append(Crowd(LAB, COUNT, [*STAY.values()]))
    all_alive()


def test_vrd_killed():
    """kill -9 vrd of the lead: it goes on as the lead; then vrd is back"""
    before = epoch()
    with stream():
        NODES[LEAD].stop("vrd")
        wait(lambda: [m["state"] for m in NODES[1].cluster("members")
                      if m["node"] == LEAD] == ["no-daemon"], "its end")
        eq(NODES[1].state()["lead"], LEAD, "lead")
        answers(LEAD)
        all_alive()
        eq(Bind(NODES[LEAD], 7000).end(), errno.EADDRINUSE, "bind() there")
        NODES[LEAD].start_vrd()
        back()
    check(epoch() > before, "epoch")


def test_rolling_restart():
    """vrd of each node is restarted, one after the other"""
    with stream():
        for num, node in NODES.items():
            node.stop("vrd", signal.SIGTERM)
            node.start_vrd()
            LAB.settled(LEAD)
            eq(node.state()["conflicts"], 0, f"conflicts of node {num}")
        back()


def test_corosync_killed():
    """kill -9 corosync of the lead: it is not the lead any more"""
    with stream():
        NODES[LEAD].stop("corosync")
        others()
        eq(NODES[LEAD].kernel()["lead"], 0, "lead in its kernel")
        NODES[LEAD].start_corosync()
        back()


def test_frozen():
    """the lead is stopped longer than the others wait, and goes on"""
    with stream():
        stopped()
        # from now on it may be the lead again at any time
        LAB.lead = 0
        lab(f"cont {LEAD}")
        began, last = time.monotonic(), 0
        # as soon as it can know of the others it is the lead no more
        while NODES[1].state()["members"] < 3 or not LAB.ask():
            if len(set(LAB.ask())) > 1:
                last = time.monotonic() - began
        print(f"# two answered for {last:.2f} s after it went on")
        check(last < DETECTION, "the old lead acts on")
        LAB.unplugged.discard(LEAD)
        back()


def test_frozen_without_vrd():
    """the same while its daemon is away: corosync's ring says enough"""
    node = NODES[LEAD]
    node.stop("vrd")
    with stream():
        stopped()
        lab(f"cont {LEAD}")
        began = time.monotonic()
        wait(lambda: node.kernel()["lead"] == 0, "no lead in its kernel")
        took = time.monotonic() - began
        print(f"# its kernel was the lead for {took:.2f} s after it went on")
        # not when its daemon has been away for too long, much later
        check(took < DETECTION, "the old lead acts on")
        LAB.unplugged.discard(LEAD)
        answers(2)
        node.start_vrd()
        back()


def test_interconnect_cut():
    """the interconnect of the lead is cut: silent, the others go on"""
    with stream():
        LAB.cut(LEAD)
        others()
        wait(lambda: NODES[LEAD].kernel()["lead"] == 0, "no lead of its own")
        eq(NODES[LEAD].state()["state"], "no-quorum", "state")
        LAB.cut(LEAD, True)
        back()


def test_client_side_cut():
    """the lead has no carrier on the side of the clients: the lead moves"""
    with stream():
        LAB.cut(LEAD, dev="p")
        LAB.settled(2)
        answers(2)
        all_alive()
        LAB.cut(LEAD, True, "p")
        back()


def test_one_way():
    """the lead hears the others, but they do not hear it"""
    with stream():
        with wrong(f"drop {INTERCONNECT} {LEAD} * 100",
                   f"drop {INTERCONNECT} {LEAD} * 0"):
            others()
            wait(lambda: NODES[LEAD].kernel()["lead"] == 0,
                 "no lead of its own")
        back()


def test_loss():
    """a fifth of all frames between nodes is lost: the lead stays"""
    with wrong(f"drop {INTERCONNECT} * * 20", f"drop {INTERCONNECT} * * 0"):
        with stream():
            steady(3 * DETECTION)
        # some grants may come too late, but no port has two owners
        for port in range(7000, 7005):
            contend(port, (errno.EAGAIN,))
    back()


def test_delay():
    """each frame between nodes is 200 ms late: the lead stays"""
    with wrong(f"delay {INTERCONNECT} 200", f"delay {INTERCONNECT} 0"):
        steady(2 * DETECTION)
        contend(7100)
    back()


def clock(node, seconds):
    node.run("date", "-s", f"@{int(node.run('date', '+%s')) + seconds}")


def test_clock():
    """the clock of the lead jumps by an hour, and back"""
    for seconds in (3600, -3600):
        clock(NODES[LEAD], seconds)
        steady(DETECTION / 2)
        contend(7200)
    back()


def test_disk_full():
    """no room for files of corosync on the lead, nor in shared memory"""
    node = NODES[LEAD]
    node.run("mount", "-t", "tmpfs", "-o", "size=64k", "full",
             "/var/lib/corosync")
    for path in ("/var/lib/corosync", "/dev/shm"):
        node.run("dd", "if=/dev/zero", f"of={path}/fill", "bs=4k", ok=(1,))
    contend(7300)
    steady(1)
    # Each ring has a file, which there is no room for: whatever becomes of
    # the node, the others are one host.
    NODES[2].stop("corosync", signal.SIGTERM)
    NODES[2].start_corosync()
    for num in (1, 2):
        wait(lambda one=NODES[num]: one.state()["state"] == "active" and
             one.state()["members"] >= 2, f"node {num}", 60)
    contend(7301)
    all_alive()
    lives = node.lives("corosync")
    print("# corosync of the lead", "goes on" if lives else "has ended")
    for path in ("/var/lib/corosync", "/dev/shm"):
        node.run("rm", f"{path}/fill")
    if not lives:
        node.start_corosync()
    back()


def test_no_descriptors():
    """the daemon of the lead can open nothing any more, and then it can"""
    node = NODES[LEAD]

    def says(what):
        return what in node.log("vrd")
    node.limit_files("vrd")
    with stream():
        one = Bind(node, 7350)
        eq(one.end(), 0, "bind() there")
        one.sock.close()
        contend(7351)
        steady(1)
        node.background(VRCTL, "cluster", "status")
        wait(lambda: says("nobody can ask: Too many open files"), "a complaint")
        node.stop("corosync")
        others()
        wait(lambda: node.kernel()["lead"] == 0, "no lead in its kernel")
        node.limit_files("vrd")
        node.start_corosync()
        contend(7352)
        node.limit_files("vrd", 1024)
        back()


def test_join_under_load():
    """a node leaves and comes back while ports are bound all the time"""
    with stream():
        with Load(NODES[1]):
            NODES[LEAD].drain()
            for name in ("corosync", "vrd"):
                NODES[LEAD].stop(name, signal.SIGTERM)
            others()
            NODES[LEAD].start_corosync()
            NODES[LEAD].start_vrd()
            LAB.settled(LEAD)
        wait(lambda: len({tuple(sorted(node.ports().items()))
                          for node in NODES.values()}) == 1, "one database")
        back()


def noticed():
    """What corosync of node 1 said last: (time, nodes that are left)"""
    when, *left = NODES[1].log("background").strip().split("\n")[-1].split()
    return float(when), [int(num) for num in left]


def test_crash():
    """the lead crashes: a takeover, and its port is free"""
    check(NODES[LEAD].serve(8003), "a port of the lead")
    for num in (1, LEAD):
        NODES[num].background(f"{HERE}/tools/cpg_watch.py")
    wait(lambda: NODES[1].log("background") and noticed()[1] == [1, LEAD],
         "corosync to be watched")
    LAB.dead.add(LEAD)
    LAB.unplugged.add(LEAD)
    with stream() as flow:
        # the answer to this is on its way then
        NODES[LEAD].background("sh", "-c",
                               "sleep 0.5; echo c >/proc/sysrq-trigger")
        wait(lambda: noticed()[1] == [1], "corosync to say so", 30)
        when = noticed()[0]
        # one that began before it waits longer for its next attempt
        first = wait(lambda: flow.since(when - 0.05), "a new connection")
        others()
    before = max(end for _, end, err in flow.done if end < when and not err)
    print(f"# corosync noticed {when - before:.2f} s after the last new "
          "connection, the next was there "
          f"{(first - when) * 1000:.0f} ms later")
    check(when - before < DETECTION + 0.5 * slow(), "detection")
    check(first - when < slow(), "takeover")
    eq(NODES[2].ports(), {("tcp", 8001): 1, ("tcp", 8002): 2}, "ports")
    one = Bind(NODES[1], 8003)
    eq(one.end(), 0, "bind() of its port")
    contend(7500)
    one.sock.close()


run(globals(), LAB, 300)
