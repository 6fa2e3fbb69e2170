# SPDX-License-Identifier: GPL-2.0
"""Documentation/performance.md, made from results."""
import plan

HEAD = """# What contexts cost

Made by `make bench` from `build/bench/results.json`; do not edit. The figures
are instructions of one CPU, counted by QEMU (`-icount shift=0`): the same on
every machine, whatever else it does, and blind to cache misses. Those in ms are
time of the same guest at one nanosecond an instruction, waiting included. Each
was measured twice with the same result. Figures whose name ends in `.wall` are
the only ones by the clock: nanoseconds on the machine that made this file, where
all modes took turns in one guest, without instruction counting. They show what
caches do; only their ratios mean anything. Those in lines are cache lines of
data, counted by a plugin of QEMU that sees each access of the kernel to memory;
for `shared*` the guest has two CPUs.

Kernel: Linux {version}, configuration `kernel/configs/vm.config`;
*plain-unpatched* is the same configuration of the pristine kernel; all boot with
`uhash_entries=65536`. Command: `{command}`.

A row is how many other contexts, VRFs, network namespaces or policy rules
exist, a column what is used: *plain* none of them, in a patched kernel; *ctx*,
*vrf*, *netns*, *rule* one of them; *ipvs-dr* is IPVS with direct routing, beside
the hand-over of a distributed host. In the modes *-sameport* each of the others
has a socket on the server's port. Up to 1,000 others have a device with an
address each; beyond that they have a route only.
"""


def cell(value):
    return f"{value:,.0f}" if value >= 1000 else f"{value:,.1f}"


def table(results, name):
    rows = [r for r in results if r["name"] == name]
    modes = [m for m in plan.MODES if any(r["mode"] == m for r in rows)]
    out = [f"### {plan.TITLES[name]} (`{name}`, {rows[0]['unit']})", "",
           "| others | " + " | ".join(modes) + " |",
           "| ---: |" + " ---: |" * len(modes)]
    for n in sorted({r["n"] for r in rows}):
        at = {r["mode"]: cell(r["value"]) for r in rows if r["n"] == n}
        out.append(f"| {n:,} | " + " | ".join(
            at.get(m, "") for m in modes) + " |")
    return out + [""]


def bar_lines(marks):
    out = ["## Bars", "", "| figure | mode | others | result |",
           "| --- | --- | ---: | --- |"]
    for (name, mode, n), text in marks.items():
        out.append(f"| `{name}` | {mode} | {n:,} | {text} |")
    return out + [""]


def write(path, results, marks, version, command):
    lines = [HEAD.format(version=version, command=command)]
    if marks:
        lines += bar_lines(marks)
    lines += ["## Figures", ""]
    for name in dict.fromkeys(r["name"] for r in results):
        lines += table(results, name)
    with open(path, "w", encoding="ascii") as f:
        f.write("\n".join(lines).rstrip("\n") + "\n")
