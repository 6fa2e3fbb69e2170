# SPDX-License-Identifier: GPL-2.0
"""Three nodes with corosync and vrd, each a network namespace, and a client.

	 client: eth0 10.0.0.100 ---+
				    | br0 (a namespace of its own)
	 node N: eth0 10.0.0.1N ----+	10.0.0.1 is on eth0 of each node, too
		 ic0  10.1.0.N -----+
				    | br1 in the same namespace: interconnect

Each node has mounts, process numbers and a host name of its own, so corosync
and vrd are what they are on a machine.
"""
import errno
import faulthandler
import json
import os
import resource
import selectors
import signal
import socket
import sys
import threading
import types

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[1:1] = [os.path.join(HERE, "..", "programs"),
                 os.path.join(HERE, "..", "vrctx")]
# pylint: disable=wrong-import-position
import vr_tap                                                   # noqa: E402
from vr_cluster import Segment                                  # noqa: E402
from vr_dhost import HOST_GET, SHARED, SNET, Dhost, load, mac   # noqa: E402
from vr_fam import ip                                           # noqa: E402
from vr_net import Netns, both_run, sock                        # noqa: E402
from vr_rt import sysctl                                        # noqa: E402
from vr_site import Host                                        # noqa: E402
from vr_tap import check, eq, slow, wait                        # noqa: E402

BUILD = "/repo/build/userspace"
VRCTL = f"{BUILD}/vrctl/vrctl"
TOKEN = 3000            # ms, times slow(): the guest has busy neighbours
# What a file of "vrctl cluster init" does not say, and a test wants
COROSYNC = """\
system {
	sched_rr: no
	move_to_root_cgroup: no
}
"""
VRD = "grace = {grace}\nbind_timeout = {bind}\n"


def colons(address):
    return ":".join(f"{b:02x}" for b in address)


def span(num):
    """First and last of the ports of a node's own connections"""
    return 20000 + 1000 * num, 20999 + 1000 * num


def echo(listener, name=b""):
    """Give back what comes behind a name, on all connections, until the
    listener is shut.
    """
    events = selectors.DefaultSelector()
    events.register(listener, selectors.EVENT_READ)
    while True:
        for key, _ in events.select():
            if key.fileobj is listener:
                try:
                    new = listener.accept()[0]
                except OSError:
                    return
                events.register(new, selectors.EVENT_READ)
                continue
            try:
                data = key.fileobj.recv(4096)
                key.fileobj.sendall(data and name + data)
            except OSError:
                data = b""
            if not data:
                events.unregister(key.fileobj)
                key.fileobj.close()


