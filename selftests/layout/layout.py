#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Compare structures of two object files; see scripts/check-layout.

usage: layout.py [--write | --other] BEFORE.o WITH.o DOCUMENT
                 --other: the document is about another kernel

Those of FIXED must not grow, nor reach into more cache lines where packets
meet them. Each other one that grew has its reason in GREW, and the document
says what they all are.
"""
import re
import subprocess
import sys

from grew import GREW, HEAD

LINE = 64
# Name, and how its objects are allocated.
FIXED = (("sk_buff", "cache"), ("net_device", "kmalloc"),
         ("task_struct", "cache"), ("tcp_sock", "rcu_cache"))
# Read for every packet: must share a cache line with what is read there anyway.
BESIDE = (("sk_buff", "vrctx", "mark"),
          ("net_device", "vrctx", "nd_net"),
          ("net_device", "vrctx_stats", "netdev_ops"),
          ("sock_common", "skc_vrctx", "skc_bound_dev_if"))
# Bytes of sizes that kmalloc() has, up to a page
KMALLOC = (8, 16, 32, 64, 96, 128, 192, 256, 512, 1024, 2048, 4096)

failed = passed = 0


def check(good, what):
    global failed, passed
    if good:
        passed += 1
    else:
        failed += 1
    print(("ok - " if good else "not ok - ") + what)


def pahole(*args):
    return subprocess.run(["pahole", *args], check=True, text=True,
                          capture_output=True).stdout


def sizes(obj):
    return {name: int(size) for name, size, _ in
            (line.split("\t") for line in pahole("-s", obj).splitlines())}


def members(obj, struct):
    """{member: (offset, size)}; those of unions and the like, too."""
    pattern = re.compile(r"(\w+)(?:\[\w*\])*(?: __attribute__\S+)?;\s+"
                         r"/\*\s+(\d+)(?::\s*\d+)?\s+(\d+)\s*\*/")
    return {name: (int(offset), int(size)) for name, offset, size in
            pattern.findall(pahole("-C", struct, obj))}


def line(member):
    return member[0] // LINE


def round_up(value, to):
    return -(-value // to) * to


def stride(size, kind):
    """Bytes that an object takes, as SLUB lays them out."""
    if kind == "cache":
        return round_up(size, LINE)
    if kind == "tight":             # a cache of its own without alignment
        return round_up(size, 8)
    if kind == "rcu_cache":         # the free pointer is behind the object
        return round_up(size + 8, LINE)
    if kind == "rcu_tight":         # the same without alignment
        return round_up(size + 8, 8)
    if kind == "kmalloc":
        return next(s for s in (*KMALLOC, round_up(size, 4096)) if s >= size)
    return None                     # on the stack, or part of another one


def groups(layout):
    """{group: cache lines that it reaches into}"""
    out = {}
    for name in layout:
        if name.startswith("__cacheline_group_begin__"):
            group = name.removeprefix("__cacheline_group_begin__")
            start = layout[name][0]
            end = layout["__cacheline_group_end__" + group][0]
            out[group] = (end - 1) // LINE - start // LINE + 1
    return out


def fixed(before, after, objs):
    for name, kind in FIXED:
        was, now = before[name], after[name]
        slab = stride(was, kind), stride(now, kind)
        check(now <= was and slab[1] <= slab[0],
              f"{name}: {was} bytes, now {now}; allocated {slab[0]}, "
              f"now {slab[1]}")
        old, new = (groups(members(obj, name)) for obj in objs)
        for group, lines in old.items():
            if not group.startswith(name):
                continue            # that of a member
            check(new[group] <= lines, f"{name}: {group} in {lines} cache "
                  f"lines, now {new[group]}")
    for struct, member, other in BESIDE:
        layout = members(objs[1], struct)
        check(line(layout[member]) == line(layout[other]),
              f"{struct}.{member} is in the cache line of {other}")


def row(name, before, after):
    kind, reason = GREW[name]
    slab = [stride(all_[name], kind) for all_ in (before, after)]
    taken = "-" if None in slab else "{:,} -> {:,}".format(*slab)
    return (f"| `{name}` | {before[name]:,} -> {after[name]:,} | {taken} | "
            f"{reason} |")


def document(before, after, grew):
    out = [HEAD, "| structure | bytes | allocated | reason |",
           "| --- | --- | --- | --- |"]
    for name, kind in FIXED:
        out.append(f"| `{name}` | {before[name]:,} -> {after[name]:,} | "
                   f"{stride(before[name], kind):,} -> "
                   f"{stride(after[name], kind):,} | must not grow |")
    out += [row(name, before, after) for name in grew if name in GREW]
    return "\n".join(out) + "\n"


def main():
    args = sys.argv[1:]
    objs, path = args[-3:-1], args[-1]
    before, after = sizes(objs[0]), sizes(objs[1])

    fixed(before, after, objs)
    names = {name for name, _ in FIXED}
    grew = sorted(name for name in before if name in after and
                  after[name] > before[name] and name not in names)
    for name in grew:
        check(name in GREW, f"{name} grew from {before[name]} to "
              f"{after[name]} bytes" +
              ("" if name in GREW else ", without a reason in grew.py"))
    for name in sorted(set(GREW) - set(grew)):
        check(False, f"{name} is in grew.py and did not grow")
    text = document(before, after, grew)
    if "--write" in args:
        with open(path, "w", encoding="ascii") as f:
            f.write(text)
    if "--other" not in args:
        with open(path, encoding="ascii") as f:
            check(f.read() == text, f"{path.rsplit('/', 1)[1]} says so "
                  "(scripts/check-layout --write)")
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
