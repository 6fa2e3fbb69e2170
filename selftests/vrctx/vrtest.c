// SPDX-License-Identifier: GPL-2.0
/* Harness of the C selftests, see vrtest.h. */
#define _GNU_SOURCE
#include "vrtest.h"

#include <fcntl.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

static struct vr_test *tests, **tests_end = &tests;

void vr_register(struct vr_test *test)
{
	*tests_end = test;
	tests_end = &test->next;
}

void vr_fail(const char *file, int line, const char *fmt, ...)
{
	const char *base = strrchr(file, '/');
	va_list ap;

	printf("# %s:%d: ", base ? base + 1 : file, line);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	fflush(stdout);
	_exit(KSFT_FAIL);
}

void vr_skip(const char *why)
{
	printf("# not run: %s\n", why);
	fflush(stdout);
	_exit(KSFT_SKIP);
}

int vr_slow(void)
{
	const char *env = getenv("VR_SLOW");

	if (env)
		return atoi(env) > 1 ? atoi(env) : 1;
	return system("zcat /proc/config.gz 2>/dev/null |"
		      " grep -q ^CONFIG_KASAN=y") ? 1 : 10;
}

static int run_one(const struct vr_test *test, int limit)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid < 0)
		return KSFT_FAIL;
	if (!pid) {
		alarm(limit);
		test->fn();
		fflush(stdout);
		_exit(KSFT_PASS);
	}
	if (waitpid(pid, &status, 0) < 0)
		return KSFT_FAIL;
	if (WIFSIGNALED(status))
		printf("# killed by signal %d\n", WTERMSIG(status));
	return WIFEXITED(status) ? WEXITSTATUS(status) : KSFT_FAIL;
}

int vr_main(int argc, char **argv)
{
	bool all = getenv("VR_EXPECT_ALL") && atoi(getenv("VR_EXPECT_ALL"));
	int num = 0, failed = 0, skipped = 0, limit = 60 * vr_slow();
	const struct vr_test *t;

	if (access("/proc/self/vrctx", F_OK)) {
		const char *why = "kernel without contexts (CONFIG_NET_VRCTX)";

		printf(all ? "Bail out! %s\n" :
		       "TAP version 13\n1..0 # SKIP %s\n", why);
		return all ? KSFT_FAIL : KSFT_SKIP;
	}
	for (t = tests; t; t = t->next)
		num += argc < 2 || !strcmp(argv[1], t->name);
	printf("TAP version 13\n1..%d\n", num);
	num = 0;
	for (t = tests; t; t = t->next) {
		int ret;

		if (argc > 1 && strcmp(argv[1], t->name))
			continue;
		num++;
		ret = run_one(t, limit);
		if (ret == KSFT_SKIP && !all) {
			printf("ok %d %s # SKIP\n", num, t->what);
			skipped++;
		} else {
			printf("%sok %d %s\n", ret ? "not " : "", num, t->what);
			failed += !!ret;
		}
	}
	if (failed)
		return KSFT_FAIL;
	return num && skipped == num ? KSFT_SKIP : KSFT_PASS;
}

/* ---- generic netlink, just enough ---- */

struct message {
	struct nlmsghdr nlh;
	struct genlmsghdr genl;
	char attrs[256];
};

static void put(struct message *msg, int type, const void *data, int len)
{
	struct nlattr *nla = (void *)msg + NLMSG_ALIGN(msg->nlh.nlmsg_len);

	nla->nla_type = type;
	nla->nla_len = NLA_HDRLEN + len;
	if (len)
		memcpy(nla + 1, data, len);
	msg->nlh.nlmsg_len = NLMSG_ALIGN(msg->nlh.nlmsg_len) +
			     NLA_ALIGN(nla->nla_len);
}

static const struct nlattr *find(const char *buf, int len, int type)
{
	const struct nlmsghdr *nlh = (const void *)buf;
	int off = NLMSG_HDRLEN + GENL_HDRLEN;

	len = len < (int)nlh->nlmsg_len ? len : (int)nlh->nlmsg_len;
	while (off + NLA_HDRLEN <= len) {
		const struct nlattr *nla = (const void *)(buf + off);

		if (nla->nla_type == type)
			return nla;
		if (nla->nla_len < NLA_HDRLEN)
			break;
		off += NLA_ALIGN(nla->nla_len);
	}
	errno = ENODATA;
	return NULL;
}

/* One request. With @reply, the message before the ack is kept there. */
static int transact(int fd, struct message *msg, char *reply, int size)
{
	static char buf[8192];

	msg->nlh.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	if (send(fd, msg, msg->nlh.nlmsg_len, 0) < 0)
		return -1;
	for (;;) {
		const struct nlmsghdr *nlh = (const void *)buf;
		int len = recv(fd, buf, sizeof(buf), 0);

		if (len < 0)
			return -1;
		for (; NLMSG_OK(nlh, len); nlh = NLMSG_NEXT(nlh, len)) {
			if (nlh->nlmsg_type == NLMSG_ERROR) {
				const struct nlmsgerr *e = NLMSG_DATA(nlh);

				errno = -e->error;
				return e->error ? -1 : 0;
			}
			if (reply && nlh->nlmsg_len <= (unsigned int)size)
				memcpy(reply, nlh, nlh->nlmsg_len);
		}
	}
}

