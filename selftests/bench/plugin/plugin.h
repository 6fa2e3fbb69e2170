/* SPDX-License-Identifier: GPL-2.0 */
/* plugin.h - what plugins need of QEMU, and how they know when to count.
 *
 * Debian's QEMU has no header for plugins; what is declared here is version 1
 * of the interface (docs/devel/tcg-plugins.rst there).
 */
#ifndef PLUGIN_H
#define PLUGIN_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A store of the guest there begins a count, one 64 bytes later ends it. */
#define MAGIC	0x7e5000000000ULL
#define EXPORT	__attribute__((visibility("default")))

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
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
_Bool qemu_plugin_mem_is_store(uint32_t info);

EXPORT int qemu_plugin_version = 1;
EXPORT int qemu_plugin_install(uint64_t id, const struct qemu_info *info,
			       int argc, char **argv);

enum { NO_REGISTERS = 0, READ_AND_WRITE = 3 };

static FILE *out;

/* Each plugin has one: what every access to memory is told to, with the
 * address of the instruction as data
 */
static void access_to(unsigned int cpu, uint32_t info, uint64_t addr,
		      void *data);

static void translate(uint64_t id, struct qemu_plugin_tb *tb)
{
	size_t i, n = qemu_plugin_tb_n_insns(tb);
	struct qemu_plugin_insn *insn;

	(void)id;
	for (i = 0; i < n; i++) {
		insn = qemu_plugin_tb_get_insn(tb, i);
		qemu_plugin_register_vcpu_mem_cb(insn, access_to, NO_REGISTERS,
						 READ_AND_WRITE,
						 (void *)(uintptr_t)
						 qemu_plugin_insn_vaddr(insn));
	}
}

/* The argument out=FILE says where to write. */
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

#endif /* PLUGIN_H */
