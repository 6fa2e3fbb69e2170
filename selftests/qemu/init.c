// SPDX-License-Identifier: GPL-2.0
/* init.c - process 1 of the test guest, alone in its initramfs.
 *
 * Puts a writable overlay over the host's root file system (9p, read-only),
 * moves into it and runs one command.  The command's output goes to one
 * virtio-serial port, its exit status to another, so that neither mixes with
 * the console.  See scripts/vm for the other end.
 *
 * Nodes 2 and up of a multi-node run start no command: they serve those that
 * node 1 sends them with "on NODE CMD" (this same binary, other name).
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#define P9_OPTS		"trans=virtio,version=9p2000.L,msize=512000,"
#define ON_TOOL		"/run/vrctx/bin/on"
#define CMD_MAX		(1 << 20)

static int node = 1;
static int nodes = 1;
static int interactive;
static int have_out;

static void say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fprintf(stderr, "init: ");
	vfprintf(stderr, fmt, ap);
	fprintf(stderr, "\n");
	va_end(ap);
}

static void power_off(void)
{
	sync();
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

static void fatal(const char *what)
{
	say("%s: %s", what, strerror(errno));
	power_off();
}

static int mnt(const char *src, const char *dir, const char *type,
	       unsigned long flags, const char *opts)
{
	mkdir(dir, 0755);
	return mount(src, dir, type, flags, opts);
}

static void need_mnt(const char *src, const char *dir, const char *type,
		     unsigned long flags, const char *opts)
{
	if (mnt(src, dir, type, flags, opts))
		fatal(dir);
}

static void read_cmdline(void)
{
	char buf[4096], *p;
	FILE *f;

	f = fopen("/proc/cmdline", "r");
	if (!f || !fgets(buf, sizeof(buf), f))
		fatal("/proc/cmdline");
	fclose(f);
	p = strstr(buf, "vr.node=");
	if (p)
		node = atoi(p + strlen("vr.node="));
	p = strstr(buf, "vr.nodes=");
	if (p)
		nodes = atoi(p + strlen("vr.nodes="));
	interactive = !!strstr(buf, "vr.shell");
	have_out = !!strstr(buf, "vr.out");
}

/* The tool of node 1 survives the change of root in /run. */
static void keep_tool(void)
{
	char buf[65536];
	int in, out;
	ssize_t n;

	mkdir("/root/run/vrctx", 0755);
	mkdir("/root/run/vrctx/bin", 0755);
	in = open("/init", O_RDONLY);
	out = open("/root" ON_TOOL, O_WRONLY | O_CREAT, 0755);
	if (in < 0 || out < 0)
		fatal(ON_TOOL);
	while ((n = read(in, buf, sizeof(buf))) > 0)
		if (write(out, buf, n) != n)
			fatal(ON_TOOL);
	close(in);
	close(out);
}

static void make_root(void)
{
	static const char * const ro = P9_OPTS "cache=loose";

	need_mnt("dev", "/dev", "devtmpfs", 0, NULL);
	need_mnt("proc", "/proc", "proc", 0, NULL);
	need_mnt("sys", "/sys", "sysfs", 0, NULL);
	read_cmdline();

	need_mnt("root", "/lower", "9p", MS_RDONLY, ro);
	need_mnt("rw", "/rw", "tmpfs", 0, "mode=755,size=80%");
	mkdir("/rw/up", 0755);
	mkdir("/rw/work", 0755);
	need_mnt("root", "/root", "overlay", 0,
		 "lowerdir=/lower,upperdir=/rw/up,workdir=/rw/work");
	need_mnt("tmp", "/root/tmp", "tmpfs", 0, "mode=1777,size=60%");
	need_mnt("run", "/root/run", "tmpfs", 0, "mode=755");
	need_mnt("repo", "/root/repo", "9p", MS_RDONLY, ro);
	/* What scripts/vm passes in, and the one place the guest may write. */
	need_mnt("ctl", "/root/run/guest", "9p", MS_RDONLY,
		 P9_OPTS "cache=none");
	if (have_out)
		need_mnt("out", "/root/out", "9p", 0, P9_OPTS "cache=none");
	keep_tool();

	if (mount("/dev", "/root/dev", NULL, MS_MOVE, NULL) ||
	    mount("/proc", "/root/proc", NULL, MS_MOVE, NULL) ||
	    mount("/sys", "/root/sys", NULL, MS_MOVE, NULL) ||
	    chdir("/root") || mount(".", "/", NULL, MS_MOVE, NULL) ||
	    chroot(".") || chdir("/"))
		fatal("change of root");
}

