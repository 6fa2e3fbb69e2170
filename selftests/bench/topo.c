// SPDX-License-Identifier: GPL-2.0
/* topo.c - three namespaces: a host, a router, a host; and n others. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "bench.h"

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

int router_socket(int family, int type)
{
	uint32_t id = CTX_ID;
	int fd;

	ns_enter(topo.router);
	fd = socket(family, type, 0);
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
static struct ipaddr other_addr(int i, int family)
{
	if (topo.mode != PLAIN && topo.mode != RULE)
		return R0_ADDR(family);
	return family == AF_INET6 ? ip6(3 + i, 1) :
		ip4(11 + i / 65536, i / 256 % 256, i % 256, 1);
}

void others_hold(int type, int port)
{
	struct sockaddr_in sin = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
	};
	int i, fd;

	if (!topo.sameport)
		return;
	ns_enter(topo.router);
	for (i = 0; i < topo.n; i++) {
		one_enter(i);
		fd = socket(AF_INET, type, 0);
		if (fd < 0)
			die("socket %d", i);
		one_socket(fd, i);
		if (bind(fd, (struct sockaddr *)&sin, sizeof(sin)) ||
		    (type == SOCK_STREAM && listen(fd, 16)))
			die("socket %d on port %d", i, port);
		one_leave();
	}
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
		rule_mark(CTX_OTHER + i, AF_INET, VRF_TABLE + 1 + i);
}

static void one_route(int i, int family)
{
	if (topo.mode == CTX)
		route_add_none(TABLE_BASE + CTX_OTHER + i, family);
	else if (topo.mode == VRF || topo.mode == RULE)
		route_add_none(VRF_TABLE + 1 + i, family);
}

void one_use(int i)
{
	char vrf[16];

	vrf_name(vrf, i);
	if (topo.mode == NETNS)
		link_up("lo", 1);
	else if (topo.mode == VRF)
		link_up(vrf, 1);
	one_route(i, AF_INET);
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
		rule_mark_del(CTX_OTHER + i, AF_INET, VRF_TABLE + 1 + i);
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
		addr_add(name, other_addr(i, AF_INET));
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
		rule_iif(dev, AF_INET, VRF_TABLE);
}

static void host(int ns, struct ipaddr router_addr, const uint8_t router_mac[6],
		 struct ipaddr addr, uint8_t mac[6])
{
	ns_enter(ns);
	link_mac("eth0", mac);
	addr_add("eth0", addr);
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
	addr_add("r0", R0_ADDR(AF_INET));
	addr_add("r1", R1_ADDR(AF_INET));
	link_up("r0", 1);
	link_up("r1", 1);
	if (mode == RULE) {
		route_add(VRF_TABLE, R0_ADDR(AF_INET), "r0");
		route_add(VRF_TABLE, R1_ADDR(AF_INET), "r1");
	}
	host(topo.a, R0_ADDR(AF_INET), topo.r0_mac, A_ADDR(AF_INET), a_mac);
	host(topo.b, R1_ADDR(AF_INET), topo.r1_mac, B_ADDR(AF_INET), b_mac);
	link_wait("r0");
	link_wait("r1");
	neigh_add("r0", A_ADDR(AF_INET), a_mac);
	/* What is forwarded ends at b's door. */
	neigh_add("r1", B_ADDR(AF_INET), wrong_mac);

	for (i = 0; i < n; i++)
		other_add(i);
}

/* -- IPv6 ------------------------------------------------------------------ */

static void host6(int ns, struct ipaddr router_addr,
		  const uint8_t router_mac[6], struct ipaddr addr,
		  uint8_t mac[6])
{
	ns_enter(ns);
	link_mac("eth0", mac);
	/* Looks for no router: there would be no end to that. */
	write_file("/proc/sys/net/ipv6/conf/eth0/accept_ra", "0");
	addr_add("eth0", addr);
	neigh_add("eth0", router_addr, router_mac);
	ns_enter(topo.router);
}

static void other_add6(int i)
{
	char name[16];

	snprintf(name, sizeof(name), "d%d", i);
	one_enter(i);
	if (topo.mode == RULE)
		rule_mark(CTX_OTHER + i, AF_INET6, VRF_TABLE + 1 + i);
	one_route(i, AF_INET6);
	if (topo.n <= DEVICES_MAX)
		addr_add(name, other_addr(i, AF_INET6));
	one_leave();
}

/* Until all is said and done about link-local addresses and multicast groups,
 * and forgotten: whom that was sent to is in the table of neighbours, which all
 * namespaces share, and would be kept there for as long as there are few.
 */
static void quiet6(void)
{
	int init = open("/proc/1/ns/net", O_RDONLY | O_CLOEXEC);

	if (init < 0)
		die("/proc/1/ns/net");
	ns_enter(init);
	write_file("/proc/sys/net/ipv6/neigh/default/gc_thresh1", "0");
	ns_enter(topo.router);
	close(init);
	settle(300);
}

void topo_ipv6(void)
{
	uint8_t a_mac[6], b_mac[6];
	static int done;
	int i;

	if (done++)
		return;
	ns_enter(topo.router);
	write_file("/proc/sys/net/ipv6/conf/all/forwarding", "1");
	addr_add("r0", R0_ADDR(AF_INET6));
	addr_add("r1", R1_ADDR(AF_INET6));
	if (topo.mode == RULE) {
		rule_iif("r0", AF_INET6, VRF_TABLE);
		rule_iif("r1", AF_INET6, VRF_TABLE);
		route_add(VRF_TABLE, R0_ADDR(AF_INET6), "r0");
		route_add(VRF_TABLE, R1_ADDR(AF_INET6), "r1");
	}
	host6(topo.a, R0_ADDR(AF_INET6), topo.r0_mac, A_ADDR(AF_INET6), a_mac);
	host6(topo.b, R1_ADDR(AF_INET6), topo.r1_mac, B_ADDR(AF_INET6), b_mac);
	neigh_add("r0", A_ADDR(AF_INET6), a_mac);
	neigh_add("r1", B_ADDR(AF_INET6), wrong_mac);
	for (i = 0; i < topo.n; i++)
		other_add6(i);
	quiet6();
}
