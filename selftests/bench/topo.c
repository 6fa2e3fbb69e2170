// SPDX-License-Identifier: GPL-2.0
/* topo.c - three namespaces: a host, a router, a host; and n others. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "bench.h"

#define SO_VRCTX	0x5652
#define VRF_DEV		"vrf"
/* Above this many others have no device: there is no memory for them. */
#define DEVICES_MAX	1000
#define MORE_MAX	200000

struct topo topo;

static int other_ns[MORE_MAX];

/* Nobody has this address: what is sent there is dropped at the first look. */
static const uint8_t wrong_mac[6] = { 2, 0, 0, 0, 0, 0x99 };

int ns_new(void)
{
	int fd;

	if (unshare(CLONE_NEWNET))
		die("unshare");
	fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		die("/proc/thread-self/ns/net");
	link_forget();
	return fd;
}

void ns_enter(int ns)
{
	if (setns(ns, CLONE_NEWNET))
		die("setns");
	link_forget();
}

int router_socket(int type)
{
	uint32_t id = CTX_ID;
	int fd;

	ns_enter(topo.router);
	fd = socket(AF_INET, type, 0);
	if (fd < 0)
		die("socket");
	if (topo.mode == CTX &&
	    setsockopt(fd, SOL_SOCKET, SO_VRCTX, &id, sizeof(id)))
		die("SO_VRCTX");
	if (topo.mode == VRF &&
	    setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, VRF_DEV,
		       strlen(VRF_DEV)))
		die("SO_BINDTODEVICE");
	return fd;
}

/* Overlapping addresses, where that is possible. */
static uint32_t other_addr(int i)
{
	if (topo.mode == PLAIN || topo.mode == RULE)
		return IP4(11 + i / 65536, i / 256 % 256, i % 256, 1);
	return R0_ADDR;
}

void patience(int fd)
{
	struct timeval tv = { .tv_sec = 10 };

	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)) ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)))
		die("timeout");
}

static void vrf_name(char *name, int i)
{
	snprintf(name, 16, "v%d", i);
}

void one_create(int i)
{
	char vrf[16];

	vrf_name(vrf, i);
	if (topo.mode == NETNS)
		other_ns[i] = ns_new();
	else if (topo.mode == CTX)
		ctx_new(CTX_OTHER + i);
	else if (topo.mode == VRF)
		link_vrf(vrf, VRF_TABLE + 1 + i);
	else if (topo.mode == RULE)
		rule_mark(CTX_OTHER + i, VRF_TABLE + 1 + i);
}

void one_use(int i)
{
	char vrf[16];

	vrf_name(vrf, i);
	if (topo.mode == NETNS)
		link_up("lo", 1);
	else if (topo.mode == CTX)
		route_add(TABLE_BASE + CTX_OTHER + i, 0, 0, 0, NULL);
	else if (topo.mode == VRF)
		link_up(vrf, 1);
	if (topo.mode == VRF || topo.mode == RULE)
		route_add(VRF_TABLE + 1 + i, 0, 0, 0, NULL);
}

void one_leave(void)
{
	if (topo.mode == NETNS)
		ns_enter(topo.router);
}

void one_delete(int i)
{
	char vrf[16];

	vrf_name(vrf, i);
	if (topo.mode == NETNS)
		close(other_ns[i]);
	else if (topo.mode == CTX)
		ctx_del(CTX_OTHER + i);
	else if (topo.mode == VRF)
		link_del(vrf);
	else if (topo.mode == RULE)
		rule_mark_del(CTX_OTHER + i, VRF_TABLE + 1 + i);
}

void one_socket(int fd, int i)
{
	uint32_t id = CTX_OTHER + i;
	char vrf[16];

	vrf_name(vrf, i);
	if (topo.mode == CTX &&
	    setsockopt(fd, SOL_SOCKET, SO_VRCTX, &id, sizeof(id)))
		die("SO_VRCTX");
	if (topo.mode == VRF && setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE,
					   vrf, strlen(vrf)))
		die("SO_BINDTODEVICE");
}

void one_enter(int i)
{
	if (topo.mode == NETNS)
		ns_enter(other_ns[i]);
}

/* One of the n others: with a device that has an address, if they fit. */
static void other_add(int i)
{
	char name[16], vrf[16];

	snprintf(name, sizeof(name), "d%d", i);
	vrf_name(vrf, i);
	one_create(i);
	one_use(i);
	if (topo.n <= DEVICES_MAX) {
		link_dummy(name);
		if (topo.mode == CTX)
			ctx_move(name, CTX_OTHER + i);
		else if (topo.mode == VRF)
			link_master(name, vrf);
		addr_add(name, other_addr(i), 24);
		link_up(name, 1);
	}
	one_leave();
}

void join(const char *dev)
{
	if (topo.mode == CTX)
		ctx_move(dev, CTX_ID);
	else if (topo.mode == VRF)
		link_master(dev, VRF_DEV);
	else if (topo.mode == RULE)
		rule_iif(dev, VRF_TABLE);
}

static void host(int ns, uint32_t router_addr, const uint8_t router_mac[6],
		 uint32_t addr, uint8_t mac[6])
{
	ns_enter(ns);
	link_mac("eth0", mac);
	addr_add("eth0", addr, 24);
	link_up("eth0", 1);
	link_wait("eth0");
	neigh_add("eth0", router_addr, router_mac);
	ns_enter(topo.router);
}

void topo_make(enum mode mode, int n)
{
	uint8_t a_mac[6], b_mac[6];
	int i;

	topo.mode = mode;
	topo.n = n;
	topo.a = ns_new();
	topo.b = ns_new();
	topo.router = ns_new();
	write_file("/proc/sys/net/ipv4/ip_forward", "1");
	link_up("lo", 1);

	if (mode == VRF) {
		link_vrf(VRF_DEV, VRF_TABLE);
		link_up(VRF_DEV, 1);
	} else if (mode == CTX) {
		ctx_new(CTX_ID);
	}
	link_veth("r0", "eth0", topo.a);
	link_veth("r1", "eth0", topo.b);
	link_mac("r0", topo.r0_mac);
	link_mac("r1", topo.r1_mac);
	join("r0");
	join("r1");
	addr_add("r0", R0_ADDR, 24);
	addr_add("r1", R1_ADDR, 24);
	link_up("r0", 1);
	link_up("r1", 1);
	if (mode == RULE) {
		route_add(VRF_TABLE, R0_ADDR & ~0xffu, 24, 0, "r0");
		route_add(VRF_TABLE, R1_ADDR & ~0xffu, 24, 0, "r1");
	}
	host(topo.a, R0_ADDR, topo.r0_mac, A_ADDR, a_mac);
	host(topo.b, R1_ADDR, topo.r1_mac, B_ADDR, b_mac);
	link_wait("r0");
	link_wait("r1");
	neigh_add("r0", A_ADDR, a_mac);
	/* What is forwarded ends at b's door. */
	neigh_add("r1", B_ADDR, wrong_mac);

	for (i = 0; i < n; i++)
		other_add(i);
}
