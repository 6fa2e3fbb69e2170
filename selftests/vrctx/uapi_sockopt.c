// SPDX-License-Identifier: GPL-2.0
// families: 4 6
/*
 * SO_VRCTX: sizes, numbers, states of the socket, and what a refusal leaves.
 * Guards vrctx_sk_set() and its callers in sock_setsockopt().
 */
#define _GNU_SOURCE
#include "vrtest.h"

#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/socket.h>

static int do_bind(int fd, int port)
{
	struct sockaddr_storage to = vr_loopback(port);

	return bind(fd, (void *)&to, sizeof(to));
}

static int do_connect(int fd, int port)
{
	struct sockaddr_storage to = vr_loopback(port);

	return connect(fd, (void *)&to, sizeof(to));
}

static const struct {
	const char *name;
	int type, proto;
	bool any;
} kinds[] = {
	{ "TCP", SOCK_STREAM, 0, true },
	{ "UDP", SOCK_DGRAM, 0, true },
	{ "raw", SOCK_RAW, 200, false },
	{ "raw, own header", SOCK_RAW, IPPROTO_RAW, false },
	{ "UDPLITE", SOCK_DGRAM, IPPROTO_UDPLITE, false },
	{ "ping", SOCK_DGRAM, IPPROTO_ICMP, false },
};

/* File descriptor of a kind, -1 if the kernel has it not */
static int make(unsigned int i)
{
	int proto = kinds[i].proto;

	if (proto == IPPROTO_ICMP && vr_af() == AF_INET6)
		proto = IPPROTO_ICMPV6;
	return socket(vr_af(), kinds[i].type, proto);
}

static void open_ping(void)
{
	FILE *f = fopen("/proc/sys/net/ipv4/ping_group_range", "w");

	CHECK(f && fputs("0 0", f) >= 0 && !fclose(f));
}

TEST(numbers, "numbers: 0, max, unknown, max + 1, and to and fro")
{
	unsigned int i;

	vr_setup(5, VRCTX_ID_MAX, 0);
	open_ping();
	for (i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		int fd = make(i);

		if (fd < 0)
			continue;
		EQ(vr_get(fd), 0);
		CHECK(!vr_set(fd, 5));
		EQ(vr_get(fd), 5);
		CHECK(!vr_set(fd, 5));
		REFUSED(ENOENT, vr_set(fd, 4242));
		REFUSED(EINVAL, vr_set(fd, VRCTX_ID_MAX + 1));
		REFUSED(EINVAL, vr_set(fd, 0x80000000));
		REFUSED(EINVAL, vr_set(fd, 0xfffffffe));
		EQ(vr_get(fd), 5);
		CHECK(!vr_set(fd, VRCTX_ID_MAX));
		EQ(vr_get(fd), VRCTX_ID_MAX);
		CHECK(!vr_set(fd, 0));
		EQ(vr_get(fd), 0);
		if (kinds[i].any) {
			CHECK(!vr_set(fd, VRCTX_ANY));
			EQ(vr_get(fd), VRCTX_ANY);
			CHECK(!vr_set(fd, 5));
		} else {
			REFUSED(EOPNOTSUPP, vr_set(fd, VRCTX_ANY));
			EQ(vr_get(fd), 0);
		}
		close(fd);
	}
}

TEST(sizes, "option lengths other than four bytes")
{
	static const int bad[] = { 0, 1, 2, 3, 5, 8, 4096, -1 };
	uint32_t buf[1024] = { 6 };
	unsigned int i;
	int fd;

	vr_setup(5, 6, 0);
	fd = vr_socket(SOCK_DGRAM, 0, 5);
	CHECK(fd >= 0);
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		REFUSED(EINVAL, setsockopt(fd, SOL_SOCKET, SO_VRCTX, buf,
					   bad[i]));
		EQ(vr_get(fd), 5);
	}
	REFUSED(EFAULT, setsockopt(fd, SOL_SOCKET, SO_VRCTX, (void *)1, 4));
	EQ(vr_get(fd), 5);
}

TEST(page_end, "a value that ends where the mapping ends")
{
	long page = sysconf(_SC_PAGESIZE);
	uint32_t ctx = 5;
	char *map;
	int fd;

	vr_setup(5, 0);
	map = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(map != MAP_FAILED && !mprotect(map + page, page, PROT_NONE));
	fd = socket(vr_af(), SOCK_DGRAM, 0);
	memcpy(map + page - 4, &ctx, 4);
	CHECK(!setsockopt(fd, SOL_SOCKET, SO_VRCTX, map + page - 4, 4));
	REFUSED(EFAULT, setsockopt(fd, SOL_SOCKET, SO_VRCTX,
				   map + page - 2, 4));
	EQ(vr_get(fd), 5);
}

TEST(get_sizes, "getsockopt: short and long buffers, bad pointers")
{
	uint32_t buf[4] = { 0xaaaaaaaa, 0xaaaaaaaa };
	socklen_t len = sizeof(buf);
	void *volatile bad;
	int fd;

	vr_setup(5, 0);
	fd = vr_socket(SOCK_DGRAM, 0, 5);
	CHECK(!getsockopt(fd, SOL_SOCKET, SO_VRCTX, buf, &len));
	EQ(len, 4);
	EQ(buf[0], 5);
	EQ(buf[1], 0xaaaaaaaa);
	len = 1;
	buf[0] = 0xaaaaaaaa;
	if (!getsockopt(fd, SOL_SOCKET, SO_VRCTX, buf, &len))
		EQ(buf[0] & ~0xffU, 0xaaaaaa00);	/* no byte too many */
	len = -1;
	REFUSED(EINVAL, getsockopt(fd, SOL_SOCKET, SO_VRCTX, buf, &len));
	len = 4;
	bad = (void *)1;
	REFUSED(EFAULT, getsockopt(fd, SOL_SOCKET, SO_VRCTX, bad, &len));
}

