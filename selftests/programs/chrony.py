#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""chrony: an NTP server and a client in each of two sites.

The servers say different strata, so a client tells whose answer it took. No
clock is set (-x): there is only one.
"""
from vr_site import check, eq, run, sites

PLAN = {"srv": {"lan": "10.0.0.1/24 fd00::1/64"},
        "cli": {"lan": "10.0.0.2/24 fd00::2/64"}}
STRATUM = {"blue": 5, "red": 9}
COMMON = """\
driftfile /run/chrony/drift
pidfile /run/chrony/chronyd.pid
bindcmdaddress /run/chrony/chronyd.sock
"""


def start(host, conf):
    # where scripts/deps could only unpack the package, the user is missing
    host.run("sh", "-c", "getent passwd _chrony || useradd -r _chrony")
    host.run("install", "-d", "-m700", "-o", "_chrony", "-g", "_chrony",
             "/run/chrony")
    host.write("/etc/chrony/chrony.conf", COMMON + conf)
    host.popen("chronyd", "-d", "-x")
    host.sees("chronyc", "-n", "tracking", want="Stratum")


def test_sync():
    """chrony: each client takes the time of its own site's server"""
    with sites(PLAN) as pair:
        for site in pair:
            start(site["srv"], f"local stratum {STRATUM[site.name]}\n"
                  "allow 10.0.0.0/24\nallow fd00::/64\n")
        for site in pair:
            start(site["cli"],
                  "server 10.0.0.1 iburst minpoll -2 maxpoll 0\n"
                  "server fd00::1 iburst minpoll -2 maxpoll 0\n")
        for site in pair:
            want = STRATUM[site.name]
            cli, srv = site["cli"], site["srv"]
            out = cli.sees("chronyc", "-n", "-c", "sources",
                           want=f",10.0.0.1,{want},", timeout=60)
            check(f",fd00::1,{want}," in cli.sees(
                "chronyc", "-n", "-c", "sources", want=f",fd00::1,{want},",
                timeout=60), out)
            out = cli.sees("chronyc", "-n", "-c", "tracking",
                           want=f",{want + 1},", timeout=60)
            # what the server counted: its own client, by both addresses
            # (chronyc itself asks over lo while there is no Unix socket)
            out = srv.run("chronyc", "-n", "-c", "clients")
            eq(sorted({line.split(",")[0] for line in out.splitlines()}
                      - {"127.0.0.1", "::1"}),
               ["10.0.0.2", "fd00::2"], f"clients of {site.name}")


run(globals())