static void make_home(void)
{
	char name[32];
	struct ifreq ifr = { .ifr_name = "lo" };
	struct rlimit nofile = { 1 << 20, 1 << 20 };
	int fd;

	mnt("devpts", "/dev/pts", "devpts", 0, "ptmxmode=666,mode=620,gid=5");
	mnt("shm", "/dev/shm", "tmpfs", 0, "mode=1777");
	mnt("mqueue", "/dev/mqueue", "mqueue", 0, NULL);
	mnt("cgroup", "/sys/fs/cgroup", "cgroup2", 0, NULL);
	mnt("bpf", "/sys/fs/bpf", "bpf", 0, NULL);
	mnt("debugfs", "/sys/kernel/debug", "debugfs", 0, NULL);
	mnt("tracefs", "/sys/kernel/tracing", "tracefs", 0, NULL);
	symlink("/proc/self/fd", "/dev/fd");
	symlink("/proc/self/fd/0", "/dev/stdin");
	symlink("/proc/self/fd/1", "/dev/stdout");
	symlink("/proc/self/fd/2", "/dev/stderr");
	mkdir("/run/lock", 01777);

	snprintf(name, sizeof(name), nodes > 1 ? "node%d" : "vrctx", node);
	sethostname(name, strlen(name));
	setrlimit(RLIMIT_NOFILE, &nofile);

	fd = socket(AF_INET, SOCK_DGRAM, 0);
	ifr.ifr_flags = IFF_UP | IFF_RUNNING;
	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &ifr))
		say("lo: %s", strerror(errno));
	close(fd);
}

/* Open the virtio-serial port with this name, -1 if there is none. */
static int try_port(const char *want, int flags)
{
	char path[512], name[64];
	struct dirent *de;
	DIR *dir;
	FILE *f;
	int fd = -1;

	dir = opendir("/sys/class/virtio-ports");
	while (dir && fd < 0 && (de = readdir(dir))) {
		snprintf(path, sizeof(path), "/sys/class/virtio-ports/%s/name",
			 de->d_name);
		f = fopen(path, "r");
		if (!f)
			continue;
		if (!fgets(name, sizeof(name), f))
			name[0] = 0;
		fclose(f);
		name[strcspn(name, "\n")] = 0;
		if (strcmp(name, want))
			continue;
		snprintf(path, sizeof(path), "/dev/%s", de->d_name);
		fd = open(path, flags | O_CLOEXEC);
		break;
	}
	if (dir)
		closedir(dir);
	return fd;
}

/* The driver learns of its ports in the background, after boot. */
static int open_port(const char *want, int flags)
{
	int fd, tries;

	for (tries = 0; tries < 1000; tries++) {
		fd = try_port(want, flags);
		if (fd >= 0)
			break;
		usleep(10000);
	}
	return fd;
}

