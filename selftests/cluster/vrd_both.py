#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# families: 6
"""vrd with an IPv6 address and an IPv4 one, and with ports of several nodes.

The cluster is that of vrd.py, with IPv6 addresses; beside the shared one the
nodes have 10.0.0.1 in common, so that a socket may have both. A client sees the
same as with IPv4 alone.
"""
import socket
import threading

# first: it makes the others known
from vr_vrd import Bind, Lab, check, colons, eq, errno, mac, run, slow, wait
import vr_tap
from vr_dhost import HOST_GET, PORT_GET, SHARED, TCP_P
from vr_hdr import NEIGH
from vr_net import connect, pending, sock

FOUR = "10.0.0.1"
ALL_NODES = b"\x33\x33\0\0\0\1"
TROUBLE = 0x48          # IFA_F_TENTATIVE, IFA_F_DADFAILED
EXTRA = ('shared = ["tcp/8080", "udp/53"]\n'
         f'[[addresses]]\naddress = "{FOUR}"\ndevice = "eth0"\nlladdr = {{ '
         + ", ".join(f'{num} = "{colons(mac(num))}"' for num in (1, 2, 3))
         + " }\n")

LAB = Lab(extra=EXTRA)
NODES = LAB.nodes
answers = LAB.answered_by
LAB.start()
for one_node in NODES.values():
    one_node.rt.addr4("eth0", FOUR + "/24")
LAB.client.rt.addr4("eth0", "10.0.0.100/24")


def dial(port, addr=SHARED):
    with LAB.client:
        return connect((addr, port), timeout=20 * slow(), af=family(addr))


def family(addr):
    return socket.AF_INET6 if ":" in addr else socket.AF_INET


def serve(num, port, addr=SHARED, v6only=False):
    """A listening socket of a node"""
    with NODES[num].ns:
        one = sock(socket.SOCK_STREAM, af=family(addr), reuse=True)
    one.settimeout(20 * slow())
    if v6only:
        one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    one.bind((addr, port))
    one.listen(8)
    return one


def refused(num, port, addr):
    try:
        serve(num, port, addr).close()
        return False
    except OSError as err:
        eq(err.errno, errno.EADDRINUSE, f"bind() of {addr} {port}")
        return True


def talk(one, other, word=b"word"):
    one.sendall(word)
    eq(other.recv(100), word, "what came")
    other.sendall(word)
    eq(one.recv(100), word, "what came back")


def reached(listener, port, addr=SHARED):
    with dial(port, addr) as far:
        near = listener.accept()[0]
        talk(far, near)
        near.close()


def owners(num=1):
    """What vrctl cluster ports shows on a node"""
    return {(p["address"], p["port"]): p["node"]
            for p in NODES[num].cluster("ports")}


def nothing():
    for num in NODES:
        wait(lambda n=num: not owners(n), "no port")


def test_lead():
    """one lead of both addresses, which answers solicitations"""
    answers(1)
    for node in NODES.values():
        eq(node.cluster("lead")[0]["lead"], 1, "lead")
        eq({node.dh.call(HOST_GET, address=addr)["lead"]
            for addr in (SHARED, FOUR)},
           {1}, "lead in the kernel")
        flags = node.rt.addr_flags("eth0", SHARED)
        check(flags is not None and not flags & TROUBLE, f"flags {flags}")


def test_same_port():
    """two nodes bind the same IPv6 port at the same instant: one gets it"""
    for port in range(7000, 7010):
        barrier = threading.Barrier(2)
        pair = [Bind(NODES[n], port, barrier) for n in (2, 3)]
        eq(sorted(one.end() for one in pair), [0, errno.EADDRINUSE],
           f"port {port}")
        for one in pair:
            one.sock.close()
    nothing()


def test_services():
    """the same port of either address on two nodes: each is reached"""
    with serve(2, 80) as six, serve(3, 80, FOUR) as four:
        for num in NODES:
            wait(lambda n=num: owners(n) == {(SHARED, 80): 2, (FOUR, 80): 3},
                 f"ports on node {num}")
        reached(six, 80)
        reached(four, 80, FOUR)
    nothing()


