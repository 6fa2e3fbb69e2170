# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Sourced by the shell selftests: TAP, a namespace of their own, clean-up.
#
#	. ./lib_vrctx.sh; vr_begin "$@"
#	t "what it shows" command...		must exit 0
#	t_rc 1 'regex' "what" command...	exit status, regex on stderr
#	t_out 'exact output' "what" command...
#						output of the one before: $vr_tmp/last
#	vr_end
#
# The test runs in a fresh network namespace, which ends with it; further
# namespaces made by vr_ns are removed on exit.

KSFT_PASS=0 KSFT_FAIL=1 KSFT_SKIP=4
vr_num=0 vr_failed=0
vr_namespaces=()
vr_tmp=

vr_skip_all() {
	if [[ ${VR_EXPECT_ALL-} == 1 ]]; then
		echo "Bail out! $1"
		exit $KSFT_FAIL
	fi
	printf 'TAP version 13\n1..0 # SKIP %s\n' "$1"
	exit $KSFT_SKIP
}

vr_cleanup() {
	local ns
	for ns in "${vr_namespaces[@]}"; do
		ip netns del "$ns" 2>/dev/null
	done
	[[ -z $vr_tmp ]] || rm -rf "$vr_tmp"
}

# Once more in a new namespace, then set up
vr_begin() {
	[[ -e /proc/self/vrctx ]] ||
		vr_skip_all "kernel without contexts (CONFIG_NET_VRCTX)"
	if [[ ${VR_IN_NETNS-} != 1 ]]; then
		VR_IN_NETNS=1 exec unshare -n -- "$0" "$@"
	fi
	trap vr_cleanup EXIT
	trap 'exit 130' INT TERM
	vr_tmp=$(mktemp -d)
	ip link set lo up
	echo "TAP version 13"
}

# A further namespace with a name of its own
vr_ns() {
	local ns=vr-$1-$$
	ip netns add "$ns" && vr_namespaces+=("$ns")
	echo "$ns"
}

vr_result() {
	vr_num=$((vr_num + 1))
	if (($1 == 0)); then
		echo "ok $vr_num $2"
	else
		echo "not ok $vr_num $2"
		vr_failed=$((vr_failed + 1))
		sed 's/^/# /' "$vr_tmp/out" "$vr_tmp/err" 2>/dev/null
	fi
}

vr_run() {
	vr_rc=0
	[[ ! -e $vr_tmp/out ]] || mv "$vr_tmp/out" "$vr_tmp/last"
	"$@" >"$vr_tmp/out" 2>"$vr_tmp/err" || vr_rc=$?
}

t() {
	local what=$1
	shift
	vr_run "$@"
	vr_result "$vr_rc" "$what"
}

t_rc() {
	local want=$1 regex=$2 what=$3
	shift 3
	vr_run "$@"
	if ((vr_rc == want)) &&
		{ [[ -z $regex ]] || grep -qE -- "$regex" "$vr_tmp/err"; }; then
		vr_result 0 "$what"
	else
		echo "exit status $vr_rc, want $want and /$regex/" >>"$vr_tmp/err"
		vr_result 1 "$what"
	fi
}

t_out() {
	local want=$1 what=$2
	shift 2
	vr_run "$@"
	if ((vr_rc == 0)) && [[ $(<"$vr_tmp/out") == "$want" ]]; then
		vr_result 0 "$what"
	else
		echo "exit status $vr_rc, wanted output: $want" >>"$vr_tmp/err"
		vr_result 1 "$what"
	fi
}

# Poll a command until it succeeds, 10 s at most
vr_wait() {
	local end=$((SECONDS + 10 * ${VR_SLOW:-1}))
	until "$@" >/dev/null 2>&1; do
		((SECONDS < end)) || return 1
		sleep 0.01
	done
}

vr_end() {
	echo "1..$vr_num"
	((vr_failed == 0)) || exit $KSFT_FAIL
	exit $KSFT_PASS
}
