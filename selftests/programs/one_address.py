#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""One address, three machines: nginx on one, dnsmasq on the next, sshd on the
third, none of which knows of the others.

The client sees one host: a page, answers and queries of 4 KB, sessions and
transfers both ways, while the lead is moved from node to node; traceroute ends
after one hop, whatever it asks for.
"""
import hashlib
import os
import socket
import struct
import threading

from vr_site import Host, check, eq, run, wait
from vr_cluster import Cluster
from vr_dhost import SHARED, TCP_P, UDP_P
from vr_net import UDP, sock

WEB, NAMES, SHELL = 1, 2, 3
OWNERS = ((TCP_P, 80, WEB), (UDP_P, 53, NAMES), (TCP_P, 53, NAMES),
          (TCP_P, 22, SHELL))
SIZE = 1 << 20
NGINX = f"""\
daemon off;
error_log stderr;
events {{ }}
http {{
	access_log /var/log/vr/access.log;
	server {{
		listen {SHARED}:80;
		root /run/www;
	}}
}}
"""
# 16 texts of 240 bytes: an answer of 4 KB
TEXTS = "\n".join("txt-record=big.test," + f"{num:02d}".ljust(240, "t")
                  for num in range(16))
DNSMASQ = f"""\
listen-address={SHARED}
bind-interfaces
no-resolv
no-hosts
edns-packet-max=4600
host-record=who.test,10.9.8.7
{TEXTS}
"""
SSHD = f"""\
ListenAddress {SHARED}
HostKey /etc/ssh/key
PasswordAuthentication no
AuthorizedKeysFile /etc/ssh/authorized
"""


class Crew:
    """The nodes of a cluster, and its client, as hosts with programs."""
    name = "crew"

    def __init__(self):
        self.lab = Cluster()
        self.hosts = {num: node.host(f"node{num}")
                      for num, node in self.lab.nodes.items()}
        self.client = Host(self, "client", None, self.lab.client)
        for proto, port, num in OWNERS:
            self.lab.own(proto, port, num)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        for host in [*self.hosts.values(), self.client]:
            if kind:
                host.show_logs()
            host.kill()
        self.lab.close()


class Moves(threading.Thread):
    """The lead goes from node to node, a few times a second."""

    def __init__(self, lab):
        super().__init__()
        self.lab, self.stop, self.count = lab, threading.Event(), 0

    def __enter__(self):
        self.start()
        return self

    def run(self):
        while not self.stop.wait(0.5):
            self.lab.set_lead(self.lab.lead % 3 + 1)
            self.count += 1

    def __exit__(self, *_):
        self.stop.set()
        self.join()


def serve(crew):
    web, names, shell = (crew.hosts[num] for num in (WEB, NAMES, SHELL))
    data = os.urandom(SIZE)
    web.write("/run/www/index.html", "one of three\n")
    web.write("/run/www/big", data)
    web.write("/etc/nginx/nginx.conf", NGINX)
    web.popen("nginx")
    names.write("/run/dnsmasq.conf", DNSMASQ)
    names.popen("dnsmasq", "--keep-in-foreground", "--log-facility=-",
                "--conf-file=/run/dnsmasq.conf", "--user=root", "--pid-file=")
    for host, name in ((shell, "/etc/ssh/key"),
                       (crew.client, "/etc/ssh/user")):
        host.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", name)
    shell.write("/etc/ssh/authorized",
                crew.client.read("/etc/ssh/user.pub"), 0o600)
    crew.client.write("/etc/ssh/known",
                      f"{SHARED} {shell.read('/etc/ssh/key.pub')}")
    shell.write("/etc/ssh/sshd_config", SSHD)
    shell.write("/run/sshd/.keep", "")
    shell.popen("/usr/sbin/sshd", "-D", "-e")
    web.listens(80)
    names.listens(53, "u")
    shell.listens(22)
    return data


def query(crew, name, kind, padding=0):
    """A query with EDNS, which allows 4600 bytes; returns the answer."""
    option = struct.pack("!HH", 12, padding) + bytes(padding) \
        if padding else b""
    labels = b"".join(bytes([len(part)]) + part.encode()
                      for part in name.split(".")) + b"\0"
    message = struct.pack("!HHHHHH", 77, 0x100, 1, 0, 0, 1) + labels \
        + struct.pack("!HH", kind, 1) \
        + struct.pack("!BHHIH", 0, 41, 4600, 0, len(option)) + option
    with crew.lab.client, sock(UDP) as one:
        one.settimeout(5)
        for _ in range(6):      # as resolvers do
            one.sendto(message, (SHARED, 53))
            try:
                answer, peer = one.recvfrom(65536)
            except TimeoutError:
                continue
            eq(peer, (SHARED, 53), "who answers")
            eq(answer[:2] + answer[3:4], b"\0\x4d\x80", "answer")
            return answer
    raise AssertionError(f"no answer to a query for {name}")


def curl(crew, url, *more):
    return crew.client.run("curl", "-sS", "--noproxy", "*", "--max-time",
                           "120", *more, url, timeout=130)


SSH = ["ssh", "-F", "none", "-i", "/etc/ssh/user", "-o",
       "UserKnownHostsFile=/etc/ssh/known", "-o", "BatchMode=yes",
       # the default takes an emulated machine very long
       "-o", "KexAlgorithms=curve25519-sha256",
       f"root@{SHARED}"]


def use(crew, data):
    """Everything once."""
    eq(curl(crew, f"http://{SHARED}/"), "one of three\n", "page")
    check(socket.inet_aton("10.9.8.7") in query(crew, "who.test", 1),
          "address")
    for padding in (0, 4000):
        answer = query(crew, "big.test", 16, padding)
        check(len(answer) > 3800, f"an answer of {len(answer)}")
        check(all(f"{num:02d}t".encode() in answer for num in range(16)),
              "texts are missing")
    curl(crew, f"http://{SHARED}/big", "-o", "/tmp/big")
    got = crew.client.run("sha256sum", "/tmp/big").split()[0]
    eq(got, hashlib.sha256(data).hexdigest(), "what was fetched")
    # the same up by ssh: where it is, and what came
    got = crew.client.run("sh", "-c", " ".join(SSH) + " 'hostname; sha256sum'"
                          " </tmp/big", timeout=130).split()
    eq(got[:2], [f"node{SHELL}", hashlib.sha256(data).hexdigest()],
       "what was sent")


def test_services():
    """three programs on three machines at one address"""
    with Crew() as crew:
        data = serve(crew)
        for lead in (1, 2, 3):
            crew.lab.set_lead(lead)
            eq(curl(crew, f"http://{SHARED}/"), "one of three\n", "page")
            check(len(query(crew, "big.test", 16, 4000)) > 3800, "answer")
        with Moves(crew.lab) as moves:
            use(crew, data)
            wait(lambda: moves.count > 3, "the lead to move")
        logs = crew.hosts[WEB].read("/var/log/vr/access.log").splitlines()
        eq(len(logs), 5, "requests")
        for how in ((), ("-I",), ("-T", "-p", "80"), ("-T", "-p", "9")):
            out = crew.client.run("traceroute", "-n", "-q1", "-m4", *how,
                                  SHARED)
            hops = [line.split()[1] for line in out.splitlines()[1:]]
            eq(hops, [SHARED], f"traceroute {how}: {out}")
        eq({num: node.stats()["failed"] for num, node in
            crew.lab.nodes.items()}, {1: 0, 2: 0, 3: 0}, "failed")


run(globals(), limit=240)
