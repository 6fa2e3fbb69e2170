# SPDX-License-Identifier: GPL-2.0
"""The hand outside the guests (hub.py), from node 1: lab("stop 2")."""
import glob
import os
import threading

PORT = "vrctx.lab"
LOCK = threading.Lock()


def device():
    for path in glob.glob("/sys/class/virtio-ports/*/name"):
        with open(path, encoding="ascii") as f:
            if f.read().strip() == PORT:
                return f"/dev/{path.split('/')[-2]}"
    raise FileNotFoundError(f"no port {PORT}: scripts/vm --lab makes it")


def lab(*requests):
    """Each is done when it returns."""
    with LOCK:
        fd = os.open(device(), os.O_RDWR)
        try:
            for request in requests:
                os.write(fd, request.encode() + b"\n")
                answer = b""
                while not answer.endswith(b"\n"):
                    answer += os.read(fd, 4096)
                if answer != b"ok\n":
                    raise RuntimeError(answer.decode().strip())
        finally:
            os.close(fd)
