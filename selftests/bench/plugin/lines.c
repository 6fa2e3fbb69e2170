// SPDX-License-Identifier: GPL-2.0
/* lines.c - a plugin of QEMU: which cache lines does the kernel touch?
 *
 * For each count a line with the number of different lines of 64 bytes, by
 * virtual address in the upper half, that were read or written: data, not code.
 */
#include "plugin.h"

#define SLOTS	(1u << 20)

static int on;
static unsigned int count;
static uint64_t seen[SLOTS];	/* 0: free */

static void note(uint64_t line)
{
	uint32_t slot = line * 0x9e3779b97f4a7c15ULL >> 44;

	while (seen[slot] && seen[slot] != line)
		slot = (slot + 1) % SLOTS;
	if (seen[slot])
		return;
	seen[slot] = line;
	if (++count == SLOTS / 2) {
		fprintf(stderr, "lines: too many\n");
		exit(1);
	}
}

static void access_to(unsigned int cpu, uint32_t info, uint64_t addr,
		      void *data)
{
	(void)cpu;
	(void)info;
	(void)data;
	if (addr == MAGIC) {
		memset(seen, 0, sizeof(seen));
		count = 0;
		on = 1;
	} else if (addr == MAGIC + 64) {
		on = 0;
		fprintf(out, "%u\n", count);
		fflush(out);
	} else if (on && addr >> 63) {
		note(addr >> 6);
	}
}
