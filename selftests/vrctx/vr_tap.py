# SPDX-License-Identifier: GPL-2.0
"""TAP output, waiting on state, and the runner of the Python selftests.

A test is a function test_*() of the program that calls run(); it passes if it
returns and fails if an exception leaves it. No test waits by the clock:
wait() polls a condition up to a deadline, and a program that exceeds its time
limit prints where it hangs and fails. VR_FIRST=1: nothing is run after the
first that fails.
"""
import errno
import faulthandler
import gzip
import os
import sys
import time
import traceback

from vr_fam import FAMILY

PASS, FAIL, SKIP = 0, 1, 4


class Skip(Exception):
    """Raised by a test that cannot run here; the text says why."""


def slow():
    """Factor by which this kernel is slower than a normal one."""
    if "VR_SLOW" in os.environ:
        return max(1, int(os.environ["VR_SLOW"]))
    try:
        with gzip.open("/proc/config.gz", "rt") as f:
            return 10 if "CONFIG_KASAN=y\n" in f.read() else 1
    except OSError:
        return 1


def need(*options):
    """Skip unless the kernel was built with all of the CONFIG_ options."""
    try:
        with gzip.open("/proc/config.gz", "rt") as f:
            have = set(line.split("=")[0] for line in f if "=" in line)
    except OSError:
        return
    missing = [o for o in options if "CONFIG_" + o not in have]
    if missing:
        raise Skip("kernel without CONFIG_" + ", CONFIG_".join(missing))


def check(cond, what):
    if not cond:
        raise AssertionError(what)


def eq(got, want, what):
    if got != want:
        raise AssertionError(f"{what}: got {got!r}, want {want!r}")


def ename(num):
    return errno.errorcode.get(num, str(num))


def refused(want, what, fn, *args, **kwargs):
    """fn() must fail with errno want (or one of them); returns the error."""
    want = want if isinstance(want, tuple) else (want,)
    try:
        ret = fn(*args, **kwargs)
    except OSError as err:
        if err.errno in want:
            return err
        raise AssertionError(f"{what}: got {ename(err.errno)} ({err}), want "
                             + "/".join(map(ename, want))) from err
    raise AssertionError(f"{what}: succeeded with {ret!r}, want "
                         + "/".join(map(ename, want)))


def wait(cond, what, timeout=10):
    """Poll until cond() is true, return its value; fail after timeout s."""
    now = time.monotonic()
    end = now + timeout * slow()
    while True:
        asked = now
        val = cond()
        if val:
            return val
        now = time.monotonic()
        if now > end:
            raise AssertionError("timeout waiting for " + what)
        # a look that costs much leaves as much for what is waited for
        time.sleep(min(max(0.002, now - asked), 1))
        now = time.monotonic()


def params(*values):
    """Decorator: one test case per value (tuples become arguments)."""
    def deco(fn):
        fn.params = values
        return fn
    return deco


def cases(scope):
    for name, fn in list(scope.items()):
        if not name.startswith("test_"):
            continue
        if getattr(fn, "family", FAMILY) != FAMILY:     # vr_fam.only()
            continue
        doc = (fn.__doc__ or name[5:].replace("_", " ")).split("\n")[0]
        for val in getattr(fn, "params", [()]):
            args = val if isinstance(val, tuple) else (val,)
            label = " ".join([doc, *map(str, args)])
            yield label, fn, args


def skip_all(why):
    """The program cannot run at all."""
    if os.environ.get("VR_EXPECT_ALL") == "1":
        print(f"Bail out! {why}", flush=True)
        sys.exit(FAIL)
    print(f"TAP version 13\n1..0 # SKIP {why}", flush=True)
    sys.exit(SKIP)


def require():
    """Before anything is set up: can the program run at all?"""
    if not os.path.exists("/proc/self/vrctx"):
        skip_all("kernel without contexts (CONFIG_NET_VRCTX)")


def run(scope, limit=60):
    """Run every test_*() of scope (a module's globals()) and exit."""
    require()
    faulthandler.dump_traceback_later(limit * slow(), exit=True)
    # one CPU: what is sent first over a veth is then also received first
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    only = sys.argv[1:]
    todo = [c for c in cases(scope)
            if not only or any(o in c[0] or o in c[1].__name__ for o in only)]
    print(f"TAP version 13\n1..{len(todo)}", flush=True)
    failed = skipped = 0
    for num, (label, fn, args) in enumerate(todo, 1):
        try:
            fn(*args)
            print(f"ok {num} {label}", flush=True)
        except Skip as why:
            skipped += 1
            if os.environ.get("VR_EXPECT_ALL") == "1":
                failed += 1
                print(f"not ok {num} {label} # not run: {why}", flush=True)
            else:
                print(f"ok {num} {label} # SKIP {why}", flush=True)
        except Exception:  # pylint: disable=broad-except
            failed += 1
            print(f"not ok {num} {label}")
            for line in traceback.format_exc().rstrip().split("\n"):
                print("# " + line)
            sys.stdout.flush()
            if os.environ.get("VR_FIRST") == "1":
                break
    faulthandler.cancel_dump_traceback_later()
    if failed:
        sys.exit(FAIL)
    sys.exit(SKIP if todo and skipped == len(todo) else PASS)


# until run() says how long: the set-up may not hang either
faulthandler.dump_traceback_later(60 * slow(), exit=True)
