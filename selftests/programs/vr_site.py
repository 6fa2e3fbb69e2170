# SPDX-License-Identifier: GPL-2.0
"""Sites of hosts on which unmodified programs run: "blue" and "red" at once.

A plan says what hosts a site has and what segments join them:

	PLAN = {"r1": {"lan": "10.0.0.1/24 fd00::1/64"},
		"r2": {"lan": "10.0.0.2/24 fd00::2/64"}}

	with sites(PLAN) as (blue, red):
		for site in blue, red:
			site["r1"].run("ping", "-c1", "10.0.0.2")

A segment that two hosts have is a veth pair, one of three or more a bridge in
a namespace of its own, one that a single host has is a dummy. Every site is
made of the same plan: same host names, addresses, ports, files.

VR_SITE says what a host is:
	ctx	(default) a context; all hosts of all sites are in one network
		namespace
	netns	a network namespace of its own: what a test wants to see is
		what plain Linux does there

In both a host has mounts, a hostname and process numbers of its own: copies of
/etc and /var, an empty /run and /tmp. All of it dies with this process.
"""
import contextlib
import errno
import os
import resource
import shlex
import signal
import socket
import subprocess
import sys

sys.path.insert(1, os.path.join(os.path.dirname(os.path.realpath(__file__)),
                                "..", "vrctx"))
# pylint: disable=wrong-import-position
import vr_tap                                                   # noqa: E402
from vr_net import Netns, enter, libc                           # noqa: E402
from vr_nl import Vrctx                                         # noqa: E402
from vr_rt import sysctl                                        # noqa: E402
from vr_tap import check, eq, slow, wait                        # noqa: E402

MODE = os.environ.get("VR_SITE") or "ctx"
if MODE not in ("ctx", "netns"):
    raise ValueError(f"VR_SITE is ctx or netns, not {MODE}")
CTX = MODE == "ctx"

CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC = 0x20000, 0x4000000, 0x8000000
CLONE_NEWPID, CLONE_NEWNET = 0x20000000, 0x40000000
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18
PR_SET_PDEATHSIG = 1
SO_TIMESTAMP = 29
SCRATCH = "/mnt"        # in the host: what was written to /etc and /var


def mount(src, where, kind=None, flags=0, opts=None):
    libc("mount", src.encode(), where.encode(), kind and kind.encode(), flags,
         opts and opts.encode())


CPUS = os.sched_getaffinity(0)
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:" \
    "/usr/lib/frr:/repo/build/programs/usr/bin:/repo/build/programs/usr/sbin"


class Failed(AssertionError):
    """A command that ended with a status it should not have."""


