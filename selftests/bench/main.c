// SPDX-License-Identifier: GPL-2.0
/* main.c - measure figures in one mode, with n other contexts around.
 *
 * usage: bench MODE[-sameport] N FIGURE...
 *
 * To be run in a guest whose time stamp counter counts instructions (scripts/vm
 * --icount; wall: in any).  Prints one line a figure: name, value and unit, by
 * tabs, and the mode if it is another one.  How the guests are started and what
 * is made of the lines: run.py.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "bench.h"

static const char * const modes[] = {
	[PLAIN] = "plain",
	[CTX] = "ctx",
	[VRF] = "vrf",
	[NETNS] = "netns",
	[RULE] = "rule",
	[IPVS] = "ipvs-dr",
};

static const struct {
	const char *name;
	void (*run)(void);
} figures[] = {
	{ "fwd4", fig_fwd4 },
	{ "udp_rr", fig_udp_rr },
	{ "tcp_crr", fig_tcp_crr },
	{ "tcp_stream", fig_tcp_stream },
	{ "fwd6", fig_fwd6 },
	{ "udp_rr6", fig_udp_rr6 },
	{ "many_rr", fig_many_rr },
	{ "create", fig_create },
	{ "used", fig_used },
	{ "batch", fig_batch },
	{ "if_join", fig_if_join },
	{ "if_add", fig_if_add },
	{ "flap", fig_flap },
	{ "listen_all", fig_listen_all },
	{ "handover", fig_handover },
	{ "handover6", fig_handover6 },
	{ "beside", fig_beside },
	{ "port_map", fig_port_map },
	{ "esp4", fig_esp4 },
	{ "wall", fig_wall },
};

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

void result(const char *name, double value, const char *unit)
{
	printf("%s\t%.2f\t%s\n", name, value, unit);
	fflush(stdout);
}

void result_of(enum mode mode, const char *name, double value,
	       const char *unit)
{
	printf("%s\t%.2f\t%s\t%s\n", name, value, unit, modes[mode]);
	fflush(stdout);
}

static enum mode find_mode(const char *name)
{
	size_t i, len;

	for (i = 0; i < LEN(modes); i++) {
		len = strlen(modes[i]);
		if (strncmp(modes[i], name, len))
			continue;
		topo.sameport = !strcmp(name + len, "-sameport");
		if (topo.sameport || !name[len])
			return i;
	}
	fprintf(stderr, "bench: no mode %s\n", name);
	exit(2);
}

static void run(const char *name)
{
	size_t i;

	for (i = 0; i < LEN(figures); i++) {
		if (strcmp(figures[i].name, name))
			continue;
		figures[i].run();
		return;
	}
	fprintf(stderr, "bench: no figure %s\n", name);
	exit(2);
}

int main(int argc, char **argv)
{
	/* as many as the kernel allows by default */
	struct rlimit files = { 1 << 20, 1 << 20 };
	int i;

	if (argc < 4) {
		fprintf(stderr, "usage: bench MODE N FIGURE...\n");
		return 2;
	}
	setrlimit(RLIMIT_NOFILE, &files);
	/* No page faults in what is measured. */
	mlockall(MCL_CURRENT | MCL_FUTURE);
	topo_make(find_mode(argv[1]), atoi(argv[2]));
	for (i = 3; i < argc; i++)
		run(argv[i]);
	return 0;
}
