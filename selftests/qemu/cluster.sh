#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# cluster.sh - on node 1 of several guests: make them one host.
#
# All of them get the address 10.0.0.1, besides 10.0.0.11, 10.0.0.12, ... of
# their own, on eth0. "vrctl cluster" makes the configurations; it ends when the
# cluster is there, with the last node for a lead, so that node 1 can see it die.
# The logs are /var/log/corosync.log and /var/log/vrd.log.
#
# Beside node 1 on its segment is a host that is no node: the network namespace
# "client", 10.0.0.100. So eth0 of this guest becomes a port of a switch,
# another namespace, and eth0 of the node is a cable to it.
set -euo pipefail

count=$VRCTX_NODES
# Emulated nodes on a busy machine are late.
token=400
[[ $VRCTX_ACCEL == kvm ]] || token=2000

at() {
	local k=$1
	shift
	if ((k == 1)); then
		bash -c "$*"
	else
		on "$k" "$*"
	fi
}

ip netns add switch
ip netns add client
ip link set eth0 down
ip link set eth0 address 52:54:00:01:00:01 name uplink netns switch
ip link add eth0 address 52:54:00:00:00:01 type veth \
	peer name node netns switch
ip -n client link add eth0 type veth peer name client netns switch
ip -n switch link add br0 type bridge
for port in uplink node client; do
	ip -n switch link set $port master br0 up
done
ip -n switch link set br0 up
ip -n client link set lo up
ip -n client link set eth0 up
ip -n client address add 10.0.0.100/24 dev eth0

nodes=()
for ((k = 1; k <= count; k++)); do
	at "$k" "ip link set eth0 up; ip address add 10.0.0.1$k/24 dev eth0"
	nodes+=(node "$k" ring "10.0.0.1$k" lladdr "52:54:00:00:00:0$k"
		priority $((100 + k)))
done
# In the guest this is a copy of what the machine has.
vrctl cluster init 10.0.0.1 dev eth0 token $token "${nodes[@]}" -f >/dev/null
bundle=$(</etc/vrctx/cluster.json)
for ((k = 2; k <= count; k++)); do
	at "$k" "vrctl cluster join -f - <<<'$bundle'" >/dev/null
done

# shellcheck disable=SC2016 # each node expands it
start='mkdir -p /var/lib/corosync /run/corosync /run/vrctx /var/log
insmod /repo/build/modules/$VRCTX_FLAVOUR/vr_dhost.ko
setsid corosync -f </dev/null >/var/log/corosync.log 2>&1 &
setsid /repo/build/userspace/vrd/vrd --guard </dev/null >/var/log/guard.log 2>&1 &
setsid /repo/build/userspace/vrd/vrd </dev/null >/var/log/vrd.log 2>&1 &'
for ((k = 1; k <= count; k++)); do
	at "$k" "$start"
done

there() {
	[[ $(at "$1" 'vrctl cluster status -j' 2>/dev/null) =~ \
		'"state":"active"'.*"\"members\":$count,".*"\"lead\":$count," ]]
}
for ((k = 1; k <= count; k++)); do
	for ((i = 0; ; i++)); do
		! there "$k" || break
		if ((i == 300)); then
			echo "node $k is not in the cluster"
			at "$k" 'tail -n 20 /var/log/corosync.log /var/log/vrd.log'
			exit 1
		fi
		sleep 0.2
	done
	at "$k" 'ip address add 10.0.0.1/24 dev eth0'
done
