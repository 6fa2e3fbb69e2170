# SPDX-License-Identifier: GPL-2.0
"""Which of our code was reached, as KCOV of the debug kernel saw it.

KCOV is on for the task that asked and no other; it does not count in
interrupts. Only our files are instrumented, and build/modules/debug/functions
says which functions are there (scripts/kcov-functions); what else is in them
came from headers of Linux.
"""
import bisect
import contextlib
import ctypes
import fcntl
import os
import re

from vr_net import LIBC

KCOV = "/sys/kernel/debug/kcov"
INIT_TRACE, ENABLE = 0x80086301, 0x6364
WORDS = 1 << 18
EVENTS = "/sys/kernel/tracing/events"

# Where user space gets in: reached, or what is said about the rest is void
ENTRIES = re.compile(
    r"vrctx_nl_\w+_(doit|dumpit)|vr_dhost_nl_\w+_(doit|dumpit)"
    r"|vrctx_sk_(set|get|cmsg)|vrctx_task_(write|show)|vrctx_seq_show")
# Of all functions; the others are for workers, interrupts, the end of things
SHARE = 0.8
# Files that no system call of this task gets to, and why: none. (genl.c, made
# from the netlink specs, is tables; it has no function to reach.)
ELSEWHERE = {}


class Trace:
    """Addresses that this task has reached."""

    def __init__(self):
        self.seen, self.words = set(), None

    def begin(self):
        """For the task that calls; a child has to do it again."""
        if not os.path.exists(KCOV):
            return
        fd = os.open(KCOV, os.O_RDWR)
        fcntl.ioctl(fd, INIT_TRACE, WORDS)
        # Python's own mmap wants a file that has a size
        LIBC.mmap.restype = ctypes.c_void_p
        at = LIBC.mmap(None, ctypes.c_size_t(8 * WORDS), 3, 1, fd,
                       ctypes.c_long(0))       # PROT_*, MAP_SHARED
        if at == ctypes.c_void_p(-1).value:
            raise OSError(ctypes.get_errno(), "mmap of KCOV")
        self.seen = set()
        self.words = (ctypes.c_uint64 * WORDS).from_address(at)
        fcntl.ioctl(fd, ENABLE, 0)

    def take(self):
        """To be called before there are too many."""
        if self.words:
            self.seen.update(self.words[1:self.words[0] + 1])
            self.words[0] = 0


TRACE = Trace()


def functions(path):
    """{name: (file, blocks)} of what can be counted."""
    out = {}
    with open(path, encoding="ascii") as f:
        for line in f:
            source, name, blocks = line.split()
            if name in out:
                raise ValueError(f"{name} is in {source} and {out[name][0]}")
            out[name] = source, int(blocks)
    return out


def symbols():
    """Addresses of the kernel's code and what is there, in order."""
    table = []
    with open("/proc/kallsyms", encoding="ascii") as f:
        for line in f:
            at, kind, name = line.split()[:3]
            if kind in "tT":
                table.append((int(at, 16), name.partition(".")[0]))
    return sorted(table)


def blocks_of(seen, table):
    """{function: blocks of it that were reached}"""
    out = {}
    places = [at for at, _ in table]
    for at in seen:
        name = table[bisect.bisect(places, at) - 1][1]
        out[name] = out.get(name, 0) + 1
    return out


def counts(names, known, got):
    hit = [name for name in names if name in got]
    return (f"{len(hit)} of {len(names)} functions, "
            f"{sum(got[name] for name in hit)} of "
            f"{sum(known[name][1] for name in names)} blocks")


def report(path, table):
    """(what was reached by file, line by line; what is wrong with that)"""
    known, got = functions(path), blocks_of(TRACE.seen, table)
    lines = []
    wrong = []
    for source in sorted({one for one, _ in known.values()}):
        mine = [name for name in known if known[name][0] == source]
        hit = [name for name in mine if name in got]
        lines.append(f"{source}: {counts(mine, known, got)}")
        left = sorted(set(mine) - set(hit))
        if left:
            lines.append("  not: " + " ".join(left))
        if not hit and source not in ELSEWHERE:
            wrong.append(f"{source}: nothing of it was reached")
        if hit and source in ELSEWHERE:
            wrong.append(f"{source}: reached, but {ELSEWHERE[source]}")
        wrong += [f"{name} was not reached" for name in left
                  if ENTRIES.fullmatch(name)]
    lines.append(counts(known, known, got))
    if len(set(got) & set(known)) < SHARE * len(known):
        wrong.append(f"fewer than {SHARE:.0%} of all functions")
    return lines, wrong


def trace_events(on):
    """Have our tracepoints filled in, too."""
    for system in ("vrctx", "vr_dhost"):
        with contextlib.suppress(FileNotFoundError), \
                open(f"{EVENTS}/{system}/enable", "w", encoding="ascii") as f:
            f.write("1" if on else "0")
