// SPDX-License-Identifier: GPL-2.0
/* lines.c - a plugin of QEMU: which cache lines does the kernel touch?
 *
 * A store of the guest to MAGIC begins the count, one to MAGIC + 64 ends it and
 * writes a line with the number of different lines of 64 bytes, by virtual
 * address in the upper half, that were read or written: data, not code. The
 * argument out=FILE says where to.
 *
 * Debian's QEMU has no header for plugins; what is declared here is version 1
 * of the interface (docs/devel/tcg-plugins.rst there).
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC	0x7e5000000000ULL
#define EXPORT	__attribute__((visibility("default")))
#define SLOTS	(1u << 20)

struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_info;

typedef void (*tb_fn)(uint64_t id, struct qemu_plugin_tb *tb);
typedef void (*mem_fn)(unsigned int cpu, uint32_t info, uint64_t addr,
		       void *data);

void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id, tb_fn fn);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *
qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *insn, mem_fn fn,
				      int flags, int rw, void *data);

EXPORT int qemu_plugin_version = 1;
EXPORT int qemu_plugin_install(uint64_t id, const struct qemu_info *info,
			       int argc, char **argv);

enum { NO_REGISTERS = 0, READ_AND_WRITE = 3 };

static FILE *out;
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

static void translate(uint64_t id, struct qemu_plugin_tb *tb)
{
	size_t i, n = qemu_plugin_tb_n_insns(tb);

	(void)id;
	for (i = 0; i < n; i++)
		qemu_plugin_register_vcpu_mem_cb(qemu_plugin_tb_get_insn(tb, i),
						 access_to, NO_REGISTERS,
						 READ_AND_WRITE, NULL);
}

int qemu_plugin_install(uint64_t id, const struct qemu_info *info, int argc,
			char **argv)
{
	(void)info;
	if (argc != 1 || strncmp(argv[0], "out=", 4))
		return -1;
	out = fopen(argv[0] + 4, "w");
	if (!out)
		return -1;
	qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
	return 0;
}
