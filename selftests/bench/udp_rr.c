// SPDX-License-Identifier: GPL-2.0
/* udp_rr.c - udp_rr.insn: a byte to a UDP server and one back.
 *
 * One thread plays both: the four system calls and two crossings of the veth
 * pair run one after the other without idling.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"

#define PORT	4243
#define BATCH	64
#define WARM	8
#define SAMPLES	300

static void round_trip(int client, int server)
{
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	char c = 'x';

	if (send(client, &c, 1, 0) != 1 ||
	    recvfrom(server, &c, 1, 0,
		     (struct sockaddr *)&from, &len) != 1 ||
	    sendto(server, &c, 1, 0, (struct sockaddr *)&from, len) != 1 ||
	    recv(client, &c, 1, 0) != 1)
		die("UDP round trip");
}

void fig_udp_rr(void)
{
	static uint64_t sample[SAMPLES];
	struct sockaddr_in sin = { .sin_family = AF_INET };
	int client, server, i, j;
	uint64_t t;

	server = router_socket(SOCK_DGRAM);
	sin.sin_port = htons(PORT);
	if (bind(server, (struct sockaddr *)&sin, sizeof(sin)))
		die("bind");
	ns_enter(topo.a);
	client = socket(AF_INET, SOCK_DGRAM, 0);
	sin.sin_addr.s_addr = htonl(R0_ADDR);
	if (client < 0 || connect(client, (struct sockaddr *)&sin, sizeof(sin)))
		die("connect");

	patience(client);
	patience(server);

	for (i = -WARM; i < SAMPLES; i++) {
		t = now();
		for (j = 0; j < BATCH; j++)
			round_trip(client, server);
		t = now() - t;
		if (i >= 0)
			sample[i] = t;
	}
	close(client);
	close(server);
	result("udp_rr.insn", median(sample, SAMPLES) / BATCH, "insn");
}
