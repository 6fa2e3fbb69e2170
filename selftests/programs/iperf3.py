#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""iperf3, ping and traceroute through a router, in two sites at once.

	cli 10.0.1.2 --a-- 10.0.1.1 rtr 10.0.2.1 --b-- 10.0.2.2 srv

Both sites run at the same time, one test of each overlapping the other.
"""
import json
import os

from vr_site import check, eq, run, sites

PLAN = {"cli": {"a": "10.0.1.2/24 fd01::2/64"},
        "rtr": {"a": "10.0.1.1/24 fd01::1/64", "b": "10.0.2.1/24 fd02::1/64"},
        "srv": {"b": "10.0.2.2/24 fd02::2/64"}}


def routed(pair):
    for site in pair:
        for host, net in (("cli", 1), ("srv", 2)):
            site[host].ip(f"route add default via 10.0.{net}.1",
                          f"route add default via fd0{net}::1")
    for site in pair:
        site["cli"].reaches("10.0.2.2")
        site["cli"].reaches("fd02::2")


def transfer(pair, *options):
    """One iperf3 test of each site, at once: (result of client, server)."""
    both = []
    for site in pair:
        srv = site["srv"].popen("iperf3", "-s", "-1", "-J", "--forceflush",
                                log="iperf3")
        site["srv"].listens(5201)
        both.append(srv)
    jobs = [site["cli"].popen("iperf3", "-J", "-n", "2M", "--extra-data",
                              site.name, *options, log="client")
            for site in pair]
    for job in jobs + both:
        eq(job.wait(120), 0, "iperf3's status")
    out = []
    for site in pair:
        got = json.loads(site["cli"].log("client")), \
            json.loads(site["srv"].log("iperf3"))
        for host, name in (("cli", "client"), ("srv", "iperf3")):
            os.unlink(site[host].logs[name])
        out.append(got)
    return out


def test_iperf3():
    """iperf3: 2 MB by TCP, UDP, IPv6 and backwards, both sites at once"""
    with sites(PLAN) as pair:
        routed(pair)
        for options in (("-c", "10.0.2.2"), ("-c", "fd02::2"),
                        ("-c", "10.0.2.2", "-R"),
                        ("-c", "10.0.2.2", "-u", "-b", "20M")):
            ends = transfer(pair, *options)
            for site, (cli, srv) in zip(pair, ends):
                eq(cli["extra_data"], site.name, "data of the client")
                test = srv["start"]["accepted_connection"]
                want = cli["start"]["connected"][0]["local_host"]
                eq(test["host"], want, "who was accepted")
                eq(srv["start"]["cookie"], cli["start"]["cookie"],
                   f"{site.name}: the test that the server saw")
            check(ends[0][0]["start"]["cookie"] !=
                  ends[1][0]["start"]["cookie"], "one test for both")


def test_ping():
    """ping: sizes, TTL, an address that only one site has"""
    with sites(PLAN) as pair:
        routed(pair)
        for site in pair:
            cli = site["cli"]
            for addr in "10.0.1.1", "10.0.2.2", "fd01::1", "fd02::2":
                out = cli.run("ping", "-nc3", "-i0.01", "-s4000", addr)
                check("3 received" in out and "DUP" not in out, out)
            out = cli.run("ping", "-nc1", "-t1", "10.0.2.2", ok=(1,))
            check("From 10.0.1.1" in out and "Time to live" in out, out)
        blue, red = pair
        blue["srv"].ip(f"addr add 10.0.2.77/24 dev {blue['srv'].dev('b')}")
        blue["cli"].reaches("10.0.2.77")
        out = red["cli"].run("ping", "-nc1", "-w5", "10.0.2.77", ok=(1,))
        check("Destination Host Unreachable" in out, out)


def test_traceroute():
    """traceroute: the two hops of one's own site, by UDP, ICMP and TCP"""
    with sites(PLAN) as pair:
        routed(pair)
        for site in pair:
            for kind in ("-U", "-I", "-T"):
                for addr, hops in (("10.0.2.2", ("10.0.1.1", "10.0.2.2")),
                                   ("fd02::2", ("fd01::1", "fd02::2"))):
                    out = site["cli"].run("traceroute", kind, "-n", "-q1",
                                          "-N1", "-m4", addr)
                    got = [line.split()[1] for line in out.splitlines()[1:]]
                    eq(tuple(got), hops, f"{site.name} {kind} {addr}")


run(globals())
