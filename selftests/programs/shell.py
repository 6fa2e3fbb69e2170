#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""A shell that vrctl exec starts: an operator types what he types on a machine.

The shells of both sites take the same commands by turns, a line at a time, and
each line has to do what it does where there is one network only. Nobody has
set up anything before.
"""
import os
import re
import subprocess

from vr_site import CTX, check, eq, other, run, sites, wait

# The third member makes lan a bridge elsewhere
PLAN = {"r1": {"lan": "", "wan": ""}, "r2": {"lan": "10.0.0.2/24"},
        "r3": {"lan": "10.0.0.3/24"}, "r4": {"wan": "10.9.0.2/24"}}


class Shell:
    """bash in a host's network, nothing else of the host."""

    def __init__(self, host):
        self.host = host
        how = ["vrctl", "exec", host.full, "--"] if CTX else \
            ["nsenter", f"--net=/proc/{os.getpid()}/fd/{host.net.fd}"]
        # pylint: disable=consider-using-with
        self.bash = subprocess.Popen(how + ["bash", "--norc"], text=True,
                                     stdin=subprocess.PIPE,
                                     stdout=subprocess.PIPE,
                                     stderr=subprocess.STDOUT,
                                     start_new_session=True)

    def type(self, line, ok=True):
        """What a line prints; ok: whether it may succeed only, or fail only."""
        for segment, dev in self.host.devs.items():
            line = re.sub(rf"(?<![-\w]){segment}\b", dev, line)
        self.bash.stdin.write(line + '\necho "<$?>"\n')
        self.bash.stdin.flush()
        out = ""
        while not re.search(r"^<\d+>\n\Z", out, re.M):
            more = self.bash.stdout.readline()
            check(more, f"{self.host.full}: bash ended: {line}: {out}")
            out += more
        text, status = re.fullmatch(r"(.*)<(\d+)>\n", out, re.S).groups()
        eq(status == "0", ok, f"{self.host.full}: {line}: {out}")
        return text

    def end(self):
        """Of bash, and of what runs in its background."""
        self.bash.stdin.write("kill $(jobs -p); exit\n")
        self.bash.stdin.close()
        self.bash.wait(30)
        self.bash.stdout.close()


def both(shells, line):
    return [one.type(line) for one in shells]


def wait_for(shell, line, word):
    wait(lambda: word in shell.type(line), f"{word} in {line}", 30)


def serve(shells):
    """A page of each, on the same address and port."""
    for one in shells:
        site = one.host.site.name
        one.type(f"mkdir -p /tmp/{site}; cd /tmp/{site}; "
                 f"echo this is {site} >index.html")
        one.type("python3 -m http.server -b 10.0.0.1 8080 >log 2>&1 &")
    for one in shells:
        wait_for(one, "ss -tlnp", "10.0.0.1:8080")


def test_shell():
    """a shell: ip, ss, curl, sysctl, ping, as on a machine"""
    with sites(PLAN) as pair:
        shells = [Shell(site["r1"]) for site in pair]
        for line in ("ip a add 10.0.0.1/24 dev lan", "ip link set lan up",
                     "ip -6 a add fd00::1/64 dev lan nodad",
                     "ip link set wan up", "ip a add 10.9.0.1/24 dev wan",
                     "ip route add default via 10.9.0.2"):
            eq(both(shells, line), ["", ""], line)
        for one in shells:
            out = one.type("ip -br a")
            check("127.0.0.1/8 ::1/128" in out, f"lo: {out}")
            check("10.0.0.1/24 fd00::1/64" in out, f"lan: {out}")
            eq(len(out.splitlines()), 3, f"devices: {out}")
            check(f"default via 10.9.0.2 dev {one.host.dev('wan')}"
                  in one.type("ip r"), "default route")
            check("via 10.9.0.2" in one.type("ip route get 192.0.2.1"),
                  "the way to somewhere")
            wait_for(one, "ip link show lan", "state UP")
            check(" 0% packet loss" in one.type("ping -nqc1 -w10 10.0.0.2"),
                  "a neighbour")
            check("10.0.0.2" in one.type("ip neigh"), "the neighbour's entry")
        serve(shells)
        for one in shells:
            site = one.host.site.name
            out = one.type("ss -Htlnp")
            eq(out.count("LISTEN"), 1, f"listeners: {out}")
            check('"python3",pid=' in out, f"whose listener: {out}")
            eq(one.type("curl -sS --noproxy '*' http://10.0.0.1:8080/"),
               f"this is {site}\n", "page")
            one.type("curl -sS --noproxy '*' http://127.0.0.1:8080/ 2>&1"
                     " | grep connect")
        limits(pair, shells)
        for one in shells:
            one.end()


def limits(pair, shells):
    """Sysctls of each; what is of the other does not exist."""
    blue = shells[0]
    blue.type("sysctl -qw net.ipv4.ip_forward=0")
    eq(both(shells, "sysctl -n net.ipv4.ip_forward"), ["0\n", "1\n"],
       "ip_forward")
    blue.type("sysctl -qw net.ipv4.conf.all.rp_filter=1")
    eq(both(shells, "sysctl -n net.ipv4.conf.all.rp_filter"), ["1\n", "0\n"],
       "rp_filter")
    for one in shells:
        far = other(pair, one.host.site)["r1"].dev("lan")
        check("does not exist" in one.type(f"ip link show {far}", ok=False),
              "a device of the other site")
        check("10.0.0.3" not in one.type("ip neigh"), "an entry of nobody")
        if CTX:
            one.type("sysctl -qw net.ipv4.tcp_sack=0 2>/dev/null", ok=False)
            eq(one.type("vrctl identify"),
               f"{one.host.number} {one.host.full}\n", "identify")


run(globals())
