#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""iproute2: a small router is set up by one script, in a context of each of
two sites, in a network namespace and on the bare machine; ip and ss say the
same of all of them.

With --bare FILE this is the bare machine, on any kernel, and writes down what
they say; scripts/check-programs boots one for that.
"""
import json
import re
import signal
import sys
from collections import Counter

from vr_site import check, other, run, sites, wait

BARE = "/repo/build/check/bare/iproute2.json"
# The third member makes lan a bridge elsewhere: no peer is in sight
PLAN = {"r1": {"lan": "", "wan": ""},
        "r2": {"lan": "10.0.0.2/24 fd00::2/64"},
        "r3": {"lan": "10.0.0.3/24"},
        "r4": {"wan": ""}, "r5": {"wan": ""}}
SETUP = """\
link set dev lan mtu 1400
addr add 10.0.0.1/24 brd + dev lan
addr add 10.0.0.11/24 dev lan
addr add fd00::1/64 dev lan nodad
addr add 10.9.0.1/30 dev wan
addr add fd09::1/64 dev wan nodad
addr add 10.255.0.1/32 dev lo
addr add 10.254.0.1/24 dev lo
addr add fd0f::1/128 dev lo nodad
addr add fd0e::1/128 dev lo nodad
link set dev lan up
link set dev wan up
route add default via 10.9.0.2 dev wan
route add 192.0.2.0/24 via 10.0.0.2 metric 20
route add 192.0.2.0/24 dev wan metric 30
route add blackhole 198.51.100.0/24
route add unreachable 203.0.113.0/24 metric 7
route add 10.77.0.0/16 nexthop via 10.0.0.2 weight 1 nexthop via 10.9.0.2 weight 2
route add 10.78.0.0/16 via 10.0.0.2 src 10.0.0.11 mtu 1300 proto static
route add default via fd09::2
route add 2001:db8:1::/48 via fd00::2 metric 77
route add unreachable 2001:db8:2::/48
route add default via 10.0.0.2 table 100
route add 192.0.2.0/24 via 10.9.0.2 dev wan table 100
route add blackhole 198.18.0.0/15 table 100
route add 10.79.0.0/16 table 70000 nexthop via 10.0.0.2 nexthop via 10.9.0.2 weight 3
route add throw 10.79.7.0/24 table 70000
route add default via fd00::2 table 200
route add unreachable 2001:db8:3::/48 table 200
rule add from 10.0.0.11 lookup 100 pref 1000
rule add to 198.18.0.0/16 lookup 100
rule add fwmark 0x10/0xf0 iif lan lookup 100 pref 1001
rule add iif lo ipproto tcp dport 25 prohibit pref 1002
rule add from 10.9.0.0/30 sport 100-200 ipproto udp goto 1010 pref 1003
rule add lookup main suppress_prefixlength 0 pref 1004
rule add not fwmark 7 tos 0x10 blackhole pref 1010
rule add to 10.79.0.0/16 lookup 70000 pref 1011
rule del from 10.9.0.0/30 pref 1003
nexthop add id 10 via 10.0.0.2 dev lan
nexthop add id 11 via 10.9.0.2 dev wan
nexthop add id 12 group 10,3/11
nexthop add id 13 blackhole
nexthop add id 14 via fd00::2 dev lan
route add 10.81.0.0/16 nhid 12
route add 10.82.0.0/16 nhid 13
route add 2001:db8:4::/48 nhid 14
neigh add 10.0.0.50 lladdr 02:00:00:00:00:50 dev lan nud permanent
neigh add fd00::50 lladdr 02:00:00:00:00:51 dev lan nud permanent
neigh add proxy 10.0.0.60 dev lan
link add name dum type dummy
addr add 10.8.8.8/32 dev dum
link set dev dum up
link add link lan name tag type vlan id 7
addr add 10.7.0.1/24 dev tag
link set dev tag up
"""
SETUP6 = """\
rule add from fd00::/64 lookup 200 pref 1000
rule add to 2001:db8:3::/48 lookup 200 pref 1001
rule add oif nosuch from fd00::7 unreachable pref 1002
"""
LOOK = ("ip addr", "ip -br addr", "ip -br link", "ip route",
        "ip -6 route", "ip route show table main", "ip route show table local",
        "ip -6 route show table local", "ip route show table all",
        "ip -6 route show table all", "ip route show default",
        "ip route show type blackhole", "ip route show proto static",
        "ip route show dev lan", "ip route get 10.77.1.1 oif wan",
        "ip route get 192.0.2.1", "ip route get 8.8.8.8",
        "ip route get 10.0.0.1", "ip route get 127.0.0.1",
        "ip route get 2001:db8:1::1", "ip -6 route get fd00::1",
        "ip neigh show nud permanent", "ip neigh show proxy", "ip rule",
        "ip -6 rule", "ip -d rule", "ip route show table 100",
        "ip route show table 70000", "ip -6 route show table 200",
        "ip route show table 4711", "ip -6 route show table 100",
        "ip route get 192.0.2.7 from 10.0.0.11",
        "ip route get 198.18.1.1", "ip route get 198.18.1.1 from 10.0.0.1",
        "ip route get 8.8.8.8 ipproto tcp dport 25",
        "ip route get 10.79.7.1", "ip route get 10.79.8.1 oif wan",
        "ip route get 192.0.2.1 mark 0x10 iif lan from 10.0.0.99",
        "ip route get 2001:db8:3::1", "ip route get 8.8.8.8 from 10.0.0.11",
        "ip -6 route get 2001:db8:9::1 from fd00::1",
        "ip route get fibmatch 192.0.2.7 from 10.0.0.11",
        "ip nexthop", "ip -d nexthop show id 12", "ip nexthop show dev lan",
        "ip nexthop show groups", "ip route get fibmatch 10.81.1.1",
        "ip route get 10.82.1.1", "ip -6 route get 2001:db8:4::1",
        "ip maddr show dev lan", "ip link show lan",
        "ip -d link show tag", "ip addr show up", "ip addr show to 10.0.0.0/8",
        "ip link show type vlan", "ip addr show scope host",
        "ip -d addr show dev lo", "ip route get 10.255.0.1",
        "ip -6 route get fd0f::1", "bridge link", "bridge -d vlan",
        "bridge mdb", "bridge fdb show dynamic",
        "ip netconf show dev lan",
        "ss -Htln", "ss -Huln", "ss -Htlnp", "ss -Hwln", "ss -tn",
        "ip route show table 254", "cat /proc/net/route", "cat /proc/net/dev",
        "cat /proc/net/if_inet6", "cat /proc/net/tcp", "cat /proc/net/udp",
        "cat /proc/net/igmp", "cat /proc/net/arp", "cat /proc/net/ipv6_route",
        "cat /proc/net/dev_mcast")
# What is not the same in two namespaces of plain Linux either
BLUR = ((r"@[^ :]+", "@x"), (r"link-netnsid \d+", ""),
        (r"\b[0-9a-f]{2}(:[0-9a-f]{2}){5}\b(?<!02:00:00:00:00:5[01])", "MAC"),
        (r"\bfe80::[0-9a-f:]+", "fe80::x"), (r"(?m)^\d+:", "N:"),
        (r"ff02::1:ff[0-9a-f:]+", "ff02::x"), (r"33:33:ff[0-9a-f:]+", "33:x"),
        (r"pid=\d+", "pid=P"), (r"\bid 0x\w+|cache ?(expires \w+)?", ""),
        # the null entry of each table; a look-up says "local" only if there
        # are rules or contexts
        (r"(?m)^0{32} 00 0{32} 00 0{32} ffffffff .*", ""),
        (r"(?m)^(local \S+ dev lo) table local src", r"\1 src"),
        (r"\b3333ff[0-9a-f]{6}", "3333ff"), (r"uid \d+ ?", ""),
        (r"\bqlen \d+|qdisc \w+", ""))


def devs(host, text):
    """The script's names of devices as the host's."""
    return re.sub(r"\b(lan|wan|dum|tag)\b",
                  lambda m: host.devs.get(m[0], m[0]), text)


def blur_proc(cmd, line):
    """Counters, addresses of structures, inodes, device numbers."""
    words = line.split()
    if cmd.endswith(("/tcp", "/udp")):
        return " ".join(words[1:4] + words[7:8])
    if cmd.endswith("/dev"):
        return words[0]
    if cmd.endswith("/if_inet6"):
        return " ".join(words[:1] + words[2:])
    if cmd.endswith("/ipv6_route"):
        return " ".join(words[:6] + words[8:])
    return re.sub(r"^\d+\s", "N ", line)


def differ(got, want):
    """Lines that are more often in one than in the other."""
    one, two = Counter(got), Counter(want)
    return [f"  only here: {line}" for line in (one - two).elements()] + \
        [f"  missing:   {line}" for line in (two - one).elements()]


def look(host):
    out = {}
    for cmd in LOOK:
        text = host.status("sh", "-c", devs(host, cmd))[1]
        text = host.plain(text)
        if "/proc/" in cmd:
            text = "\n".join(blur_proc(cmd, line)
                             for line in text.splitlines())
            text = re.sub(r"fe80[0-9a-f]{28}|ff0200000+1ff[0-9a-f]{6}",
                          "link", text)
        for what, by in BLUR:
            text = re.sub(what, by, text)
        out[cmd] = sorted(" ".join(line.split())
                          for line in text.splitlines() if line.strip())
    return out


def setup(host):
    """The router: made devices have the site's first letter, too."""
    for name in "dum", "tag":
        host.devs[name] = host.site.name[0] + "r1-" + name
    host.ip(*devs(host, SETUP).splitlines())
    host.run("ip", "-6", "-batch", "-", stdin=SETUP6)
    host.write("/etc/dnsmasq.conf", "no-daemon\nno-resolv\nport=5300\n")
    host.popen("dnsmasq", "-C", "/etc/dnsmasq.conf", "-u", "root")
    host.listens(5300)
    host.popen("iperf3", "-s")
    host.listens(5201)
    wait(lambda: "tentative" not in host.run("ip", "-6", "addr"),
         "addresses to be no more tentative")
    for dev in "lan", "wan":
        wait(lambda d=dev: host.oper(d) == "up", f"{dev} to be up")


