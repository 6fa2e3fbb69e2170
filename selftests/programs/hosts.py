#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""The harness itself: hosts are what VR_SITE says, and nothing stays behind."""
import os

from vr_site import CTX, check, eq, run, sites

PLAN = {"one": {"lan": "10.0.0.1/24", "stub": "10.1.0.1/24"},
        "two": {"lan": "10.0.0.2/24"},
        "three": {"lan": "10.0.0.3/24"}}


def children():
    with open(f"/proc/self/task/{os.getpid()}/children",
              encoding="ascii") as f:
        return f.read().split()


def test_hosts():
    """contexts of one namespace, or namespaces; files of their own"""
    with sites(PLAN) as pair:
        hosts = [host for site in pair for host in site]
        spaces = {host.run("readlink", "/proc/self/ns/net") for host in hosts}
        eq(len(spaces), 1 if CTX else len(hosts), "network namespaces")
        if CTX:
            eq([host.run("cat", "/proc/self/vrctx").strip() for host in hosts],
               [f"{num} {host.full}" for num, host in enumerate(hosts, 1)],
               "contexts")
        for host in hosts:
            eq(host.run("hostname").strip(), host.name, "host name")
            host.write("/etc/mark", host.full)
            host.run("sh", "-c", "cat /etc/mark >/var/lib/mark")
            host.run("sh", "-c", "cat /etc/mark >/tmp/mark")
        for host in hosts:
            for name in "/etc/mark", "/var/lib/mark", "/tmp/mark":
                eq(host.read(name), host.full, name)
            out = host.run("ps", "-eo", "args")
            check(len(out.splitlines()) == 3, f"heading, init, ps: {out}")
    check(not os.path.exists("/etc/mark"), "/etc/mark outside")


def test_segments():
    """two hosts, three and more on a segment, alone"""
    with sites(PLAN) as pair:
        for site in pair:
            for near in site:
                for num in 1, 2, 3:
                    near.run("ping", "-nqc1", "-w20", f"10.0.0.{num}")
            site["one"].run("ping", "-nqc1", "-w20", "10.1.0.1")


def test_nothing_left():
    """daemons that fork, and what they hold, go with the site"""
    with sites(PLAN) as pair:
        for site in pair:
            for host in site:
                host.run("sh", "-c", "setsid -f sleep 1000 >/dev/null 2>&1")
                host.popen("python3", "-c", "import socket, time\n"
                           "one = socket.create_server(('', 80))\n"
                           "time.sleep(1000)")
                host.listens(80)
    eq(children(), [], "child processes")
    for pid in os.listdir("/proc"):
        try:
            with open(f"/proc/{pid}/cmdline", encoding="utf-8") as f:
                check("1000" not in f.read().split("\0"), f"process {pid}")
        except (FileNotFoundError, NotADirectoryError, ProcessLookupError):
            pass


run(globals())
