#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""keepalived: VRRP with the same router id and address in two sites.

Blue's master is r1, red's is r2; if one heard the other site, the roles would
not be what the priorities of its own site say.
"""
import signal

from vr_site import check, eq, run, sites, wait

PLAN = {"r1": {"lan": "10.0.0.1/24"}, "r2": {"lan": "10.0.0.2/24"},
        "cli": {"lan": "10.0.0.3/24"}}
PRIORITY = {("blue", "r1"): 150, ("blue", "r2"): 100,
            ("red", "r1"): 100, ("red", "r2"): 200}
VIP = "10.0.0.254"
CONF = """\
global_defs {{
	router_id {full}
	vrrp_garp_master_repeat 2
	vrrp_garp_master_delay 1
	dynamic_interfaces
}}
vrrp_instance one {{
	state BACKUP
	interface {dev}
	virtual_router_id 51
	priority {priority}
	advert_int 1
	virtual_ipaddress {{
		10.0.0.254/24
	}}
	virtual_routes {{
		192.0.2.0/24 via 10.0.0.3 dev {dev}
	}}
}}
"""


def serve(site):
    for name in "r1", "r2":
        host = site[name]
        host.write("/etc/keepalived/keepalived.conf", CONF.format(
            full=host.full, dev=host.dev("lan"),
            priority=PRIORITY[site.name, name]))
        host.vrrp = host.popen("keepalived", "-P", "-n", "-l", "-D")


def has(host):
    return f" {VIP}/24 " in host.run("ip", "-o", "addr", "show", "dev",
                                     host.dev("lan"))


def settled(site, master, backup):
    """The address is at the master, and the client sends there."""
    master, backup, cli = site[master], site[backup], site["cli"]
    wait(lambda: has(master) and not has(backup),
         f"{VIP} to be at {master.full}", 40)
    mac = master.read(f"/sys/class/net/{master.dev('lan')}/address").strip()
    wait(lambda: cli.status("ping", "-nc1", "-W2", VIP)[0] == 0 and
         f"lladdr {mac} " in cli.run("ip", "neigh", "show", VIP),
         f"{cli.full} to reach {VIP} at {mac}", 40)
    check("192.0.2.0/24 via 10.0.0.3" in master.run("ip", "route"),
          "the route that comes with the address")
    check("192.0.2.0/24" not in backup.run("ip", "route"),
          "the route at the backup")


def test_vrrp():
    """keepalived: each site elects its own master; one dies, one is told to go
    """
    with sites(PLAN) as pair:
        blue, red = pair
        for site in pair:
            serve(site)
        settled(blue, "r1", "r2")
        settled(red, "r2", "r1")
        # Blue's master dies: killed, and its cable is pulled
        r1 = blue["r1"]
        r1.ip(f"link set {r1.dev('lan')} down")
        r1.run("pkill", "-KILL", "keepalived")
        wait(lambda: has(blue["r2"]), "the address at blue r2", 40)
        wait(lambda: blue["cli"].status("ping", "-nc1", "-W2", VIP)[0] == 0,
             "blue's client to reach blue r2", 40)
        # Red's is asked to end: it says so, and takes its address away
        r2 = red["r2"]
        eq(has(red["r1"]), False, "red r1 took over while blue's master died")
        r2.vrrp.send_signal(signal.SIGTERM)
        eq(r2.vrrp.wait(30), 0, "keepalived's status")
        settled(red, "r1", "r2")


run(globals())
