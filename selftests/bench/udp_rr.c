// SPDX-License-Identifier: GPL-2.0
/* udp_rr.c - udp_rr.insn, udp_rr6.insn: a byte to a UDP server and one back.
 *
 * One thread plays both: the four system calls and two crossings of the veth
 * pair run one after the other without idling.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"

#define PORT	4243
#define WARM	8
#define SAMPLES	300

union sock_addr {
	struct sockaddr sa;
	struct sockaddr_in sin;
	struct sockaddr_in6 sin6;
};

/* Returns its length. */
static socklen_t make_addr(union sock_addr *addr, int family,
			   const struct ipaddr *ip)
{
	memset(addr, 0, sizeof(*addr));
	addr->sa.sa_family = family;
	if (family == AF_INET6) {
		addr->sin6.sin6_port = htons(PORT);
		if (ip)
			memcpy(&addr->sin6.sin6_addr, ip->b, ip->len);
		return sizeof(addr->sin6);
	}
	addr->sin.sin_port = htons(PORT);
	if (ip)
		memcpy(&addr->sin.sin_addr, ip->b, ip->len);
	return sizeof(addr->sin);
}

static void round_trip(int client, int server)
{
	union sock_addr from;
	socklen_t len = sizeof(from);
	char c = 'x';

	if (send(client, &c, 1, 0) != 1 ||
	    recvfrom(server, &c, 1, 0, &from.sa, &len) != 1 ||
	    sendto(server, &c, 1, 0, &from.sa, len) != 1 ||
	    recv(client, &c, 1, 0) != 1)
		die("UDP round trip");
}

void udp_open(struct udp_pair *pair, int family)
{
	const struct ipaddr r0 = R0_ADDR(family);
	union sock_addr addr;
	socklen_t len;

	pair->server = router_socket(family, SOCK_DGRAM);
	len = make_addr(&addr, family, NULL);
	if (bind(pair->server, &addr.sa, len))
		die("bind");
	ns_enter(topo.a);
	pair->client = socket(family, SOCK_DGRAM, 0);
	len = make_addr(&addr, family, &r0);
	if (pair->client < 0 || connect(pair->client, &addr.sa, len))
		die("connect");

	patience(pair->client);
	patience(pair->server);
}

void udp_batch(const struct udp_pair *pair)
{
	int i;

	for (i = 0; i < UDP_BATCH; i++)
		round_trip(pair->client, pair->server);
}

double udp_round_trip(int family)
{
	static uint64_t sample[SAMPLES];
	struct udp_pair pair;
	uint64_t t;
	int i;

	others_hold(SOCK_DGRAM, PORT);
	udp_open(&pair, family);
	for (i = -WARM; i < SAMPLES; i++) {
		t = now();
		udp_batch(&pair);
		t = now() - t;
		if (i >= 0)
			sample[i] = t;
	}
	close(pair.client);
	close(pair.server);
	return median(sample, SAMPLES) / UDP_BATCH;
}

void fig_udp_rr(void)
{
	result("udp_rr.insn", udp_round_trip(AF_INET), "insn");
}

void fig_udp_rr6(void)
{
	topo_ipv6();
	result("udp_rr6.insn", udp_round_trip(AF_INET6), "insn");
}
