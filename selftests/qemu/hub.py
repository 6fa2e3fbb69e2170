#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Ethernet segments between guests: each frame goes to all the others on it.

usage: hub.py DIR NODES SEGMENTS
	sockets DIR/hub0... (ours) and DIR/nic0.1 ... (QEMU's: segment, node)

Lives outside the guests, so that a node that dies takes nothing along. It is
also the hand that pulls cables, for whoever connects to DIR/lab (--lab of
scripts/vm: a port of node 1). A request is a line, the answer a line "ok", or
what is wrong:

	drop SEGMENT FROM TO PERCENT	so many of the frames are lost; 0 is all
					of a node's, "*" each node
	delay SEGMENT MS		all frames come so much later
	link NODE SEGMENT on|off	its cable, which it can see
	stop NODE, cont NODE		its machine, with its clock
	quit NODE			its plug is pulled
	reset NODE			and put in again: it boots
"""
import collections
import heapq
import json
import random
import selectors
import socket
import sys
import time


class Port:
    """Where a node is plugged in. The queue of a socket takes ten frames: a
    burst would lose most of what a switch has room for.
    """
    ROOM = 500

    def __init__(self, path, events):
        self.path, self.events, self.sock = path, events, None
        self.queue = collections.deque()

    def send(self, frame):
        if len(self.queue) < self.ROOM:
            self.queue.append(frame)
        if len(self.queue) == 1:
            self.flush()

    def flush(self, *_):
        """What there is room for now; the rest when there is."""
        try:
            if not self.sock:
                self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
                self.sock.setblocking(False)
                self.sock.connect(self.path)
            while self.queue:
                self.sock.send(self.queue[0])
                self.queue.popleft()
        except BlockingIOError:
            self.watch(True)
            return
        except OSError:         # an absent node, which may come
            self.queue.clear()
            self.watch(False)
            self.sock.close()
            self.sock = None
            return
        self.watch(False)

    def watch(self, on):
        if on == (self.sock in self.events.get_map()):
            return
        if on:
            self.events.register(self.sock, selectors.EVENT_WRITE,
                                 (self.flush, None))
        else:
            self.events.unregister(self.sock)


class Hub:
    """The segments and what is wrong with them."""

    def __init__(self, directory, nodes, segments):
        self.directory, self.nodes = directory, range(1, nodes + 1)
        self.random = random.Random(1)
        self.loss = {}          # (segment, from, to): percent
        self.delays = [0] * segments
        self.late, self.count = [], 0
        self.events = selectors.DefaultSelector()
        self.ports = {(segment, node):
                      Port(f"{directory}/nic{segment}.{node}", self.events)
                      for segment in range(segments) for node in self.nodes}
        for segment in range(segments):
            hub = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            hub.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            hub.setblocking(False)
            hub.bind(f"{directory}/hub{segment}")
            self.events.register(hub, selectors.EVENT_READ,
                                 (self.frames, segment))
        # last: whoever waits for this one finds the others
        lab = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        lab.bind(f"{directory}/lab")
        lab.listen()
        self.events.register(lab, selectors.EVENT_READ, (self.accept, None))

    # ---- frames ----

    def frames(self, hub, segment):
        for _ in range(64):     # then the others have their turn
            try:
                frame, sender = hub.recvfrom(1 << 17)
            except BlockingIOError:
                return
            source = int(sender.rsplit(".", 1)[1])
            for node in self.nodes:
                if node == source or self.lost(segment, source, node):
                    continue
                if self.delays[segment]:
                    self.count += 1
                    heapq.heappush(self.late, (
                        time.monotonic() + self.delays[segment], self.count,
                        frame, self.ports[segment, node]))
                else:
                    self.ports[segment, node].send(frame)

    def lost(self, segment, source, node):
        percent = self.loss and self.loss.get((segment, source, node), 0)
        return percent and self.random.random() * 100 < percent

    # ---- faults ----

    def accept(self, lab, _):
        conn = lab.accept()[0]
        self.events.register(conn, selectors.EVENT_READ, (self.request, None))

    def request(self, conn, _):
        data = conn.recv(4096)
        if not data:
            self.events.unregister(conn)
            conn.close()
            return
        for line in data.decode().splitlines():
            try:
                self.do(*line.split())
                conn.sendall(b"ok\n")
            except (ValueError, TypeError, LookupError, OSError) as err:
                conn.sendall(f"{line}: {err!r}\n".encode())

    def do(self, verb, *args):
        if verb == "drop":
            segment, source, to, percent = args
            for one in self.those(source):
                for other in self.those(to):
                    self.loss[int(segment), one, other] = float(percent)
        elif verb == "delay":
            self.delays[int(args[0])] = float(args[1]) / 1000
        elif verb == "link":
            node, segment, state = args
            self.machine(int(node), "set_link", name=f"seg{int(segment)}",
                         up={"on": True, "off": False}[state])
        elif verb in ("stop", "cont", "quit"):
            self.machine(int(args[0]), verb)
        elif verb == "reset":
            # A reset is an end (-no-reboot) up to the first one that is asked
            # for: the firmware makes one more of it, when it has begun.
            node, = args
            self.machine(int(node), "set-action", reboot="reset")
            self.machine(int(node), "system_reset")
        else:
            raise ValueError("unknown request")

    def those(self, word):
        return list(self.nodes) if word == "*" else [int(word)]

    def machine(self, node, verb, **arguments):
        """QEMU's monitor: a greeting, a request, answers and events. One that
        quits may not answer.
        """
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as qmp:
            qmp.settimeout(30)
            qmp.connect(f"{self.directory}/qmp{node}")
            with qmp.makefile("rw", encoding="utf-8") as lines:
                lines.readline()
                for command in ({"execute": "qmp_capabilities"},
                                {"execute": verb, "arguments": arguments}):
                    lines.write(json.dumps(command) + "\n")
                    lines.flush()
                    line = "{}"
                    while line and "return" not in json.loads(line):
                        line = lines.readline()
                        if "error" in line:
                            raise ValueError(line)

    def run(self):
        """Forward until killed."""
        while True:
            left = None
            if self.late:
                left = max(0, self.late[0][0] - time.monotonic())
            for key, _ in self.events.select(left):
                call, arg = key.data
                call(key.fileobj, arg)
            while self.late and self.late[0][0] <= time.monotonic():
                frame, port = heapq.heappop(self.late)[2:]
                port.send(frame)


if __name__ == "__main__":
    Hub(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])).run()
