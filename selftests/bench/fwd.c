// SPDX-License-Identifier: GPL-2.0
/* fwd.c - fwd4.insn_per_packet, fwd6.insn_per_packet: what the router does to
 * forward a packet.
 *
 * Host a sends with a packet socket that goes straight to the device, so the
 * whole way runs inside sendmmsg().  The same packets with a destination MAC
 * that is not the router's die at its door: that is the price of making them,
 * which is subtracted.  What is left is the route, the forwarding, the second
 * veth, and the drop at b's door in place of the router's.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"

#define WARM	8
#define SAMPLES	400

#define DATA	18

struct frame {
	size_t len;
	struct ethhdr eth;
	uint8_t rest[sizeof(struct ip6_hdr) + sizeof(struct udphdr) + DATA];
};

_Static_assert(sizeof(struct frame) <= sizeof(((struct fwd *)0)->good),
	       "struct fwd has room for a frame");

static uint16_t ip_sum(const void *hdr)
{
	uint32_t sum = 0;
	uint16_t word;
	size_t i;

	for (i = 0; i < sizeof(struct iphdr); i += sizeof(word)) {
		memcpy(&word, (const char *)hdr + i, sizeof(word));
		sum += word;
	}
	sum = (sum & 0xffff) + (sum >> 16);
	return ~(sum + (sum >> 16));
}

/* Returns the header's length. */
static size_t make_ip4(uint8_t *to, struct ipaddr dst, size_t payload)
{
	const struct ipaddr src = A_ADDR(AF_INET);
	struct iphdr ip = {
		.version = 4,
		.ihl = sizeof(ip) / 4,
		.ttl = 64,
		.protocol = IPPROTO_UDP,
		.tot_len = htons(sizeof(ip) + payload),
	};

	memcpy(&ip.saddr, src.b, src.len);
	memcpy(&ip.daddr, dst.b, dst.len);
	ip.check = ip_sum(&ip);
	memcpy(to, &ip, sizeof(ip));
	return sizeof(ip);
}

static size_t make_ip6(uint8_t *to, struct ipaddr dst, size_t payload)
{
	const struct ipaddr src = A_ADDR(AF_INET6);
	struct ip6_hdr ip = {
		.ip6_flow = htonl(6u << 28),
		.ip6_plen = htons(payload),
		.ip6_nxt = IPPROTO_UDP,
		.ip6_hlim = 64,
	};

	memcpy(&ip.ip6_src, src.b, src.len);
	memcpy(&ip.ip6_dst, dst.b, dst.len);
	memcpy(to, &ip, sizeof(ip));
	return sizeof(ip);
}

static void make_frame(struct frame *f, struct ipaddr to,
		       const uint8_t src[6], const uint8_t dst[6])
{
	int family = to.family;
	/* Nobody looks at the checksum. */
	struct udphdr udp = {
		.source = htons(4242),
		.dest = htons(4242),
		.len = htons(sizeof(udp) + DATA),
	};
	size_t header;

	memset(f, 0, sizeof(*f));
	memcpy(f->eth.h_source, src, 6);
	memcpy(f->eth.h_dest, dst, 6);
	f->eth.h_proto = htons(family == AF_INET6 ? ETH_P_IPV6 : ETH_P_IP);
	header = (family == AF_INET6 ? make_ip6 : make_ip4)
		(f->rest, to, sizeof(udp) + DATA);
	memcpy(f->rest + header, &udp, sizeof(udp));
	f->len = sizeof(f->eth) + header + sizeof(udp) + DATA;
}

static int packet_socket(void)
{
	struct sockaddr_ll sll = { .sll_family = AF_PACKET };
	int one = 1, fd;

	/* Protocol 0: it receives nothing. */
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	sll.sll_ifindex = if_nametoindex("eth0");
	if (fd < 0 || bind(fd, (struct sockaddr *)&sll, sizeof(sll)) ||
	    setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one)))
		die("packet socket");
	return fd;
}

void fwd_open(struct fwd *fwd, struct ipaddr to)
{
	static const uint8_t wrong[6] = { 2, 0, 0, 0, 0, 0x98 };
	uint8_t mac[6];

	ns_enter(topo.a);
	link_mac("eth0", mac);
	fwd->fd = packet_socket();
	make_frame((struct frame *)fwd->good, to, mac, topo.r0_mac);
	make_frame((struct frame *)fwd->bad, to, mac, wrong);
}

void fwd_batch(struct fwd *fwd, int good)
{
	struct frame *f = (struct frame *)(good ? fwd->good : fwd->bad);
	struct iovec iov = { .iov_base = &f->eth, .iov_len = f->len };
	struct mmsghdr msg[FWD_BATCH] = { 0 };
	int i;

	for (i = 0; i < FWD_BATCH; i++) {
		msg[i].msg_hdr.msg_iov = &iov;
		msg[i].msg_hdr.msg_iovlen = 1;
	}
	if (sendmmsg(fwd->fd, msg, FWD_BATCH, 0) != FWD_BATCH)
		die("sendmmsg");
}

/* Instructions of one batch, the median of many. */
static double send_all(struct fwd *fwd, int good)
{
	static uint64_t sample[SAMPLES];
	uint64_t t;
	int i;

	for (i = -WARM; i < SAMPLES; i++) {
		t = now();
		fwd_batch(fwd, good);
		t = now() - t;
		if (i >= 0)
			sample[i] = t;
	}
	return median(sample, SAMPLES);
}

static uint64_t arrived_at_b(void)
{
	uint64_t rx, tx;

	ns_enter(topo.b);
	link_packets("eth0", &rx, &tx);
	ns_enter(topo.a);
	return rx;
}

double forwarded(struct ipaddr to)
{
	const uint64_t all = (WARM + SAMPLES) * FWD_BATCH;
	uint64_t before, between, after;
	double make, forward;
	struct fwd fwd;

	fwd_open(&fwd, to);
	before = arrived_at_b();
	make = send_all(&fwd, 0);
	between = arrived_at_b();
	forward = send_all(&fwd, 1);
	after = arrived_at_b();
	close(fwd.fd);
	/* Others may have sent a few of their own, such as IPv6 neighbours. */
	if (between - before > 20 || after - between < all)
		die("%lu dropped at the router went on, %lu of %lu forwarded",
		    between - before, after - between, all);
	return (forward - make) / FWD_BATCH;
}

void fig_fwd4(void)
{
	result("fwd4.insn_per_packet", forwarded(B_ADDR(AF_INET)), "insn");
}

void fig_fwd6(void)
{
	topo_ipv6();
	result("fwd6.insn_per_packet", forwarded(B_ADDR(AF_INET6)), "insn");
}
