#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 4 6
"""vrctl dhost on the real kernel: every command, text, JSON, exit status."""
import json
import signal
import subprocess

from vr_dhost import SHARED, SNET, Binder, load, mac
from vr_net import TCP, Lab, sock
from vr_tap import check, eq, params, run

LAB = Lab(0, 7, hosts=False)
load()
LAB.rt.veth("d0", "e0")
LAB.rt.veth("d7", "e7")
LAB.vr.call(4, id=7, name="red")        # ctx-set: so it has a name
LAB.vr.move("d7", 7)
for name in ("d0", "d7"):
    LAB.rt.link_set(name, up=True)
MAC = ":".join(f"{b:02x}" for b in mac(2))


def vrctl(line, status=0):
    """Run it; what it printed, or its complaint if it is to fail."""
    done = subprocess.run(["vrctl", "dhost", *line.split()], text=True,
                          capture_output=True, check=False)
    eq(done.returncode, status, f"{line}: {done.stderr}")
    if status:
        eq(done.stdout, "", line)
        check(done.stderr.startswith("vrctl: "), f"{line}: no complaint")
        return done.stderr
    eq(done.stderr, "", line)
    return done.stdout


@params(("", "d0", 0), (" ctx red", "d7", 7))
def test_commands(ctx, dev, num):
    """add, member, port, lead, show, del:"""
    eq(json.loads(vrctl("show -j")), [], "before")
    vrctl(f"add {SHARED} own 1 slice 100-199 grants allow timeout 9 "
          f"handover off{ctx}")
    vrctl(f"member add {SHARED} 2 dev {dev} lladdr {MAC} slice 5-6{ctx}")
    vrctl(f"port set {SHARED} tcp 80-81 2{ctx}")
    vrctl(f"port set {SHARED} 47 0 1{ctx}")
    vrctl(f"lead {SHARED} 1 epoch 40{ctx}")
    got = json.loads(vrctl(f"show {SHARED}{ctx} -j"))[0]
    eq({k: got[k] for k in ("address", "ctx", "own", "lead", "epoch", "slice",
                            "grants", "timeout", "handover", "members",
                            "ports")},
       {"address": SHARED, "ctx": num, "own": 1, "lead": 1, "epoch": 40,
        "slice": "100-199", "grants": "allow", "timeout": 9, "handover": "off",
        "members": 1, "ports": 3}, "show")
    eq(len(vrctl("show").splitlines()), 2, "table")
    eq(json.loads(vrctl(f"member show {SHARED}{ctx} -j")),
       [{"node": 2, "ifindex": LAB.rt.ifindex(dev), "lladdr": MAC,
         "slice": "5-6"}], "members")
    eq(json.loads(vrctl(f"port show {SHARED}{ctx} -j")),
       [{"protocol": "tcp", "port": 80, "node": 2, "owners": None},
        {"protocol": "tcp", "port": 81, "node": 2, "owners": None},
        {"protocol": "47", "port": 0, "node": 1, "owners": None}], "ports")
    vrctl(f"port set {SHARED} tcp 81 2,1{ctx}")
    eq(json.loads(vrctl(f"port show {SHARED}{ctx} -j"))[1],
       {"protocol": "tcp", "port": 81, "node": None, "owners": "2,1"},
       "a port of two nodes")
    check("twice" in vrctl(f"port set {SHARED} tcp 81 2,2{ctx}", 1), "twice")
    check("member" in vrctl(f"port set {SHARED} tcp 81 1,3{ctx}", 1), "node 3")
    check("stale" in vrctl(f"lead {SHARED} 2 epoch 40{ctx}", 1), "stale lead")
    check("stale" in vrctl(f"port del {SHARED} tcp 80 epoch 3{ctx}", 1),
          "stale port")
    check("member" in vrctl(f"port set {SHARED} tcp 80 9{ctx}", 1), "node 9")
    vrctl(f"port del {SHARED} tcp 1-65535{ctx}")
    vrctl(f"lead {SHARED} none{ctx}")
    vrctl(f"member del {SHARED} 2{ctx}")
    vrctl(f"del {SHARED} epoch 41{ctx}")
    check("not a distributed" in vrctl(f"del {SHARED}{ctx}", 1), "gone")


def test_refused():
    """what makes no sense, and what is not there"""
    vrctl(f"add {SHARED}", 2)
    vrctl("frobnicate", 2)
    vrctl("add 10.0.0.300 own 1", 1)
    vrctl("add fd00::1::2 own 1", 1)
    vrctl(f"add {SHARED} own 1 ctx blue", 1)
    check("No bind()" in vrctl("grant 12345", 1), "grant")
    for nodes in ("1,", ",", "1,0", "1,a"):
        check("no number of a node" in
              vrctl(f"port set {SHARED} tcp 80 {nodes}", 1), nodes)
    for ports in ("65536", "1-65536", "80-79"):
        check(ports in vrctl(f"port set {SHARED} tcp {ports} 1", 1), ports)


def test_events():
    """events: what is there, then what happens, until SIGTERM"""
    there = sock(TCP, 0, ("0.0.0.0", 89))
    vrctl(f"add {SHARED} own 1 lead 1 grants refuse timeout 60000")
    LAB.rt.addr("d0", SNET)
    with there, subprocess.Popen(
            ["vrctl", "dhost", "events", "-j"], text=True, bufsize=1,
            stdout=subprocess.PIPE) as events:
        try:
            first = json.loads(events.stdout.readline())
            eq((first["event"], first["port"]), ("bound", 89), "what is there")
            # what is printed was asked for when it listened already
            one = Binder(0, 90)
            while True:
                event = json.loads(events.stdout.readline())
                if event["event"] == "bind":
                    break
            eq((event["address"], event["protocol"], event["port"]),
               (SHARED, "tcp", 90), "question")
            vrctl(f"grant {event['cookie']}")
            eq(one.end(), 0, "bind()")
            event = json.loads(events.stdout.readline())
            eq((event["event"], event["port"]), ("closed", 90), "event")
        finally:
            events.send_signal(signal.SIGTERM)
        eq(events.wait(10), 0, "exit status")
    LAB.rt.addr_del("d0", SNET)
    vrctl(f"del {SHARED}")


run(globals())