class Host:
    """A host: network, mounts, process numbers. Its process 1 is a child of
    this process and dies with it, and with process 1 all others.
    """
    # pylint: disable=too-many-instance-attributes
    COPIES = ("etc", "var")     # what it may write without a trace

    def __init__(self, site, name, number, netns):
        """Context number, or None: all of the namespace."""
        self.site, self.name, self.number = site, name, number
        self.full = f"{site.name}-{name}"
        self.net = netns
        self.logs = {}
        self.started = []
        self.devs = {}          # segment: device
        self.plan = {}          # segment: addresses
        self.init = self.start()
        self.root = f"/proc/{self.init}/root"
        self.spaces = [(os.open(f"/proc/{self.init}/ns/{kind}", os.O_RDONLY),
                        flag) for kind, flag in
                       (("uts", CLONE_NEWUTS), ("ipc", CLONE_NEWIPC),
                        ("mnt", CLONE_NEWNS))]
        self.pids = os.open(f"/proc/{self.init}/ns/pid", os.O_RDONLY)

    # ---- process 1 ----

    def start(self):
        ready, told = os.pipe()
        here = os.open("/proc/self/ns/pid", os.O_RDONLY)
        libc("unshare", CLONE_NEWPID)
        pid = os.fork()
        if not pid:
            self.first(told)
        libc("setns", here, CLONE_NEWPID)
        os.close(here)
        os.close(told)
        with open(ready, "rb") as f:
            why = f.read().decode()
        check(why == "ok", f"process 1 of {self.full}: {why}")
        return pid

    def first(self, told):
        """Life of process 1: set up, then wait for orphans for ever."""
        try:
            libc("prctl", PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            self.join_net()
            libc("unshare", CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC)
            socket.sethostname(self.name)
            self.mounts()
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
            os.write(told, b"ok")
        except BaseException as err:  # pylint: disable=broad-except
            os.write(told, repr(err).encode())
            os._exit(1)
        os.close(told)
        self.live()

    def live(self):
        """As process 1, which has no end"""
        while True:
            signal.sigwait([signal.SIGCHLD])
            with contextlib.suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass

    def mounts(self):
        mount("none", "/", None, MS_REC | MS_PRIVATE)
        mount("proc", "/proc", "proc")
        # writable once more inside: daemons set sysctls
        try:
            mount("sys", "/sys", "sysfs")
        except OSError as err:
            if err.errno != errno.EBUSY:    # the machine's is there
                raise
        mount("tmp", SCRATCH, "tmpfs", 0, "mode=755")
        for top in self.COPIES:
            for sub in ("up", "work"):
                os.makedirs(f"{SCRATCH}/{top}/{sub}")
            mount("over", f"/{top}", "overlay", 0, f"lowerdir=/{top},upperdir="
                  f"{SCRATCH}/{top}/up,workdir={SCRATCH}/{top}/work")
        mount("run", "/run", "tmpfs", 0, "mode=755")
        mount("tmp", "/tmp", "tmpfs", 0, "mode=1777")
        # a name server of the machine would be asked by programs in here
        with open("/etc/resolv.conf", "w", encoding="ascii"):
            pass
        os.makedirs("/var/log/vr", exist_ok=True)

    def join_net(self):
        if self.number is None:
            libc("setns", self.net.fd, CLONE_NEWNET)
        else:
            enter(self.number)

    def entered(self):
        """In the child, before it becomes the program."""
        self.join_net()
        for space, flag in self.spaces:
            libc("setns", space, flag)
        os.chdir("/")
        os.sched_setaffinity(0, CPUS)   # run() has kept us on one
        # as a login has it: some programs close all there might be
        resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 4096))
        signal.pthread_sigmask(signal.SIG_SETMASK, [])

    # ---- programs ----

    def popen(self, *cmd, log=None, **kwargs):
        """Start a program; its output goes to a log that a failure shows."""
        cmd = [str(c) for c in cmd]
        kwargs.setdefault("stdin", subprocess.DEVNULL)
        if "stdout" not in kwargs:
            name = log or os.path.basename(cmd[0])
            path = self.logs.setdefault(name,
                                        self.path(f"/var/log/vr/{name}.log"))
            kwargs["stdout"] = os.open(path, os.O_WRONLY | os.O_CREAT
                                       | os.O_APPEND | os.O_CLOEXEC, 0o644)
            kwargs.setdefault("stderr", subprocess.STDOUT)
        here = os.open("/proc/self/ns/pid", os.O_RDONLY)
        libc("setns", self.pids, CLONE_NEWPID)
        try:
            # pylint: disable=subprocess-popen-preexec-fn,consider-using-with
            one = subprocess.Popen(cmd, preexec_fn=self.entered,
                                   start_new_session=True,
                                   env={**os.environ, "LANG": "C.UTF-8",
                                        "HOME": "/root", "PATH": PATH},
                                   **kwargs)
            self.started.append(one)
            return one
        finally:
            libc("setns", here, CLONE_NEWPID)
            os.close(here)
            if isinstance(kwargs["stdout"], int) and kwargs["stdout"] > 2:
                os.close(kwargs["stdout"])

    def run(self, *cmd, ok=(0,), timeout=60, stdin="", **kwargs):
        """Run a program to its end; returns what it printed."""
        out = self.status(*cmd, timeout=timeout, stdin=stdin, **kwargs)
        if out[0] not in ok:
            raise Failed(f"{self.full}: '{shlex.join(map(str, cmd))}': "
                         f"status {out[0]}: {out[1].strip()}")
        return out[1]

    def status(self, *cmd, timeout=60, stdin="", **kwargs):
        """(exit status, output) of a program."""
        kwargs.setdefault("stderr", subprocess.STDOUT)
        one = self.popen(*cmd, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                         text=True, **kwargs)
        try:
            out = one.communicate(stdin, timeout * slow())[0]
        except subprocess.TimeoutExpired:
            one.kill()
            out = one.communicate()[0]
            raise Failed(f"{self.full}: '{shlex.join(map(str, cmd))}' did not "
                         f"end: {out.strip()}") from None
        return one.returncode, out

    def sees(self, *cmd, want, what=None, timeout=30):
        """Wait until the output of a command has all words; returns it."""
        want = [want] if isinstance(want, str) else want
        last = ""

        def look():
            nonlocal last
            last = self.status(*cmd)[1]
            return all(word in last for word in want)
        try:
            wait(look, "it", timeout)
        except AssertionError:
            raise Failed(f"{self.full}: {what or shlex.join(cmd)}: no {want} "
                         f"in:\n{last}") from None
        return last

    # ---- files ----

    def path(self, name):
        """A file of the host, as this process finds it."""
        return self.root + name

    def write(self, name, data, mode=0o644, owner=None):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(data.encode() if isinstance(data, str) else data)
        os.chmod(path, mode)
        if owner:
            self.run("chown", owner, name)

    def read(self, name):
        """Text of a file, "" if there is none."""
        try:
            with open(self.path(name), encoding="utf-8",
                      errors="replace") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def log(self, name):
        return self.read(f"/var/log/vr/{name}.log")

    # ---- network ----

    def dev(self, segment):
        return self.devs[segment]

    def plain(self, text):
        """Text with devices called by their segments."""
        for host in self.site.hosts.values():
            for segment, dev in host.devs.items():
                text = text.replace(dev, segment)
        return text

    def oper(self, segment):
        return self.read(f"/sys/class/net/{self.dev(segment)}"
                         "/operstate").strip()

    def ip(self, *lines):
        """Commands of ip(8)."""
        self.run("ip", "-batch", "-", stdin="\n".join(lines) + "\n")

    def listens(self, port, kind="t"):
        """Wait until a socket of the host is bound to the port."""
        self.sees("ss", f"-Hln{kind}", "sport", "=", f":{port}",
                  want=f":{port} ")

    def reaches(self, addr):
        """Wait until an address answers."""
        wait(lambda: self.status("ping", "-nqc1", "-W1", addr)[0] == 0,
             f"{self.full} to reach {addr}", 30)

    def show_logs(self):
        for name in self.logs:
            print(f"# ---- {self.full} {name}")
            for line in self.log(name).split("\n")[-25:]:
                print(f"#   {line}")

    def kill(self):
        os.kill(self.init, signal.SIGKILL)
        for one in self.started:        # process 1 ends when all have been
            one.wait()                  # waited for
        os.waitpid(self.init, 0)
        for fd in [self.pids] + [space for space, _ in self.spaces]:
            os.close(fd)


