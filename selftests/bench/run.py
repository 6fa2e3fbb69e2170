#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Start the guests of make bench, compare their figures, write them down.

usage: run.py --vm BZIMAGE --unpatched BZIMAGE --out DIR [--quick]
              [--jobs N] [--only MODE[:N[:GROUP,...]] | --only wall]...

Every guest runs twice under -icount with the same seed and should say the
same. Hash seeds may differ all the same (I/O comes when the host has it), and
with them the length of a chain: then a third and a fifth run decide, and the
figure is the one that most of them have.

Figures by the clock come last, from one guest without -icount in which all
modes take turns, with nothing beside it.
"""
import argparse
import concurrent.futures
import itertools
import json
import os
import subprocess
import sys
import tempfile

import doc
import plan
import svg

TOP = os.path.realpath(os.path.join(os.path.dirname(__file__), "../.."))
SEED = "1"
BENCH = "/repo/build/bench/bench"
# As many buckets as the largest machine has, for 10,000 sockets: what is shown
# is that no chain is longer than chance makes it.
UHASH = "uhash_entries=65536"


def boot(image, command, *options):
    """One boot. Returns the lines that the command printed, split."""
    cmd = [TOP + "/scripts/vm", *options, "--kernel", image,
           "--timeout", "3600", "--append", UHASH, command]
    done = subprocess.run(cmd, stdin=subprocess.DEVNULL, text=True,
                          capture_output=True)
    if done.returncode:
        raise RuntimeError(f"{command}: exit {done.returncode}\n"
                           f"{done.stdout}{done.stderr}")
    return [line.split("\t") for line in done.stdout.splitlines()]


def memory(mode, n):
    """What the guest needs; a network namespace is large."""
    if n >= 10000 or (n >= 1000 and mode.startswith("netns")):
        return "4G"
    return "2G" if n >= 1000 else "1G"


def guest(image, mode, n, groups):
    """One boot that counts instructions. Returns {figure: (value, unit)}."""
    lines = boot(image, f"{BENCH} {mode} {n} {' '.join(groups)}",
                 "--icount", "--seed", SEED, "--mem", memory(mode, n))
    out = {name: (float(value), unit) for name, value, unit in lines}
    missing = [f for g in groups for f in plan.GROUPS[g] if f not in out]
    if missing:
        raise RuntimeError(f"bench {mode} {n} gave no {', '.join(missing)}\n"
                           + str(lines))
    return out


def watched(image, name, mode, *options):
    """One boot in which a plugin of QEMU watches what the kernel touches:
    numbers that the guest's program printed, first numbers of the plugin's
    lines.
    """
    with tempfile.NamedTemporaryFile("r", encoding="ascii") as out:
        # The clock of this guest jumps while it waits for the host, and with it
        # goes the time that a test has at most.
        told = boot(image,
                    f"VR_SLOW=1000 python3 selftests/bench/{name}.py {mode}",
                    *options, "--mem", "2G", "--qemu", "-plugin", "--qemu",
                    f"{TOP}/build/bench/{name}.so,out={out.name}")
        return [int(n) for n in told[0]], [int(line.split()[0])
                                           for line in out]


def cache_lines(image, mode):
    (few, many), count = watched(image, "lines", mode, "--icount",
                                 "--seed", SEED)
    # the least of three: a tick of the timer may be in one
    return {"flow.lines": ((min(count[1::2]) - min(count[0::2]))
                           / (many - few), "lines")}


def sharing(image, mode):
    """With two CPUs, hence without -icount, so that both may have a tick of the
    timer, which shares lines, in the middle: in most rounds, if the host is
    busy. What packets share is in every round: the least of all counts.
    """
    (rounds,), count = watched(image, "sharing", mode, "--accel", "tcg",
                               "--smp", "2")
    apart, one, control = (min(count[i:i + rounds])
                           for i in range(0, 3 * rounds, rounds))
    if not control:
        raise RuntimeError(f"sharing {mode}: not even one flow is shared")
    return {"shared.lines": (apart, "lines"), "shared_one.lines": (one,
                                                                   "lines")}


def wall(image):
    """The figures by the clock: (results, complaints)."""
    try:
        lines = boot(image, f"{BENCH} plain 0 {plan.WALL}", "--smp", "1")
    except RuntimeError as err:
        return [], [str(err)]
    return [{"name": name, "mode": mode, "n": 0, "value": float(value),
             "unit": unit} for name, value, unit, mode in lines], []


def measure(job, images):
    mode, n, groups = job
    image = images["unpatched" if mode == "plain-unpatched" else "vm"]
    mode = mode.removesuffix("-unpatched")
    if groups == ("lines",):
        return cache_lines(image, mode)
    if groups == ("sharing",):
        return sharing(image, mode)
    return guest(image, mode, n, groups)


def percent(value, base):
    return (value / base - 1) * 100 if base else 0.0


def agree(name, values):
    """The median of a figure's values, if most of them are that."""
    mid = sorted(values)[(len(values) - 1) // 2]
    most = plan.REPEAT.get(name, plan.REPEAT_DEFAULT)
    near = [v for v in values if abs(percent(v, mid)) <= most]
    return mid if len(near) > len(values) / 2 else None


def differ(runs):
    """The figures on which the runs do not agree."""
    return [name for name in runs[0]
            if agree(name, [r[name][0] for r in runs]) is None]


def repeat(job, images):
    """Figures of two runs, and of more if these do not agree."""
    runs = [measure(job, images) for _ in range(2)]
    for more in (1, 2):
        if differ(runs):
            runs += [measure(job, images) for _ in range(more)]
    return runs


def run_all(jobs, images, workers):
    """Yield (job, [figures of each run] or an error)."""
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        futures = [(job, pool.submit(repeat, job, images)) for job in jobs]
        for i, (job, runs) in enumerate(futures):
            try:
                yield job, runs.result()
            except RuntimeError as err:
                yield job, str(err)
            print(f"  {i + 1} of {len(jobs)}: {job[0]}, {job[1]} others, "
                  f"{', '.join(job[2])}", file=sys.stderr, flush=True)


def collect(jobs, images, workers):
    """Returns (results, complaints)."""
    results, wrong = [], []
    for (mode, n, _), runs in run_all(jobs, images, workers):
        if isinstance(runs, str):
            wrong.append(runs)
            continue
        for name, (value, unit) in runs[0].items():
            values = [r[name][0] for r in runs]
            value = agree(name, values)
            if value is None:
                wrong.append(f"{name} {mode} n={n}: no two runs in three "
                             f"agree: {', '.join(map(str, values))}")
                value = sorted(values)[len(values) // 2]
            results.append({"name": name, "mode": mode, "n": n,
                            "value": value, "unit": unit})
    return results, wrong


def order(result):
    return (list(plan.TITLES).index(result["name"]), result["n"],
            plan.MODES.index(result["mode"]))


def merge(path, results):
    """What was measured before, but for what was measured again."""
    try:
        with open(path, encoding="ascii") as f:
            old = json.load(f)
    except FileNotFoundError:
        old = []
    new = {order(r) for r in results}
    return results + [r for r in old if r["name"] in plan.TITLES and
                      order(r) not in new]


def version():
    with open(TOP + "/kernel/BASE", encoding="ascii") as f:
        return next(line.split()[1] for line in f
                    if line.startswith("version "))


def bars(results):
    """Returns ({(figure, mode, n): text}, complaints)."""
    value = {(r["name"], r["mode"], r["n"]): r["value"] for r in results}
    marks, wrong = {}, []
    for name, mode, n, base, most in plan.BARS:
        key = (name, mode, n)
        with_ = base and ((*base, name)[2], *base[:2])
        if key not in value or (base and with_ not in value):
            continue
        if base and name in plan.BY_DIFFERENCE:
            more = value[key] - value[with_]
            text = f"{more:+.2f} to {base[0]}, bar {most:+.1f}"
        elif base:
            more = percent(value[key], value[with_])
            other = "" if with_[0] == name else with_[0] + " "
            text = (f"{more:+.2f} % of {other}{base[0]} at {base[1]}, "
                    f"bar {most:+.1f} %")
        else:
            more = value[key]
            text = f"bar {most:,}"
        good = more <= most
        marks[key] = text + (": ok" if good else ": MISSED")
        if not good:
            wrong.append(f"{name} {mode} n={n}: {value[key]:,.1f}, {text}")
    return marks, wrong


def show(results, marks):
    print(f"{'':4}{'mode':<16}{'others':>7}{'value':>14}{'ratio':>8}")
    for name, group in itertools.groupby(results, lambda r: r["name"]):
        group = list(group)
        print(f"{name}: {plan.TITLES[name]} ({group[0]['unit']})")
        base = next((r["value"] for r in group if r["mode"] == "plain"
                     and r["n"] == 0), group[0]["value"])
        for r in group:
            mark = marks.get((name, r["mode"], r["n"]), "")
            print(f"{'':4}{r['mode']:<16}{r['n']:>7}{r['value']:>14,.1f}"
                  f"{r['value'] / base if base else 0:>8.3f}  {mark}"
                  .rstrip())


def select(jobs, only):
    """Of the jobs those, or of their figures those, that are asked for."""
    if not only:
        return jobs
    out = []
    for one in only:
        if one == plan.WALL:
            continue
        mode, n, groups = (one.split(":") + ["", ""])[:3]
        if groups:
            out.append((mode, int(n), tuple(groups.split(","))))
        else:
            out += [j for j in jobs if j[0] == mode and n in ("", str(j[1]))]
    return out


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--vm", required=True)
    args.add_argument("--unpatched", required=True)
    args.add_argument("--out", required=True)
    args.add_argument("--quick", action="store_true")
    args.add_argument("--jobs", type=int, default=os.cpu_count())
    args.add_argument("--only", action="append", default=[],
                      help="one mode, mode:n, mode:n:groups, or wall; may be "
                      "repeated")
    args = args.parse_args()

    jobs = select(plan.quick() if args.quick else plan.full(), args.only)
    results, wrong = collect(jobs, {"vm": args.vm,
                                    "unpatched": args.unpatched}, args.jobs)
    if not args.only or plan.WALL in args.only:
        more, complaints = wall(args.vm)
        results += more
        wrong += complaints
    if args.only:
        results = merge(args.out + "/results.json", results)
    results.sort(key=order)
    marks, missed = bars(results)
    wrong += missed
    doc.write(args.out + "/performance.md", results, marks, version(),
              "make bench" if not args.only else
              "make bench, scripts/bench --only ...")
    with open(args.out + "/results.json", "w", encoding="ascii") as f:
        f.write("[\n" + ",\n".join(" " + json.dumps(r) for r in results)
                + "\n]\n")
    plots = svg.write_all(results, args.out)
    show(results, marks)
    print(f"\n{args.out}/results.json and {len(plots)} plots beside it")
    for line in wrong:
        print(f"bench: {line}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
