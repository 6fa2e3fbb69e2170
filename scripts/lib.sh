# lib.sh - what every script here needs; sourced, not run.
# shellcheck shell=bash
#
# Variables a caller may set: CACHE, KERNEL_SRC, TREE, JOBS, V.

# shellcheck disable=SC2034
TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
CACHE=$(realpath -m "${CACHE:-$HOME/.cache/vrctx}")
JOBS=${JOBS:-$(nproc)}
PROG=${0##*/}

note() { printf '%s: %s\n' "$PROG" "$*" >&2; }
die() { note "$*"; exit 1; }

# One holder at a time of the named lock, until this shell ends.
lock() {
	local fd
	mkdir -p "$CACHE/lock"
	exec {fd}>"$CACHE/lock/$1"
	if ! flock -n "$fd"; then
		note "waiting for another run ($1)"
		flock "$fd"
	fi
}

# A command whose output matters only when it fails: log_run LOG CMD...
log_run() {
	local log=$1 rc=0
	shift
	mkdir -p "${log%/*}"
	if [[ ${V:-0} == 1 ]]; then
		"$@" 2>&1 | tee "$log" >&2 || rc=$?
	else
		"$@" >"$log" 2>&1 || rc=$?
	fi
	((rc == 0)) && return 0
	tail -n 40 "$log" >&2
	die "failed ($rc): $1 ${2-} ...; all of it is in $log"
}

# kernel_version DIR: "6.12.117", nothing if that is no kernel tree.
kernel_version() {
	awk -F' *= *' '
		/^(VERSION|PATCHLEVEL|SUBLEVEL) =/ { v = v sep $2; sep = "." }
		/^NAME =/ { print v; exit }' "$1/Makefile" 2>/dev/null || true
}
