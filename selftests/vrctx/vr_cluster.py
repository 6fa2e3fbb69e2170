# SPDX-License-Identifier: GPL-2.0
"""Distributed hosts: a cluster, its nodes namespaces of one guest or guests.

	 client: eth0 10.0.0.100 ---+
				    | br0 (a namespace of its own)
	 node 1: eth0 10.0.0.11 ----+
	 node 2: eth0 10.0.0.12 ----+	10.0.0.1 is on eth0 of each node, too
	 node 3: eth0 10.0.0.13 ----+

The device of each node is in the context that the cluster is for. With IPv6 the
addresses are those that vr_fam.ip() makes of these. The device may be another,
and the client has the like:

	vlan	eth0.10 on eth0
	bond	bond0, of which eth0 is
	apart	eth0, but to the other members by eth1, a segment of their own
	all	eth0, and the client sends to all nodes, as if the switch did
		what the lead does otherwise
"""
import random
import socket
import struct
import threading
import time
import types

from vr_dhost import (CLIENT, CNET, HOST_GET, HOST_NEW, HOST_SET, MEMBER_NEW,
                      PORT_DEL, PORT_SET, SHARED, SNET, TCP_P, UDP_P, Dhost,
                      load, mac)
from vr_fam import ECHO_REPLY, ECHO_REQUEST, ICMP, JOIN, SOL, ip, mreq
from vr_hdr import ETH, ETH_IP, ETH_IPV6, NEIGH, Packet, kind_of, neigh_of, \
    neigh_request
from vr_net import TIMEOUT, UDP, Netns, connect, sock
from vr_nl import Vrctx, attr, table_of, u32
from vr_pkt import icmp, ip_packet, tcp_segment, udp_datagram
from vr_tap import check, eq, require, wait

NODES = (1, 2, 3)
# Of the clusters that a test makes; on guests (../nodes) there is one
CONTEXTS = (0, 7)
DEVICE = {"plain": "eth0", "vlan": "eth0.10", "bond": "bond0", "apart": "eth0",
          "all": "eth0"}
GROUP = b"\3\0\0\0\0\1"
NUD_STALE, NUD_FAILED, NUD_PERMANENT = 0x04, 0x20, 0x80
# A host without a stack beside the client: none but the test answers for it
GHOST, GMAC = ip("10.0.0.77"), mac(77)


def exchange(one, other, size=300000):
    """Both send at the same time, both get all of it."""
    data = [random.randbytes(min(size, 1 << 16)) for _ in range(2)]

    def pieces(part):
        for left in range(size, 0, -len(part)):
            yield part[:left]

    def send(end, part):
        for piece in pieces(part):
            end.sendall(piece)

    threads = [threading.Thread(target=send, args=args)
               for args in zip((one, other), data)]
    for thread in threads:
        thread.start()
    for end, part in ((other, data[0]), (one, data[1])):
        for piece in pieces(part):
            got = b""
            while len(got) < len(piece):
                more = end.recv(len(piece) - len(got))
                check(more, "end of file")
                got += more
            eq(got == piece, True, "what came")
    for thread in threads:
        thread.join()


def apart_mac(num):
    """Of eth1."""
    return bytes([2, 0, 0, 0, 1, num])


def slice_of(num, slices):
    first = 20000 + 1000 * num
    return {"slice_min": first, "slice_max": first + 999} if slices else {}


def device(rt, link, move=lambda dev: None):
    """Make the device of a host from its eth0, which is down; move() puts
    devices into the context.
    """
    if link == "vlan":
        # going up, it takes the devices on it along
        rt.link_set("eth0", up=True)
        rt.link_add("eth0.10", "vlan", attr(1, struct.pack("=H", 10)),
                    u32(5, rt.ifindex("eth0")))
        move("eth0.10")
    elif link == "bond":
        # active-backup, carriers looked at each 10 ms
        bond = rt.link_add("bond0", "bond", attr(1, b"\1") + u32(3, 10))
        move("bond0")
        move("eth0")    # ports are where their bond is
        rt.link_set("eth0", master=bond)
    else:
        move("eth0")
    return DEVICE[link]