def test_same():
    """ip, ss: what they show in a context is what they show elsewhere"""
    with sites(PLAN, ("blue", "red", "gold"), plain=("gold",)) as three:
        for site in three:
            setup(site["r1"])
        seen = [look(site["r1"]) for site in three]
        with open(BARE, encoding="utf-8") as f:
            bare = json.load(f)
        wrong = []
        for site, got in zip(three[:2], seen):
            for where, want in ("a namespace", seen[2]), ("a machine", bare):
                for cmd in LOOK:
                    lines = differ(got[cmd], want[cmd])
                    if lines:
                        wrong += [f"{site.name}: {cmd}, in {where}"] + lines
        check(not wrong, "not the same in a context:\n" + "\n".join(wrong))
        for cmd in "ip addr", "ss -Htlnp", "ip route", "cat /proc/net/tcp":
            check(len(seen[0][cmd]) > 1, f"{cmd}: {seen[0][cmd]}")


def be_bare(path):
    """Of the machine that runs this, no test."""
    with sites(PLAN, ("gold",), bare="r1") as (gold,):
        setup(gold["r1"])
        with open(path, "w", encoding="utf-8") as f:
            json.dump(look(gold["r1"]), f)


def test_monitor():
    """ip monitor: events of one's own site, in their order"""
    with sites(PLAN) as pair:
        for site in pair:
            host = site["r1"]
            host.monitor = host.popen("ip", "monitor", "link", "address",
                                      "route", log="monitor")
        for site in pair:
            # it listens when it has seen something
            wait(lambda h=site["r1"]: poke(h), "ip monitor to say something")
        blue, red = pair
        for site, net in ((blue, 1), (red, 2), (blue, 3), (red, 4)):
            host = site["r1"]
            dev = host.dev("lan")
            host.ip(f"link set {dev} up", f"addr add 10.{net}.0.1/24 dev "
                    f"{dev}", f"route add 10.{net}0.0.0/16 via 10.{net}.0.2",
                    f"addr del 10.{net}.0.1/24 dev {dev}")
        for site, mine, far in ((blue, "13", "24"), (red, "24", "13")):
            host = site["r1"]
            wait(lambda h=host, n=mine[1]: f"Deleted 10.{n}.0.0/24" in
                 h.log("monitor") or f"Deleted local 10.{n}.0.1" in
                 h.log("monitor"), "the last event", 20)
            host.monitor.send_signal(signal.SIGINT)
            host.monitor.wait(30)
            log = host.log("monitor")
            for net in mine:
                want = (f"inet 10.{net}.0.1/24", f"local 10.{net}.0.1 ",
                        f"10.{net}0.0.0/16 via 10.{net}.0.2")
                at = [log.find(one) for one in want]
                check(-1 not in at, f"{site.name}: no {want} in {log}")
            for net in far:
                check(f"10.{net}." not in log and f"10.{net}0." not in log,
                      f"{site.name} saw the other's events: {log}")
            check(other(pair, site)["r1"].dev("lan") not in log,
                  f"{site.name} saw the other's device: {log}")


