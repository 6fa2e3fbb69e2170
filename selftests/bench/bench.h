/* SPDX-License-Identifier: GPL-2.0 */
/* bench.h - what the figures share: clock, netlink, namespaces, topology.
 *
 * Everything here exits with a message when it fails: a figure is measured
 * or there is none.
 */
#ifndef BENCH_H
#define BENCH_H

#include <linux/netlink.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <x86intrin.h>

/* An address, as packets and netlink have it. */
struct ipaddr {
	uint8_t family;
	uint8_t len;
	uint8_t b[16];
};

static inline struct ipaddr ip4(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
	return (struct ipaddr){ AF_INET, 4, { a, b, c, d } };
}

static inline struct ipaddr ip6(uint16_t net, uint8_t host)
{
	return (struct ipaddr){ AF_INET6, 16, { 0xfd, [6] = net >> 8, net,
					    [15] = host } };
}

/* Of all networks in this topology. */
static inline int prefix_len(int family)
{
	return family == AF_INET6 ? 64 : 24;
}

#define die(...)	bench_die(__FILE__, __LINE__, __VA_ARGS__)
void bench_die(const char *file, int line, const char *fmt, ...)
	__attribute__((noreturn, format(printf, 3, 4)));

/* -- util.c: under -icount shift=0 the time stamp counter, at 1 GHz, counts
 * instructions.
 */
static inline uint64_t now(void)
{
	_mm_lfence();
	return __rdtsc();
}

/* Time that the CPU was idle so far: skipped by the emulator, not executed.
 * Reading it costs much, so do it outside of what now() brackets.
 */
uint64_t idle(void);
double median(uint64_t *sample, int n);
/* Instructions executed by whomever while fn(i) runs, without idling. */
uint64_t busy(void (*fn)(int i), int i);
/* Let what was put off finish: callbacks after a grace period, work queues. */
void settle(int seconds);
/* Free memory in bytes, to the page. */
uint64_t mem_free(void);

void write_file(const char *path, const char *text);
size_t read_file(const char *path, char *buf, size_t size);

/* -- nl.c */
struct nl {
	int fd;
	uint32_t seq;
	size_t len;
	union {
		struct nlmsghdr h;
		char buf[16384];
	};
};

void nl_open(struct nl *nl, int proto);
void *nl_start(struct nl *nl, int type, int flags, size_t size);
void nl_put(struct nl *nl, int type, const void *data, size_t len);
void nl_put_u32(struct nl *nl, int type, uint32_t val);
void nl_put_str(struct nl *nl, int type, const char *s);
size_t nl_nest(struct nl *nl, int type);
void nl_end(struct nl *nl, size_t nest);
/* Send what was built; the reply stays in nl->buf.  Returns 0 or -errno. */
int nl_try(struct nl *nl);
void nl_do(struct nl *nl, const char *what);
/* Wait for the end of request @seq, which must have succeeded */
void nl_wait(struct nl *nl, uint32_t seq);
/* Send a dump request, return the number of answers */
int nl_dump(struct nl *nl);

/* Open it for a family of generic netlink, whose number is returned. */
int genl_family(struct nl *nl, const char *name);

/* -- link.c: rtnetlink and the vrctx family, in the current namespace */
void link_dummy(const char *name);
void link_veth(const char *name, const char *peer, int peer_ns);
void link_vrf(const char *name, uint32_t table);
void link_up(const char *name, int up);
/* Until it runs: the kernel notices a peer that came up in the background. */
void link_wait(const char *name);
void link_master(const char *name, const char *master);
void link_netns(const char *name, int ns);
void link_mac(const char *name, uint8_t mac[6]);
void addr_add(const char *name, struct ipaddr addr);
void neigh_add(const char *name, struct ipaddr addr, const uint8_t mac[6]);
/* A route to the network that addr is in. */
void route_add(uint32_t table, struct ipaddr addr, const char *dev);
/* A default route that says unreachable. */
void route_add_none(uint32_t table, int family);
void link_del(const char *name);
void rule_iif(const char *dev, int family, uint32_t table);
void rule_mark(uint32_t mark, int family, uint32_t table);
void rule_mark_del(uint32_t mark, int family, uint32_t table);
void ctx_new(uint32_t id);
void ctx_del(uint32_t id);
void ctx_move(const char *dev, uint32_t id);
/* That for all of them, many requests in each system call */
void ctx_new_all(uint32_t first, int n);
void ctx_del_all(uint32_t first, int n);
/* How many there are, by a dump */
int ctx_count(void);
/* Packets sent and received by a device of the current namespace. */
void link_packets(const char *name, uint64_t *rx, uint64_t *tx);
/* Requests use the namespace they were first made in. */
void link_forget(void);

