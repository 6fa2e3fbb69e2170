// SPDX-License-Identifier: GPL-2.0
// families: 4 6
/*
 * Many contexts at once, and the same port and the same connection in each.
 *
 * How much of it there is has no say in what a packet or a request costs: that
 * is what make bench measures. Here all of them must be there, work, keep
 * apart, and leave nothing behind.
 */
#define _GNU_SOURCE
#include "vrtest.h"

#include <sys/resource.h>
#include <time.h>

#define PORT	4299
#define CLIENT	4300

static long slab(void)
{
	FILE *f = fopen("/proc/meminfo", "r");
	char line[128];
	long kb = -1;

	while (f && fgets(line, sizeof(line), f))
		sscanf(line, "SUnreclaim: %ld kB", &kb);
	if (f)
		fclose(f);
	return kb;
}

/* Contexts that the kernel lists, its header and context 0 aside */
static long listed(void)
{
	FILE *f = fopen("/proc/net/vrctx", "r");
	char line[256];
	long lines = 0;

	CHECK(f);
	while (fgets(line, sizeof(line), f))
		lines += line[0] >= '1' && line[0] <= '9';
	fclose(f);
	return lines;
}

static void files(int num)
{
	struct rlimit limit = { num + 64, num + 64 };

	CHECK(!setrlimit(RLIMIT_NOFILE, &limit));
}

/* A TCP socket in a context, bound to the port */
static int bound(uint32_t ctx, int port)
{
	struct sockaddr_storage addr = vr_loopback(port);
	int fd = vr_socket(SOCK_STREAM, 0, ctx);

	CHECK(fd >= 0);
	CHECK(!bind(fd, (void *)&addr, sizeof(addr)));
	return fd;
}

static int listening(uint32_t ctx)
{
	int fd = bound(ctx, PORT);

	CHECK(!listen(fd, 16));
	return fd;
}

static void to_port(int fd)
{
	struct sockaddr_storage addr = vr_loopback(PORT);

	CHECK(!connect(fd, (void *)&addr, sizeof(addr)));
}

/* What one end is told, and nothing else, is what the other says */
static void tell(int from, int to, uint32_t what)
{
	uint32_t got = 0;

	CHECK(send(from, &what, sizeof(what), 0) == sizeof(what));
	CHECK(recv(to, &got, sizeof(got), MSG_WAITALL) == sizeof(got));
	EQ(got, what);
	CHECK(recv(to, &got, sizeof(got), MSG_DONTWAIT) < 0);
	EQ(errno, EAGAIN);
}

TEST(contexts, "100,000 contexts at once; memory comes back")
{
	uint32_t num = 100000 / vr_slow(), i;
	struct timespec tick = { .tv_nsec = 10000000 };
	long before, full;
	int turns;

	vr_setup(0);
	before = slab();
	for (i = 1; i <= num; i++)
		CHECK(!vr_new(i));
	full = slab();
	EQ(listed(), num);
	EQ(vr_count(num, VRCTX_A_CTX_ID), num);
	REFUSED(EEXIST, vr_new(num / 2));
	CHECK(!vr_del(num / 2, false));
	REFUSED(ENOENT, vr_del(num / 2, false));
	EQ(listed(), num - 1);
	CHECK(!vr_new(num / 2));
	for (i = 1; i <= num; i++)
		CHECK(!vr_del(i, false));
	EQ(listed(), 0);
	/* RCU frees them: all but what may be in partial slabs, in 30 s. KASAN
	 * would keep them for a while.
	 */
	for (turns = 0; vr_slow() == 1 && slab() > before + (full - before) / 10; turns++) {
		CHECK(turns < 3000);
		nanosleep(&tick, NULL);
	}
	printf("# %u contexts: %ld kB, then %ld kB, then %ld kB\n", num,
	       before, full, slab());
}

TEST(listeners, "a listener on the same port in each of 2,000 contexts")
{
	struct sockaddr_storage addr = vr_loopback(PORT);
	uint32_t num = 2000 / vr_slow(), i;
	int *fds = calloc(num + 1, sizeof(*fds)), fd, conn;

	files(num);
	vr_setup(0);
	for (i = 1; i <= num; i++) {
		CHECK(!vr_new(i));
		fds[i] = listening(i);
	}
	/* some of them share a bucket */
	for (i = 1; i <= num; i++) {
		fd = vr_socket(SOCK_STREAM, 0, i);
		CHECK(fd >= 0);
		to_port(fd);
		conn = accept(fds[i], NULL, NULL);
		CHECK(conn >= 0);
		EQ(vr_get(conn), i);
		tell(fd, conn, i);
		close(fd);
		close(conn);
		/* taken in this context, whatever the others have */
		fd = vr_socket(SOCK_STREAM, 0, i);
		CHECK(fd >= 0);
		REFUSED(EADDRINUSE, bind(fd, (void *)&addr, sizeof(addr)));
		close(fds[i]);
		REFUSED(ECONNREFUSED, connect(fd, (void *)&addr, sizeof(addr)));
		close(fd);
	}
}