class Node:
    """A node in a namespace that has an eth0. What the tests ask of it are
    methods, so that it can as well be another machine (vr_agent.py).
    """

    def __init__(self, num, ctx, ns, link="plain"):
        self.num, self.ctx, self.mac, self.ns = num, ctx, mac(num), ns
        self.ip = ip(f"10.0.0.{10 + num}")
        with ns:
            self.rt, self.vr = ns.rt, Vrctx()
            load()
            self.dh = Dhost()
            self.rt.link_set("eth0", up=False)
            self.rt.link_set("eth0", mac=self.mac)
            if ctx:
                self.vr.new(ctx)
            self.dev = device(self.rt, link, self.move)
            self.members = self.dev
            if link == "apart":
                self.members = "eth1"
                self.move("eth1")
            self.rt.addr(self.dev, f"10.0.0.{10 + num}/24")

    def move(self, dev):
        if self.ctx:
            self.vr.move(dev, self.ctx)

    def distribute(self, others, slices):
        """The address is that of a cluster, of which these are members."""
        at = mac if self.members == self.dev else apart_mac
        self.call(HOST_NEW, own=self.num, **slice_of(self.num, slices))
        for dev in {self.dev, self.members}:
            self.rt.link_set(dev, up=True)
        for num in others:
            self.call(MEMBER_NEW, node=num, ifname=self.members,
                      lladdr=at(num), **slice_of(num, slices))
        self.have_address()

    def have_address(self):
        self.rt.addr(self.dev, SNET)

    def run(self):
        """Up, with all addresses."""
        for dev in {self.dev, self.members}:
            self.rt.link_set(dev, up=True)
            wait(lambda dev=dev: self.rt.running(dev), f"{dev} to run")

    def call(self, cmd, **kwargs):
        return self.dh.call(cmd, context=self.ctx, **kwargs)

    def stats(self):
        return self.call(HOST_GET)["stats"]

    def sock(self, kind, port, addr=SHARED, **kwargs):
        with self.ns:
            return sock(kind, self.ctx, (addr, port), **kwargs)

    def connect(self, addr, src=(SHARED, 0), **kwargs):
        with self.ns:
            return connect(addr, self.ctx, src, **kwargs)

    def group(self, group, port):
        """A socket for what is sent to the group, which it has joined."""
        one = self.sock(UDP, port, group)
        one.setsockopt(SOL, JOIN, mreq(group, self.rt.ifindex(self.dev)))
        return one

    def neighbour(self, addr, at, state=NUD_STALE):
        self.rt.neigh(self.dev, addr, at, state)

    def neighbour_at(self, addr):
        return self.rt.neighs(self.dev).get(addr, (0, None))[1]

    def route(self, net, via):
        self.rt.route(net, via=via, dev=self.dev, **(
            {"table": table_of(self.ctx)} if self.ctx else {}))

    def wire(self):
        """For frames as they are."""
        with self.ns:
            one = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        one.bind(("eth0", 0))
        return one

    def tell(self):
        """The switch learns, or learns again, where the node is."""
        with self.wire() as one:
            one.send(mac(0) + self.mac + b"\x88\xb5" + bytes(46))

    def host(self, name):
        """What runs programs on it, if selftests/programs is on the path."""
        import vr_site      # pylint: disable=import-outside-toplevel
        return vr_site.Host(types.SimpleNamespace(name="node", hosts={}),
                            name, None, self.ns)

    def close(self):
        self.dh.close()
        self.vr.close()
        self.ns.close()


