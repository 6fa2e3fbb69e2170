#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# mutants.sh - inside the guest: which mutants of its kernel do the tests see?
#
# The kernel holds all of them and is the one whose number it is told (0:
# none), or each is a module; see scripts/check-mutants.  Lines of /out/todo
# are "NUMBER TEST..."; those of /out/results "NUMBER WORD TEST", where WORD is
#   seen      the test fails with the mutant and passes without it
#   survived  all tests pass with the mutant (TEST is -)
#   dirty     the test fails without the mutant, too: the guest is no good any
#             more, or the test is not; nothing else is run in it
set -uo pipefail

dir=/repo/selftests/vrctx
bin=/repo/build/selftests
which=/sys/module/vrctx/parameters/mutant
modules=/repo/build/mutants/modules

# Be mutant number $1.
become() {
	if [[ -w $which ]]; then
		echo "$1" >$which
		return
	fi
	# the tests load it
	[[ ! -d /sys/module/vr_dhost ]] || rmmod vr_dhost
	VR_DHOST_KO=$modules/$1.ko
	(($1)) || VR_DHOST_KO=
	export VR_DHOST_KO
}

passes() {
	local name=$1 f
	for f in "$dir/$name.sh" "$dir/$name.py" "$bin/$name"; do
		[[ -x $f ]] || continue
		(cd "$dir" && timeout -k 5 120 "$f") >>"/out/$number.log" 2>&1
		return
	done
	echo "no test is called $name" >>"/out/$number.log"
	return 1
}

while read -r number tests; do
	grep -qE "^$number (seen|survived)" /out/results && continue
	echo "$number" >/out/running
	word=survived by=-
	for t in $tests; do
		become "$number"
		VR_FIRST=1 passes "$t" && continue
		become 0
		by=$t word=seen
		passes "$t" || word=dirty
		break
	done
	become 0
	echo "$number $word $by" >>/out/results
	rm -f /out/running
	[[ $word == dirty ]] && break
done </out/todo
exit 0