static struct message request(int type, int cmd)
{
	return (struct message) {
		.nlh.nlmsg_len = NLMSG_HDRLEN + GENL_HDRLEN,
		.nlh.nlmsg_type = type,
		.genl.cmd = cmd,
		.genl.version = 1,
	};
}

/* Kept for the process and the namespace that vr_setup() made */
static struct {
	pid_t pid;
	int fd;
	int family;
} genl;

static int genl_open(void)
{
	struct message msg = request(GENL_ID_CTRL, CTRL_CMD_GETFAMILY);
	const struct nlattr *nla;
	char reply[4096] = "";

	if (genl.pid == getpid())
		return 0;
	genl.fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
	if (genl.fd < 0)
		return -1;
	put(&msg, CTRL_ATTR_FAMILY_NAME, VRCTX_FAMILY_NAME,
	    sizeof(VRCTX_FAMILY_NAME));
	if (transact(genl.fd, &msg, reply, sizeof(reply)))
		return -1;
	nla = find(reply, sizeof(reply), CTRL_ATTR_FAMILY_ID);
	if (!nla)
		return -1;
	genl.family = *(const uint16_t *)(nla + 1);
	genl.pid = getpid();
	return 0;
}

static int command(int cmd, uint32_t ctx, bool force, char *reply, int size)
{
	struct message msg;

	if (genl_open())
		return -1;
	msg = request(genl.family, cmd);
	put(&msg, VRCTX_A_CTX_ID, &ctx, sizeof(ctx));
	if (force)
		put(&msg, VRCTX_A_CTX_FORCE, NULL, 0);
	return transact(genl.fd, &msg, reply, size);
}

int vr_new(uint32_t ctx)
{
	return command(VRCTX_CMD_CTX_NEW, ctx, false, NULL, 0);
}

int vr_del(uint32_t ctx, bool force)
{
	return command(VRCTX_CMD_CTX_DEL, ctx, force, NULL, 0);
}

long vr_count(uint32_t ctx, int attr)
{
	const struct nlattr *nla;
	char reply[1024] = "";

	if (command(VRCTX_CMD_CTX_GET, ctx, false, reply, sizeof(reply)))
		return -1;
	nla = find(reply, sizeof(reply), attr);
	return nla ? (long)*(const uint32_t *)(nla + 1) : -1;
}

void vr_setup(uint32_t first, ...)
{
	struct ifreq ifr = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	uint32_t ctx = first;
	va_list ap;
	int fd;

	CHECK(!unshare(CLONE_NEWNET));
	genl.pid = 0;
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	CHECK(fd >= 0);
	CHECK(!ioctl(fd, SIOCSIFFLAGS, &ifr));
	close(fd);
	va_start(ap, first);
	for (; ctx; ctx = va_arg(ap, uint32_t))
		CHECK(!vr_new(ctx));
	va_end(ap);
}

/* ---- carriers ---- */

int vr_enter(uint32_t ctx)
{
	int fd = open("/proc/thread-self/vrctx", O_WRONLY);
	char buf[16];
	int ret, err;

	if (fd < 0)
		return -1;
	ret = write(fd, buf, snprintf(buf, sizeof(buf), "%u", ctx));
	err = errno;
	close(fd);
	errno = err;
	return ret < 0 ? -1 : 0;
}

long vr_self(void)
{
	int fd = open("/proc/thread-self/vrctx", O_RDONLY);
	char buf[64] = "";
	int len;

	if (fd < 0)
		return -1;
	len = read(fd, buf, sizeof(buf) - 1);
	close(fd);
	return len > 0 ? strtol(buf, NULL, 10) : -1;
}

int vr_set(int fd, uint32_t ctx)
{
	return setsockopt(fd, SOL_SOCKET, SO_VRCTX, &ctx, sizeof(ctx));
}

long long vr_get(int fd)
{
	uint32_t ctx = 0;
	socklen_t len = sizeof(ctx);

	if (getsockopt(fd, SOL_SOCKET, SO_VRCTX, &ctx, &len))
		return -1;
	return len == sizeof(ctx) ? (long long)ctx : -1;
}

/* ---- families ---- */

int vr_af(void)
{
	const char *env = getenv("VR_FAMILY");

	return env && !strcmp(env, "6") ? AF_INET6 : AF_INET;
}

struct sockaddr_storage vr_loopback(int port)
{
	union {
		struct sockaddr_storage ss;
		struct sockaddr_in sin;
		struct sockaddr_in6 sin6;
	} u = { .ss.ss_family = vr_af() };

	if (u.ss.ss_family == AF_INET6) {
		u.sin6.sin6_port = htons(port);
		u.sin6.sin6_addr = in6addr_loopback;
	} else {
		u.sin.sin_port = htons(port);
		u.sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	}
	return u.ss;
}

int vr_socket(int type, int proto, uint32_t ctx)
{
	int fd = socket(vr_af(), type, proto);

	if (fd >= 0 && vr_set(fd, ctx)) {
		int err = errno;

		close(fd);
		errno = err;
		return -1;
	}
	return fd;
}
