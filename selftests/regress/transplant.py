#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""fcnal-test.sh of the kernel, with contexts for hosts: is it as in namespaces?

usage: transplant.py --kernel BZIMAGE [TEST...]

Each TEST (transplant.sh) runs in a guest whose hosts are namespaces and in one
whose hosts are contexts: each case must come out the same. A test that differs
runs again in both, as in regress.py.
"""
import argparse
import concurrent.futures
import re
import sys

import regress

OUT = regress.TOP + "/build/transplant"
TESTS = ("ipv4_ping", "ipv4_tcp", "ipv4_udp", "ipv4_bind",
         "ipv6_ping", "ipv6_tcp", "ipv6_udp", "ipv6_bind")
ATTEMPTS = 3


def guest(kernel, where, tests):
    return regress.logs(f"{OUT}/{where}", where, tests,
                        f"/repo/selftests/regress/transplant.sh {where}",
                        "--kernel", kernel, "--timeout", "10800",
                        tagged=lambda test: True)


def counted(test):
    """How many cases the script says that there were, and its exit status."""
    with open(f"{OUT}/context/{test}.log", encoding="utf-8",
              errors="replace") as f:
        numbers = re.findall(r"^Tests (?:passed|failed): +(\d+)$", f.read(),
                             re.M)
    return sum(map(int, numbers)) + 1 if numbers else None


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--kernel", required=True)
    args.add_argument("tests", nargs="*", choices=(*TESTS, []))
    args = args.parse_args()
    tests = todo = args.tests or TESTS
    seen = {"netns": {}, "context": {}}
    for _ in range(ATTEMPTS):
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            for where, results in zip(seen, pool.map(
                    lambda w: guest(args.kernel, w, todo), seen)):
                for test, result in results.items():
                    regress.add(seen[where].setdefault(test, {}), result)
        todo = [t for t in tests
                if regress.differences(seen["netns"].get(t, {}),
                                       seen["context"].get(t, {}))]
        if not todo:
            break
        print("  differs, again in both: " + " ".join(todo), flush=True)
    failed = 0
    for test in tests:
        netns = seen["netns"].get(test, {})
        context = seen["context"].get(test, {})
        diff = regress.differences(netns, context)
        total = len(context) - 1
        bad = sum("FAIL" in r for r in netns.values())
        wrong = bool(diff) or total != counted(test)
        print(f"{'not ok' if wrong else 'ok'} - {test} ({total} cases, "
              f"{bad} of them fail in namespaces too)")
        for name in diff:
            print(f"    # {name}: namespaces "
                  f"{'/'.join(netns.get(name, ['missing']))}, contexts "
                  f"{'/'.join(context.get(name, ['missing']))}")
        failed += wrong
    print(f"{len(tests) - failed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