TEST(datagrams, "a UDP socket on the same port in each of 2,000 contexts")
{
	uint32_t num = 2000 / vr_slow(), i, got;
	struct sockaddr_storage addr = vr_loopback(PORT);
	int *fds = calloc(num + 1, sizeof(*fds)), fd;

	files(num);
	vr_setup(0);
	for (i = 1; i <= num; i++) {
		CHECK(!vr_new(i));
		fds[i] = vr_socket(SOCK_DGRAM, 0, i);
		CHECK(fds[i] >= 0);
		CHECK(!bind(fds[i], (void *)&addr, sizeof(addr)));
	}
	for (i = 1; i <= num; i++) {
		fd = vr_socket(SOCK_DGRAM, 0, i);
		CHECK(sendto(fd, &i, sizeof(i), 0, (void *)&addr,
			     sizeof(addr)) == sizeof(i));
		close(fd);
	}
	for (i = 1; i <= num; i++) {
		EQ(recv(fds[i], &got, sizeof(got), MSG_DONTWAIT), sizeof(got));
		EQ(got, i);
		EQ(recv(fds[i], &got, sizeof(got), MSG_DONTWAIT), -1);
	}
}

/* The next number for which vrctx_hash() is 0 in its lower half, as for context
 * 0: whatever is hashed by port and context is in one bucket. There are 254.
 */
static uint32_t twin(uint32_t ctx)
{
	do {
		ctx++;
	} while (ctx * 0x61c88647u >> 16);
	return ctx;
}

TEST(twins, "the same port in contexts whose numbers share a bucket with 0")
{
	uint32_t num = 200 / vr_slow(), ctx[200] = { 0 }, i, got;
	struct sockaddr_storage addr = vr_loopback(PORT);
	int *tcp = calloc(num, sizeof(*tcp));
	int *udp = calloc(num, sizeof(*udp)), fd, conn;

	files(2 * num);
	vr_setup(0);
	for (i = 0; i < num; i++) {
		if (i) {
			ctx[i] = twin(ctx[i - 1]);
			CHECK(!vr_new(ctx[i]));
		}
		tcp[i] = listening(ctx[i]);
		udp[i] = vr_socket(SOCK_DGRAM, 0, ctx[i]);
		CHECK(!bind(udp[i], (void *)&addr, sizeof(addr)));
	}
	for (i = 0; i < num; i++) {
		fd = vr_socket(SOCK_STREAM, 0, ctx[i]);
		to_port(fd);
		conn = accept(tcp[i], NULL, NULL);
		CHECK(conn >= 0);
		tell(fd, conn, i);
		close(fd);
		close(conn);
		fd = vr_socket(SOCK_STREAM, 0, ctx[i]);
		REFUSED(EADDRINUSE, bind(fd, (void *)&addr, sizeof(addr)));
		close(fd);
		fd = vr_socket(SOCK_DGRAM, 0, ctx[i]);
		REFUSED(EADDRINUSE, bind(fd, (void *)&addr, sizeof(addr)));
		CHECK(sendto(fd, &i, sizeof(i), 0, (void *)&addr,
			     sizeof(addr)) == sizeof(i));
		close(fd);
	}
	for (i = 0; i < num; i++) {
		EQ(recv(udp[i], &got, sizeof(got), MSG_DONTWAIT), sizeof(got));
		EQ(got, i);
		EQ(recv(udp[i], &got, sizeof(got), MSG_DONTWAIT), -1);
	}
}

TEST(tuples, "the same connection in each of 1,000 contexts, one ANY listener")
{
	uint32_t num = 1000 / vr_slow(), i;
	int *client = calloc(num + 1, sizeof(*client));
	int *server = calloc(num + 1, sizeof(*server));
	int any;

	files(2 * num);
	vr_setup(0);
	any = listening(VRCTX_ANY);
	for (i = 1; i <= num; i++) {
		CHECK(!vr_new(i));
		client[i] = bound(i, CLIENT);
		to_port(client[i]);
		server[i] = accept(any, NULL, NULL);
		CHECK(server[i] >= 0);
		EQ(vr_get(server[i]), i);
	}
	for (i = 1; i <= num; i++) {
		tell(client[i], server[i], i);
		tell(server[i], client[i], ~i);
	}
	/* Those of one context die with it, the next to it lives */
	CHECK(!vr_del(num / 2, false));
	CHECK(recv(server[num / 2], &i, sizeof(i), 0) < 0);
	EQ(errno, ECONNABORTED);
	tell(client[num / 2 + 1], server[num / 2 + 1], 1);
}

int main(int argc, char **argv)
{
	return vr_main(argc, argv);
}
