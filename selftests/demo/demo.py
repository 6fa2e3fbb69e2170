#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""One kernel, two hosts with the same address: shown, and checked.

Runs in the guest (make demo). Every line of the table is an observation made
just now; one that is not what was expected makes the exit status 1.
"""
import ctypes
import os
import select
import shlex
import signal
import socket
import subprocess
import sys
import threading

HERE = os.path.dirname(os.path.realpath(__file__))
WORK = "/run/vrctx-demo"
PICTURE = """\
                                this kernel
                       +-----------------------------+
 alice  10.0.0.2     --| red0  10.0.0.1/24           |
        2001:db8::2    |       2001:db8::1/64        |
                       |           context "red"     |  nginx on 10.0.0.1:80
 carol  10.0.1.2     --| red1  10.0.1.1/24           |    [2001:db8::1]:80
        2001:db8:1::2  |       2001:db8:1::1/64      |
                       |- - - - - - - - - - - - - - -|
 bob    10.0.0.2     --| blue0 10.0.0.1/24           |
        2001:db8::2    |       2001:db8::1/64        |
                       |           context "blue"    |  nginx on 10.0.0.1:80
 dave   10.0.2.2     --| blue1 10.0.2.1/24           |    [2001:db8::1]:80
        2001:db8:2::2  |       2001:db8:2::1/64      |
                       +-----------------------------+
