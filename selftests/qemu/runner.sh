#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# runner.sh - inside the guest: run the tests named in /out/tests.
#
# Appends "ok NAME" or "fail NAME" to /out/results and keeps the name of the
# test that runs in /out/running, so that scripts/check-guest knows what was
# going on when a guest died.  Tests that have a result already are left out.
# Exit status 0 when it came to the end, whatever the results.
set -uo pipefail

dir=/repo/selftests/${VR_SUITE:-vrctx}
bin=/repo/build/selftests
limit=$((300 * ${VR_SLOW:-1} + ${VR_STRESS:-0}))

program() {
	local f
	for f in "$dir/$1.sh" "$dir/$1.py" "$bin/$1"; do
		if [[ -x $f ]]; then
			echo "$f"
			return
		fi
	done
}

verdict() {
	local name=$1 result=$2 note=$3
	echo "$result $name" >>/out/results
	if [[ $result == ok ]]; then
		echo "ok - $name$note"
	else
		echo "not ok - $name$note"
		sed 's/^/    # /' "/out/$name.log" | tail -n 60
	fi
}

run() {
	local name=$1 prog rc=0 start=$SECONDS
	prog=$(program "$name")
	echo "$name" >/out/running
	echo "vrctx-test: $name" >/dev/kmsg
	if [[ -z $prog ]]; then
		echo "no such test" >"/out/$name.log"
		rc=127
	else
		(cd "$dir" && timeout -k 5 "$limit" "$prog") \
			>"/out/$name.log" 2>&1 || rc=$?
	fi
	case $rc in
	0) verdict "$name" ok " ($((SECONDS - start)) s)" ;;
	4) verdict "$name" fail " # skipped, but nothing may skip here" ;;
	124) verdict "$name" fail " # timeout after $limit s" ;;
	*) verdict "$name" fail " # exit $rc" ;;
	esac
	rm -f /out/running
}

# Objects count as leaked once they are a few seconds old and no scan finds
# a pointer to them: two scans, so that what RCU still held is gone.
kmemleak() {
	local k=/sys/kernel/debug/kmemleak
	[[ -w $k ]] && ! grep -qw kmemleak=off /proc/cmdline || return 0
	echo kmemleak >/out/running
	echo scan >$k
	sleep 6
	echo scan >$k
	cat $k >/out/kmemleak.log
	if [[ -s /out/kmemleak.log ]]; then
		verdict kmemleak fail ""
	else
		verdict kmemleak ok ""
	fi
	rm -f /out/running
}

while IFS= read -r name; do
	grep -qxE "(ok|fail) $name" /out/results || run "$name"
done </out/tests
kmemleak
# How often KCSAN has looked
[[ ! -r /sys/kernel/debug/kcsan ]] || cat /sys/kernel/debug/kcsan >/out/kcsan.log
exit 0
