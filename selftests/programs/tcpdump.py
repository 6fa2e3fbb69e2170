#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""tcpdump: it captures the packets of its own site and no others."""
import re
import signal

from vr_site import check, eq, other, run, sites, wait

PLAN = {"r1": {"lan": "10.0.0.1/24 fd00::1/64"},
        "r2": {"lan": "10.0.0.2/24 fd00::2/64"}}
WORD = {"blue": "426c7565", "red": "52656421"}  # of the ping, in hexadecimal


def capture(host, dev, *args):
    one = host.popen("tcpdump", "-n", "-l", "--immediate-mode", "-x",
                     "-i", dev, *args, log=f"tcpdump-{dev}")
    wait(lambda: "listening on" in host.log(f"tcpdump-{dev}"), "tcpdump", 30)
    return one


def dump(host, dev):
    """What a capture has printed, the hexadecimal without spaces."""
    return re.sub(r"(?<=[0-9a-f]{4}) (?=[0-9a-f]{4})", "",
                  host.log(f"tcpdump-{dev}"))


def ping(site, host, addr):
    site[host].run("ping", "-nc2", "-i0.05", "-w10", "-p", WORD[site.name],
                   addr)


def test_capture():
    """tcpdump: on a device, on all of them, on lo"""
    with sites(PLAN) as pair:
        running = []
        for site in pair:
            host = site["r1"]
            # libpcap leaves out what lo sends: it comes in again
            for dev, four, six in ((host.dev("lan"), 4, 4), ("any", 8, 4),
                                   ("lo", 4, 0)):
                one = capture(host, dev, "icmp or icmp6 or arp")
                running.append((site, host, dev, four, six, one))
        # The second turn of a site is after the first one of the other, which
        # has thus been seen by then, if it can be
        for _ in range(2):
            for site in pair:
                ping(site, "r2", "fd00::1")
                ping(site, "r2", "10.0.0.1")
                ping(site, "r1", "127.0.0.1")
        for site, host, dev, four, six, one in running:
            what = f"{host.full} on {dev}"
            wait(lambda h=host, d=dev, n=four:
                 dump(h, d).count("ICMP echo request") >= n, what, 20)
            one.send_signal(signal.SIGINT)
            eq(one.wait(30), 0, "tcpdump's status")
            text = dump(host, dev)
            eq(text.count("ICMP echo request"), four, f"{what}: IPv4")
            eq(text.count("ICMP6, echo request"), six, f"{what}: IPv6")
            check(WORD[site.name] in text, f"{what}: nothing of its own")
            far = other(pair, site)
            check(WORD[far.name] not in text and far["r1"].dev("lan")
                  not in text, f"{what}: the other site's:\n{text}")


def test_devices():
    """tcpdump: the list of devices, and one of the other site"""
    with sites(PLAN) as pair:
        for site in pair:
            host, far = site["r1"], other(pair, site)["r1"]
            out = host.run("tcpdump", "-D")
            for dev in host.dev("lan"), "lo", "any":
                check(f".{dev} " in out, f"no {dev} in {out}")
            check(far.dev("lan") not in out and site["r2"].dev("lan")
                  not in out, out)
            out = host.run("tcpdump", "-c1", "-i", far.dev("lan"), ok=(1,))
            check("No such device" in out, out)


def test_write():
    """tcpdump: what one wrote, another reads, with a filter"""
    with sites(PLAN) as pair:
        for site in pair:
            host = site["r1"]
            one = host.popen("tcpdump", "-U", "-w", "/tmp/file", "-c", "4",
                             "-i", host.dev("lan"), "icmp", log="w")
            wait(lambda h=host: "listening on" in h.log("w"), "tcpdump", 30)
            site["r2"].run("ping", "-nc2", "-i0.05", "-w10", "10.0.0.1")
            eq(one.wait(30), 0, "tcpdump's status")
            out = host.run("tcpdump", "-nr", "/tmp/file",
                           "icmp[icmptype] == icmp-echo")
            eq(out.count("10.0.0.2 > 10.0.0.1: ICMP echo request"), 2, out)


run(globals())
