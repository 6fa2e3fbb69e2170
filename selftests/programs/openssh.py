#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""OpenSSH: sshd at the same address in two sites, one host key each.

The client of a site trusts only the key of its own server and has only its
own user key, so that a connection that crossed would be refused twice.
"""
from vr_site import check, eq, other, run, sites

PLAN = {"srv": {"lan": "10.0.0.1/24 fd00::1/64"},
        "cli": {"lan": "10.0.0.2/24 fd00::2/64"}}
CONF = """\
HostKey /etc/ssh/key
PasswordAuthentication no
AuthorizedKeysFile /etc/ssh/authorized
AllowTcpForwarding yes
Subsystem sftp internal-sftp
"""


def keygen(host, name):
    host.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", host.full,
             "-f", name)
    return host.read(name + ".pub")


def serve(site):
    """Start the server; returns the fingerprint of the client's key."""
    srv, cli = site["srv"], site["cli"]
    host_key = keygen(srv, "/etc/ssh/key")
    srv.write("/etc/ssh/authorized", keygen(cli, "/etc/ssh/user"), 0o600)
    srv.write("/etc/ssh/sshd_config", CONF)
    cli.write("/etc/ssh/known", "".join(
        f"{addr} {host_key}" for addr in ("10.0.0.1", "fd00::1")))
    srv.write("/run/sshd/.keep", "")
    srv.popen("/usr/sbin/sshd",      # it insists on a path
               "-D", "-e")
    srv.listens(22)
    return cli.run("ssh-keygen", "-lf", "/etc/ssh/user").split()[1]


def ssh(host, addr, *cmd, options=(), **kwargs):
    return host.run("ssh", "-F", "none", "-i", "/etc/ssh/user",
                    "-o", "UserKnownHostsFile=/etc/ssh/known",
                    "-o", "BatchMode=yes", *options, f"root@{addr}", *cmd,
                    **kwargs)


def test_sessions():
    """sshd: commands, their input, where they are, a key of the other site"""
    with sites(PLAN) as pair:
        keys = {site.name: serve(site) for site in pair}
        for site in pair:
            commands(site)
            # sshd logs who came: nobody but its own client
            log = site["srv"].log("sshd")
            eq(log.count("Accepted publickey"), 2, f"log-ins of {site.name}")
            check(keys[other(pair, site).name] not in log,
                  f"a key of the other site: {log}")
        inside(*pair)
        stolen_key(*pair)


def commands(site):
    site["srv"].write("/etc/whoami", site["srv"].full)
    for addr in "10.0.0.1", "fd00::1":
        peer = addr[:-1] + "2"
        out = ssh(site["cli"], addr,
                  "cat /etc/whoami; echo; echo $SSH_CONNECTION; cat",
                  stdin=f"input of {site.name}").split("\n")
        eq(out[0], site["srv"].full, "the host that answers")
        words = out[1].split()
        eq((words[0], words[2:]), (peer, [addr, "22"]),
           "addresses seen by the session")
        eq(out[2], f"input of {site.name}", "what it read")


def inside(blue, red):
    """A session is in the network of its server."""
    red["srv"].ip(f"addr add 10.9.9.9/32 dev {red['srv'].dev('lan')}")
    seen = [ssh(site["cli"], "10.0.0.1", "ip -o addr") for site in (blue, red)]
    check("10.9.9.9/32" in seen[1], seen[1])
    check("10.9.9.9" not in seen[0], seen[0])
    for site, text in zip((blue, red), seen):
        check("10.0.0.1/24" in text and site["srv"].dev("lan") in text, text)
        check("10.0.0.2/24" not in text, f"the client's, too: {text}")
    # -W: the server connects on behalf of the client, in its own site
    banner = ssh(blue["cli"], "10.0.0.1", options=("-W", "127.0.0.1:22"))
    check(banner.startswith("SSH-2.0-OpenSSH"), banner)


def stolen_key(blue, red):
    red["cli"].write("/etc/ssh/user", blue["cli"].read("/etc/ssh/user"), 0o600)
    out = ssh(red["cli"], "10.0.0.1", "true", ok=(255,))
    check("Permission denied" in out, out)
    ssh(blue["cli"], "10.0.0.1", "true")


run(globals())
