// SPDX-License-Identifier: GPL-2.0
/*
 * tsc - how fast does the time stamp counter of this machine run, in kHz?
 *
 * It is the guest's, too, as QEMU emulates it. A guest measures it against its
 * emulated timers when it boots, and is far off where the host is busy.
 */
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <x86intrin.h>

/* Both clocks at the same time: of some readings the one that took least */
static void read_both(int64_t *ns, uint64_t *ticks)
{
	uint64_t least = UINT64_MAX;
	int i;

	for (i = 0; i < 200; i++) {
		uint64_t before, after;
		struct timespec now;

		before = __rdtsc();
		clock_gettime(CLOCK_MONOTONIC, &now);
		after = __rdtsc();
		if (after - before >= least)
			continue;
		least = after - before;
		*ticks = before + least / 2;
		*ns = now.tv_sec * 1000000000LL + now.tv_nsec;
	}
}

int main(void)
{
	const struct timespec while_it_runs = { .tv_nsec = 50000000 };
	uint64_t ticks[2];
	int64_t ns[2];

	read_both(&ns[0], &ticks[0]);
	nanosleep(&while_it_runs, NULL);
	read_both(&ns[1], &ticks[1]);
	printf("%.0f\n", (double)(ticks[1] - ticks[0]) * 1e6 /
			 (double)(ns[1] - ns[0]));
	return 0;
}
