#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""A static program without a C library: the kernel alone makes what it sees.

nolibc.c asks for links and addresses as Go's net package does and listens.
"""
import os
import socket

from vr_site import check, eq, run, sites, wait

PLAN = {"srv": {"lan": "10.0.0.1/24 fd00::1/64", "more": "10.5.0.1/16"},
        "cli": {"lan": "10.0.0.2/24 fd00::2/64"}}
PROGRAM = os.path.realpath(os.path.join(
    os.path.dirname(__file__), "../../build/selftests/vr_nolibc"))


def hexed(cidr):
    addr, plen = cidr.split("/")
    family = socket.AF_INET6 if ":" in addr else socket.AF_INET
    return f"{socket.inet_pton(family, addr).hex()}/{plen}"


def test_view():
    """a program of nothing but system calls: links, addresses, a listener"""
    with sites(PLAN) as pair:
        for site in pair:
            srv = site["srv"]
            if site.name == "red":
                srv.ip(f"addr add 10.0.0.99/32 dev {srv.dev('lan')}")
            srv.prog = srv.popen(PROGRAM, "80")
            wait(lambda s=srv: "ready" in s.log("vr_nolibc"), "it to listen")
        for site in pair:
            srv = site["srv"]
            lines = srv.log("vr_nolibc").splitlines()
            links = sorted(one[5:] for one in lines if one[:5] == "link ")
            eq(links, sorted(["lo", srv.dev("lan"), srv.dev("more")]),
               f"links of {srv.full}")
            want = [hexed(cidr) for cidr in
                    "127.0.0.1/8 ::1/128 10.0.0.1/24 fd00::1/64 10.5.0.1/16"
                    .split()] + ([hexed("10.0.0.99/32")]
                                 if site.name == "red" else [])
            got = [one[5:] for one in lines if one[:5] == "addr "
                   and not one[5:].startswith("fe80")]
            eq(sorted(got), sorted(want), f"addresses of {srv.full}")
            said = site["cli"].run("python3", "-c", CLIENT, "10.0.0.1")
            check(srv.dev("lan") in said.split(), said)
            eq(sorted(said.split()), links, "links that it sent")
            site["srv"].run("python3", "-c", CLIENT, "127.0.0.1")
            eq(srv.prog.wait(30), 0, "its status")


CLIENT = """\
import socket, sys
with socket.create_connection((sys.argv[1], 80), 30) as one:
    print(one.makefile().read())
"""
run(globals())
