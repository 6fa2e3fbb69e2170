#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""BIRD: OSPFv2, OSPFv3 and BGP over the same addresses in two sites.

	[s1] r1 10.0.1.1 --a-- 10.0.1.2 r2 10.0.2.1 --b-- 10.0.2.2 r3 [s3]

OSPF tells of s1 and s3, and of an address that each router has on lo; BGP of a
prefix that r1 has behind it and that is another one in each site.
"""
from vr_site import check, eq, other, run, sites, wait

PLAN = {"r1": {"a": "10.0.1.1/24 fd01::1/64", "s1": "10.1.0.1/24 fd11::1/64"},
        "r2": {"a": "10.0.1.2/24 fd01::2/64", "b": "10.0.2.1/24 fd02::1/64"},
        "r3": {"b": "10.0.2.2/24 fd02::2/64", "s3": "10.3.0.1/24 fd13::1/64"}}
OWN = {"blue": "198.51.100.", "red": "203.0.113."}
HEAD = """\
log stderr all;
router id 10.0.0.{num};
protocol device {{ }}
protocol kernel {{ ipv4 {{ export all; }}; }}
protocol kernel {{ ipv6 {{ export all; }}; }}
protocol direct {{ ipv4; interface {own}; }}
"""
OSPF = """\
protocol ospf {version} {{
	{family} {{ export none; }};
	area 0 {{
		interface {transit} {{ type ptp; hello 1; dead 8; }};
		interface {stub} {{ stub; }};
	}};
}}
"""
BGP = """\
protocol bgp {{
	local {near} as 6500{num};
	neighbor {far} as 6500{peer};
	connect delay time 1;
	connect retry time 2;
	ipv4 {{
		import all;
		export where net.len = 24 && (source = RTS_BGP || source =
			RTS_DEVICE);
	}};
}}
"""
PEERS = {1: [("10.0.1.1", "10.0.1.2", 2)],
         2: [("10.0.1.2", "10.0.1.1", 1), ("10.0.2.1", "10.0.2.2", 3)],
         3: [("10.0.2.2", "10.0.2.1", 2)]}


def serve(site):
    """BIRD on every router, as Debian's unit starts it."""
    r1 = site["r1"]
    own = r1.devs["own"] = site.name[0] + "r1-own"
    r1.ip(f"link add {own} type dummy", f"link set {own} up",
          f"addr add {OWN[site.name]}1/24 dev {own}")
    for num, host in enumerate(site, 1):
        host.ip(f"addr add 10.255.0.{num}/32 dev lo")
        quoted = {seg: f'"{dev}"' for seg, dev in host.devs.items()}
        transit = [quoted[seg] for seg in quoted if seg in ("a", "b")]
        stub = [quoted[seg] for seg in quoted if seg in ("s1", "s3")]
        conf = HEAD.format(num=num, own=f'"{own}"')
        for version, family in (("v2", "ipv4"), ("v3", "ipv6")):
            # OSPFv3 wants link-local addresses
            alone = stub + ['"lo"'] * (version == "v2")
            conf += OSPF.format(version=version, family=family,
                                transit=", ".join(transit),
                                stub=", ".join(alone) or '"none"')
        for near, far, peer in PEERS[num]:
            conf += BGP.format(near=near, far=far, num=num, peer=peer)
        host.write("/etc/bird/bird.conf", conf)
        host.run("install", "-d", "-o", "bird", "-g", "bird", "/run/bird")
        host.bird = host.popen("bird", "-f", "-u", "bird", "-g", "bird")


def learned(host, *family):
    """Prefixes that BIRD has put into the main table of a host."""
    out = host.run("ip", *family, "route", "show", "proto", "bird")
    return {line.split()[0]: line.split()[2] for line in out.splitlines()}


def converged(site):
    """Wait until all that is to be learned has been."""
    r1, r3 = site["r1"], site["r3"]
    own = OWN[site.name] + "0/24"
    for host, args, want in (
            (r3, (), {"10.1.0.0/24": "10.0.2.1", "10.0.1.0/24": "10.0.2.1",
                      "10.255.0.1": "10.0.2.1", own: "10.0.2.1"}),
            (r1, (), {"10.3.0.0/24": "10.0.1.2", "10.0.2.0/24": "10.0.1.2",
                      "10.255.0.3": "10.0.1.2"}),
            (site["r2"], (), {"10.1.0.0/24": "10.0.1.1",
                              "10.3.0.0/24": "10.0.2.2", own: "10.0.1.1"})):
        # what a host has itself is in no way a route to learn, but BIRD 2
        # exports such, too: as one of its own to a network it is on
        wait(lambda h=host, a=args, w=want:
             w.items() <= learned(h, *a).items(),
             f"{host.full} to learn {sorted(want)}", 60)
    wait(lambda: {"fd11::/64", "fd01::/64"} <= learned(r3, "-6").keys(),
         "IPv6 routes", 60)


def test_routes():
    """BIRD: OSPF and BGP bring routes, traffic follows, they go at its end"""
    with sites(PLAN) as pair:
        for site in pair:
            serve(site)
        for site in pair:
            converged(site)
        for site in pair:
            r1, r3 = site["r1"], site["r3"]
            for src, dst in (("10.3.0.1", "10.1.0.1"), ("fd13::1", "fd11::1"),
                             ("10.255.0.3", "10.255.0.1"),
                             ("10.3.0.1", OWN[site.name] + "1")):
                r3.run("ping", "-nc2", "-i0.1", "-w10", "-I", src, dst)
            out = r3.run("birdc", "show", "ospf", "neighbors")
            eq(out.count("Full/PtP"), 2, f"neighbours of r3: {out}")
            for host in site:
                out = host.run("birdc", "show", "route", "all")
                check(OWN[other(pair, site).name] not in out,
                      f"{host.full} knows a prefix of the other site")
                check("10.0.0.4" not in out, out)
            before = r1.run("ip", "route", "get", "10.3.0.1")
            check(f"via 10.0.1.2 dev {r1.dev('a')}" in before, before)
        blue, red = pair
        blue["r3"].bird.terminate()
        eq(blue["r3"].bird.wait(30), 0, "BIRD's exit status")
        eq(learned(blue["r3"]), {}, "routes of a BIRD that ended")
        eq(learned(blue["r3"], "-6"), {}, "IPv6 routes of it")
        wait(lambda: "10.3.0.0/24" not in learned(blue["r1"]),
             "blue r1 to forget r3", 60)
        converged(red)
        red["r3"].run("ping", "-nc1", "-w10", "-I", "10.3.0.1", "10.1.0.1")


run(globals())
