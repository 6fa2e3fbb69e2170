// SPDX-License-Identifier: GPL-2.0
/* chain.c - the lengths of chains in TCP's table of established connections.
 *
 * No interface shows what bucket a socket is in. A probe does: at the end of
 * the handshake sk_hash, of which the table takes the lower bits, is set.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#include "bench.h"

#define TRACING	"/sys/kernel/tracing/"
/* struct sock begins with two addresses, then comes the hash */
#define PROBE	"p:bench/hashed tcp_init_transfer hash=+8(%di):u32"

void chains_start(void)
{
	/* fails if it is there */
	mount("tracefs", TRACING, "tracefs", 0, NULL);
	write_file(TRACING "buffer_size_kb", "32768");
	write_file(TRACING "kprobe_events", PROBE);
	write_file(TRACING "events/bench/hashed/enable", "1");
}

/* The table may be another namespace's: then the number is negative */
static unsigned int buckets(void)
{
	char buf[32];
	int num;

	read_file("/proc/sys/net/ipv4/tcp_ehash_entries", buf, sizeof(buf));
	num = abs(atoi(buf));
	if (num < 2 || num & (num - 1))
		die("%d buckets", num);
	return num;
}

struct chains chains_stop(int sockets)
{
	unsigned int num = buckets(), *len = calloc(num, sizeof(*len)), hash, i;
	struct chains out = { 0 };
	char line[256], *p;
	int seen = 0;
	FILE *f;

	write_file(TRACING "events/bench/hashed/enable", "0");
	f = fopen(TRACING "trace", "r");
	if (!f || !len)
		die(TRACING "trace");
	while (fgets(line, sizeof(line), f)) {
		p = strstr(line, " hash=");
		if (!p)
			continue;
		hash = strtoul(p + 6, NULL, 10);
		len[hash & (num - 1)]++;
		seen++;
	}
	fclose(f);
	write_file(TRACING "kprobe_events", "-:bench/hashed");
	write_file(TRACING "buffer_size_kb", "1");
	if (seen != sockets)
		die("%d hashes of %d sockets", seen, sockets);
	for (i = 0; i < num; i++) {
		out.mean += (double)len[i] * len[i] / sockets;
		if (len[i] > (unsigned int)out.longest)
			out.longest = len[i];
	}
	free(len);
	return out;
}