class Site:
    """The hosts of a plan. site["r1"] is one."""

    def __init__(self, name, plan, first, base, vr, bare=None):
        """Contexts first and up of base, with vr; without: namespaces, and
        the one called bare is the machine itself.
        """
        self.name, self.vr, self.base = name, vr, base
        self.hosts, self.switches = {}, []
        for num, host in enumerate(plan, first):
            if vr:
                vr.new(num, f"{name}-{host}")
                self.hosts[host] = Host(self, host, num, base)
            elif host == bare:
                self.hosts[host] = Host(self, host, None, base)
            else:
                self.hosts[host] = Host(self, host, None, forwarder())
        segments = {}
        for host, ports in plan.items():
            for segment, addrs in ports.items():
                segments.setdefault(segment, []).append(self[host])
                self[host].plan[segment] = addrs
                self[host].devs[segment] = f"{name[0]}{host}-{segment}"
                check(len(self[host].devs[segment]) < 16, "name is too long")
        for segment, members in segments.items():
            self.wire(segment, members)

    def __getitem__(self, host):
        return self.hosts[host]

    def __iter__(self):
        return iter(self.hosts.values())

    def wire(self, segment, members):
        near = members[0]
        if len(members) == 1:
            with near.net:
                near.net.rt.link_add(near.dev(segment), "dummy")
        elif len(members) == 2:
            with near.net:
                near.net.rt.veth(near.dev(segment), members[1].dev(segment),
                                 members[1].net.fd)
        else:
            switch = Netns(True)
            self.switches.append(switch)
            with switch:
                bridge = switch.rt.link_add("br", "bridge")
                switch.rt.link_set("br", up=True)
                for num, host in enumerate(members):
                    switch.rt.veth(f"p{num}", host.dev(segment), host.net.fd)
                    switch.rt.link_set(f"p{num}", master=bridge)
                    switch.rt.link_set(f"p{num}", up=True)
        if self.vr:
            for host in members:
                self.vr.move(host.dev(segment), host.number)

    def up(self):
        """Addresses and links, set by ip(8) of each host."""
        for host in self:
            lines = []
            for segment, addrs in host.plan.items():
                dev = host.dev(segment)
                lines.append(f"link set {dev} up")
                lines += [f"addr add {a} dev {dev}"
                          + (" nodad" if ":" in a else "")
                          for a in addrs.split()]
            host.ip(*lines)
        for host in self:
            for segment in host.plan:
                wait(lambda h=host, s=segment: h.oper(s) != "down" and
                     h.oper(s) != "lowerlayerdown",
                     f"{host.dev(segment)} to be up")

    def delete(self, host):
        """A context goes with its connections; then nothing has its number,
        or it would not be given again.
        """
        wait(lambda: not self.vr.get(id=host.number)["tasks"],
             f"no task in {host.full}")
        self.vr.delete(id=host.number, force=True)

        def again():
            with contextlib.suppress(OSError):
                self.vr.new(host.number)
                return True
            return False
        wait(again, f"no socket in {host.full}")
        self.vr.delete(id=host.number)

    def close(self, good):
        if not good:
            for host in self:
                host.show_logs()
        for host in self:
            host.kill()
        for switch in self.switches:
            switch.close()
        for host in self:
            if host.net is not self.base:
                host.net.close()
            elif self.vr and good:
                self.delete(host)


