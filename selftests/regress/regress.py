#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""The kernel's own network selftests: the same on both kernels?

usage: regress.py --vm BZIMAGE --unpatched BZIMAGE --stage KEY --cache DIR
                  [TEST...]

Each test case has one result on the unpatched kernel and must have it on the
patched one, where no context is in use. What fails or skips on both is no
difference. Some cases watch timeouts and come out one way or the other on a
slow machine: tests that differ run again on both, and only what the two
kernels never had in common counts. Results of the unpatched kernel are kept.
"""
import argparse
import concurrent.futures
import hashlib
import json
import os
import re
import subprocess
import sys
import threading

TOP = os.path.realpath(os.path.join(os.path.dirname(__file__), "../.."))
OUT = TOP + "/build/regress"
# One guest each, two at a time: the sets take about the same time.
SETS = (
    ("fib_tests.sh", "reuseport_bpf", "reuseport_bpf_cpu",
     "reuseport_bpf_numa", "reuseport_dualstack"),
    ("rtnetlink.sh", "icmp_redirect.sh", "fib_rule_tests.sh", "udpgso.sh",
     "ip_defrag.sh", "reuseport_addr_any.sh"),
    ("fib_nexthops.sh", "arp_ndisc_evict_nocarrier.sh",
     "arp_ndisc_untracked_subnets.sh", "ndisc_unsolicited_na_test.sh",
     "fib-onlink-tests.sh", "ip6_gre_headroom.sh"),
    ("pmtu.sh", "fib_nexthop_multiprefix.sh", "fib_nexthop_nongw.sh",
     "icmp.sh", "ipv6_flowlabel.sh", "cmsg_ipv6.sh", "cmsg_so_mark.sh",
     "bind_wildcard", "bind_timewait", "ip_local_port_range.sh",
     "reuseaddr_conflict", "reuseaddr_ports_exhausted.sh",
     "sk_bind_sendto_listen", "sk_connect_zero_addr", "sk_so_peek_off"),
)
TESTS = tuple(t for s in SETS for t in s)
ATTEMPTS = 3

# Tests that say of each case what it is called and how it went.
TAGGED = re.compile("arp_ndisc_u|bind_|fib|icmp_|ip6_|ip_local|ndisc|pmtu|"
                    "reuseaddr_p|rtnetlink")

# What differs from run to run and is no result.
NOISE = ((re.compile(r"\x1b\[[0-9;]*m"), ""),
         (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "UUID"),
         (re.compile(r"^seed = \d+$"), ""),
         (re.compile(r"/tmp/[\w./-]+"), "TMP"),
         (re.compile(r"line \d+: +\d+ "), ""),
         (re.compile(r"^recv with label \d\d+$"), "recv with some label"),
         # What grep -c of arp_ndisc_untracked_subnets.sh leaves on the line.
         (re.compile(r"^\d+\s+TEST:"), "TEST:"))
CASE = (re.compile(r"^TEST: (?P<name>.*\S)\s+\[\s*(?P<result>\w+)\s*\]$"),
        re.compile(r"^(?P<result>PASS|FAIL|SKIP):? (?P<name>.+)$"),
        re.compile(r"^(?P<result>(not )?ok) \d+ (?P<name>.+)$"),
        re.compile(r"^(?P<name>exit) (?P<result>\d+)$"))


def cases(log, tagged):
    """Results by name. Where a test tags no results, each line is one."""
    out, section = {}, ""
    for line in log.splitlines():
        for pattern, text in NOISE:
            line = pattern.sub(text, line)
        line = line.strip()
        if not line or line.startswith("###"):
            continue
        match = next((m for m in (p.match(line) for p in
                                  (CASE if tagged else CASE[-1:])) if m), None)
        if match:
            name, result = match["name"], match["result"]
        elif tagged and not line.startswith("SKIP"):
            # A heading or a complaint; the former tells cases apart.
            if re.match(r"^[A-Z]\w+ .*(test|rout|FIB|IPv|VRF)", line):
                section = line
            continue
        else:
            name, result = line, "seen"
        name = f"{section}: {name}" if section else name
        number = 1
        while f"{name} #{number}" in out:
            number += 1
        out[f"{name} #{number}"] = result
    return out


def guest(kernel, flavour, tests):
    """Boot once, run tests. Returns {test: cases}, empty if it died."""
    out = f"{OUT}/{flavour}-{tests[0]}"
    os.makedirs(out, exist_ok=True)
    for test in tests:
        try:
            os.unlink(f"{out}/{test}.log")
        except FileNotFoundError:
            pass
    # rtnetlink.sh wants the fallback tunnel devices.
    cmd = [TOP + "/scripts/vm", "--kernel", kernel, "--smp", "2", "--out", out,
           "--append", "fb_tunnels=initns", "--timeout", "2400",
           "--console", out + "/console",
           "/repo/selftests/regress/run.sh " + " ".join(tests)]
    done = subprocess.run(cmd, stdin=subprocess.DEVNULL, text=True,
                          capture_output=True)
    if done.returncode:
        # Whatever the tests say: it died, or its log shows a fault.
        print(f"  the {flavour} guest with {', '.join(tests)}: exit "
              f"{done.returncode}\n{done.stdout}{done.stderr}", flush=True)
        return {}
    result = {}
    for test in tests:
        with open(f"{out}/{test}.log", encoding="utf-8",
                  errors="replace") as f:
            result[test] = cases(f.read(), TAGGED.match(test))
    return result


def differences(old, new):
    """Names of cases whose sets of results have nothing in common."""
    return [name for name in dict.fromkeys((*old, *new))
            if not set(old.get(name, ["missing"]))
            & set(new.get(name, ["missing"]))]


def add(seen, result):
    """Add one run's cases to all that were seen of a test."""
    for name in dict.fromkeys((*seen, *result)):
        one = result.get(name, "missing")
        known = seen.setdefault(name, ["missing"] if seen.get("runs") else [])
        if name != "runs" and one not in known:
            known.append(one)
    seen["runs"] = ["counted"]


