# SPDX-License-Identifier: GPL-2.0
"""The lab of ../cluster/vr_vrd.py with nodes 2 and 3 on guests of their own.

	vr_guests.py 2		on guest 2: serve
	Guests()		on guest 1: the lab; node 1 is a namespace there

Three segments: eth0 the clients', eth1 the interconnect (ic0 on a node), eth2
for the calls (vr_agent.py). What is done to cables and machines is done outside
the guests (../qemu/hub.py).
"""
import ctypes
import os
import socket
import struct
import subprocess
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[1:1] = [os.path.join(HERE, "..", "cluster"),
                 os.path.join(HERE, "..", "qemu")]
# pylint: disable=wrong-import-position
from vr_vrd import Lab, Node                                    # noqa: E402
from vr_agent import Agent, Line, Ref, There, address           # noqa: E402
from vr_dhost import load, mac                                  # noqa: E402
from vr_lab import lab                                          # noqa: E402
from vr_net import Netns                                        # noqa: E402
from vr_tap import slow, wait                                   # noqa: E402

HERE_NODE, LEAD = 1, 3
CLIENTS, INTERCONNECT = 0, 1        # segments


def control(rt, num):
    rt.addr4("eth2", address(num) + "/24")
    rt.link_set("eth2", up=True)


SO_ATTACH_FILTER = 26
FILTER = [struct.pack("=HBBI", *one) for one in (
    (0x28, 0, 0, 12),           # ldh [12], the type of the frame
    (0x15, 3, 0, 0x806),        # jeq ARP, take
    (0x15, 0, 3, 0x800),        # jeq IP, go on, leave
    (0x30, 0, 0, 23),           # ldb [23], the protocol
    (0x15, 0, 1, 1),            # jeq ICMP, take, leave
    (0x06, 0, 0, 0xffffffff),   # take
    (0x06, 0, 0, 0))]           # leave
FILTER_BYTES = ctypes.create_string_buffer(b"".join(FILTER))
FILTER_AT = ctypes.addressof(FILTER_BYTES)


# ---- there ----

class Machine(Agent):
    """The node of a guest; its process 1 dies with the thread that made it, so
    it is made first.
    """

    def set_up(self):
        self.ns.rt.link_set("eth1", name="ic0")
        control(self.ns.rt, self.num)
        load()
        self.objects[-1] = Node(self.num, self.ns)

    def node(self, _=None):
        return Ref(-1)


# ---- here ----

class Far(There):
    """The node of a guest, with what the tests know of it anyway."""

    def __init__(self, num, ns):
        line = Line(num, ns)
        super().__init__(line, line.call(0, "node", None).key)
        self.num, self.mac, self.ip = num, mac(num), f"10.0.0.{10 + num}"


class Guests(Lab):
    """Node 3 is the best lead, node 1 the last one: that cannot crash."""

    def __init__(self, token, extra=""):
        for num in (2, LEAD):
            self.start_agent(num)
        self.cables = Netns(new=False)
        self.dead = set()
        super().__init__((LEAD, 2, HERE_NODE), token, extra)
        # a thousand connections would fill the socket: ARP and ICMP only
        self.packet.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER,
                               struct.pack("HP", len(FILTER), FILTER_AT))

    @staticmethod
    def start_agent(num):
        """Once the guest is up"""
        subprocess.run(
            ["on", str(num), f"VR_SLOW={slow()} setsid python3 "
             f"{HERE}/vr_guests.py {num} </dev/null >/tmp/agent.log 2>&1 &"],
            check=True)

    def node(self, num):
        if num == HERE_NODE:
            return super().node(num)
        if self.cables:
            self.plug_in()
        return Far(num, self.switch)

    def plug_in(self):
        """The devices of this guest are ports of the switch."""
        for num in range(3):
            self.cables.rt.link_set(f"eth{num}", netns=self.switch.fd)
        self.cables = None
        with self.switch:
            rt = self.switch.rt
            for dev, bridge in (("eth0", "br0"), ("eth1", "br1")):
                rt.link_set(dev, up=True, master=self.bridges[bridge])
            control(rt, HERE_NODE)
        for num in range(3):
            wait(lambda num=num: rt.running(f"eth{num}"), f"eth{num}")

    def off(self, num):
        """A guest boots at once; it has no programs, no address."""
        if num == HERE_NODE:
            super().off(num)
        else:
            lab(f"reset {num}")
            self.unplugged.add(num)
        self.dead.add(num)

    def again(self, num):
        if num != HERE_NODE:
            self.start_agent(num)
        self.dead.discard(num)
        return self.node(num)

    def cut(self, num, up=False, dev="i"):
        """The interconnect without a trace, that to the clients with one."""
        if num == HERE_NODE:
            super().cut(num, up, dev)
        elif dev == "p":
            lab(f"link {num} {CLIENTS} {'on' if up else 'off'}")
            (self.unplugged.discard if up else self.unplugged.add)(num)
        else:
            self.drop(num, "*", 0 if up else 100)
            self.drop("*", num, 0 if up else 100)

    @staticmethod
    def drop(source, to, percent):
        """On the interconnect"""
        lab(f"drop {INTERCONNECT} {source} {to} {percent}")

    def show(self):
        for num, node in self.nodes.items():
            if num not in self.dead:
                print(node.last_words(), end="")

    def end(self):
        self.nodes[HERE_NODE].kill()


if __name__ == "__main__":
    # by the name that what is pickled has at the other end
    import vr_guests
    vr_guests.Machine(int(sys.argv[1])).run()