TEST(bound, "a bound socket: EINVAL, and it stays")
{
	static const int types[] = { SOCK_STREAM, SOCK_DGRAM };
	int i, fd;

	vr_setup(5, 6, 0);
	for (i = 0; i < 2; i++) {
		fd = vr_socket(types[i], 0, 5);
		CHECK(fd >= 0 && !do_bind(fd, 4000));
		REFUSED(EINVAL, vr_set(fd, 6));
		REFUSED(EINVAL, vr_set(fd, 0));
		REFUSED(EINVAL, vr_set(fd, VRCTX_ANY));
		EQ(vr_get(fd), 5);
		close(fd);
	}
	fd = vr_socket(SOCK_RAW, 200, 5);
	CHECK(fd >= 0 && !do_bind(fd, 0));
	REFUSED(EINVAL, vr_set(fd, 6));
	EQ(vr_get(fd), 5);
}

TEST(auto_bound, "a socket that was given a port by sendto: EINVAL")
{
	struct sockaddr_storage to = vr_loopback(9);
	int fd;

	vr_setup(5, 6, 0);
	fd = vr_socket(SOCK_DGRAM, 0, 5);
	CHECK(fd >= 0);
	EQ(sendto(fd, "x", 1, 0, (void *)&to, sizeof(to)), 1);
	REFUSED(EINVAL, vr_set(fd, 6));
	EQ(vr_get(fd), 5);
}

TEST(connected, "connected and listening sockets: EISCONN")
{
	int fd, lfd, cfd;

	vr_setup(5, 6, 0);
	fd = vr_socket(SOCK_DGRAM, 0, 5);
	CHECK(fd >= 0 && !do_connect(fd, 9));
	REFUSED(EISCONN, vr_set(fd, 6));
	EQ(vr_get(fd), 5);

	lfd = vr_socket(SOCK_STREAM, 0, 5);
	CHECK(lfd >= 0 && !do_bind(lfd, 80) && !listen(lfd, 4));
	REFUSED(EISCONN, vr_set(lfd, 6));
	EQ(vr_get(lfd), 5);

	fd = vr_socket(SOCK_STREAM, 0, 5);
	CHECK(fd >= 0 && !do_connect(fd, 80));
	REFUSED(EISCONN, vr_set(fd, 6));
	EQ(vr_get(fd), 5);
	cfd = accept(lfd, NULL, NULL);
	CHECK(cfd >= 0);
	REFUSED(EISCONN, vr_set(cfd, 6));
	EQ(vr_get(cfd), 5);
}

TEST(same, "setting the own context on a bound socket changes nothing")
{
	int fd;

	vr_setup(5, 0);
	fd = vr_socket(SOCK_DGRAM, 0, 5);
	CHECK(fd >= 0 && !do_bind(fd, 4000));
	/* refused or a no-op, but never moved */
	if (vr_set(fd, 5))
		EQ(errno, EINVAL);
	EQ(vr_get(fd), 5);
	close(fd);
	fd = vr_socket(SOCK_DGRAM, 0, 5);
	CHECK(fd >= 0 && !do_bind(fd, 4000));
}

TEST(listen_unbound, "listen without bind, disconnect of UDP")
{
	struct sockaddr sa = { .sa_family = AF_UNSPEC };
	int fd;

	vr_setup(5, 6, 0);
	fd = vr_socket(SOCK_STREAM, 0, 5);
	CHECK(fd >= 0 && !listen(fd, 1));
	REFUSED(EISCONN, vr_set(fd, 6));
	close(fd);
	fd = vr_socket(SOCK_DGRAM, 0, 5);
	CHECK(fd >= 0 && !do_connect(fd, 9));
	CHECK(!connect(fd, &sa, sizeof(sa)));
	CHECK(!vr_set(fd, 6));		/* neither bound nor connected now */
	EQ(vr_get(fd), 6);
}

TEST(counts, "the context's number of sockets follows")
{
	int one, two;

	vr_setup(5, 6, 0);
	one = vr_socket(SOCK_DGRAM, 0, 5);
	two = vr_socket(SOCK_STREAM, 0, 5);
	EQ(vr_count(5, VRCTX_A_CTX_SOCKETS), 2);
	CHECK(!vr_set(one, 6));
	EQ(vr_count(5, VRCTX_A_CTX_SOCKETS), 1);
	EQ(vr_count(6, VRCTX_A_CTX_SOCKETS), 1);
	CHECK(!vr_set(two, 0));
	EQ(vr_count(5, VRCTX_A_CTX_SOCKETS), 0);
	close(one);
	EQ(vr_count(6, VRCTX_A_CTX_SOCKETS), 0);
	CHECK(!vr_del(5, false) && !vr_del(6, false));
}

TEST(any, "ANY: no connect, no raw; specific and ANY bind side by side")
{
	int fd, own;

	vr_setup(5, 0);
	fd = vr_socket(SOCK_STREAM, 0, VRCTX_ANY);
	REFUSED(EINVAL, do_connect(fd, 80));
	close(fd);
	fd = vr_socket(SOCK_DGRAM, 0, VRCTX_ANY);
	REFUSED(EINVAL, do_connect(fd, 80));
	close(fd);
	fd = vr_socket(SOCK_DGRAM, 0, VRCTX_ANY);
	own = vr_socket(SOCK_DGRAM, 0, 5);
	CHECK(!do_bind(own, 53));
	CHECK(!vr_set(fd, 0) && !do_bind(fd, 53));
}

int main(int argc, char **argv)
{
	return vr_main(argc, argv);
}
