// SPDX-License-Identifier: GPL-2.0
/* control.c - what it costs to make, fill and delete contexts, VRFs, ...
 *
 * create.insn	one more
 * create.bytes	memory of that
 * delete.insn	delete such a one, with all that is put off
 * used.bytes	memory of one that has a route
 * used_delete.insn
 *		delete such a one, with all that is put off
 * if_join.insn	put a device without addresses, which is down, into one
 * if_add.insn	put a device into one, give it an address, bring it up
 * flap.insn	such a device down and up
 * listen_all.insn, listen_all.bytes
 *		a listening TCP socket in each of the others, same port
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"

#define SAMPLES	50
/* Seconds: until all is quiet, though a namespace takes long to die. */
#define LONG	30
#define PORT	4299

static void create(int i)
{
	one_create(i);
}

/* Enough of them that slab pages only partly filled do not matter. */
static int many(void)
{
	return topo.mode == CTX || topo.mode == RULE ? 5000 : 100;
}

static void make(int i, int use)
{
	one_create(i);
	if (use)
		one_use(i);
	one_leave();
}

static double bytes(int first, int use)
{
	uint64_t mem;
	double each;
	int i;

	settle(LONG);
	mem = mem_free();
	for (i = 0; i < many(); i++)
		make(first + i, use);
	settle(LONG);
	each = ((double)mem - mem_free()) / many();
	for (i = 0; i < many(); i++)
		one_delete(first + i);
	settle(LONG);
	return each;
}

/* So many that what the guest does by itself meanwhile is little of it. */
static int some(void)
{
	return topo.mode == CTX || topo.mode == RULE ? 1000 : SAMPLES;
}

static void delete_some(int first)
{
	int i;

	for (i = 0; i < some(); i++)
		one_delete(first + i);
	settle(1);
}

static double delete_insn(int first)
{
	uint64_t rest;

	settle(LONG);
	rest = busy(settle, 1);
	return ((double)busy(delete_some, first) - rest) / some();
}

void fig_create(void)
{
	uint64_t sample[SAMPLES];
	int first = topo.n, i;

	ns_enter(topo.router);
	for (i = 0; i < SAMPLES; i++) {
		sample[i] = busy(create, first + i);
		one_leave();
	}
	result("create.insn", median(sample, SAMPLES), "insn");
	for (; i < some(); i++)
		make(first + i, 0);
	result("delete.insn", delete_insn(first), "insn");
	result("create.bytes", bytes(first + some(), 0), "bytes");
}

void fig_used(void)
{
	int first = topo.n, i;

	ns_enter(topo.router);
	for (i = 0; i < some(); i++)
		make(first + i, 1);
	result("used_delete.insn", delete_insn(first), "insn");
	result("used.bytes", bytes(first + some(), 1), "bytes");
}

/* -- All at once -----------------------------------------------------------
 *
 * Time of the guest, idle or not, until the kernel has answered all requests.
 */
#define ALL	100000
#define SOME	1000

static double ms_since(uint64_t t)
{
	return (now() - t) / 1e6;
}

void fig_batch(void)
{
	uint32_t first = CTX_OTHER + topo.n;
	int before;
	uint64_t mem, t;

	if (topo.mode != CTX)
		return;
	ns_enter(topo.router);
	before = ctx_count();
	settle(LONG);
	mem = mem_free();
	t = now();
	ctx_new_all(first, ALL);
	result("create_100000.ms", ms_since(t), "ms");
	t = now();
	if (ctx_count() != before + ALL)
		die("not all contexts are in the dump");
	result("dump_100000.ms", ms_since(t), "ms");
	t = now();
	ctx_del_all(first, SOME);
	result("delete_1000.ms", ms_since(t), "ms");
	ctx_del_all(first + SOME, ALL - SOME);
	if (ctx_count() != before)
		die("contexts are left");
	settle(LONG);
	result("batch_left.bytes", ((double)mem - mem_free()) / ALL, "bytes");
}

/* -- Devices --------------------------------------------------------------- */

static char device[16];

static void join_device(int i)
{
	(void)i;
	if (topo.mode == NETNS) {
		link_netns(device, topo.a);
		ns_enter(topo.a);
	} else {
		join(device);
	}
}

static void add_device(int i)
{
	join_device(i);
	addr_add(device, ip4(200, 0, i, 1));
	link_up(device, 1);
}

/* With devices that are new each time, and those of before still there */
static void device_figure(const char *figure, void (*fn)(int i))
{
	uint64_t sample[SAMPLES];
	int i;

	ns_enter(topo.router);
	for (i = 0; i < SAMPLES; i++) {
		snprintf(device, sizeof(device), "i%d", i);
		link_dummy(device);
		settle(1);
		/* the first one opens sockets, too: the median is of others */
		sample[i] = busy(fn, i);
		if (topo.mode == NETNS)
			ns_enter(topo.router);
	}
	if (topo.mode == NETNS)
		ns_enter(topo.a);
	for (i = 0; i < SAMPLES; i++) {
		snprintf(device, sizeof(device), "i%d", i);
		link_del(device);
	}
	ns_enter(topo.router);
	result(figure, median(sample, SAMPLES), "insn");
}

void fig_if_join(void)
{
	device_figure("if_join.insn", join_device);
}

void fig_if_add(void)
{
	device_figure("if_add.insn", add_device);
}

static void flap(int i)
{
	(void)i;
	link_up("flap", 0);
	link_up("flap", 1);
}

void fig_flap(void)
{
	uint64_t sample[SAMPLES];
	int i;

	ns_enter(topo.router);
	link_dummy("flap");
	join("flap");
	addr_add("flap", ip4(201, 0, 0, 1));
	link_up("flap", 1);
	for (i = 0; i < SAMPLES; i++) {
		settle(1);
		sample[i] = busy(flap, 0);
	}
	result("flap.insn", median(sample, SAMPLES), "insn");
}

/* -- One port everywhere --------------------------------------------------- */

static void listen_in(int i)
{
	struct sockaddr_in sin = {
		.sin_family = AF_INET,
		.sin_port = htons(PORT),
	};
	int fd;

	one_enter(i);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	if (fd < 0)
		die("socket %d", i);
	one_socket(fd, i);
	if (bind(fd, (struct sockaddr *)&sin, sizeof(sin)) || listen(fd, 16))
		die("listen %d", i);
}

static void listen_all(int n)
{
	int i;

	for (i = 0; i < n; i++)
		listen_in(i);
}

/* The sockets stay: this figure comes last. */
void fig_listen_all(void)
{
	uint64_t mem, cost;

	if (!topo.n || topo.mode == PLAIN || topo.mode == RULE)
		return;
	ns_enter(topo.router);
	settle(1);
	mem = mem_free();
	cost = busy(listen_all, topo.n);
	ns_enter(topo.router);
	settle(1);
	result("listen_all.insn", (double)cost / topo.n, "insn");
	result("listen_all.bytes", ((double)mem - mem_free()) / topo.n,
	       "bytes");
}