static int write_all(int fd, const void *buf, size_t len)
{
	const char *p = buf;
	ssize_t n;

	while (len) {
		n = write(fd, p, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		p += n;
		len -= n;
	}
	return 0;
}

/* A port reads as end-of-file while the other side is not connected. */
static int read_all(int fd, void *buf, size_t len)
{
	char *p = buf;
	ssize_t n;

	while (len) {
		n = read(fd, p, len);
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return -1;
		if (n <= 0) {
			usleep(20000);
			continue;
		}
		p += n;
		len -= n;
	}
	return 0;
}

static char *read_file(const char *path)
{
	char *buf = calloc(1, CMD_MAX);
	int fd = open(path, O_RDONLY);
	ssize_t n = 0, got;

	if (fd < 0 || !buf)
		fatal(path);
	while ((got = read(fd, buf + n, CMD_MAX - 1 - n)) > 0)
		n += got;
	close(fd);
	return buf;
}

static void set_env(void)
{
	char *env = read_file("/run/guest/env");
	char *line;

	clearenv();
	for (line = strtok(env, "\n"); line; line = strtok(NULL, "\n"))
		putenv(line);
}

static _Noreturn void exec_shell(const char *cmd)
{
	if (chdir("/repo"))
		say("/repo: %s", strerror(errno));
	signal(SIGPIPE, SIG_DFL);
	if (cmd)
		execl("/bin/bash", "bash", "-c", cmd, NULL);
	else
		execl("/bin/bash", "bash", "-l", NULL);
	_exit(127);
}

static int exit_status(int wstatus)
{
	if (WIFSIGNALED(wstatus))
		return 128 + WTERMSIG(wstatus);
	return WEXITSTATUS(wstatus);
}

/* Reap orphans too: that is what process 1 is for. */
static int wait_for(pid_t pid, int flags, int *status)
{
	int wstatus;
	pid_t got;

	while ((got = waitpid(-1, &wstatus, flags)) > 0) {
		if (got != pid)
			continue;
		*status = exit_status(wstatus);
		return 1;
	}
	return 0;
}

typedef int (*sink_fn)(int fd, const void *buf, size_t len);

static void on_child(int sig)
{
	(void)sig;
}

/* Run cmd with its output through a pipe, which programs can reopen by
 * /dev/stdout (a port can be opened only once), until it exits.  What its
 * background children write later is nobody's.
 */
static int run(const char *cmd, int out, sink_fn sink)
{
	static char buf[65536];
	struct sigaction sa = { .sa_handler = on_child };
	sigset_t chld, old;
	struct pollfd pfd;
	int fds[2], status = 127, done = 0;
	ssize_t n;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC))
		fatal("pipe");
	/* SIGCHLD only while in ppoll(): no exit is missed. */
	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	sigprocmask(SIG_BLOCK, &chld, &old);
	sigaction(SIGCHLD, &sa, NULL);

	pid = fork();
	if (pid < 0)
		fatal("fork");
	if (!pid) {
		int null = open("/dev/null", O_RDONLY);

		sigprocmask(SIG_SETMASK, &old, NULL);
		setsid();
		dup2(null, 0);
		dup2(fds[1], 1);
		dup2(fds[1], 2);
		exec_shell(cmd);
	}
	close(fds[1]);
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	pfd.fd = fds[0];
	pfd.events = POLLIN;
	for (;;) {
		if (!done)
			done = wait_for(pid, WNOHANG, &status);
		n = read(fds[0], buf, sizeof(buf));
		if (n > 0) {
			sink(out, buf, n);
			continue;
		}
		if (done)
			break;
		if (n == 0)
			pfd.fd = -1;
		ppoll(&pfd, 1, NULL, &old);
	}
	close(fds[0]);
	sigprocmask(SIG_SETMASK, &old, NULL);
	return status;
}

static void tell(const char *what)
{
	int fd = open_port("vrctx.status", O_WRONLY);

	if (fd < 0 || write_all(fd, what, strlen(what)))
		say("not delivered: %s: %s", strerror(errno), what);
	/* Closing drains the port. */
	close(fd);
}

static void report(int status)
{
	char buf[32];

	snprintf(buf, sizeof(buf), "exit %d\n", status);
	tell(buf);
}

/* The terminal at the other end does not tell us, scripts/vm does. */
static void set_size(int tty)
{
	const char *lines = getenv("LINES"), *columns = getenv("COLUMNS");
	struct winsize ws = { 0 };

	if (!lines || !columns)
		return;
	ws.ws_row = atoi(lines);
	ws.ws_col = atoi(columns);
	ioctl(tty, TIOCSWINSZ, &ws);
	unsetenv("LINES");
	unsetenv("COLUMNS");
}

static int run_shell(void)
{
	int status = 127;
	pid_t pid = fork();

	if (pid < 0)
		fatal("fork");
	if (!pid) {
		int tty;

		setsid();
		while ((tty = open("/dev/hvc0", O_RDWR)) < 0)
			usleep(10000);
		ioctl(tty, TIOCSCTTY, 0);
		set_size(tty);
		dup2(tty, 0);
		dup2(tty, 1);
		dup2(tty, 2);
		exec_shell(NULL);
	}
	while (!wait_for(pid, 0, &status))
		;
	return status;
}

