#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Random requests to what contexts and distributed hosts add to the kernel.

    wrong_requests.py [--seed N] [--count N] [--from N] [PART...]

Parts: vrctx and vr_dhost (netlink), inside (netlink, by a process in a context
without capabilities), sockopt, cmsg, procfs; by root in a context what every
host has: host (other netlink), ipsec (policies and states), files (sysctls, ioctls, /proc/net); frames and
shared (frames, to a distributed address). Each step depends on the seed and its
number alone, so that --from N --count 1 does step N again (in a network of its
own). The kernel must live (a warning is the end of the guest), answer each
request once, and say why it refuses; a process in a context changes nothing and
hears of nobody else.

With KCOV, which the debug kernel has, all parts together must reach each file
of ours and each entry from user space: see reached.py. VR_STRESS=S: again with
the next seed until S seconds are over.
"""
import contextlib
import ctypes
import errno
import faulthandler
import os
import random
import socket
import struct
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)),
                                "../vrctx"))
# pylint: disable=wrong-import-position
import vr_dhost
from reached import KCOV, TRACE, report, symbols, trace_events
from spec import Family, Maker, spoil
from vr_net import (ANY, LIBC, Netns, enter, get_ctx, libc, readable, set_ctx,
                    sock, whoami)
from vr_nl import NLMSG_DONE, NLMSG_ERROR, SCM_VRCTX, SO_VRCTX
from vr_tap import Skip, slow
from wrong_frames import FramesPart, SharedPart
from wrong_host import FilesPart, HostPart
from wrong_ipsec import IpsecPart
from wrong_world import (FOREIGN, LEAKED, Broken, Part, Talk, World,
                         extack_of)

STEPS_OF_LAB = 400
# What a capset() without any capability looks like
CAP_VERSION = 0x20080522
KNOWN = {
    "id": (0, 7, 9, 8, 11), "context": (0, 7, 9), "from": (0, 7, 9),
    "to": (0, 7, 9), "name": ("seven", FOREIGN, "default", "new", "x" * 31),
    "from-name": ("seven", "default"), "to-name": (FOREIGN, "default"),
    "ifname": ("lo", "d0", "d7", "d9", "none"), "ifindex": (1, 2, 3, 4, 5),
    "prefix-len": (24, 24, 24, 0, 32, 128), "own": (1, 2), "lead": (0, 1, 2),
    "node": (1, 2, 3), "epoch": (0, 1, 2, 3), "protocol": (6, 17, 1, 0),
    "port": (0, 80, 1001), "port-last": (80, 1005, 65535),
    "slice-min": (40000,), "slice-max": (50000,), "grants": (0, 1, 2),
    "timeout": (1, 10), "seq": (0, 1), "cookie": (0, 1),
    "lladdr": (b"\2\0\0\0\0\1", b"\xff" * 6, b"\0" * 6, b"\1\0\0\0\0\1"),
    "binary": (b"\x0a\0\0\1", b"\x0a\0\0\0", b"\0" * 4,
               bytes.fromhex("20010db8000000000000000000000001"), b"\0" * 16,
               b"\xe0\0\0\1", b"", b"12345"),
    "address": (b"\x0a\0\0\1",) * 3 + (b"\x0a\0\0\0", b"", b"12345"),
    "prefix": (LEAKED, LEAKED, b"\x0a\0\0\0", b"\0" * 16, b"", b"12345"),
    "string": ("", "a", "999", "a/b"), "number": (0, 1, 2, 10)}


class NetlinkPart(Part):
    """A family of netlink, by root of context 0."""
    spec = "vrctx"

    def __init__(self, world):
        super().__init__(world)
        self.maker = Maker(Family(self.spec), KNOWN)
        with world.lab.ns:
            self.number = world.lab.vr.genl_family(self.spec)[0]
            self.talk = Talk()

    def step(self, dice):
        flags, body = self.maker.request(dice)
        if dice.random() < 0.6:
            body = spoil(dice, body)
        if dice.random() < 0.1:
            flags ^= 0x300
        length = 16 + len(body)
        if dice.random() < 0.03:
            length = dice.choice((16, 17, 19, 20, length - 1, length + 4))
        answers, ends = self.talk.exchange(self.number, flags, body, length)
        self.judge(body, flags, length, answers, ends)

    def judge(self, body, flags, length, answers, ends):
        if length > 16 + len(body) or length < 20 or len(body) < 4:
            return
        if ends != 1:
            raise Broken(f"{ends} ends of an answer")
        for what, flg, data in answers:
            if what not in (NLMSG_ERROR, NLMSG_DONE) or len(data) < 4:
                continue
            err, text = extack_of(flg, data) if what == NLMSG_ERROR else \
                (-struct.unpack_from("=i", data)[0], True)
            if err < 0 or err > 4095:
                raise Broken(f"error {err}")
            # a command that there is not is refused by generic netlink
            if err and not text and err != errno.EOPNOTSUPP:
                raise Broken(f"{errno.errorcode.get(err, err)} without a text")

    def close(self):
        self.talk.close()


class DhostPart(NetlinkPart):
    """The family of distributed hosts."""
    spec = "vr_dhost"

    def __init__(self, world):
        vr_dhost.load()
        super().__init__(world)
        with world.lab.ns, vr_dhost.Dhost() as dhost:
            for ctx in (0, 7):
                dhost.call(vr_dhost.HOST_NEW, address="10.0.0.1", context=ctx,
                           own=1)
                dhost.call(vr_dhost.MEMBER_NEW, address="10.0.0.1",
                           context=ctx, node=2, ifname=f"d{ctx}",
                           lladdr=vr_dhost.mac(2))
                dhost.call(vr_dhost.PORT_SET, address="10.0.0.1", context=ctx,
                           protocol=6, port=80, node=2)


def drop_capabilities():
    head = struct.pack("=Ii", CAP_VERSION, 0)
    libc("syscall", 126, head, bytes(24))       # capset


class InsidePart(NetlinkPart):
    """By a process in context 7 that has no capabilities: a child, which
    answers each step with what was wrong, or nothing.
    """

    def __init__(self, world):
        super().__init__(world)
        self.talk.close()
        self.mine, theirs = socket.socketpair()
        self.pid = os.fork()
        if not self.pid:
            self.mine.close()
            self.child(theirs)
        theirs.close()

    def child(self, pipe):
        try:
            self.world.lab.ns.join()
            enter(7)
            TRACE.begin()
            drop_capabilities()
            self.talk = Talk()
            while True:
                seed = pipe.recv(64)
                if not seed:
                    pipe.sendall(struct.pack(f"{len(TRACE.seen)}Q",
                                             *TRACE.seen))
                    os._exit(0)
                try:
                    super().step(random.Random(seed))
                    pipe.send(b"-")
                except Broken as what:
                    pipe.send(str(what).encode())
                TRACE.take()
        finally:
            os._exit(1)

    def judge(self, body, flags, length, answers, ends):
        for what, _, data in answers:
            if what == self.number and FOREIGN.encode() in data:
                raise Broken("hears of another context")
        super().judge(body, flags, length, answers, ends)

    def state(self):
        vr = self.world.lab.vr
        return [sorted((row["id"], row.get("ifname") or row.get("name", ""))
                       for row in vr.dump(cmd)) for cmd in (1, 7)]

    def step(self, dice):
        before = self.state() if dice.random() < 0.1 else None
        self.mine.send(str(dice.random()).encode())
        said = self.mine.recv(4096)
        if said != b"-":
            raise Broken("inside: " + (said.decode() or "it died"))
        if before is not None and before != self.state():
            raise Broken("the contexts are others now")

    def close(self):
        self.mine.shutdown(socket.SHUT_WR)
        with self.mine.makefile("rb") as said:
            TRACE.seen.update(one for one, in struct.iter_unpack("Q",
                                                                 said.read()))
        self.mine.close()
        os.waitpid(self.pid, 0)


class SockoptPart(Part):
    """SO_VRCTX with any length, value and socket."""

    KINDS = ((socket.AF_INET, socket.SOCK_STREAM, 0),
             (socket.AF_INET, socket.SOCK_DGRAM, 0),
             (socket.AF_INET6, socket.SOCK_STREAM, 0),
             (socket.AF_INET6, socket.SOCK_DGRAM, 0),
             (socket.AF_INET, socket.SOCK_RAW, 17),
             (socket.AF_INET, socket.SOCK_DGRAM, 1),
             (socket.AF_UNIX, socket.SOCK_STREAM, 0),
             (socket.AF_NETLINK, socket.SOCK_RAW, 0),
             (socket.AF_PACKET, socket.SOCK_RAW, 0),
             (socket.AF_INET, socket.SOCK_STREAM, 262),
             (socket.AF_INET, socket.SOCK_RAW, 2),
             (socket.AF_INET, socket.SOCK_SEQPACKET, 132))

    def step(self, dice):
        kind = dice.choice(self.KINDS)
        # To close one waits for a grace period
        if kind[0] == socket.AF_PACKET and dice.random() < 0.95:
            kind = self.KINDS[0]
        try:
            one = socket.socket(*kind)
        except OSError:
            return
        with one:
            one.setblocking(False)
            for _ in range(dice.randrange(1, 5)):
                self.touch(dice, one)

    @staticmethod
    def touch(dice, one):
        ctx = dice.choice((0, 7, 9, 8, ANY, 0x01000000, 0xfffffffe))
        try:
            what = dice.randrange(8)
            if what == 5:
                dev = dice.choice((0, 7, 9))
                one.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE,
                               b"d%d" % dev)
                if get_ctx(one) not in (dev, ANY):
                    raise Broken(f"of {get_ctx(one)}, bound to d{dev}")
            elif what == 6:
                one.setsockopt(socket.IPPROTO_IP, 50, struct.pack(
                    "!i", dice.randrange(8)))           # IP_UNICAST_IF
            elif what == 0:
                one.bind(("127.0.0.1", dice.choice((0, 1005))))
            elif what == 1:
                one.connect(("127.0.0.1", 1005))
            elif what == 2:
                one.listen(1)
            elif what == 7:
                one.setsockopt(socket.IPPROTO_IP, 200, 1)       # MRT_INIT
            elif what == 3:
                buf = struct.pack("=I", ctx) + dice.randbytes(12)
                one.setsockopt(socket.SOL_SOCKET, SO_VRCTX,
                               buf[:dice.randrange(17)])
            else:
                set_ctx(one, ctx)
                if get_ctx(one) != ctx:
                    raise Broken(f"set to {ctx}, it is {get_ctx(one)}")
        except (OSError, TypeError, ValueError):
            pass
        try:
            got = one.getsockopt(socket.SOL_SOCKET, SO_VRCTX,
                                 dice.randrange(1, 17))
        except OSError:
            return
        if len(got) >= 4 and struct.unpack_from("=I", got)[0] not in (
                0, 7, 9, ANY):
            raise Broken(f"is in {got!r}")
        length = ctypes.c_int(dice.choice((0, 3, 4, 8, -1, 1 << 30)))
        LIBC.getsockopt(one.fileno(), socket.SOL_SOCKET, SO_VRCTX,
                        dice.choice((None, ctypes.c_void_p(8))),
                        ctypes.byref(length))


class CmsgPart(Part):
    """Control messages of senders; a datagram only goes where it may."""

    def __init__(self, world):
        super().__init__(world)
        with world.lab.ns:
            self.near = {ctx: sock(socket.SOCK_DGRAM, ctx, ("127.0.0.1", 1002),
                                   af=socket.AF_INET) for ctx in (0, 7, 9)}
            self.senders = {ctx: sock(socket.SOCK_DGRAM, ctx,
                                      af=socket.AF_INET)
                            for ctx in (7, 9, ANY)}

    def step(self, dice):
        own = dice.choice(list(self.senders))
        ctx = dice.choice((0, 7, 9, 8, ANY))
        data = struct.pack("=I", ctx)
        level, kind = socket.SOL_SOCKET, SCM_VRCTX
        valid = dice.random() < 0.5
        if not valid:
            what = dice.randrange(4)
            if what == 0:
                data = dice.randbytes(dice.randrange(0, 24))
            elif what == 1:
                level = dice.choice((0, 1, 6, 17, 41, 0x7fffffff))
            elif what == 2:
                kind = dice.choice((0, 1, 2, 37, 50, SCM_VRCTX ^ 1))
            else:
                data += dice.randbytes(4)
        control = [(level, kind, data)] * dice.choice((1, 1, 1, 2))
        tag = b"%d" % dice.getrandbits(64)
        try:
            self.senders[own].sendmsg([tag], control, 0, ("127.0.0.1", 1002))
            sent = True
        except OSError:
            sent = False
        there = [at for at, one in self.near.items() if readable(one) == tag]
        want = [own] if own != ANY else [ctx]
        if there and not sent:
            raise Broken("refused, but received")
        if len(there) > 1 or (there and (valid or own != ANY)
                              and there != want):
            raise Broken(f"from {own} for {ctx}, received in {there}")

    def close(self):
        for one in (*self.near.values(), *self.senders.values()):
            one.close()


class ProcfsPart(Part):
    """/proc/PID/vrctx and /proc/net/vrctx: what is written, read in pieces."""

    TEXTS = (b"0", b"7", b"9", b"seven", FOREIGN.encode(), b"default", b"-1",
             b"16777216", b"4294967295", b"4294967303", b" 7", b"7 ", b"7\n",
             b"7\0", b"07", b"0x7", b"", b"\0", b"x" * 31, b"x" * 32)

    def step(self, dice):
        path = dice.choice((
            "/proc/thread-self/vrctx", "/proc/self/vrctx", "/proc/1/vrctx",
            f"/proc/self/task/{os.getpid()}/vrctx", "/proc/net/vrctx"))
        text = bytearray(dice.choice(self.TEXTS))
        for _ in range(dice.choice((0, 0, 1, 3))):
            text[dice.randrange(len(text) + 1):][:0] = b""
            text.insert(dice.randrange(len(text) + 1), dice.randrange(256))
        if dice.random() < 0.05:
            text *= 4096
        # never is it somebody else who moves
        write = path != "/proc/1/vrctx" and dice.random() < 0.7
        try:
            fd = os.open(path, os.O_RDWR if write else os.O_RDONLY)
        except OSError:
            return
        try:
            if write:
                os.pwrite(fd, bytes(text), dice.choice((0, 0, 0, 1, 4096)))
            os.pread(fd, dice.choice((1, 3, 4096)), dice.choice((0, 2, 9999)))
            os.lseek(fd, dice.choice((0, 1, -1, 1 << 40)), dice.randrange(3))
        except OSError:
            pass
        finally:
            os.close(fd)
        if whoami()[0] not in (0, 7, 9):
            raise Broken(f"is in {whoami()}")
        if dice.random() < 0.02:
            enter(dice.choice((0, 7, 9)))
            self.elsewhere()
        enter(0)

    @staticmethod
    def elsewhere():
        """What is of the task: a child, a look at another, a namespace."""
        here = whoami()[0]
        pid = os.fork()
        if not pid:
            os._exit(0 if whoami()[0] == here else 1)
        with contextlib.suppress(OSError), open("/proc/1/mem", "rb"):
            pass
        if os.waitpid(pid, 0)[1]:
            raise Broken("a child is elsewhere")
        home = Netns.current
        Netns().join()
        if whoami()[0]:
            raise Broken(f"in a new namespace, is in {whoami()}")
        home.join()


PARTS = {"vrctx": NetlinkPart, "vr_dhost": DhostPart, "inside": InsidePart,
         "sockopt": SockoptPart, "cmsg": CmsgPart, "procfs": ProcfsPart,
         "host": HostPart, "ipsec": IpsecPart, "files": FilesPart,
         "frames": FramesPart,
         "shared": SharedPart}


def run(name, seed, first, count):
    """Steps of one part; the text of what was wrong, or None."""
    home = Netns(new=False)
    step, end = first, first + count
    while step < end:
        world = World()
        part = PARTS[name](world)
        # the module may have come with it
        trace_events(bool(TRACE.words))
        try:
            for step in range(step, min(end, step + STEPS_OF_LAB)):
                part.step(random.Random(f"{seed} {name} {step}"))
                TRACE.take()
        except Broken as what:
            return f"seed {seed} step {step}: {what}"
        finally:
            part.close()
            enter(0)
            world.close()
            home.join()
        step += 1
    return None


def again(name, seed, first, count):
    """With other seeds, too, if there is time: what was wrong, what was done."""
    seconds = int(os.environ.get("VR_STRESS") or 0) / len(PARTS)
    end = time.monotonic() + seconds
    # who hangs prints where
    faulthandler.dump_traceback_later(seconds + 60 * slow(), exit=True)
    rounds, wrong = 0, None
    while not wrong and (not rounds or time.monotonic() < end):
        wrong = run(name, seed + rounds, first, count)
        rounds += 1
    return wrong, f"{rounds * count} requests"


def judged():
    """Is it enough that was reached? What it is, into the log."""
    flavour = os.environ.get("VRCTX_FLAVOUR", "vm")
    table = symbols()
    vr_dhost.unload()
    TRACE.take()
    lines, wrong = report(f"/repo/build/modules/{flavour}/functions", table)
    for line in lines:
        print(f"# {line}")
    return "; ".join(wrong), lines[-1]


def main():
    seed, first, names = int(os.environ.get("VR_SEED") or 1), 0, []
    count = 4000 // slow()
    args = iter(sys.argv[1:])
    for word in args:
        if word == "--seed":
            seed = int(next(args))
        elif word == "--count":
            count = int(next(args))
        elif word == "--from":
            first = int(next(args))
        else:
            names.append(word)
    # A debug kernel that cannot tell has failed
    traced = os.path.exists(KCOV) or os.environ.get("VRCTX_FLAVOUR") == "debug"
    tests = [(name, lambda name=name: again(name, seed, first, count))
             for name in names or PARTS]
    if traced:
        TRACE.begin()
        if not names:
            tests.append(("reached", judged))
    print(f"TAP version 13\n1..{len(tests)}", flush=True)
    failed = 0
    for num, (name, test) in enumerate(tests, 1):
        began, what = time.monotonic(), ""
        try:
            wrong, what = test()
        except Skip as why:
            wrong = f"not run: {why}"
        took = time.monotonic() - began
        print(f"{'not ' if wrong else ''}ok {num} {name}: {what},"
              f" {took:.1f} s")
        if wrong:
            print(f"# {wrong}")
        sys.stdout.flush()
        failed += bool(wrong)
    # Nothing else in this guest is to find the module, or tracing
    trace_events(False)
    if "vr_dhost" in vr_dhost.modules():
        vr_dhost.unload()
    sys.exit(1 if failed else 0)


main()
