#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""FRR: zebra, ospfd and bgpd of two routers, in two sites.

	[s1] r1 10.0.1.1 --a-- 10.0.1.2 r2 [s2]

OSPF tells of s1, s2 and the loopback-like addresses; BGP, IPv4 and IPv6, of
a prefix that r1 has behind it and that is another one in each site. vtysh
configures and asks.
"""
import json

from vr_site import check, eq, other, run, sites, wait

PLAN = {"r1": {"a": "10.0.1.1/24 fd01::1/64", "s1": "10.1.0.1/24 fd11::1/64"},
        "r2": {"a": "10.0.1.2/24 fd01::2/64", "s2": "10.2.0.1/24 fd12::1/64"}}
OWN = {"blue": "198.51.100.", "red": "203.0.113."}
OSPFD = """\
interface {a}
 ip ospf network point-to-point
 ip ospf hello-interval 1
 ip ospf dead-interval 8
 ip ospf area 0
interface {stub}
 ip ospf area 0
 ip ospf passive
router ospf
 ospf router-id 10.0.0.{num}
 timers throttle spf 10 100 1000
"""
BGPD = """\
router bgp 6500{num}
 bgp router-id 10.0.0.{num}
 no bgp ebgp-requires-policy
 no bgp network import-check
 timers bgp 1 8
 neighbor 10.0.1.{peer} remote-as 6500{peer}
 neighbor 10.0.1.{peer} timers connect 2
 neighbor 10.0.1.{peer} advertisement-interval 0
 neighbor fd01::{peer} remote-as 6500{peer}
 neighbor fd01::{peer} timers connect 2
 neighbor fd01::{peer} advertisement-interval 0
 address-family ipv4 unicast
  no neighbor fd01::{peer} activate
  {network}
 address-family ipv6 unicast
  neighbor fd01::{peer} activate
  network fd1{num}::/64
