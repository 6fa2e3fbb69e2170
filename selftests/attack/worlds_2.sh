#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The other half of the worlds, see worlds_1.sh.
exec ../../build/selftests/attack --seed $((${VR_SEED:-1} + 500000000)) \
	--cases $((${VR_CASES:-100000} / 2))