class Kernel:
    """A kernel and what was seen of each test on it."""

    def __init__(self, flavour, image, cache=None):
        self.flavour, self.image, self.cache = flavour, image, cache
        self.seen = {}
        self.lock = threading.Lock()
        if cache and os.path.exists(cache):
            with open(cache, encoding="ascii") as f:
                self.seen = json.load(f)

    def run(self, tests):
        results = guest(self.image, self.flavour, tests)
        with self.lock:
            for test, result in results.items():
                add(self.seen.setdefault(test, {}), result)
            self.keep()

    def keep(self):
        if self.cache:
            with open(self.cache + ".new", "w", encoding="ascii") as f:
                json.dump(self.seen, f, indent=1)
            os.replace(self.cache + ".new", self.cache)


def sha(path):
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()[:16]


def main():
    args = argparse.ArgumentParser()
    for name in ("vm", "unpatched", "stage", "cache"):
        args.add_argument("--" + name, required=True)
    args.add_argument("tests", nargs="*", choices=(*TESTS, []))
    args = args.parse_args()
    tests = args.tests or TESTS

    key = "-".join((sha(args.unpatched), args.stage, sha(__file__),
                    sha(TOP + "/selftests/regress/run.sh")))
    old = Kernel("unpatched", args.unpatched, f"{args.cache}/{key}.json")
    new = Kernel("vm", args.vm)

    def both(todo, fresh):
        """Run the tests on the new kernel, and the old where needed."""
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            runs = []
            for kernel in (new, old):
                for group in SETS:
                    some = [t for t in group if t in todo and not (
                        kernel is old and not fresh and t in old.seen)]
                    if some:
                        runs.append(pool.submit(kernel.run, some))
            for done in runs:
                done.result()

    both(tests, False)
    failed = 0
    for attempt in range(1, ATTEMPTS + 1):
        bad = [t for t in tests if differences(old.seen.get(t, {}),
                                               new.seen.get(t, {}))]
        if not bad or attempt == ATTEMPTS:
            break
        print("  differs, again on both: " + " ".join(bad), flush=True)
        both(bad, True)
    for test in tests:
        if test not in old.seen or test not in new.seen:
            print(f"not ok - {test} (a guest died, see above)")
            failed += 1
            continue
        diff = differences(old.seen[test], new.seen[test])
        total = len(new.seen[test]) - 1
        not_ok = sum(1 for name, r in old.seen[test].items()
                     if set(r) & {"FAIL", "SKIP", "not ok"}
                     or name.startswith("SKIP"))
        print(f"{'not ok' if diff else 'ok'} - {test} ({total} cases, "
              f"{not_ok} of them fail or skip on the unpatched kernel too)")
        for name in diff:
            print(f"    # {name}: unpatched "
                  f"{'/'.join(old.seen[test].get(name, ['missing']))}, "
                  f"patched "
                  f"{'/'.join(new.seen[test].get(name, ['missing']))}")
        failed += bool(diff)
    print(f"{len(tests) - failed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