"""
DAEMONS = ("zebra", "ospfd", "bgpd")


def serve(site):
    for num, (host, stub) in enumerate(((site["r1"], "s1"),
                                        (site["r2"], "s2")), 1):
        network = f"network {OWN[site.name]}0/24" if num == 1 else ""
        names = {"num": num, "peer": 3 - num, "a": host.dev("a"),
                 "stub": host.dev(stub), "network": network}
        host.run("install", "-d", "-o", "frr", "-g", "frr", "/run/frr")
        host.write("/etc/frr/vtysh.conf", "")
        for name, conf in (("zebra", ""), ("ospfd", OSPFD), ("bgpd", BGPD)):
            host.write(f"/etc/frr/{name}.conf", conf.format(**names))
        host.daemons = {}
        for name in DAEMONS:
            host.daemons[name] = host.popen(
                name, "-f", f"/etc/frr/{name}.conf", "--log", "stdout",
                "-A", "127.0.0.1")
            host.sees("vtysh", "-d", name, "-c", "show version",
                      want="FRRouting")
        if num == 1:
            # an address that comes when the daemons run
            own = host.devs["own"] = site.name[0] + "r1-own"
            host.ip(f"link add {own} type dummy", f"link set {own} up",
                    f"addr add {OWN[site.name]}1/24 dev {own}")


def learned(host, proto, *family):
    """{prefix: gateway} that FRR has put into the main table."""
    out = host.run("ip", "-j", *family, "route", "show", "proto", proto)
    return {r["dst"]: r.get("gateway") for r in json.loads(out or "[]")}


def converged(site):
    own = OWN[site.name] + "0/24"
    for host, proto, want in (
            (site["r1"], "ospf", {"10.2.0.0/24": "10.0.1.2"}),
            (site["r2"], "ospf", {"10.1.0.0/24": "10.0.1.1"}),
            (site["r2"], "bgp", {own: "10.0.1.1"})):
        wait(lambda h=host, p=proto, w=want: w.items()
             <= learned(h, p).items(), f"{host.full} to learn {want}", 60)
    wait(lambda: "fd11::/64" in learned(site["r2"], "bgp", "-6"),
         f"{site.name}: fd11::/64 by BGP", 60)
    wait(lambda: "fd12::/64" in learned(site["r1"], "bgp", "-6"),
         f"{site.name}: fd12::/64 by BGP", 60)


def shown(host, *cmd):
    return host.run("vtysh", *[w for c in cmd for w in ("-c", c)])


def test_routes():
    """FRR: OSPF and BGP bring routes, traffic follows, they go at its end"""
    with sites(PLAN) as pair:
        for site in pair:
            serve(site)
        for site in pair:
            converged(site)
        for site in pair:
            r1, r2 = site["r1"], site["r2"]
            for src, dst in (("10.2.0.1", "10.1.0.1"), ("fd12::1", "fd11::1"),
                             ("10.2.0.1", OWN[site.name] + "1")):
                r2.run("ping", "-nc2", "-i0.1", "-w10", "-I", src, dst)
            views(site, other(pair, site))
            hot(r1, r2)
        blue, red = pair
        for name in reversed(DAEMONS):
            blue["r2"].daemons[name].terminate()
            eq(blue["r2"].daemons[name].wait(30), 0, f"{name}'s status")
        for proto in ("ospf", "bgp", "static"):
            eq(learned(blue["r2"], proto), {}, f"{proto} routes of no FRR")
            eq(learned(blue["r2"], proto, "-6"), {}, "IPv6 routes of no FRR")
        wait(lambda: "10.2.0.0/24" not in learned(blue["r1"], "ospf"),
             "blue r1 to forget r2", 60)
        converged(red)
        red["r2"].run("ping", "-nc1", "-w10", "-I", "10.2.0.1", "10.1.0.1")


def views(site, far):
    """What vtysh shows of interfaces, neighbours and routes."""
    r1, r2 = site["r1"], site["r2"]
    out = shown(r2, "show interface brief")
    names = {line.split()[0] for line in out.splitlines()
             if " up " in line or " down " in line}
    eq(names, {"lo", r2.dev("a"), r2.dev("s2")}, "interfaces of r2")
    out = shown(r1, "show ip ospf neighbor")
    check("10.0.0.2" in out and "Full" in out, out)
    eq(out.count("10.0.0."), 1, f"one neighbour: {out}")
    for host in site:
        out = shown(host, "show ip route", "show ip bgp", "show ip ospf "
                    "database", "show ipv6 route", "show running-config")
        check(OWN[far.name] not in out, f"{host.full} has a prefix of {far}")
        check(far.name[0] + "r1-a" not in out, f"a device of {far.name}")
        # zebra of every host numbers its nexthop objects from the same number
        out = json.loads(host.run("ip", "-j", "nexthop") or "[]")
        check(any(n.get("protocol") == "zebra" for n in out), f"objects: {out}")
        check({n["dev"] for n in out if "dev" in n} <= set(names_of(host)),
              f"devices of {out}")


def names_of(host):
    return [d["ifname"] for d in json.loads(host.run("ip", "-j", "link"))]


def hot(r1, r2):
    """A change of the configuration and of an interface while it runs."""
    shown(r2, "configure terminal", "interface " + r2.dev("s2"),
          "ip address 10.22.0.1/24")
    wait(lambda: "10.22.0.0/24" in learned(r1, "ospf"),
         f"{r1.full} to learn of an address that vtysh set", 30)
    check("10.22.0.1/24" in r2.run("ip", "addr"), "the address of vtysh")
    r1.ip(f"link set {r1.dev('s1')} down")
    wait(lambda: "10.1.0.0/24" not in learned(r2, "ospf"),
         f"{r2.full} to forget a network that went down", 30)
    r1.ip(f"link set {r1.dev('s1')} up")
    wait(lambda: "10.1.0.0/24" in learned(r2, "ospf"),
         f"{r2.full} to learn it again", 30)


run(globals())
