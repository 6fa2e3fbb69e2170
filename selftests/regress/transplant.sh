#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# transplant.sh - inside the guest: fcnal-test.sh, in namespaces or in contexts.
#
# usage: transplant.sh netns|context TEST...
#
# The kernel's own test of sockets, addresses and devices, without its VRF
# parts: every host of it is a namespace.  With "context", every host is
# context 7 of a namespace (bin/ip), the script is the same.  The output of
# each TEST (fcnal-test.sh -h lists them) goes to /out/TEST.log.
set -uo pipefail

where=$1
shift
here=$(dirname "$(readlink -f "$0")")
stage=/repo/build/regress/stage

cp -r "$stage" /tmp/selftests
cd /tmp/selftests/net || exit 1
export PATH=$stage/bin:$PWD:$PATH
if [[ $where == context ]]; then
	export PATH=$here/bin:$PATH
fi
# Without VRFs: no test of them, nothing set up for them
cat >novrf.sh <<-'END'
	for f in $(compgen -A function); do
		case $f in
		*_novrf) ;;
		*_vrf) eval "$f() { :; }" ;;
		esac
	done
	eval "set_up() $(declare -f setup | tail -n +2)"
	setup() { [[ ${1-} == yes ]] || set_up; }
END
sed -i 's|^# main$|&\n. ./novrf.sh|' fcnal-test.sh
grep -q '^\. ./novrf.sh' fcnal-test.sh || exit 1

for t; do
	start=$SECONDS rc=0
	echo "transplant: $where $t" >/dev/kmsg
	timeout -k 5 3000 ./fcnal-test.sh -t "$t" >"/out/$t.log" 2>&1 \
		</dev/null || rc=$?
	echo "exit $rc" >>"/out/$t.log"
	echo "$t: $((SECONDS - start)) s, exit $rc"
done
exit 0