/* -- Commands between nodes: length and bytes; length 0, then the status -- */

static int send_frame(int fd, const void *buf, size_t len)
{
	uint32_t n = len;

	if (write_all(fd, &n, sizeof(n)))
		return -1;
	return write_all(fd, buf, len);
}

static void serve(void)
{
	static char cmd[CMD_MAX];
	int fd = open_port("vrctx.agent", O_RDWR);
	uint32_t len;
	int32_t status;

	if (fd < 0)
		fatal("vrctx.agent");
	for (;;) {
		if (read_all(fd, &len, sizeof(len)) || len >= sizeof(cmd) ||
		    read_all(fd, cmd, len))
			fatal("vrctx.agent");
		cmd[len] = 0;
		status = run(cmd, fd, send_frame);
		send_frame(fd, NULL, 0);
		write_all(fd, &status, sizeof(status));
	}
}

/* Run a command on a node; what it says goes to our standard output */
static int on(int number, const char *cmd, size_t len)
{
	static char buf[65536];
	int fd, lock, ret = 125;
	char port[32];
	int32_t status;
	uint32_t n;

	snprintf(port, sizeof(port), "vrctx.node%d", number);
	/* One opener at a time; a second caller waits for its turn. */
	lock = open("/run/vrctx", O_RDONLY | O_DIRECTORY);
	flock(lock, LOCK_EX);
	fd = open_port(port, O_RDWR);
	if (fd < 0) {
		close(lock);
		return -1;
	}
	if (send_frame(fd, cmd, len))
		goto out;
	for (;;) {
		if (read_all(fd, &n, sizeof(n)))
			goto out;
		if (!n)
			break;
		if (n > sizeof(buf) || read_all(fd, buf, n))
			goto out;
		write_all(1, buf, n);
	}
	if (!read_all(fd, &status, sizeof(status)))
		ret = status;
out:
	close(fd);
	close(lock);
	return ret;
}

static int on_main(int argc, char **argv)
{
	static char cmd[65536];
	size_t len = 0;
	int i, status;

	if (argc < 3) {
		fprintf(stderr, "usage: on NODE CMD...\n");
		return 2;
	}
	for (i = 2; i < argc; i++) {
		size_t l = strlen(argv[i]);

		if (len + l + 1 >= sizeof(cmd)) {
			fprintf(stderr, "on: command too long\n");
			return 2;
		}
		memcpy(cmd + len, argv[i], l);
		len += l;
		cmd[len++] = ' ';
	}
	status = on(atoi(argv[1]), cmd, len);
	if (status < 0) {
		fprintf(stderr, "on: no node %s\n", argv[1]);
		return 2;
	}
	return status;
}

/* All nodes are up.  scripts/vm starts them again if it never hears that: an
 * emulated machine may hang before there is anything of ours in it.
 */
static void meet(void)
{
	int k;

	for (k = 2; k <= nodes; k++)
		if (on(k, ":", 1))
			fatal("a node that is up");
	tell("up\n");
}

/* What has to be there before the command; what it says goes to the console. */
static int set_up(void)
{
	static const char * const path = "/run/guest/setup";
	int status;

	if (access(path, R_OK))
		return 0;
	status = run(read_file(path), 2, write_all);
	if (status)
		say("setup: status %d", status);
	return status;
}

int main(int argc, char **argv)
{
	int out, status;

	if (getpid() != 1)
		return on_main(argc, argv);
	signal(SIGPIPE, SIG_IGN);
	make_root();
	make_home();
	set_env();
	if (node > 1)
		serve();
	meet();
	if (set_up()) {
		/* No verdict: scripts/vm shows the console. */
		power_off();
	} else if (interactive) {
		status = run_shell();
	} else {
		out = open_port("vrctx.out", O_WRONLY);
		if (out < 0)
			fatal("vrctx.out");
		status = run(read_file("/run/guest/cmd"), out, write_all);
		close(out);
	}
	report(status);
	power_off();
}
