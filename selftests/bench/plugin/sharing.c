// SPDX-License-Identifier: GPL-2.0
/* sharing.c - a plugin of QEMU: which cache lines do packets of two CPUs share?
 *
 * Counts on CPU 0 and CPU 1 take turns. For each pair a line of text: how many
 * lines of 64 bytes, by virtual address in the upper half, one CPU has written
 * and the other has read or written; for each of them its address follows and an
 * instruction of each CPU, the first that wrote it, or else the first that read
 * it: ADDRESS:INSN:INSN. What the other CPU does during a count is not in it.
 */
#include <pthread.h>

#include "plugin.h"

#define SLOTS	(1u << 16)
#define CPUS	2

enum { READ = 1, WRITTEN = 2 };

struct line {
	uint64_t	number;	/* 0: free */
	unsigned int	how[CPUS];
	uint64_t	insn[CPUS];
};

static struct line lines[SLOTS];
static unsigned int used;
static unsigned int owner = CPUS;	/* of the count; CPUS: none */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void note(unsigned int cpu, uint64_t number, unsigned int how,
		 uint64_t insn)
{
	uint32_t slot = number * 0x9e3779b97f4a7c15ULL >> 48;

	while (lines[slot].number && lines[slot].number != number)
		slot = (slot + 1) % SLOTS;
	if (!lines[slot].number && ++used == SLOTS / 2) {
		fprintf(stderr, "sharing: too many lines\n");
		exit(1);
	}
	lines[slot].number = number;
	if (how > lines[slot].how[cpu])
		lines[slot].insn[cpu] = insn;
	lines[slot].how[cpu] |= how;
}

static int shared(const struct line *line)
{
	return line->how[0] && line->how[1] &&
	       (line->how[0] | line->how[1]) & WRITTEN;
}

static void tell(void)
{
	unsigned int i, count = 0;

	for (i = 0; i < SLOTS; i++)
		count += shared(&lines[i]);
	fprintf(out, "%u", count);
	for (i = 0; i < SLOTS; i++) {
		if (shared(&lines[i]))
			fprintf(out, " %lx:%lx:%lx", lines[i].number << 6,
				lines[i].insn[0], lines[i].insn[1]);
	}
	fprintf(out, "\n");
	fflush(out);
}

static void access_to(unsigned int cpu, uint32_t info, uint64_t addr,
		      void *data)
{
	if (cpu >= CPUS || !(addr >> 63 || (addr & ~64ULL) == MAGIC))
		return;

	pthread_mutex_lock(&lock);
	if (addr == MAGIC) {
		if (!cpu) {
			memset(lines, 0, sizeof(lines));
			used = 0;
		}
		owner = cpu;
	} else if (addr == MAGIC + 64) {
		owner = CPUS;
		if (cpu)
			tell();
	} else if (owner == cpu) {
		note(cpu, addr >> 6,
		     qemu_plugin_mem_is_store(info) ? WRITTEN : READ,
		     (uintptr_t)data);
	}
	pthread_mutex_unlock(&lock);
}
