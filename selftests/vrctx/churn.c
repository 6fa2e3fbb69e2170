// SPDX-License-Identifier: GPL-2.0
// families: 4 6
/*
 * Create and delete contexts 10,000 times: memory must not grow.
 *
 * Idle ones, ones that were in use (table, routes, counters, sockets), and
 * one number again and again. A warm-up of the same kind fills the caches
 * first; afterwards the unreclaimable slab and the per-CPU area may not have
 * grown by more than a small constant, which is far below what one leaked
 * object per turn makes (10,000 x 64 bytes = 640 kB).
 */
#define _GNU_SOURCE
#include "vrtest.h"

#include <time.h>

#define TURNS	10000
#define SLACK	320		/* kB */

static long meminfo(const char *key)
{
	FILE *f = fopen("/proc/meminfo", "r");
	char line[128];
	long kb = -1;

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, key, strlen(key)))
			kb = atol(line + strlen(key));
	if (f)
		fclose(f);
	return kb;
}

/* Memory of the kernel that nobody can reclaim, in kB */
static long kernel_memory(void)
{
	return meminfo("SUnreclaim:") + meminfo("Percpu:") +
	       meminfo("KernelStack:");
}

/* What may be there more than before. KASAN keeps what was freed for a while, up
 * to 1/32 of all memory; on such a kernel it is kmemleak that finds leaks.
 */
static long slack(void)
{
	return SLACK + (vr_slow() > 1 ? meminfo("MemTotal:") / 32 : 0);
}

/* RCU frees late: wait until a round adds nothing, 30 s at most */
static long settled(long limit)
{
	struct timespec tick = { .tv_nsec = 10000000 };
	long now;
	int i;

	for (i = 0; i < 3000; i++) {
		now = kernel_memory();
		if (now <= limit)
			break;
		nanosleep(&tick, NULL);
	}
	return now;
}

static void idle(uint32_t ctx)
{
	CHECK(!vr_new(ctx));
	CHECK(!vr_del(ctx, false));
}

static void used(uint32_t ctx)
{
	struct sockaddr_storage to = vr_loopback(9);
	int fd;

	CHECK(!vr_new(ctx));
	fd = vr_socket(SOCK_DGRAM, 0, ctx);
	CHECK(fd >= 0);
	CHECK(sendto(fd, "x", 1, 0, (void *)&to, sizeof(to)) == 1);
	close(fd);
	CHECK(!vr_del(ctx, false));
}

static void churn(void (*one)(uint32_t), uint32_t base, uint32_t spread,
		  int turns)
{
	long before, after;
	int i;

	vr_setup(0);
	turns = turns / vr_slow();
	for (i = 0; i < turns / 10; i++)
		one(base + i % spread);
	before = kernel_memory();
	for (i = 0; i < turns; i++)
		one(base + i % spread);
	after = settled(before + slack());
	printf("# %d turns: %ld kB before, %ld kB after\n", turns, before,
	       after);
	CHECK(after <= before + slack());
}

TEST(idle, "10,000 idle contexts, one after the other")
{
	churn(idle, 1, TURNS, TURNS);
}

TEST(idle_large, "large numbers")
{
	churn(idle, VRCTX_ID_MAX - TURNS, TURNS, TURNS / 5);
}

TEST(used, "contexts with a table, routes, counters and a socket")
{
	churn(used, 1, 1000, TURNS / 5);
}

TEST(same, "one number again and again, used each time")
{
	churn(used, 7, 1, TURNS / 50);
}

TEST(many, "1,000 at once, deleted in the other order, then the namespace")
{
	int i, num = 1000 / vr_slow();
	long before, after;

	vr_setup(0);
	before = kernel_memory();
	for (i = 1; i <= num; i++)
		CHECK(!vr_new(i));
	for (i = 1; i <= num; i++) {
		int fd = vr_socket(SOCK_DGRAM, 0, i);

		CHECK(fd >= 0);
		close(fd);
	}
	printf("# %ld kB for %d used contexts\n", kernel_memory() - before,
	       num);
	for (i = num; i; i--)
		CHECK(!vr_del(i, false));
	/* of 2 MB: half-empty slabs stay, and what the namespace has grown */
	after = settled(before + 2 * slack());
	printf("# %ld kB before, %ld kB after\n", before, after);
	CHECK(after <= before + 2 * slack());
	for (i = 1; i <= num; i++)
		CHECK(!vr_new(i));
	/* the namespace goes away with all of them */
}

int main(int argc, char **argv)
{
	return vr_main(argc, argv);
}
