// SPDX-License-Identifier: GPL-2.0
/* fwd4.c - fwd4.insn_per_packet: what the router does to forward a packet.
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
#include <netinet/udp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"

#define BATCH	64
#define WARM	8
#define SAMPLES	400

struct frame {
	struct ethhdr eth;
	struct iphdr ip;
	struct udphdr udp;
	uint8_t data[18];
} __attribute__((packed));

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

static void make_frame(struct frame *f, const uint8_t src[6],
		       const uint8_t dst[6])
{
	memset(f, 0, sizeof(*f));
	memcpy(f->eth.h_source, src, 6);
	memcpy(f->eth.h_dest, dst, 6);
	f->eth.h_proto = htons(ETH_P_IP);
	f->ip.version = 4;
	f->ip.ihl = 5;
	f->ip.ttl = 64;
	f->ip.protocol = IPPROTO_UDP;
	f->ip.tot_len = htons(sizeof(*f) - sizeof(f->eth));
	f->ip.saddr = htonl(A_ADDR);
	f->ip.daddr = htonl(B_ADDR);
	f->ip.check = ip_sum(&f->ip);
	f->udp.source = htons(4242);
	f->udp.dest = htons(4242);
	f->udp.len = htons(sizeof(f->udp) + sizeof(f->data));
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

/* Instructions of one batch, the median of many. */
static double send_all(int fd, struct frame *f)
{
	static uint64_t sample[SAMPLES];
	struct iovec iov = { .iov_base = f, .iov_len = sizeof(*f) };
	struct mmsghdr msg[BATCH] = { 0 };
	uint64_t t;
	int i;

	for (i = 0; i < BATCH; i++) {
		msg[i].msg_hdr.msg_iov = &iov;
		msg[i].msg_hdr.msg_iovlen = 1;
	}
	for (i = -WARM; i < SAMPLES; i++) {
		t = now();
		if (sendmmsg(fd, msg, BATCH, 0) != BATCH)
			die("sendmmsg");
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

void fig_fwd4(void)
{
	static const uint8_t wrong[6] = { 2, 0, 0, 0, 0, 0x98 };
	const uint64_t all = (WARM + SAMPLES) * BATCH;
	uint64_t before, between, after;
	double make, forward;
	struct frame f;
	uint8_t mac[6];
	int fd;

	ns_enter(topo.a);
	link_mac("eth0", mac);
	fd = packet_socket();
	before = arrived_at_b();
	make_frame(&f, mac, wrong);
	make = send_all(fd, &f);
	between = arrived_at_b();
	make_frame(&f, mac, topo.r0_mac);
	forward = send_all(fd, &f);
	after = arrived_at_b();
	close(fd);
	/* Others may have sent a few of their own, such as IPv6 neighbours. */
	if (between - before > 20 || after - between < all)
		die("%lu dropped at the router went on, %lu of %lu forwarded",
		    between - before, after - between, all);
	result("fwd4.insn_per_packet", (forward - make) / BATCH, "insn");
}