class Node(Host):
    """A node. Its namespace, and so its kernel's part, outlives its programs.
    eth0 and ic0 are there. What tests ask of it are methods with plain
    arguments, so that it can as well be another machine.
    """

    def __init__(self, num, ns):
        self.num, self.mac = num, mac(num)
        self.ip = ip(f"10.0.0.{10 + num}")
        self.ns, self.rt, self.daemons = ns, ns.rt, {}
        super().__init__(types.SimpleNamespace(name="c"), f"n{num}", None, ns)
        with ns:
            self.dh = Dhost()
            sysctl("net.ipv4.ip_local_port_range", "{} {}".format(*span(num)))
        self.rt.link_set("eth0", mac=self.mac)
        self.rt.addr("eth0", self.ip + "/24")
        self.rt.addr4("ic0", f"10.1.0.{num}/24")
        for dev in ("eth0", "ic0"):
            self.rt.link_set(dev, up=True)
        self.run("mount", "-t", "tmpfs", "-o", "size=64m", "shm", "/dev/shm")

    def make_cluster(self, words, extra):
        """Configure this node; returns what the others get."""
        self.run(VRCTL, "cluster", "init", *words, "-f")
        self.add_more(extra)
        return self.read("/etc/vrctx/cluster.json")

    def join_cluster(self, bundle, extra):
        self.run(VRCTL, "cluster", "join", "-f", "-", stdin=bundle)
        self.add_more(extra)

    def add_more(self, extra):
        path = "/etc/corosync/corosync.conf"
        self.write(path, self.read(path) + COROSYNC)
        top, tables, rest = extra.partition("[[")
        path = "/etc/vrctx/vrd.toml"
        self.write(path, VRD.format(grace=15 * slow(), bind=20 * slow())
                   + top + self.read(path) + tables + rest)

    def start_corosync(self):
        self.run("mkdir", "-p", "/var/lib/corosync", "/var/run/corosync")
        self.daemons["corosync"] = self.popen("corosync", "-f")

    def start_guard(self):
        self.daemons["guard"] = self.popen(f"{BUILD}/vrd/vrd", "--guard",
                                           log="guard")

    def start_vrd(self):
        """And, if it is not there, what looks after its kernel without it"""
        self.run("mkdir", "-p", "/run/vrctx")
        if "guard" not in self.daemons:
            self.start_guard()
        self.daemons["vrd"] = self.popen(f"{BUILD}/vrd/vrd", "-v")
        wait(lambda: self.cluster("status"), f"vrd on node {self.num}", 60)

    def send_signal(self, name, sig):
        """To a daemon, "vrd" or "corosync" """
        self.daemons[name].send_signal(sig)

    def stop(self, name, sig=signal.SIGKILL):
        self.send_signal(name, sig)
        self.daemons[name].wait(20 * slow())

    def limit_files(self, name, count=None):
        """A daemon has no more descriptors than that, or than it has now."""
        pid = self.daemons[name].pid
        count = count or len(os.listdir(f"/proc/{pid}/fd"))
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (count, 4096))

    def background(self, *cmd):
        self.popen(*cmd, log="background")

    def lives(self, name):
        return self.daemons[name].poll() is None

    def drain(self, *words):
        self.run(VRCTL, "cluster", "drain", *words)

    def have_address(self):
        self.rt.addr("eth0", SNET)

    def cluster(self, what):
        """vrctl cluster WHAT -j, None if vrd does not answer"""
        rc, out = self.status(VRCTL, "cluster", what, "-j")
        return json.loads(out) if rc == 0 else None

    def state(self):
        return (self.cluster("status") or [{"state": "none"}])[0]

    def ports(self):
        return {(p["protocol"], p["port"]): p["node"]
                for p in self.cluster("ports")}

    def kernel(self):
        return self.dh.call(HOST_GET)

    def socket(self, kind=socket.SOCK_STREAM):
        with self.ns:
            return sock(kind)

    def serve(self, port):
        """A listening socket of the shared address"""
        one = self.socket()
        one.settimeout(20 * slow())
        one.bind((SHARED, port))
        one.listen(64)
        return one

    def echo(self, port, name=b""):
        """The same; what comes is given back, as long as the node lives."""
        one = self.serve(port)
        one.settimeout(None)
        one.listen(1024)
        threading.Thread(target=echo, args=(one, name), daemon=True).start()

    def echo_udp(self, port, name):
        """Who asks gets the name, as long as the node lives."""
        one = self.socket(socket.SOCK_DGRAM)
        one.settimeout(None)
        one.bind((SHARED, port))

        def loop():
            while True:
                one.sendto(name, one.recvfrom(4096)[1])
        threading.Thread(target=loop, daemon=True).start()

    def last_words(self):
        out = ""
        for name in self.logs:
            out += f"# ---- {self.full} {name}\n" + "".join(
                f"#   {line}\n" for line in self.log(name).split("\n")[-25:])
        return out


