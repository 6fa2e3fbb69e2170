#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""No file system or disk over the network, file server, RDMA, or network of a
line or a console for a task in a context: the kernel would speak in context 0.

Guards nfs_init_fs_context(), smb3_init_fs_context(), ceph_init_fs_context(),
p9_fd_create_tcp(), ucma_open(), do_rbd_add(), nvme_tcp_create_ctrl(),
ppp_unattached_ioctl(), slip_open(), make_netconsole_target() and
vrctx_sock_kern().
"""
import contextlib
import errno as E
import fcntl
import os
import struct
import tempfile
import termios

from vr_net import Lab, inside, libc
from vr_tap import check, params, refused, run

LAB = Lab(1, hosts=False)
PPPIOCNEWUNIT = 0xc004743e
N_SLIP = 1


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


@contextlib.contextmanager
def device(where):
    """The node of a device that has a file in /sys/class."""
    with tempfile.TemporaryDirectory() as top:
        with open(f"/sys/class/{where}/dev", encoding="ascii") as f:
            major, minor = map(int, f.read().split(":"))
        os.mknod(top + "/dev", 0o020600, os.makedev(major, minor))
        yield top + "/dev"


def test_rdma():
    """connections of RDMA are none of a context's"""
    with device("misc/rdma_cm") as dev:
        os.close(os.open(dev, os.O_RDWR))
        with inside(1):
            refused(E.EOPNOTSUPP, "in 1", os.open, dev, os.O_RDWR)


def test_nvme():
    """no disk by NVMe over TCP; context 0 finds nobody"""
    text = b"transport=tcp,traddr=127.0.0.1,trsvcid=1,nqn=nqn.2014-08.org.x:1"
    with device("misc/nvme-fabrics") as dev:
        refused(E.ECONNREFUSED, "in 0", ask, dev, text)
        with inside(1):
            refused(E.EOPNOTSUPP, "in 1", ask, dev, text)


def test_rbd():
    """no image of Ceph; context 0 is asked for more words"""
    with mounted("sysfs") as top:
        add = top + "/bus/rbd/add_single_major"
        refused(E.EINVAL, "in 0", ask, add, b"x")
        with inside(1):
            refused(E.EOPNOTSUPP, "in 1", ask, add, b"x")


def test_ppp():
    """no device of PPP"""
    with device("ppp/ppp") as dev:
        fd = os.open(dev, os.O_RDWR)
        try:
            with inside(1):
                refused(E.EOPNOTSUPP, "in 1", fcntl.ioctl, fd, PPPIOCNEWUNIT,
                        struct.pack("=i", -1))
            fcntl.ioctl(fd, PPPIOCNEWUNIT, struct.pack("=i", -1))
        finally:
            os.close(fd)


def test_slip():
    """no device of SLIP"""
    for ctx in (1, 0):
        line, end = os.openpty()
        try:
            with inside(ctx):
                how = end, termios.TIOCSETD, struct.pack("=i", N_SLIP)
                if ctx:
                    refused(E.EOPNOTSUPP, "in 1", fcntl.ioctl, *how)
                else:
                    fcntl.ioctl(*how)
        finally:
            os.close(end)
            os.close(line)


def test_netconsole():
    """no messages of the kernel by devices that a context names"""
    with mounted("configfs") as top:
        name = top + "/netconsole/x"
        with inside(1):
            refused(E.EOPNOTSUPP, "in 1", os.mkdir, name)
        os.mkdir(name)
        os.rmdir(name)


run(globals())