class Wires:
    """What the client sends by hand, and what it gets to see."""
    me, at, link = CLIENT, mac(100), "plain"

    def haunt(self):
        """It is the ghost that sends by hand."""
        self.me, self.at = GHOST, GMAC
        for node in self.nodes.values():
            node.neighbour(GHOST, GMAC, NUD_PERMANENT)

    def send(self, payload, dst=None, ethertype=None, src=None):
        kind = ethertype or (ETH_IPV6 if payload[0] >> 4 == 6 else ETH_IP)
        usual = GROUP if self.link == "all" else mac(self.lead)
        self.packet.send((dst or usual) + (src or self.at)
                         + struct.pack("!H", kind) + payload)

    def send_ip(self, proto, payload, dst=None, **kwargs):
        self.send(ip_packet(proto, payload, self.me, SHARED, **kwargs), dst)

    def send_icmp(self, kind, rest=0, data=b"", **kwargs):
        self.send_ip(ICMP, icmp(*kind, rest, data, self.me, SHARED), **kwargs)

    def send_tcp(self, sport, dport, seq, ack=0, flags=16, data=b"",
                 options=b"", **kwargs):
        self.send_ip(TCP_P, tcp_segment(sport, dport, seq, ack, flags, data,
                                        self.me, SHARED, options=options),
                     **kwargs)

    def send_udp(self, sport, dport, data=b"", **kwargs):
        self.send_ip(UDP_P, udp_datagram(sport, dport, data, self.me, SHARED),
                     **kwargs)

    def told(self):
        """MACs that somebody said the address is at, since the last sync()."""
        out = set()
        for frame in self.sync((NEIGH,)):
            reply, sender, at, target = neigh_of(frame[14:])
            if (target if reply else sender) == SHARED:
                out.add(at)
        return out

    def ask(self, sip=CLIENT):
        """ARP or a solicitation for the address: MACs in the answers."""
        self.sync()
        dst, kind, payload = neigh_request(sip, SHARED, mac(100))
        self.send(payload, dst, kind, mac(100))
        return [at for reply, _, at, target in
                (neigh_of(frame[14:]) for frame in self.sync((NEIGH,)))
                if reply and target == SHARED]

    def frames(self):
        """Frames that come to the client, up to a time that is too long."""
        self.packet.settimeout(TIMEOUT)
        end = time.monotonic() + TIMEOUT
        while time.monotonic() < end:
            frame, addr = self.packet.recvfrom(65536)
            if addr[2] != socket.PACKET_OUTGOING:
                yield frame
        raise AssertionError("no end of frames")

    def reached(self):
        """The nodes that answer a ping."""
        return self.nodes

    def sync(self, kinds=(ETH,)):
        """All frames that came until the lead, if it is known, has replied to
        a ping, and then the nodes: whatever went through a lead to a node was
        before these.
        """
        out = []
        lead = [(self.lead, None)] if self.lead else []
        for num, node in [*lead, *self.reached().items()]:
            self.mark += 1
            to = node.ip if node else SHARED
            probe = icmp(*ECHO_REQUEST, 0x76730000 + self.mark, b"sync",
                         CLIENT, to)
            self.send(ip_packet(ICMP, probe, CLIENT, to), mac(num),
                      src=mac(100))
            for frame in self.frames():
                kind = kind_of(struct.unpack_from("!H", frame, 12)[0],
                               frame[14:])
                if kind == ETH:
                    pkt = Packet(frame[14:])
                    if pkt.icmp == ECHO_REPLY and \
                            pkt.rest == 0x76730000 + self.mark:
                        break
                if kind in kinds:
                    out.append(frame)
        return out

    def forget(self):
        """After much traffic: what came so far is not for sync()."""
        self.packet.setblocking(False)
        try:
            while True:
                self.packet.recv(1)
        except BlockingIOError:
            pass

    def answers(self):
        """(MAC, packet) of all that came for the client, but for the pings.
        (What a lead gives to all nodes passes here, too.)
        """
        return [(frame[6:12], Packet(frame[14:])) for frame in self.sync()
                if frame[:6] == self.at]


