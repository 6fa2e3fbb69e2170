# SPDX-License-Identifier: GPL-2.0
"""Network namespaces, contexts and sockets for the selftests.

One process plays every host: namespaces are entered with setns() and live
only as long as this process holds them, so nothing is left behind whatever
happens, and the guest's own namespace is never touched.

	Lab(0, 7, 9)		  one router namespace, links to outside hosts

	 router: v0 10.0.0.1/24 ---- eth0 10.0.0.2/24 :host 0   (context 0)
		 v7 10.0.0.1/24 ---- eth0 10.0.0.2/24 :host 7   (context 7)
		 v9 10.0.0.1/24 ---- eth0 10.0.0.2/24 :host 9   (context 9)
"""
import contextlib
import ctypes
import os
import random
import socket
import struct
import traceback

from vr_fam import AF, RATEMASK, V6, ip, ratemask
from vr_nl import ANY, SCM_VRCTX, SO_VRCTX, Vrctx
from vr_rt import Rtnl, have_sysctl, sysctl
from vr_tap import require, slow, wait

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000
# Seconds that a socket waits for what has to come
TIMEOUT = 10 * slow()
# Router and host on every link, without and with the length of the prefix
RIP, HIP = ip("10.0.0.1"), ip("10.0.0.2")
RNET, HNET = ip("10.0.0.1/24"), ip("10.0.0.2/24")
TCP, UDP, RAW = socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW


def child(fn, *argv):
    """Run fn in another process, on any CPU; returns its pid."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        os.sched_setaffinity(0, range(os.cpu_count()))
        random.seed(os.getpid())
        fn(*argv)
        code = 0
    except Exception:           # pylint: disable=broad-except
        traceback.print_exc()
    finally:
        os._exit(code)


def libc(name, *argv):
    ret = getattr(LIBC, name)(*argv)
    if ret < 0:
        err = ctypes.get_errno()
        raise OSError(err, f"{name}: {os.strerror(err)}")
    return ret


class Netns:
    """A namespace, held by a descriptor. "with ns:" works inside it."""
    current = None

    def __init__(self, ipv6=V6, new=True):
        """A new one, or that which the process is in."""
        prev = Netns.current
        if new:
            libc("unshare", CLONE_NEWNET)
        self.fd = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        Netns.current = self
        self.stack = []
        self.rt = Rtnl()
        self.rt.link_set("lo", up=True)
        if ipv6:
            # Addresses work at once and stay when a device goes down;
            # nothing is sent that nobody asked for, but MLD reports.
            for key, val in (("accept_dad", 0), ("dad_transmits", 0),
                             ("accept_ra", 0), ("router_solicitations", 0),
                             ("keep_addr_on_down", 1)):
                for conf in ("all", "default"):
                    sysctl(f"net.ipv6.conf.{conf}.{key}", val)
        elif have_sysctl("net.ipv6.conf.all.disable_ipv6"):
            for conf in ("all", "default"):     # no MLD, no DAD packets
                sysctl(f"net.ipv6.conf.{conf}.disable_ipv6", 1)
        for conf in ("all", "default"):
            sysctl(f"net.ipv4.conf.{conf}.rp_filter", 0)
        sysctl(RATEMASK, ratemask())
        sysctl("net.ipv4.ping_group_range", "0 0")
        if prev:
            prev.join()

    def join(self):
        libc("setns", self.fd, CLONE_NEWNET)
        Netns.current = self

    def __enter__(self):
        self.stack.append(Netns.current)
        if Netns.current is not self:
            self.join()
        return self

    def __exit__(self, *_):
        prev = self.stack.pop()
        if prev is not self:
            prev.join()

    def close(self):
        """The last reference: the kernel tears the namespace down."""
        self.rt.close()
        os.close(self.fd)


def enter(ctx):
    """Put this thread into a context, by number or name."""
    with open("/proc/thread-self/vrctx", "w", encoding="ascii") as f:
        f.write(str(ctx))


def whoami():
    with open("/proc/thread-self/vrctx", encoding="ascii") as f:
        num, name = f.read().split()
    return int(num), name


@contextlib.contextmanager
def inside(ctx):
    """with inside(7): this thread is in context 7."""
    before = whoami()[0]
    enter(ctx)
    try:
        yield
    finally:
        enter(before)


# ---- sockets ----

def set_ctx(one, ctx):
    one.setsockopt(socket.SOL_SOCKET, SO_VRCTX, struct.pack("=I", ctx))


def get_ctx(one):
    return struct.unpack("=I", one.getsockopt(socket.SOL_SOCKET,
                                              SO_VRCTX, 4))[0]


def sock(kind, ctx=None, bind=None, listen=0, dev=None, proto=0, reuse=False,
         reuseport=False, af=AF):
    """A socket; ctx None leaves the context to the caller's own. With another
    af than the variant's, addresses are taken as they are.
    """
    new = socket.socket(af, kind, proto)
    try:
        new.settimeout(TIMEOUT)
        if ctx is not None:
            set_ctx(new, ctx)
        if reuse:
            new.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuseport:
            new.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if dev:
            new.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE,
                           dev.encode())
        if bind:
            new.bind((ip(bind[0]) if af == AF else bind[0], *bind[1:]))
        if listen:
            new.listen(listen)
    except OSError:
        new.close()
        raise
    return new


def connect(addr, ctx=None, src=None, dev=None, kind=TCP, timeout=TIMEOUT,
            af=AF):
    """A connected socket; addr and src are (address, port)."""
    new = sock(kind, ctx, src, dev=dev, reuse=bool(src), af=af)
    new.settimeout(timeout)
    try:
        new.connect((ip(addr[0]) if af == AF else addr[0], *addr[1:]))
    except OSError:
        new.close()
        raise
    return new


@contextlib.contextmanager
def unblocked(one):
    """MSG_DONTWAIT alone would make Python wait for its own timeout."""
    old = one.gettimeout()
    one.setblocking(False)
    try:
        yield
    finally:
        one.settimeout(old)


def readable(one):
    """What a non-blocking read would find now: bytes, None for nothing."""
    try:
        with unblocked(one):
            return one.recv(65536)
    except BlockingIOError:
        return None


def pending(listener):
    """Accept without waiting; None if nobody is there."""
    try:
        with unblocked(listener):
            new = listener.accept()[0]
    except BlockingIOError:
        return None
    new.settimeout(TIMEOUT)
    return new


def errqueue(one):
    """errno at the head of the error queue (RECVERR), None if empty."""
    try:
        with unblocked(one):
            anc = one.recvmsg(2000, 2000, socket.MSG_ERRQUEUE)[1]
    except BlockingIOError:
        return None
    return struct.unpack_from("=I", anc[0][2])[0]


def cmsg_ctx(ancillary):
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, SCM_VRCTX):
            return struct.unpack("=I", data)[0]
    return None


def send_ctx(one, data, dest, ctx):
    """sendmsg() with a SCM_VRCTX control message."""
    anc = [(socket.SOL_SOCKET, SCM_VRCTX, struct.pack("=I", ctx))]
    return one.sendmsg([data], anc, 0, (ip(dest[0]), *dest[1:]))


# ---- topologies ----

def both_run(near, dev, far, far_dev="eth0"):
    """Wait until both ends of a pair send."""
    wait(lambda: near.running(dev) and far.running(far_dev),
         f"{dev} to run")


class Lab:
    """A router namespace; hosts and contexts are added to it."""

    def __init__(self, *contexts, hosts=True):
        require()
        self.ns = Netns()
        self.ns.join()
        self.rt = self.ns.rt
        self.vr = Vrctx()
        self.hosts = {}
        for ctx in contexts:
            if ctx:
                self.vr.new(ctx)
            if hosts:
                self.hosts[ctx] = self.add_host(ctx)

    def link(self, ctx, dev, far_ns, cidr=RNET, far="eth0"):
        """A veth from the router, context ctx, to another namespace."""
        self.rt.veth(dev, far, far_ns.fd)
        if ctx:
            self.vr.move(dev, ctx)
        if cidr:
            self.rt.addr(dev, cidr)
        self.rt.link_set(dev, up=True)

    def add_host(self, ctx, dev=None, cidr=RNET, host=HNET):
        far = Netns()
        self.link(ctx, dev or f"v{ctx}", far, cidr)
        far.rt.addr("eth0", host)
        far.rt.link_set("eth0", up=True)
        both_run(self.rt, dev or f"v{ctx}", far.rt)
        far.rt.route("default", via=ip(cidr).split("/")[0], dev="eth0")
        return far

    def sockets(self, ctx):
        return self.vr.get(id=ctx)["sockets"]

    def quiet(self, ctx, sockets=0):
        """Wait until only that many sockets are left in the context."""
        wait(lambda: self.sockets(ctx) == sockets,
             f"{sockets} sockets in context {ctx}")


def serve(ctx, port, kind=TCP, addr=RIP):
    """A listening or bound socket of the router in a context."""
    return sock(kind, ctx, (addr, port), listen=16 if kind == TCP else 0,
                reuse=kind == TCP)


__all__ = ["ANY", "HIP", "HNET", "LIBC", "Lab", "Netns", "RAW", "RIP", "RNET",
           "TCP", "UDP", "both_run", "cmsg_ctx", "connect", "enter", "errqueue",
           "get_ctx", "inside", "libc", "pending", "readable", "send_ctx",
           "serve", "set_ctx", "sock", "whoami"]
