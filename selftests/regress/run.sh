#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# run.sh - inside the guest: the kernel's own network selftests, unmodified.
#
# usage: run.sh TEST...
#
# The output of each goes to /out/TEST.log; its last line is "exit N".
set -uo pipefail

stage=/repo/build/regress/stage
# The scripts expect their programs in the current directory, and write there.
cp -r "$stage" /tmp/selftests
cd /tmp/selftests/net || exit 1
export PATH=$stage/bin:$PWD:$PATH
# The names of tests that rtnetlink.sh runs: all but one.  That one starts ip
# 2,000 times, a third of the whole run here, to race additions of IPv6
# address labels against deletions: nothing that knows of contexts.
rtnetlink=$(sed -n '/^ALL_TESTS="/,/"$/p' rtnetlink.sh |
	grep -o 'kci_test_[a-z0-9_]*' | grep -vx kci_test_addrlabel)
# The IPv6 tests of these two, without those that take minutes for little: all
# of fib_nexthops.sh would run a quarter of an hour, pmtu.sh longer.
nexthops=(ipv6_fcnal ipv6_grp_fcnal ipv6_fcnal_runtime ipv6_compat_mode)
pmtu=(pmtu_ipv6_exception cleanup_ipv6_exception pmtu_ipv6_route_change)

# nettest -B is a client and a server that says that it is ready before it asks
# for the address a datagram was sent to.  Where the client is faster, the reply
# has another source and is lost.  There is one CPU: who has it keeps it so.
mv nettest nettest.real
cat >nettest <<-'END'
	#!/bin/sh
	exec chrt --fifo 1 "$0.real" "$@"
END
chmod +x nettest

# Some start tcpdump and wait for a packet that is sent a second later: the
# first start, which reads the file and its libraries, may take longer.
timeout 1 tcpdump -i lo -c 1 &>/dev/null

for t; do
	start=$SECONDS rc=0 args=()
	echo "regress: $t" >/dev/kmsg
	TESTS=
	case $t in
	rtnetlink.sh) export TESTS=${rtnetlink//$'\n'/ } ;;
	fib_nexthops.sh) args=(-t "${nexthops[*]}") ;;
	pmtu.sh) args=("${pmtu[@]}") ;;
	esac
	timeout -k 5 900 "./$t" "${args[@]}" >"/out/$t.log" 2>&1 </dev/null ||
		rc=$?
	unset TESTS
	echo "exit $rc" >>"/out/$t.log"
	echo "$t: $((SECONDS - start)) s, exit $rc"
done
exit 0
