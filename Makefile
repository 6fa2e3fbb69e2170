# SPDX-License-Identifier: GPL-2.0
# The one entry point.  Kernel build rules are in Kbuild (kbuild prefers it).
#
# Variables: KERNEL_SRC (a Linux 6.12.y tree or tarball), CACHE (default
# ~/.cache/vrctx), DEBUG=1, ACCEL=auto|kvm|tcg, MEM, SMP, NODES, V=1.

MAKEFLAGS += --no-print-directory
export KERNEL_SRC CACHE DEBUG ACCEL MEM SMP NODES BENCH TIMEOUT JOBS V TREE

# A guest command reaches the script as it was typed: make expands nothing in
# it.  Those who know make write $$ for $; that works as well.
export VRCTX_RUN := $(subst $$$$,$$,$(value RUN))
unexport RUN

.DEFAULT_GOAL := help
.PHONY: help demo check bench vm kernel modules userspace deb kernel-tree \
	patches check-patches check-mutants check-transplant attack fuzz \
	check-kcsan lint clean

help:
	@sed -n 's/^#: //p' Makefile

#: make demo           builds all, boots the guest, shows two hosts in one kernel
demo:
	@scripts/demo

#: make check          every test (T=name: one; DEBUG=1: guest tests, debug kernel)
check:
	@scripts/check $(T)

#: make bench          figures into build/bench (BENCH=quick: under 10 minutes)
bench:
	@scripts/bench

#: make vm             a shell in the guest; RUN='cmd' runs cmd there instead
#:                     (as root; repo at /repo; NODES=3: a cluster of three)
vm:
	@scripts/vm --cluster $(if $(VRCTX_RUN),-- "$$VRCTX_RUN")

#: make kernel         the guest kernel (DEBUG=1, or FLAVOUR=vm|debug|kcsan|unpatched)
kernel:
	@scripts/kernel $(or $(FLAVOUR),$(if $(filter 1,$(DEBUG)),debug,vm))

#: make modules        the loadable modules, for the guest kernel
modules:
	@scripts/modules

#: make userspace      libvr and vrctl, into build/userspace
userspace:
	@scripts/userspace

#: make deb            Debian packages, into build/deb
deb:
	@scripts/deb

#: make kernel-tree    build/linux: 6.12 with the series, for editing
kernel-tree:
	@scripts/kernel-tree

#: make patches        kernel/patches again from build/linux
patches:
	@scripts/patches

#: make check-patches  the series: applies, style, =n changes nothing, each builds
check-patches:
	@scripts/check-patches

#: make check-mutants  has each key of the series a test that fails without it?
#:                     (over an hour; T=name: one)
check-mutants:
	@scripts/check-mutants $(T)

#: make check-transplant  the kernel's fcnal-test.sh with contexts for hosts
#:                     (an hour; T=name: one)
check-transplant:
	@scripts/check-transplant $(T)

#: make attack         contexts against namespaces with new seeds, for four hours
#:                     (TIME=seconds, SEED=n)
attack:
	@scripts/check-attack --time $(or $(TIME),14400) \
		--seed $(or $(SEED),$$(date +%s))

#: make fuzz           wrong requests with new seeds on the debug kernel, and what
#:                     of our code they reach, for an hour (TIME=seconds, SEED=n)
fuzz:
	@DEBUG=1 scripts/check-attack --time $(or $(TIME),3600) \
		--seed $(or $(SEED),$$(date +%s)) wrong_requests

#: make check-kcsan    races between CPUs: tests on a kernel with KCSAN
#:                     (half an hour to build it; T=name: one)
check-kcsan:
	@scripts/check-kcsan $(T)

#: make lint           style and static checks of all sources
lint:
	@scripts/lint

#: make clean          removes build/ except the kernel tree; the cache stays
clean:
	@find build -mindepth 1 -maxdepth 1 ! -name linux -exec rm -rf {} + 2>/dev/null || true
