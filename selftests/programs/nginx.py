#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""nginx and curl: the same addresses, ports and file names in two sites.

Each server has one page with the name of its site; one client of each site
asks by IPv4, IPv6 and from the server itself by loopback. The access log of
each server shows the requests of its own client and no others.
"""
from vr_site import check, eq, run, sites, wait

PLAN = {"srv": {"lan": "10.0.0.1/24 fd00::1/64"},
        "cli": {"lan": "10.0.0.2/24 fd00::2/64"}}
CONF = """\
daemon off;
error_log stderr;
worker_processes 2;
events { }
http {
	access_log /var/log/vr/access.log;
	server {
		listen 80;
		listen [::]:80;
		root /srv/www;
	}
}
"""


def serve(site):
    srv = site["srv"]
    srv.write("/run/www/index.html", f"this is {site.name}\n")
    # 4 MB that say whose they are
    srv.write("/run/www/big", site.name.ljust(16).encode() * (1 << 18))
    srv.write("/etc/nginx/nginx.conf", CONF.replace("/srv/www", "/run/www"))
    srv.popen("nginx")
    srv.listens(80)


def ask(host, url):
    return host.run("curl", "-sS", "--noproxy", "*", "-A", host.full,
                    "--max-time", "30", url)


def test_pages():
    """nginx: each site gets its own page"""
    with sites(PLAN) as pair:
        for site in pair:
            serve(site)
        for site in pair:
            want = f"this is {site.name}\n"
            for url in "http://10.0.0.1/", "http://[fd00::1]/":
                eq(ask(site["cli"], url), want, f"{site.name} {url}")
            for url in "http://127.0.0.1/", "http://[::1]/":
                eq(ask(site["srv"], url), want, f"{site.name} {url}")
            big = ask(site["cli"], "http://10.0.0.1/big")
            eq(big, site.name.ljust(16) * (1 << 18), f"{site.name} big")
        for site in pair:
            log = site["srv"].read("/var/log/vr/access.log").splitlines()
            eq(len(log), 5, f"requests in the log of {site.name}")
            check(all(f'"{site.name}-' in line for line in log),
                  f"{site.name} was asked by another: {log}")


def test_one_stops():
    """nginx: when one site's server ends, the other's goes on"""
    with sites(PLAN) as pair:
        for site in pair:
            serve(site)
        blue, red = pair
        red["srv"].run("nginx", "-s", "quit")
        wait(lambda: red["cli"].status("curl", "-s", "--noproxy", "*",
                                       "http://10.0.0.1/")[0] == 7,
             "curl to find no server in red")        # 7: could not connect
        eq(ask(blue["cli"], "http://10.0.0.1/"), "this is blue\n", "the other")


run(globals())