class Lab(Segment):
    """Nodes, switch and client; daemons are started by start(). The first of
    `order` is the best lead, and so on; `extra` is what vrd.toml has more, first
    what is at the top.
    """

    def __init__(self, order=(1, 2, 3), token=TOKEN, extra=""):
        load()
        super().__init__()
        self.order, self.token, self.extra = order, token * slow(), extra
        self.lead, self.unplugged = order[0], set()
        self.bundle = None      # what a node needs to join
        self.nodes = {num: self.node(num) for num in sorted(order)}

    def node(self, num):
        ns = Netns()
        self.plug(ns, f"p{num}", "eth0")
        self.plug(ns, f"i{num}", "ic0", "br1")
        node = Node(num, ns)
        both_run(self.switch.rt, f"p{num}", node.rt)
        both_run(self.switch.rt, f"i{num}", node.rt, "ic0")
        return node

    def reached(self):
        return {num: node for num, node in self.nodes.items()
                if num not in self.unplugged}

    def words(self):
        """Of vrctl cluster init"""
        words = [SHARED, "dev", "eth0", "token", self.token]
        for num in self.nodes:
            words += ["node", num, "ring", f"10.1.0.{num}",
                      "lladdr", colons(mac(num)),
                      "priority", 200 - self.order.index(num),
                      "slice", "{}-{}".format(*span(num))]
        return [str(word) for word in words]

    def start(self):
        """A cluster of all nodes; a failure shows the end of every log."""
        # three corosyncs on a busy machine take their time
        faulthandler.dump_traceback_later(240 * slow(), exit=True)
        try:
            self.start_nodes()
        except BaseException:
            self.show()
            raise

    def start_nodes(self):
        for node in self.nodes.values():
            self.begin(node)
        for node in self.nodes.values():
            node.start_vrd()
            node.have_address()             # not before
        self.settled(self.order[0])

    def begin(self, node):
        """All that comes before vrd"""
        if self.bundle:
            node.join_cluster(self.bundle, self.extra)
        else:
            self.bundle = node.make_cluster(self.words(), self.extra)
        node.start_corosync()

    def off(self, num):
        """The machine of a node is switched off."""
        for dev in "pi":
            self.switch.rt.link_del(f"{dev}{num}")
        self.nodes[num].kill()
        self.unplugged.add(num)

    def on(self, num):
        """It is there again, and knows nothing but its configuration."""
        node = self.nodes[num] = self.again(num)
        self.begin(node)
        node.start_vrd()
        node.have_address()
        self.unplugged.discard(num)

    def again(self, num):
        return self.node(num)

    def settled(self, lead, nodes=None):
        """Wait until these nodes, or all, are one cluster with that lead, and
        say so in their kernels.
        """
        nodes = set(nodes or self.nodes)

        def there():
            for num in nodes:
                state = self.nodes[num].state()
                if (state["state"] != "active" or
                        state["members"] != len(nodes) or
                        state["lead"] != lead or
                        self.nodes[num].kernel()["lead"] != lead):
                    return False
            return True
        wait(there, f"nodes {nodes} with lead {lead}", 90)
        self.lead = lead

    def answered_by(self, lead):
        """Wait until one Ethernet address answers for the address, the
        lead's.
        """
        wait(lambda: self.ask() == [mac(lead)],
             f"node {lead} alone to answer for the address")

    def cut(self, num, up=False, dev="i"):
        """The cable of a node to the interconnect (or "p": to the clients)"""
        self.switch.rt.link_set(f"{dev}{num}", up=up)
        if dev == "p":
            (self.unplugged.discard if up else self.unplugged.add)(num)

    def show(self):
        for node in self.nodes.values():
            print(node.last_words(), end="")

    def end(self):
        for node in self.nodes.values():
            node.kill()


class Bind(threading.Thread):
    """bind() on a node, when all at the barrier are ready; the socket stays."""

    def __init__(self, node, port, barrier=None):
        super().__init__()
        self.sock, self.port, self.barrier = node.socket(), port, barrier
        self.result = None
        self.start()

    def run(self):
        if self.barrier:
            self.barrier.wait()
        try:
            self.sock.bind((SHARED, self.port))
            self.result = 0
        except OSError as err:
            self.result = err.errno

    def end(self):
        self.join(30 * slow())
        return self.result


class Load(threading.Thread):
    """A node binds ports all the time."""

    def __init__(self, node, first=7400):
        super().__init__()
        self.node, self.first = node, first
        self.stop = threading.Event()
        self.count, self.failed = 0, []

    def run(self):
        while not self.stop.is_set():
            one = Bind(self.node, self.first + self.count % 500)
            if one.end():
                self.failed.append(one.result)
            one.sock.close()
            self.count += 1

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *exc):
        self.stop.set()
        self.join()
        print(f"# {self.count} bind() meanwhile")
        if not exc[0]:
            eq(self.failed, [], "bind() that failed")


def run(scope, lab, limit=240):
    """As vr_tap.run(); a failure shows the end of every log."""
    try:
        vr_tap.run(scope, limit)
    except SystemExit as end:
        if end.code:
            lab.show()
        raise
    finally:
        lab.end()


__all__ = ["BUILD", "Bind", "HERE", "Lab", "Load", "Node", "VRCTL", "check", "colons", "eq",
           "errno", "json", "mac", "run", "slow", "wait"]
