#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""The kernel's own network selftests: the same on both kernels?

usage: regress.py --vm BZIMAGE [--unpatched BZIMAGE] --base ID --stage KEY
                  --cache DIR [--record | TEST...]

Each test case has one result on the unpatched kernel and must have it on the
patched one, where no context is in use. What fails or skips on both is no
difference. Some cases watch timeouts and come out one way or the other on a
slow machine: tests that differ run again on both, and only what the two
kernels never had in common counts. Results of the unpatched kernel are kept.

unpatched.json has a checksum of what was seen of each test on the unpatched
kernel, written by --record: a test of which one run on the patched kernel has
just these results needs no run there, and if one of its later runs has them it
has met what the unpatched kernel did, whatever that one does now.
It is not looked at once the kernel, its configuration or run.sh is another one.
The unpatched kernel is built when it is needed, if it is not given.
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
RECORD = TOP + "/selftests/regress/unpatched.json"
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


def logs(out, name, tests, command, *options, tagged=TAGGED.match):
    """Boot once for a command that runs the tests, each into out/TEST.log.
    Returns {test: cases}, empty if the guest, called name, died.
    """
    os.makedirs(out, exist_ok=True)
    for test in tests:
        try:
            os.unlink(f"{out}/{test}.log")
        except FileNotFoundError:
            pass
    done = subprocess.run(
        [TOP + "/scripts/vm", *options, "--out", out,
         "--console", out + "/console", f"{command} {' '.join(tests)}"],
        stdin=subprocess.DEVNULL, text=True, capture_output=True, check=False)
    if done.returncode:
        # Whatever the tests say: it died, or its log shows a fault.
        print(f"  the {name} guest with {', '.join(tests)}: exit "
              f"{done.returncode}\n{done.stdout}{done.stderr}", flush=True)
        return {}
    result = {}
    for test in tests:
        with open(f"{out}/{test}.log", encoding="utf-8",
                  errors="replace") as f:
            result[test] = cases(f.read(), tagged(test))
    return result


def guest(kernel, flavour, tests):
    # rtnetlink.sh wants the fallback tunnel devices. One CPU: nothing here is
    # about several, and QEMU may have one of them run text that another one is
    # patching (see scripts/check-guest), with two guests at a time no faster.
    return logs(f"{OUT}/{flavour}-{tests[0]}", flavour, tests,
                "/repo/selftests/regress/run.sh", "--kernel", kernel,
                "--smp", "1", "--append", "fb_tunnels=initns",
                "--timeout", "2400")


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
        self.flavour, self._image, self.cache = flavour, image, cache
        self.seen = {}
        self.runs = {}  # {test: checksums, one a run of today}
        self.lock = threading.Lock()
        if cache and os.path.exists(cache):
            with open(cache, encoding="ascii") as f:
                self.seen = json.load(f)

    def image(self):
        with self.lock:
            if not self._image:
                self._image = subprocess.run(
                    [TOP + "/scripts/kernel", "--image", self.flavour],
                    stdout=subprocess.PIPE, text=True,
                    check=True).stdout.strip()
            return self._image

    def run(self, tests):
        results = guest(self.image(), self.flavour, tests)
        with self.lock:
            for test, result in results.items():
                add(self.seen.setdefault(test, {}), result)
                one = {}
                add(one, result)
                self.runs.setdefault(test, set()).add(checksum(one))
            self.keep()

    def keep(self):
        if self.cache:
            with open(self.cache + ".new", "w", encoding="ascii") as f:
                json.dump(self.seen, f, indent=1)
            os.replace(self.cache + ".new", self.cache)


def sha(path):
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()[:16]


def checksum(seen):
    """Of the results of a test; None if some came out in several ways."""
    if any(len(results) != 1 for results in seen.values()):
        return None
    text = json.dumps(seen, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def recorded(base):
    """{test: checksum} of the unpatched kernel, as far as it is the same."""
    try:
        with open(RECORD, encoding="ascii") as f:
            kept = json.load(f)
    except FileNotFoundError:
        return {}
    return kept["tests"] if kept["of"] == base else {}


def record(base, seen):
    """Note what was seen; of other tests what was known stays."""
    tests = recorded(base)
    tests.update({t: checksum(seen[t]) for t in TESTS if t in seen})
    with open(RECORD, "w", encoding="ascii") as f:
        json.dump({"of": base, "tests": {t: s for t, s in tests.items() if s}},
                  f, indent=1)
        f.write("\n")


def main():
    args = argparse.ArgumentParser()
    for name in ("vm", "base", "stage", "cache"):
        args.add_argument("--" + name, required=True)
    args.add_argument("--unpatched")
    args.add_argument("--record", action="store_true")
    args.add_argument("tests", nargs="*", choices=(*TESTS, []))
    args = args.parse_args()
    tests = args.tests or TESTS

    base = "-".join((args.base, sha(TOP + "/kernel/configs/vm.config"),
                     sha(TOP + "/selftests/regress/run.sh")))
    key = "-".join((sha(args.unpatched) if args.unpatched else "built",
                    base, args.stage, sha(__file__)))
    old = Kernel("unpatched", args.unpatched, f"{args.cache}/{key}.json")
    new = Kernel("vm", args.vm)
    known = {} if args.record else recorded(base)

    def both(todo, fresh):
        """Run the tests on the new kernel, and the old where needed."""
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            runs = []
            for kernel in (old,) if args.record else (new, old):
                for group in SETS:
                    some = [t for t in group if t in todo and not (
                        kernel is old and not fresh
                        and (t in old.seen or t in known))]
                    if some:
                        runs.append(pool.submit(kernel.run, some))
            for done in runs:
                done.result()

    def as_recorded(test):
        """One run on the new kernel was what is recorded of the old."""
        return test in known and known[test] in new.runs.get(test, ())

    def differs(test):
        if as_recorded(test):
            return []
        seen = new.seen.get(test, {})
        if test in old.seen or test not in known:
            return differences(old.seen.get(test, {}), seen)
        return True

    both(tests, False)
    if args.record:
        record(base, old.seen)
        return 0
    failed = 0
    for attempt in range(1, ATTEMPTS + 1):
        bad = [t for t in tests if differs(t)]
        if not bad or attempt == ATTEMPTS:
            break
        print("  differs, again on both: " + " ".join(bad), flush=True)
        both(bad, True)
    for test in tests:
        seen = new.seen.get(test)
        was = old.seen.get(test)
        if as_recorded(test):
            was = seen
        if seen is None or was is None:
            print(f"not ok - {test} (a guest died, see above)")
            failed += 1
            continue
        diff = differences(was, seen)
        not_ok = sum(1 for name, r in was.items()
                     if set(r) & {"FAIL", "SKIP", "not ok"}
                     or name.startswith("SKIP"))
        print(f"{'not ok' if diff else 'ok'} - {test} ({len(seen) - 1} cases, "
              f"{not_ok} of them fail or skip on the unpatched kernel too)")
        for name in diff:
            print(f"    # {name}: unpatched "
                  f"{'/'.join(was.get(name, ['missing']))}, "
                  f"patched {'/'.join(seen.get(name, ['missing']))}")
        failed += bool(diff)
    print(f"{len(tests) - failed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
