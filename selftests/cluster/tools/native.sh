#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# native.sh - how long vrd's protocol takes where nothing is emulated.
#
# usage: native.sh VRD_RIG      as root; reads COUNT (100), TOKEN (1000 ms)
#
# Three corosyncs on this machine, each with a network of its own, and on each
# the state machine of vrd without a kernel (../../sim/rig.cpp). The bars: a port
# is granted 3 ms after what one message of corosync's takes, at most; of those
# that are asked for at once, ten each ms; who joins has 100,000 in two seconds;
# and another node is the lead 200 ms after corosync knows that one has died. On a
# busy machine processes wait for a CPU, so the best of three tries counts.
set -euo pipefail

rig=$(realpath "$1")
self=$(realpath "$0")
# In mounts and a network of its own; corosync's number is in corosync.K.
node() {
	local k=$1 count=$2
	for where in /var/lib/corosync /run /dev/shm /etc/corosync; do
		mount -t tmpfs none $where
	done
	mkdir -p /run/corosync
	cp conf /etc/corosync/corosync.conf
	cp key /etc/corosync/authkey
	ip link set lo up
	until ip address add "10.1.0.$k/24" dev ic0 2>/dev/null; do
		sleep 0.02      # it is on its way
	done
	ip link set ic0 up
	corosync -f 2>"corosync$k.log" &
	echo $! >"corosync.$k"
	exec "$rig" "$k" 3 "$count"
}

case ${2-} in
node)
	node "$3" "$4"
	;;
inside)
	;;
*)
	# Everything dies with the first process of the namespace.
	exec unshare --net --mount --pid --fork --kill-child --mount-proc \
		"$self" "$rig" inside
	;;
esac

own=$(readlink /proc/self/ns/net)
dir=$(mktemp -d)
mount -t tmpfs none "$dir"
cd "$dir"
head -c 256 /dev/urandom >key
{
	cat <<END
totem {
	version: 2
	cluster_name: native
	transport: knet
	crypto_cipher: aes256
	crypto_hash: sha256
	token: ${TOKEN:-1000}
}
quorum {
	provider: corosync_votequorum
}
system {
	sched_rr: no
	move_to_root_cgroup: no
}
logging {
	to_stderr: yes
	to_syslog: no
}
nodelist {
END
	for k in 1 2 3; do
		printf '\tnode {\n\t\tring0_addr: 10.1.0.%d\n\t\tnodeid: %d\n\t\tname: n%d\n\t}\n' \
			$k $k $k
	done
	echo '}'
} >conf

# Wait for a line of a node's rig, after another one if any; prints it.
said() {
	local i
	for ((i = 0; i < 300; i++)); do
		sed "${3:+0,/$3/d}" "rig$1" | grep -m 1 "$2" && return
		sleep 0.1
	done
	echo "node $1 never said: $2" >&2
	tail -n 5 corosync?.log >&2
	return 1
}

try() {
	local k bind message lead count burst held join pids=()
	rm -f rig? corosync.?
	ip link add name sw type bridge
	ip link set sw up
	for k in 1 2 3; do
		unshare --net --mount --uts "$self" "$rig" node $k \
			$((k == 2 ? ${COUNT:-100} : 0)) >"rig$k" &
		pids+=($!)
		until [[ $(readlink /proc/$!/ns/net) != "$own" ]]; do
			sleep 0.02
		done
		ip link add "p$k" type veth peer name ic0 netns $!
		ip link set "p$k" master sw up
	done
	read -r _ count burst < <(said 2 ^burst ^serving)
	read -r _ bind message < <(said 2 ^median ^burst)
	said 2 ^held ^median >/dev/null
	kill -KILL "${pids[2]}"
	wait "${pids[2]}" 2>/dev/null || true
	nsenter -t "$(<corosync.3)" --net --mount --uts "$rig" 3 3 0 >rig3 &
	pids[2]=$!
	read -r _ held join < <(said 3 ^serving)
	kill -KILL "$(<corosync.1)"
	read -r _ _ lead < <(said 2 '^lead 2' ^median)
	kill -KILL "${pids[@]}" "$(<corosync.2)" "$(<corosync.3)" 2>/dev/null
	wait "${pids[@]}" 2>/dev/null || true
	ip link del sw
	echo "# bind: median $bind ms, a message: $message ms;" \
		"$count at once: $burst ms; $held to who joins: $join ms;" \
		"another lead: $lead ms after corosync knew"
	awk "BEGIN { exit !($bind <= $message + 3 && $lead <= 200 &&
		$burst <= $count / 10 && $held == 100000 && $join <= 2000) }"
}

for i in 1 2 3; do
	! try || exit 0
done
exit 1
