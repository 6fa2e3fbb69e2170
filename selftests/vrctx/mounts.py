#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""No file system over the network, file server or RDMA for a task in a context:
the kernel would speak in context 0.

Guards nfs_init_fs_context(), smb3_init_fs_context(), ceph_init_fs_context(),
p9_fd_create_tcp(), ucma_open() and vrctx_sock_kern().
"""
import contextlib
import errno as E
import os
import tempfile

from vr_net import Lab, inside, libc
from vr_tap import check, params, refused, run

LAB = Lab(1, hosts=False)


@contextlib.contextmanager
def mounted(kind, options=None):
    """Where a file system is."""
    with tempfile.TemporaryDirectory() as top:
        libc("mount", b"127.0.0.1", top.encode(), kind.encode(), 0,
             options and options.encode())
        try:
            yield top
        finally:
            libc("umount2", top.encode(), 2)


def mount(kind, options=None):
    with mounted(kind, options):
        pass


@params("nfs", "cifs", "smb3", "ceph")
def test_mount(kind):
    """no mount in a context; context 0 is asked for options:"""
    refused(E.EINVAL, "in 0", mount, kind)
    with inside(1):
        refused(E.EOPNOTSUPP, "in 1", mount, kind)


def test_9p():
    """nor one of 9p by TCP; context 0 finds nobody"""
    options = "trans=tcp,port=1"
    refused(E.ECONNREFUSED, "in 0", mount, "9p", options)
    with inside(1):
        refused(E.EOPNOTSUPP, "in 1", mount, "9p", options)


def ask(name, text):
    """A request of the server; it takes one by an open file."""
    fd = os.open(name, os.O_WRONLY)
    try:
        os.write(fd, text)
    finally:
        os.close(fd)


def test_nfsd():
    """the file server of the kernel has no socket in a context"""
    with mounted("nfsd") as top:
        listen = top + "/portlist", b"tcp 20049\n"
        with inside(1):
            refused(E.EOPNOTSUPP, "in 1", ask, *listen)
        ask(*listen)
        with open(listen[0], "rb") as f:
            check(b"tcp 20049" in f.read(), "no socket in 0")
    # with the last mount it is gone


def test_rdma():
    """connections of RDMA are none of a context's"""
    with tempfile.TemporaryDirectory() as top:
        with open("/sys/class/misc/rdma_cm/dev", encoding="ascii") as f:
            major, minor = map(int, f.read().split(":"))
        os.mknod(top + "/rdma_cm", 0o020600, os.makedev(major, minor))
        os.close(os.open(top + "/rdma_cm", os.O_RDWR))
        with inside(1):
            refused(E.EOPNOTSUPP, "in 1", os.open, top + "/rdma_cm", os.O_RDWR)


run(globals())