def test_both():
    """a socket of both families has both ports, or none"""
    with serve(2, 81, "::") as both:
        wait(lambda: owners() == {(SHARED, 81): 2, (FOUR, 81): 2}, "ports")
        check(refused(3, 81, FOUR), "the IPv4 one")
        check(refused(3, 81, SHARED), "the IPv6 one")
        reached(both, 81)
        reached(both, 81, FOUR)
    nothing()
    with serve(3, 81, FOUR):
        check(refused(2, 81, "::"), "one of both")
        with serve(2, 81, "::", v6only=True) as six:
            wait(lambda: owners() == {(SHARED, 81): 2, (FOUR, 81): 3},
                 "ports of a socket of IPv6 alone")
            reached(six, 81)
    nothing()


def test_drain():
    """another node is the lead: it says so to the neighbours of both"""
    with serve(3, 82, "::") as both, dial(82) as six, dial(82, FOUR) as four:
        pairs = [(both.accept()[0], far) for far in (six, four)]
        LAB.sync()
        NODES[1].drain()
        LAB.settled(2)
        check(any(frame[:12] == ALL_NODES + mac(2)
                  for frame in LAB.sync((NEIGH,))), "no advertisement")
        answers(2)
        for pair in pairs:
            talk(*pair)
        NODES[1].drain("off")
        LAB.settled(1)
        answers(1)
        for near, far in pairs:
            talk(near, far)
            near.close()
    nothing()


class Spread:
    """Listeners of a shared port, and connections to whichever gets them"""

    def __init__(self):
        self.listeners, self.ends = {}, []

    def serve(self, num):
        self.listeners[num] = serve(num, 8080, "::")
        self.known()

    def known(self):
        """Wait until all kernels have the owners in the order of bind()."""
        for num in NODES:
            for addr in (SHARED, FOUR):
                wait(lambda n=num, a=addr: NODES[n].dh.call(
                    PORT_GET, address=a, protocol=TCP_P,
                    port=8080).get("owner") == [*self.listeners],
                     f"owners of {addr} on node {num}")

    def dial(self, addr):
        far = dial(8080, addr)
        num, near = wait(self.accepted, "a node to have the connection")
        near.settimeout(20 * slow())
        self.ends.append((num, far, near))
        return num

    def accepted(self):
        return next(((num, near) for num, one in self.listeners.items()
                     if (near := pending(one))), None)

    def talk(self, but=None):
        for num, far, near in self.ends:
            if num != but:
                talk(far, near)

    def close(self):
        for _, far, near in self.ends:
            far.close()
            near.close()
        for one in self.listeners.values():
            one.close()


def test_shared():
    """a port of several nodes: connections live when one comes, and goes"""
    spread = Spread()
    spread.serve(3)
    spread.serve(2)
    for addr in (SHARED, FOUR):
        while len({spread.dial(addr) for _ in range(6)}) < 2:
            pass
    spread.serve(1)
    spread.talk()
    while spread.dial(SHARED) != 1:
        pass
    # another lead, which knows of none of them
    NODES[1].drain()
    LAB.settled(2)
    answers(2)
    spread.talk()
    NODES[1].drain("off")
    LAB.settled(1)
    answers(1)
    spread.talk()
    # who has lost its cluster has its sockets, and no packets for them
    NODES[3].stop("corosync")
    LAB.settled(1, (1, 2))
    gone = spread.listeners.pop(3)
    for num in (1, 2):
        wait(lambda n=num: NODES[n].dh.call(
            PORT_GET, protocol=TCP_P, port=8080)["owner"] == [2, 1],
             "the others to have it")
    spread.talk(but=3)
    for num, far, _ in spread.ends:
        if num == 3:
            far.sendall(b"anybody?")
            vr_tap.refused(errno.ECONNRESET, "no RST", far.recv, 1)
    NODES[3].start_corosync()
    LAB.settled(1)
    # it comes back as the last one
    spread.listeners[3] = gone
    spread.known()
    spread.talk(but=3)
    spread.close()
    nothing()


def test_corosync_killed():
    """the lead is cut off: connections live, its ports are free"""
    with serve(2, 83) as listener, serve(1, 84), dial(83) as far:
        near = listener.accept()[0]
        NODES[1].stop("corosync")
        LAB.settled(2, (2, 3))
        answers(2)
        eq(NODES[1].kernel()["lead"], 0, "the old lead's kernel")
        talk(far, near)
        wait(lambda: owners(3) == {(SHARED, 83): 2}, "its ports to be free")
        serve(3, 84).close()
        near.close()


run(globals(), LAB, 300)
