#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The Debian package and its units: vrd as systemd runs it.

A node that has a quorum without the other one. Its process 1 is the systemd of
this machine; vrctl, vrd and their units are the package's, corosync and its unit
are Debian's.
"""
import contextlib
import glob
import os
import signal
import subprocess
import types

# first: it makes the others known
from vr_vrd import check, colons, eq, json, mac, run, slow, wait
from vr_dhost import HOST_GET, SHARED, SNET, Dhost, load
from vr_net import Netns
from vr_site import MS_BIND, Host, mount

SYSTEMD = "/lib/systemd/systemd"
UNITS = "/etc/systemd/system"
CONFIG = "/etc/vrctx/vrd.toml"
# The machine's: devices, network, time. Nothing of them is wanted.
MASKED = ("systemd-udevd.service", "systemd-udevd-control.socket",
          "systemd-udevd-kernel.socket", "systemd-udev-trigger.service",
          "systemd-networkd.service", "systemd-networkd.socket",
          "systemd-networkd-wait-online.service", "networking.service",
          "ifupdown-wait-online.service", "systemd-resolved.service",
          "systemd-timesyncd.service", "systemd-modules-load.service",
          "systemd-sysctl.service", "systemd-hwdb-update.service",
          "systemd-sysusers.service", "systemd-journal-flush.service",
          "systemd-journal-catalog-update.service", "apparmor.service",
          "ldconfig.service", "systemd-remount-fs.service",
          "dev-hugepages.mount", "dev-mqueue.mount", "sys-kernel-debug.mount",
          "sys-kernel-tracing.mount", "sys-kernel-config.mount",
          "sys-fs-fuse-connections.mount")
TARGET = """\
[Unit]
Wants=vrd.service
After=vrd.service
"""
# include/uapi/linux/capability.h
CAP_NET_ADMIN, CAP_SYS_MODULE = 12, 16


def member(num, votes):
    return ["node", str(num), "ring", f"10.1.0.{num}", "lladdr",
            colons(mac(num)), "votes", str(votes)]


class Machine(Host):
    """A host whose process 1 is systemd, with the package installed."""
    COPIES = ("etc", "var", "usr")

    def mounts(self):
        super().mounts()
        mount("cgroup", "/sys/fs/cgroup", "cgroup2")
        # what it says there is none of the kernel's
        self.put("/run/console", "")
        mount("/run/console", "/dev/console", None, MS_BIND)
        deb, = glob.glob("/repo/build/deb/*.deb")
        subprocess.run(["dpkg", "--no-triggers", "-i", deb], check=True,
                       stdout=subprocess.DEVNULL)
        for unit in MASKED:
            os.symlink("/dev/null", f"{UNITS}/{unit}.new")
            os.replace(f"{UNITS}/{unit}.new", f"{UNITS}/{unit}")
        self.put("/etc/fstab", "")
        self.put(f"{UNITS}/vr.target", TARGET)
        subprocess.run(
            ["vrctl", "cluster", "init", SHARED, "dev", "eth0", "token",
             str(1000 * slow()), *member(1, 3), *member(2, 1), "-f"],
            check=True)
        # so long that none but vrd-fence makes it stop in a test
        with open(CONFIG, encoding="utf-8") as f:
            self.put(CONFIG, "grace = 600\n" + f.read())

    @staticmethod
    def put(path, text):
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)

    def live(self):
        os.execve(SYSTEMD, [SYSTEMD, "--system", "--unit=vr.target"],
                  {"container": "vrctx", "PATH": os.environ["PATH"]})

    # ---- what it is asked ----

    def systemctl(self, *words, ok=(0,)):
        return self.run("systemctl", *words, ok=ok, timeout=60 * slow())

    def shows(self, unit, what):
        return self.systemctl("show", "-P", what, unit).strip()

    def pid(self, unit="vrd"):
        """Process of a unit in this machine, 0: none"""
        return int(self.shows(unit, "MainPID"))

    def becomes(self, unit, state):
        wait(lambda: self.shows(unit, "ActiveState") == state,
             f"{unit} to be {state}", 60)

    def status(self, *cmd, timeout=60, stdin="", **kwargs):
        return super().status(*cmd, timeout=timeout * slow(), stdin=stdin,
                              **kwargs)

    def state(self):
        rc, out = self.status("vrctl", "cluster", "status", "-j")
        return json.loads(out)[0]["state"] if rc == 0 else "none"

    def lead(self):
        """Of the address, in the kernel"""
        return DHOST.call(HOST_GET)["lead"]

    def is_lead(self):
        wait(lambda: self.state() == "active" and self.lead() == 1,
             "it to be the lead", 60)

    def journal(self):
        return self.status("journalctl", "-o", "cat", "-n", "60", "--no-pager")[1]


load()
NS = Netns()
NS.join()
for dev in ("eth0", "ic0"):
    NS.rt.link_add(dev, "dummy")
NS.rt.link_set("eth0", mac=mac(1))
NS.rt.addr4("ic0", "10.1.0.1/24")
for dev in ("eth0", "ic0"):
    NS.rt.link_set(dev, up=True)
DHOST = Dhost()
BOX = Machine(types.SimpleNamespace(name="c"), "n1", None, NS)


def test_start():
    """all of it is there when systemd says so, and the node is the lead"""
    wait(lambda: BOX.status("systemctl", "is-active", "vrd")[0] == 0,
         "vrd.service to be active", 120)
    NS.rt.addr("eth0", SNET)
    BOX.is_lead()
    for unit in ("vrd", "vrd-guard", "corosync"):
        eq(BOX.shows(unit, "ActiveState"), "active", unit)
    eq(BOX.run("vrd", "--version").split(), ["vrd", version()], "version")


def version():
    return BOX.run("dpkg-query", "-W", "-f", "${Version}", "vrctx-tools")


def test_journal():
    """what is logged has fields"""
    out = BOX.run("journalctl", "-u", "vrd", "-o", "json", "-n", "1",
                  "VRD_EVENT=lead")
    entry = json.loads(out)
    eq({key: entry.get(key) for key in
        ("MESSAGE", "PRIORITY", "SYSLOG_IDENTIFIER", "VRD_LEAD", "VRD_EPOCH")},
       {"MESSAGE": "lead is 1", "PRIORITY": "6", "SYSLOG_IDENTIFIER": "vrd",
        "VRD_LEAD": "1", "VRD_EPOCH": str(DHOST.call(HOST_GET)["epoch"])},
       "the entry")


def test_privileges():
    """the daemons have none but those that they need"""
    for unit, caps in (("vrd", {CAP_NET_ADMIN, CAP_SYS_MODULE}),
                       ("vrd-guard", {CAP_NET_ADMIN})):
        lines = BOX.read(f"/proc/{BOX.pid(unit)}/status").split("\n")
        said = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
        for kind in ("CapEff", "CapPrm", "CapBnd"):
            eq(int(said[kind], 16), sum(1 << cap for cap in caps),
               f"{kind} of {unit}")
        eq(said["NoNewPrivs"], "1", f"NoNewPrivs of {unit}")
        eq(said["Seccomp"], "2", f"seccomp of {unit}")


def again(old):
    """Another vrd is there, and serves."""
    wait(lambda: BOX.pid() not in (0, old), "another process", 60)
    BOX.becomes("vrd", "active")
    BOX.is_lead()


def test_killed():
    """kill -9: systemd starts it again, the kernel goes on as the lead"""
    old = BOX.pid()
    BOX.run("kill", "-9", old)
    eq(BOX.lead(), 1, "lead meanwhile")
    again(old)


def test_watchdog():
    """it stands still: the watchdog ends it, and it is started again"""
    old = BOX.pid()
    BOX.run("kill", f"-{int(signal.SIGSTOP)}", old)
    again(old)
    check("atchdog timeout" in BOX.journal(), "no watchdog")


def test_corosync():
    """corosync is stopped: no lead; it is started: all is as before"""
    BOX.systemctl("stop", "corosync")
    wait(lambda: BOX.lead() == 0, "no lead")
    BOX.systemctl("start", "corosync")
    BOX.is_lead()


@contextlib.contextmanager
def configured(text):
    good = BOX.read(CONFIG)
    BOX.write(CONFIG, text)
    try:
        yield
    finally:
        BOX.write(CONFIG, good)


def test_given_up():
    """it cannot start: after some tries the kernel stops being the lead"""
    old = BOX.pid()
    with configured("nonsense\n"):
        BOX.run("kill", "-9", old)
        BOX.becomes("vrd", "failed")
        wait(lambda: BOX.lead() == 0, "the fence")
        eq(BOX.shows("vrd-fence", "Result"), "success", "vrd-fence.service")
        eq(BOX.shows("vrd-guard", "ActiveState"), "active", "vrd-guard")
    BOX.systemctl("reset-failed", "vrd")
    BOX.systemctl("start", "vrd")
    again(old)


def test_stop():
    """the machine stops: the node is not the lead any more"""
    for unit in ("vrd", "vrd-guard"):
        eq(BOX.lead(), 1, "lead")
        BOX.systemctl("stop", unit)
    eq(BOX.lead(), 0, "lead")
    # who stops the guard stops the daemon before it
    for units in (["vrd-guard"], ["corosync", "vrd-guard", "vrd"]):
        BOX.systemctl("start", "corosync", "vrd")
        BOX.is_lead()
        BOX.systemctl("stop", *units)
        eq(BOX.lead(), 0, f"lead without {units}")
        eq(BOX.pid(), 0, "process of vrd")


class Box:
    """As vr_vrd.run() wants it."""
    @staticmethod
    def show():
        print(BOX.journal().replace("\n", "\n#  "))

    @staticmethod
    def end():
        BOX.kill()


run(globals(), Box, 300)