@contextlib.contextmanager
def sites(plan, names=("blue", "red"), plain=(), bare=None):
    """Sites of one plan, up. A failure shows the end of every log. Those named
    in plain are always made of network namespaces. The host called bare is the
    machine: that is for a guest that does nothing else.
    """
    # ctx: of all hosts; else: of this process
    base = Netns(True, new=not bare)
    base.join()
    # Every ping and chronyd would switch time stamps on and off: the kernel
    # patches itself, and an emulated CPU has been seen to trip over that.
    stamps = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    stamps.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMP, 1)
    open_routers()
    vr = Vrctx() if CTX and not bare else None
    made = []
    good = False
    try:
        for num, name in enumerate(names):
            made.append(Site(name, plan, 1 + num * len(plan), base,
                             None if name in plain else vr, bare))
        for site in made:
            site.up()
        yield made
        good = True
    finally:
        for site in made:
            site.close(good)
        if vr:
            vr.close()
        stamps.close()
        base.close()
        Netns.current = None    # the next one need not come back to this


def open_routers():
    """Every host forwards."""
    sysctl("net.ipv4.ip_forward", 1)
    sysctl("net.ipv6.conf.all.forwarding", 1)


def forwarder():
    new = Netns(True)
    with new:
        open_routers()
    return new


def other(pair, site):
    return pair[1] if site is pair[0] else pair[0]


def run(scope, limit=240):
    """As vr_tap.run(); with namespaces it needs no contexts."""
    if not CTX:
        vr_tap.require = lambda: None
    vr_tap.run(scope, limit)


__all__ = ["CTX", "Failed", "check", "eq", "other", "run", "sites", "slow",
           "wait"]
