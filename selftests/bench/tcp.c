// SPDX-License-Identifier: GPL-2.0
/* tcp.c - tcp_crr.insn: connect, a byte each way, close;
 * tcp_stream.insn_per_kb: a kilobyte through an open connection; and
 * many_rr.insn: a byte each way while n others are connected, in mode ctx all
 * by the same addresses and ports, in mode plain by n addresses of a client;
 * many_rr.chain, many_rr.longest: the length of the chain in the hash table that
 * one of their sockets is in, and the length of the longest.
 *
 * One thread is both sides; the handshake runs inside connect().
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"

#define PORT	4244
#define WARM	4
#define SAMPLES	100
#define CHUNK		16384
#define STREAM_BATCH	64

static int listener(int port)
{
	struct sockaddr_in sin = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
	};
	int fd = router_socket(AF_INET, SOCK_STREAM), one = 1;

	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
	    bind(fd, (struct sockaddr *)&sin, sizeof(sin)) || listen(fd, 128))
		die("listen");
	return fd;
}

static void open_pair(int lfd, int port, int *client, int *server)
{
	struct sockaddr_in sin = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
	};
	const struct ipaddr addr = R0_ADDR(AF_INET);

	memcpy(&sin.sin_addr, addr.b, addr.len);
	*client = socket(AF_INET, SOCK_STREAM, 0);
	if (*client < 0 ||
	    connect(*client, (struct sockaddr *)&sin, sizeof(sin)))
		die("connect");
	*server = accept(lfd, NULL, NULL);
	if (*server < 0)
		die("accept");
	patience(*client);
	patience(*server);
}

static void pass(int from, int to, char *buf, size_t len)
{
	size_t done = 0;
	ssize_t n;

	if (send(from, buf, len, 0) != (ssize_t)len)
		die("send");
	while (done < len) {
		n = recv(to, buf, len - done, 0);
		if (n <= 0)
			die("%zu of %zu bytes arrived", done, len);
		done += n;
	}
}

int crr_open(void)
{
	int lfd = listener(PORT);

	/* Sockets of this thread are the client's from here on. */
	ns_enter(topo.a);
	return lfd;
}

void crr_batch(int lfd)
{
	int client, server, i;
	char c = 'x';

	for (i = 0; i < CRR_BATCH; i++) {
		open_pair(lfd, PORT, &client, &server);
		pass(client, server, &c, 1);
		pass(server, client, &c, 1);
		close(client);
		close(server);
	}
}

void fig_tcp_crr(void)
{
	static uint64_t sample[SAMPLES];
	uint64_t t;
	int lfd, i;

	others_hold(SOCK_STREAM, PORT);
	lfd = crr_open();
	for (i = -WARM; i < SAMPLES; i++) {
		t = now();
		crr_batch(lfd);
		t = now() - t;
		if (i >= 0)
			sample[i] = t;
	}
	close(lfd);
	result("tcp_crr.insn", median(sample, SAMPLES) / CRR_BATCH, "insn");
}

void fig_tcp_stream(void)
{
	static uint64_t sample[SAMPLES];
	static char buf[CHUNK];
	int lfd = listener(PORT + 1), client, server, i, j;
	uint64_t t;

	ns_enter(topo.a);
	open_pair(lfd, PORT + 1, &client, &server);
	/* More warming: the windows open first. */
	for (i = -SAMPLES; i < SAMPLES; i++) {
		t = now();
		for (j = 0; j < STREAM_BATCH; j++)
			pass(client, server, buf, sizeof(buf));
		t = now() - t;
		if (i >= 0)
			sample[i] = t;
	}
	close(client);
	close(server);
	close(lfd);
	result("tcp_stream.insn_per_kb", median(sample, SAMPLES) /
	       (STREAM_BATCH * CHUNK / 1024.0), "insn");
}

#define VRCTX_ANY	0xffffffffu

/* The client's end; its address is that of the i-th, or the only one. */
static int loop_client(uint32_t id, int i)
{
	struct sockaddr_in sin = {
		.sin_family = AF_INET,
		.sin_port = htons(PORT + 2),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0)
		die("socket %d", i);
	if (topo.mode == CTX &&
	    setsockopt(fd, SOL_SOCKET, SO_VRCTX, &id, sizeof(id)))
		die("SO_VRCTX");
	if (topo.mode == PLAIN)
		sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK + i);
	if (bind(fd, (struct sockaddr *)&sin, sizeof(sin)))
		die("bind %d", i);
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	sin.sin_port = htons(PORT + 3);
	if (connect(fd, (struct sockaddr *)&sin, sizeof(sin)))
		die("connect %d", i);
	return fd;
}

/* One listener serves them all. */
static int loop_listener(void)
{
	struct sockaddr_in sin = {
		.sin_family = AF_INET,
		.sin_port = htons(PORT + 3),
	};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	uint32_t any = VRCTX_ANY;

	if (topo.mode == CTX &&
	    setsockopt(fd, SOL_SOCKET, SO_VRCTX, &any, sizeof(any)))
		die("SO_VRCTX");
	if (fd < 0 || bind(fd, (struct sockaddr *)&sin, sizeof(sin)) ||
	    listen(fd, 128))
		die("listen");
	return fd;
}

void fig_many_rr(void)
{
	static uint64_t sample[SAMPLES];
	int lfd, client, server, i, j;
	struct chains chains;
	char c = 'x';
	uint64_t t;

	if (topo.mode != CTX && topo.mode != PLAIN)
		return;
	ns_enter(topo.router);
	lfd = loop_listener();
	chains_start();
	for (i = 1; i <= topo.n; i++) {
		loop_client(CTX_OTHER + i - 1, i);
		if (accept(lfd, NULL, NULL) < 0)
			die("accept %d", i);
	}
	client = loop_client(CTX_ID, 0);
	server = accept(lfd, NULL, NULL);
	if (server < 0)
		die("accept");
	chains = chains_stop(2 * (topo.n + 1));
	for (i = -WARM; i < SAMPLES; i++) {
		t = now();
		for (j = 0; j < CRR_BATCH; j++) {
			pass(client, server, &c, 1);
			pass(server, client, &c, 1);
		}
		t = now() - t;
		if (i >= 0)
			sample[i] = t;
	}
	result("many_rr.insn", median(sample, SAMPLES) / CRR_BATCH, "insn");
	result("many_rr.chain", chains.mean, "sockets");
	result("many_rr.longest", chains.longest, "sockets");
}