"""
# The hosts outside: name, context, router's device, the two networks.
HOSTS = (
    ("alice", "red", "red0", "10.0.0.", "2001:db8::"),
    ("carol", "red", "red1", "10.0.1.", "2001:db8:1::"),
    ("bob", "blue", "blue0", "10.0.0.", "2001:db8::"),
    ("dave", "blue", "blue1", "10.0.2.", "2001:db8:2::"),
)
NOBODY = "nobody"
# Who asks, how they get there, whom they ask, who should answer.
EXPECTED = (
    ("alice", ("ip", "netns", "exec", "alice"), "10.0.0.1:80", "red"),
    ("bob", ("ip", "netns", "exec", "bob"), "10.0.0.1:80", "blue"),
    ("carol", ("ip", "netns", "exec", "carol"), "10.0.0.1:80", "red"),
    ("a program in red", ("vrctl", "exec", "red"), "10.0.0.1:80", "red"),
    ("a program in blue", ("vrctl", "exec", "blue"), "10.0.0.1:80", "blue"),
    ("a program in context 0", (), "10.0.0.1:80", NOBODY),
    ("carol, through red", ("ip", "netns", "exec", "carol"), "10.0.0.2:8080",
     "alice"),
    ("dave, through blue", ("ip", "netns", "exec", "dave"), "10.0.0.2:8080",
     "bob"),
    ("alice, from red to blue", ("ip", "netns", "exec", "alice"),
     "10.0.2.2:8080", NOBODY),
    ("bob, from blue to red", ("ip", "netns", "exec", "bob"),
     "10.0.1.2:8080", NOBODY),
    ("alice", ("ip", "netns", "exec", "alice"), "[2001:db8::1]:80", "red"),
    ("bob", ("ip", "netns", "exec", "bob"), "[2001:db8::1]:80", "blue"),
    ("a program in red", ("vrctl", "exec", "red"), "[2001:db8::1]:80", "red"),
    ("a program in blue", ("vrctl", "exec", "blue"), "[2001:db8::1]:80",
     "blue"),
    ("a program in context 0", (), "[2001:db8::1]:80", NOBODY),
    ("carol, through red", ("ip", "netns", "exec", "carol"),
     "[2001:db8::2]:8080", "alice"),
    ("dave, through blue", ("ip", "netns", "exec", "dave"),
     "[2001:db8::2]:8080", "bob"),
    ("alice, from red to blue", ("ip", "netns", "exec", "alice"),
     "[2001:db8:2::2]:8080", NOBODY),
)


def run(*cmd, show=False):
    """Run a command that must succeed."""
    if show:
        print("  $ " + shlex.join(cmd), flush=True)
    done = subprocess.run(cmd, stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        sys.exit(f"demo: '{shlex.join(cmd)}' failed "
                 f"({done.returncode}): {done.stdout.strip()}")
    return done.stdout


def step(cmd):
    run(*shlex.split(cmd), show=True)


class Outside:
    """The hosts outside: each says its name to who asks on port 8080."""

    def __init__(self):
        self.sockets = {}
        self.here = os.open("/proc/thread-self/ns/net", os.O_RDONLY)

    def add(self, name, device, net4, net6):
        run("ip", "netns", "add", name)
        run("ip", "link", "add", device, "type", "veth", "peer", "name",
            "eth0", "netns", name)
        for cmd in ("link set eth0 up", "link set lo up",
                    f"addr add {net4}2/24 dev eth0",
                    f"addr add {net6}2/64 dev eth0 nodad",
                    f"route add default via {net4}1",
                    f"route add default via {net6}1"):
            run("ip", "-n", name, *cmd.split())
        with open(f"/run/netns/{name}", "rb") as ns:
            setns(ns.fileno())
            try:
                listener = socket.create_server(
                    ("::", 8080), family=socket.AF_INET6, dualstack_ipv6=True)
            finally:
                setns(self.here)
        self.sockets[listener] = name

    def serve(self):
        while True:
            for listener in select.select(list(self.sockets), [], [])[0]:
                conn = listener.accept()[0]
                with conn:
                    conn.recv(4096)
                    conn.sendall(b"HTTP/1.0 200 OK\r\n\r\n"
                                 + self.sockets[listener].encode() + b"\n")


def setns(fd):
    if ctypes.CDLL(None, use_errno=True).setns(fd, 0x40000000):
        raise OSError(ctypes.get_errno(), "setns")


def build():
    print("Two contexts, four segments with a host on each:\n")
    print(PICTURE)
    outside = Outside()
    for name, _, device, net4, net6 in HOSTS:
        outside.add(name, device, net4, net6)
    threading.Thread(target=outside.serve, daemon=True).start()

    step("sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1")
    for ctx in ("red", "blue"):
        step(f"vrctl add {ctx}")
    for _, ctx, device, net4, net6 in HOSTS:
        step(f"vrctl link set {device} {ctx}")
        step(f"ip link set {device} up")
        step(f"ip addr add {net4}1/24 dev {device}")
        step(f"ip addr add {net6}1/64 dev {device} nodad")
    for ctx in ("red", "blue"):
        os.makedirs(f"{WORK}/{ctx}/html")
        with open(f"{WORK}/{ctx}/html/index.html", "w",
                  encoding="ascii") as page:
            page.write(ctx + "\n")
        step(f"vrctl exec {ctx} -- nginx -e error.log -c {HERE}/nginx.conf "
             f"-p {WORK}/{ctx}/")


def ask(prefix, where):
    """Who answers: the first word of the page, or the reason for none."""
    done = subprocess.run(
        [*prefix, "curl", "-sS", "--noproxy", "*", "--max-time", "10",
         f"http://{where}/"], stdin=subprocess.DEVNULL, text=True,
        capture_output=True)
    if done.returncode:
        return NOBODY, done.stderr.strip().split(": ")[-1]
    return done.stdout.strip(), ""


def table():
    """Print what is seen; return what was not as expected."""
    wrong = []
    rows = [("who asks", "whom", "who answers", "")]
    for who, prefix, where, want in EXPECTED:
        seen, why = ask(prefix, where)
        good = seen == want
        rows.append((who, where, f"{seen} ({why})" if why else seen,
                     "as it should be" if good else f"WRONG, not {want}"))
        if not good:
            wrong.append(f"{who} asked {where}: {want} should have "
                         f"answered, {seen} did")
    widths = [max(len(r[i]) for r in rows) for i in range(4)]
    rows.insert(1, tuple("-" * w for w in widths))
    for row in rows:
        print("  " + "  ".join(c.ljust(w) for c, w in
                               zip(row, widths)).rstrip())
    return wrong


def clean():
    for ctx in ("red", "blue"):
        try:
            with open(f"{WORK}/{ctx}/nginx.pid", encoding="ascii") as f:
                os.kill(int(f.read()), signal.SIGTERM)
        except (OSError, ValueError):
            pass
        subprocess.run(["vrctl", "del", ctx, "-f"],
                       stderr=subprocess.DEVNULL)
    for name, *_ in HOSTS:
        subprocess.run(["ip", "netns", "del", name],
                       stderr=subprocess.DEVNULL)
    subprocess.run(["rm", "-rf", WORK])


def main():
    try:
        build()
        print("\nThe contexts, and the one web server that runs twice:\n")
        for cmd in (("vrctl", "show"), ("vrctl", "link", "show", "ctx", "red"),
                    ("vrctl", "link", "show", "ctx", "blue")):
            print("  $ " + shlex.join(cmd))
            print("".join("    " + line + "\n"
                          for line in run(*cmd).splitlines()))
        print("Who sees whom (each line a real request with curl):\n")
        wrong = table()
    finally:
        clean()
    print()
    for line in wrong:
        print(f"demo: WRONG: {line}")
    if not wrong:
        print("One kernel, two independent hosts, the same addresses twice.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