def poke(host):
    """One more event; has the monitor said something?"""
    host.ip("route replace blackhole 192.0.2.1",
            "route del blackhole 192.0.2.1")
    return "blackhole 192.0.2.1" in host.log("monitor")


def test_refused():
    """ip: a device of the other site is not there to be changed"""
    with sites(PLAN) as pair:
        for site in pair:
            host, far = site["r1"], other(pair, site)["r1"]
            dev = far.dev("lan")
            for cmd in (f"link set {dev} up", f"link del {dev}",
                        f"addr add 10.1.1.1/24 dev {dev}",
                        f"link show {dev}", f"addr show dev {dev}",
                        f"neigh add 10.0.0.9 lladdr 02:00:00:00:00:09 dev "
                        f"{dev}", f"route add 10.1.1.0/24 dev {dev}"):
                status, out = host.status("ip", *cmd.split())
                check(status and re.search(
                    "Cannot find device|does not exist|No such device", out),
                    f"{cmd}: status {status}: {out}")
        for site in pair:
            out = site["r1"].run("ip", "-br", "link", "show",
                                 site["r1"].dev("lan"))
            check("DOWN" in out or "UP" in out, out)


if sys.argv[1:2] == ["--bare"]:
    be_bare(sys.argv[2])
else:
    run(globals())
