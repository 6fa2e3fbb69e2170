#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Half of the worlds; worlds_2.sh has the others, in another guest.
exec ../../build/selftests/attack --seed "${VR_SEED:-1}" \
	--cases $((${VR_CASES:-100000} / 2)) --time "${VR_STRESS:-0}"
