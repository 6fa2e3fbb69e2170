// SPDX-License-Identifier: GPL-2.0
/* wall.c - the same by the clock: plain, in a context, ..., in one boot.
 *
 * Instructions do not tell of cache misses. Time does, but differs from boot to
 * boot: so all modes take turns, a batch each, and each figure is the median of
 * its batches. To be run without -icount, on a machine that does nothing else.
 */
#include <time.h>
#include <unistd.h>

#include "bench.h"

#define WARM	20
#define SAMPLES	300

static const enum mode sides[] = { PLAIN, CTX, NETNS, VRF };

#define SIDES	(int)(sizeof(sides) / sizeof(sides[0]))

enum { MAKE, FORWARD, UDP, CRR, KINDS };

static struct side {
	struct topo topo;
	struct fwd fwd;
	struct udp_pair udp;
	int lfd;
	uint64_t sample[KINDS][SAMPLES];
} side[SIDES];

static uint64_t clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_RAW, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

static void batch(struct side *s, int kind)
{
	if (kind == UDP)
		udp_batch(&s->udp);
	else if (kind == CRR)
		crr_batch(s->lfd);
	else
		fwd_batch(&s->fwd, kind == FORWARD);
}

static double each(struct side *s, int kind, int num)
{
	return median(s->sample[kind], SAMPLES) / num;
}

void fig_wall(void)
{
	uint64_t t;
	int i, j, k;

	for (i = 0; i < SIDES; i++) {
		topo_make(sides[i], 0);
		fwd_open(&side[i].fwd, B_ADDR(AF_INET));
		udp_open(&side[i].udp, AF_INET);
		side[i].lfd = crr_open();
		side[i].topo = topo;
	}
	for (i = -WARM; i < SAMPLES; i++) {
		for (j = 0; j < SIDES * KINDS; j++) {
			struct side *s = &side[j % SIDES];

			k = j / SIDES;
			ns_enter(s->topo.a);
			t = clock_ns();
			batch(s, k);
			t = clock_ns() - t;
			if (i >= 0)
				s->sample[k][i] = t;
		}
	}
	for (i = 0; i < SIDES; i++) {
		result_of(sides[i], "fwd4.wall",
			  each(&side[i], FORWARD, FWD_BATCH) -
			  each(&side[i], MAKE, FWD_BATCH), "ns");
		result_of(sides[i], "udp_rr.wall",
			  each(&side[i], UDP, UDP_BATCH), "ns");
		result_of(sides[i], "tcp_crr.wall",
			  each(&side[i], CRR, CRR_BATCH), "ns");
	}
}
