# SPDX-License-Identifier: GPL-2.0
"""A node of a cluster on another guest, used as if it were here.

	vr_agent.py 2		on guest 2: serve
	Far(2)			on guest 1: the vr_cluster.Node there

What is called on it, or on a socket that it returned, is done there: a message
is (object, method, arguments), the answer a value or an exception; each thread
has a connection of its own, so that a call may wait while others go on. They
talk on a VLAN of eth0, so that eth0 can be in any context.
"""
import faulthandler
import os
import pickle
import socket
import struct
import subprocess
import sys
import threading

TESTS = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
sys.path[1:1] = [TESTS + "/vrctx", TESTS + "/programs"]
# pylint: disable=wrong-import-position
import vr_site                                                  # noqa: E402
from vr_cluster import Node                                     # noqa: E402
from vr_dhost import mac                                        # noqa: E402
from vr_fam import ip                                           # noqa: E402
from vr_net import Netns                                        # noqa: E402
from vr_nl import attr, u32                                     # noqa: E402
from vr_tap import wait                                         # noqa: E402

VLAN, PORT = 99, 4999


def address(num):
    return f"10.99.0.{num}"


def control(rt, num):
    """The VLAN, on eth0, which is up."""
    rt.link_add("control", "vlan", attr(1, struct.pack("=H", VLAN)),
                u32(5, rt.ifindex("eth0")))
    rt.addr4("control", address(num) + "/24")
    rt.link_set("control", up=True)


def send(conn, what):
    data = pickle.dumps(what)
    conn.sendall(struct.pack("!I", len(data)) + data)


def receive(conn):
    """What came, None at the end."""
    with conn.makefile("rb") as f:
        head = f.read(4)
        return pickle.loads(f.read(struct.unpack("!I", head)[0])) \
            if len(head) == 4 else None


class Ref:
    """An object that stays where it is."""

    def __init__(self, key):
        self.key = key


# ---- there ----

class Agent:
    def __init__(self, num):
        self.ns = Netns(new=False)
        self.num, self.objects, self.last = num, {}, 0
        self.set_up()

    def set_up(self):
        self.ns.rt.link_set("eth0", mac=mac(self.num))
        self.ns.rt.link_set("eth0", up=True)
        control(self.ns.rt, self.num)

    def node(self, ctx):
        """The node; eth0 comes up again, as the answer has to go by it."""
        node = Node(self.num, ctx, self.ns)
        node.rt.link_set("eth0", up=True)
        return Ref(self.keep(node))

    def keep(self, what):
        self.last += 1
        self.objects[self.last] = what
        return self.last

    def encode(self, value):
        if isinstance(value, (socket.socket, subprocess.Popen, vr_site.Host)):
            return Ref(self.keep(value))
        if isinstance(value, tuple):
            return tuple(self.encode(one) for one in value)
        return value

    def call(self, key, name, args, kwargs):
        try:
            on = self.objects[key] if key else self
            value = self.encode(getattr(on, name)(*args, **kwargs))
            if key and name == "close":
                del self.objects[key]
            return True, value
        except Exception as err:  # pylint: disable=broad-except
            return False, err

    def serve(self, conn):
        # the thread is where its parent was when it was made
        self.ns.join()
        with conn:
            while True:
                message = receive(conn)
                if not message:
                    return
                send(conn, self.call(*message))

    def run(self):
        # of vr_tap: an agent lives as long as its guest
        faulthandler.cancel_dump_traceback_later()
        with socket.create_server((address(self.num), PORT)) as listener:
            while True:
                conn = listener.accept()[0]
                threading.Thread(target=self.serve, args=(conn,),
                                 daemon=True).start()


# ---- here ----

class Line:
    """The connections to an agent, from the namespace that has its VLAN."""

    def __init__(self, num, ns):
        self.num, self.ns, self.own = num, ns, threading.local()

    def dial(self):
        """None while it does not answer."""
        try:
            return socket.create_connection((address(self.num), PORT), 5)
        except OSError:
            return None

    def call(self, key, name, *args, **kwargs):
        if not hasattr(self.own, "conn"):
            with self.ns:
                self.own.conn = wait(self.dial, f"agent {self.num}", 30)
            self.own.conn.settimeout(300)
        send(self.own.conn, (key, name, args, kwargs))
        good, value = receive(self.own.conn)
        if not good:
            raise value
        return self.decode(value)

    def decode(self, value):
        if isinstance(value, Ref):
            return There(self, value.key)
        if isinstance(value, tuple):
            return tuple(self.decode(one) for one in value)
        return value


class There:
    """Stands for an object of the agent."""

    def __init__(self, line, key):
        self.line, self.key = line, key

    def __getattr__(self, name):
        return lambda *args, **kwargs: self.line.call(self.key, name, *args,
                                                      **kwargs)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Far(There):
    """The node on guest num, with what the tests know of it anyway."""

    def __init__(self, num, ctx, ns):
        line = Line(num, ns)
        super().__init__(line, line.call(0, "node", ctx).key)
        self.num, self.ctx, self.mac = num, ctx, mac(num)
        self.ip, self.dev = ip(f"10.0.0.{10 + num}"), "eth0"


if __name__ == "__main__":
    # it lives as long as its guest, which has a limit of its own
    faulthandler.cancel_dump_traceback_later()
    # by the name that what is pickled has at the other end
    import vr_agent
    vr_agent.Agent(int(sys.argv[1])).run()
