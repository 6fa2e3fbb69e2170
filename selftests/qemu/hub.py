#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""One Ethernet segment between guests: each frame goes to all the others.

usage: hub.py DIR NODES    sockets DIR/hub (ours) and DIR/nic1..nicN (QEMU's)

Lives outside the guests, so that a node that dies takes nothing along.
"""
import socket
import sys


def main():
    """Forward until killed."""
    directory, nodes = sys.argv[1], int(sys.argv[2])
    ports = [f"{directory}/nic{k}" for k in range(1, nodes + 1)]
    hub = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    hub.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    out = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    out.setblocking(False)
    hub.bind(f"{directory}/hub")
    while True:
        frame, sender = hub.recvfrom(1 << 17)
        for port in ports:
            if port == sender:
                continue
            try:
                out.sendto(frame, port)
            except OSError:
                pass  # a full queue or an absent node: Ethernet drops


if __name__ == "__main__":
    main()