class Segment(Wires):
    """A switch and a client at it; whoever makes one adds the nodes."""

    def __init__(self, link="plain"):
        self.link, self.mark, self.nodes = link, 0, {}
        self.switch = Netns()
        self.switch.join()
        self.bridges = {}
        self.client = Netns()
        self.plug(self.client, "pc", "eth0")
        self.client.rt.link_set("eth0", mac=mac(100))
        self.dev = device(self.client.rt, link)
        self.client.rt.addr(self.dev, CNET)
        self.client.rt.link_set(self.dev, up=True)
        with self.client:
            self.packet = socket.socket(socket.AF_PACKET, socket.SOCK_RAW,
                                        socket.htons(3))
            self.packet.bind((self.dev, 3))
            self.packet.setsockopt(socket.SOL_SOCKET, 33, 1 << 22)
        if link == "all":
            self.client.rt.neigh(self.dev, SHARED, GROUP)

    def plug(self, far, port, dev, bridge="br0"):
        """A cable from the switch to a namespace."""
        with self.switch:
            rt = self.switch.rt
            if bridge not in self.bridges:
                self.bridges[bridge] = rt.link_add(bridge, "bridge")
                rt.link_set(bridge, up=True)
            rt.veth(port, dev, far.fd)
            rt.link_set(port, up=True, master=self.bridges[bridge])


class Cluster(Segment):
    """Three nodes with one address, and a client beside them."""
    largest = 20000     # datagram, which is many fragments at once
    bulk = 2 << 20      # what is a big transfer
    burst = 50          # packets at once
    handover = True     # the lead hands over

    def __init__(self, ctx=0, lead=1, slices=False, link="plain",
                 distributed=True):
        require()
        super().__init__(link)
        self.ctx, self.lead = ctx, lead
        # an ordinary host is a cluster without any of it
        for num in NODES if distributed else (1,):
            self.nodes[num] = self.node(num)
        for num, node in self.nodes.items():
            if distributed:
                node.distribute([n for n in self.nodes if n != num], slices)
            else:
                node.have_address()
            node.run()
        wait(lambda: all(self.switch.rt.running(p) for p in self.ports()),
             "the switch")
        wait(lambda: self.client.rt.running(self.dev), "the client")
        if distributed:
            self.set_lead(lead)

    def node(self, num):
        """A new one; a test may have it somewhere else."""
        ns = Netns()
        self.plug(ns, f"p{num}", "eth0")
        if self.link == "apart":
            self.plug(ns, f"q{num}", "eth1", "br1")
            ns.rt.link_set("eth1", mac=apart_mac(num))
        return Node(num, self.ctx, ns, self.link)

    def ports(self):
        return ["pc"] + [f"p{num}" for num in self.nodes]

    def set_lead(self, lead):
        """The old one goes, then the new one comes; the others hear of it."""
        for num in sorted(self.nodes, key=lambda n: n == lead):
            self.nodes[num].call(HOST_SET, lead=lead)
        self.lead = lead

    def set_handover(self, handover):
        for node in self.nodes.values():
            node.call(HOST_SET, handover=int(not handover))
        self.handover = handover

    def own(self, proto, port, node, last=None):
        for one in self.nodes.values():
            one.call(PORT_SET, protocol=proto, port=port, port_last=last,
                     node=node)

    def share(self, proto, port, owners, last=None):
        for one in self.nodes.values():
            one.call(PORT_SET, protocol=proto, port=port, port_last=last,
                     owner=owners)

    def disown(self, proto, port, last=None):
        for one in self.nodes.values():
            one.call(PORT_DEL, protocol=proto, port=port, port_last=last)

    def close(self):
        """Namespaces go when the last socket in them does."""
        self.packet.close()
        for node in self.nodes.values():
            node.close()
        self.client.close()
        self.switch.close()