/* -- topo.c */
enum mode { PLAIN, CTX, VRF, NETNS, RULE, IPVS };

#define SO_VRCTX	0x5652
#define CTX_ID		1
#define CTX_OTHER	1000	/* the others are CTX_OTHER + 0 ... n - 1 */
#define TABLE_BASE	0x01000000
#define VRF_TABLE	100000

struct topo {
	enum mode mode;
	int n;
	int sameport;		/* a socket on the server's port in each */
	int router, a, b;	/* namespaces */
	uint8_t r0_mac[6], r1_mac[6];
};

/*	a: eth0 10.1.0.2 ---- r0 10.1.0.1 :router: r1 10.2.0.1 ---- eth0 :b
 *
 * r0 and r1 are in a context, VRF, ... as the mode says; n others exist.  In
 * IPv6 the networks are fd00:0:0:1::/64 and fd00:0:0:2::/64.
 */
static inline struct ipaddr on_net(int net, int host, int family)
{
	return family == AF_INET6 ? ip6(net, host) : ip4(10, net, 0, host);
}

#define A_ADDR(family)	on_net(1, 2, family)
#define R0_ADDR(family)	on_net(1, 1, family)
#define R1_ADDR(family)	on_net(2, 1, family)
#define B_ADDR(family)	on_net(2, 2, family)

extern struct topo topo;

void topo_make(enum mode mode, int n);
/* Give all of it IPv6, the n others too.  IPv4 figures come before that. */
void topo_ipv6(void);
int ns_new(void);
void ns_enter(int ns);
/* A socket of the router, in what the mode says. */
int router_socket(int family, int type);
/* What the socket waits for is there at once, but for the odd time that the
 * kernel leaves it to a thread of its own; it never takes long.
 */
void patience(int fd);
/* Mode *-sameport: a socket like the server's in each of the others, to stay */
void others_hold(int type, int port);
/* Put a device of the router, which is down, where the mode says. */
void join(const char *dev);

/* One more context, VRF, namespace or table with a rule.  The topology has
 * those from 0 to topo.n - 1.  In mode NETNS one_create() and one_enter()
 * leave the caller there, until one_leave().
 */
void one_create(int i);
void one_use(int i);		/* give it a route; up, where it is a device */
void one_delete(int i);
void one_enter(int i);
void one_leave(void);
void one_socket(int fd, int i);	/* put a new socket there */

/* -- chain.c: how TCP connections are spread over the table of established
 * ones. Between start and stop each end of a connection that is made counts.
 */
struct chains {
	double mean;		/* length of the chain that a socket is in */
	int longest;
};

void chains_start(void);
struct chains chains_stop(int sockets);

/* -- fwd.c, udp_rr.c, tcp.c: a batch of what their figures measure, in the
 * topology of the moment.  The batch may come when that is another one.
 */
#define FWD_BATCH	64
#define UDP_BATCH	64
#define CRR_BATCH	16

struct fwd {
	/* frames, for the router and for nobody */
	uint8_t good[128] __attribute__((aligned(8)));
	uint8_t bad[128] __attribute__((aligned(8)));
	int fd;
};

struct udp_pair {
	int client, server;
};

/* For a's packets to the address */
void fwd_open(struct fwd *fwd, struct ipaddr to);
void fwd_batch(struct fwd *fwd, int good);
void udp_open(struct udp_pair *pair, int family);
void udp_batch(const struct udp_pair *pair);
/* A listening socket; the batch is to be called in topo.a */
int crr_open(void);
void crr_batch(int lfd);
/* Instructions for the router to give one packet of host a's for the address to
 * host b.
 */
double forwarded(struct ipaddr to);
/* ... and of a request and its answer */
double udp_round_trip(int family);

/* -- The figures.  Each prints lines with result(). */
void result(const char *name, double value, const char *unit);
/* The same of another mode than that of the command line */
void result_of(enum mode mode, const char *name, double value,
	       const char *unit);

void fig_fwd4(void);
void fig_fwd6(void);
void fig_udp_rr(void);
void fig_udp_rr6(void);
void fig_tcp_crr(void);
void fig_tcp_stream(void);
void fig_many_rr(void);
void fig_create(void);
void fig_used(void);
void fig_batch(void);
void fig_if_join(void);
void fig_if_add(void);
void fig_flap(void);
void fig_listen_all(void);
void fig_handover(void);
void fig_handover6(void);
void fig_beside(void);
void fig_port_map(void);
void fig_esp4(void);
void fig_wall(void);

#endif
