# SPDX-License-Identifier: GPL-2.0
"""What the client of a lab (vr_vrd.py) has and does while things break."""
import contextlib
import errno
import selectors
import socket
import struct
import threading
import time

from vr_dhost import SHARED
from vr_net import TIMEOUT, connect
from vr_tap import eq, wait


class Crowd:
    """Connections of the client, spread over ports."""

    def __init__(self, lab, count, ports):
        with lab.client:
            self.conns = [connect((SHARED, ports[i % len(ports)]),
                                  timeout=2 * TIMEOUT) for i in range(count)]
        self.round = 0

    def answers(self):
        """What each gives back of what is sent, on each another thing."""
        self.round += 1
        for num, one in enumerate(self.conns):
            with contextlib.suppress(OSError):
                one.sendall(struct.pack("=II", num, self.round))
        return [self.answer(num, one) for num, one in enumerate(self.conns)]

    def answer(self, num, one):
        """What came before it; None: nothing, or something else."""
        with contextlib.suppress(OSError):
            got = one.recv(100)
            if got.endswith(struct.pack("=II", num, self.round)):
                return got[:-8]
        return None

    def alive(self):
        """How many do."""
        return sum(one is not None for one in self.answers())

    def keep(self, which):
        """Those that are true, of all in order."""
        for good, one in zip(which, self.conns):
            if not good:
                one.close()
        self.conns = [one for good, one in zip(which, self.conns) if good]

    def close(self):
        self.keep([False] * len(self.conns))


class Stream(threading.Thread):
    """New connections to these ports in turn, each 50 ms, as long as a test
    takes. .done is a list of (begin, end, errno).
    """

    def __init__(self, lab, ports):
        super().__init__()
        self.ports, self.stop, self.done = ports, threading.Event(), []
        self.events = selectors.DefaultSelector()
        with lab.client:
            self.start()        # it stays in the namespace of the client

    def begin(self, port):
        one = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        one.setblocking(False)
        one.connect_ex((SHARED, port))
        self.events.register(one, selectors.EVENT_WRITE, time.monotonic())

    def run(self):
        count, due = 0, time.monotonic()
        end = None
        while not end or (self.events.get_map() and time.monotonic() < end):
            if self.stop.is_set() and not end:
                end = time.monotonic() + 2 * TIMEOUT
            if not end and time.monotonic() >= due:
                self.begin(self.ports[count % len(self.ports)])
                count, due = count + 1, time.monotonic() + 0.05
            for key, _ in self.events.select(0.02):
                err = key.fileobj.getsockopt(socket.SOL_SOCKET,
                                             socket.SO_ERROR)
                self.done.append((key.data, time.monotonic(), err))
                self.events.unregister(key.fileobj)
                key.fileobj.close()
        for key in list((self.events.get_map() or {}).values()):
            self.done.append((key.data, time.monotonic(), errno.ETIMEDOUT))
            key.fileobj.close()

    def since(self, when):
        """End of the first that began then and was answered."""
        return min((end for began, end, err in list(self.done)
                    if began > when and not err), default=None)

    def __enter__(self):
        wait(lambda: self.since(0), "a connection")
        return self

    def __exit__(self, *exc):
        self.stop.set()
        self.join()
        lost = [errno.errorcode[err] for _, _, err in self.done if err]
        longest = max(end - began for began, end, _ in self.done)
        print(f"# {len(self.done)} new connections, {len(lost)} lost "
              f"{sorted(set(lost))}, the slowest took {longest:.2f} s")
        if not exc[0]:
            eq(lost, [], "new connections that failed")
