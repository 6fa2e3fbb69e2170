#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""dnsmasq and dhclient: the same pool of addresses, leased in two sites.

Each server answers for one name with an address that is its site's own. The
segment has a second client, so it is a bridge: broadcasts of one site would
be seen if they crossed.
"""
from vr_site import check, eq, other, run, sites, wait

PLAN = {"srv": {"lan": "10.0.0.1/24 fd00::1/64"},
        "one": {"lan": ""},
        "two": {"lan": ""}}
MARK = {"blue": "192.0.2.1", "red": "192.0.2.2"}
CONF = """\
no-daemon
log-dhcp
log-queries
no-resolv
no-hosts
leasefile-ro
dhcp-range=10.0.0.100,10.0.0.101,1h
dhcp-option=option:router,10.0.0.1
dhcp-option=option:domain-name,{site}.test
address=/who.test/{mark}
address=/{site}.test/{mark}
"""


def serve(site):
    srv = site["srv"]
    srv.write("/etc/dnsmasq.conf",
              CONF.format(site=site.name, mark=MARK[site.name]))
    srv.popen("dnsmasq", "-C", "/etc/dnsmasq.conf", "-u", "root")
    srv.listens(53)
    srv.listens(67, "u")


def lease(host):
    """Have dhclient get an address; returns it."""
    host.run("dhclient", "-v", "-1", "-cf", "/dev/null", host.dev("lan"),
             timeout=60)
    for word in host.run("ip", "-o", "-4", "addr", "show", "dev",
                         host.dev("lan")).split():
        if word.startswith("10.0.0."):
            return word
    return None


def mac(host):
    return host.read(f"/sys/class/net/{host.dev('lan')}/address").strip()


def query(host, name):
    """The address of a name, asked by Python's (glibc's) resolver."""
    return host.run("getent", "ahostsv4", name, ok=(0, 2)).split(" ")[0]


def test_leases():
    """dnsmasq: both addresses of the pool are leased in both sites"""
    with sites(PLAN) as pair:
        for site in pair:
            serve(site)
        for site in pair:
            got = sorted(lease(site[name]).split("/")[0]
                         for name in ("one", "two"))
            eq(got, ["10.0.0.100", "10.0.0.101"], f"leases of {site.name}")
            for name in "one", "two":
                host = site[name]
                out = host.run("ip", "route", "show", "default")
                check("via 10.0.0.1 dev " + host.dev("lan") in out, out)
                check(f"search {site.name}.test" in host.read(
                    "/etc/resolv.conf"), "the domain that was leased")
                host.run("ping", "-nc1", "-w10", "10.0.0.1")
        for site in pair:
            log = site["srv"].log("dnsmasq")
            eq(log.count("DHCPACK("), 2, f"leases in the log of {site.name}")
            check(other(pair, site).name + ".test" not in log and
                  other(pair, site)["srv"].dev("lan") not in log,
                  f"{site.name} saw the other site")
            check(not any(mac(host) in log for host in other(pair, site)),
                  f"{site.name} saw the MAC address of the other's client")
        # What is released is gone on the client and free on the server
        host = pair[0]["one"]
        host.run("dhclient", "-r", "-cf", "/dev/null", host.dev("lan"))
        wait(lambda: "DHCPRELEASE(" in pair[0]["srv"].log("dnsmasq"),
             "the release")
        check("DHCPRELEASE(" not in pair[1]["srv"].log("dnsmasq"),
              "red saw the release of blue")
        eq(host.run("ip", "-o", "-4", "addr", "show", "dev",
                    host.dev("lan")), "", "addresses after the release")


def test_names():
    """dnsmasq: the same name, another answer in each site"""
    with sites(PLAN) as pair:
        for site in pair:
            serve(site)
            for name in "one", "two":
                host = site[name]
                host.ip(f"addr add 10.0.0.{2 if name == 'one' else 3}/24 dev "
                        + host.dev("lan"))
                host.write("/etc/resolv.conf", "nameserver 10.0.0.1\n"
                           "options timeout:20 attempts:1\n")
        for site in pair:
            for name in "one", "two":
                eq(query(site[name], "who.test"), MARK[site.name],
                   f"who.test in {site.name}")
                eq(query(site[name], f"{site.name}.test"), MARK[site.name],
                   "the name of the site")
                eq(query(site[name], other(pair, site).name + ".test"), "",
                   "a name of the other site")
            log = site["srv"].log("dnsmasq")
            eq(log.count(f"query[A] {other(pair, site).name}.test"), 2,
               "questions for the other's name, from here")
            eq(log.count("query[A] who.test"), 2, "questions")


run(globals())
