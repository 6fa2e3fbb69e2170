#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# vrctl on a real kernel: every command, text and JSON, exit status 0, 1, 2.
# What the text of each looks like is the matter of the unit tests; here it
# must agree with the kernel. One python reads all JSON (see json_is).
# shellcheck disable=SC2317 # functions are called through t and vr_wait
# shellcheck source=lib_vrctx.sh
. "$(dirname "$0")/lib_vrctx.sh"
vr_begin "$@"

command -v vrctl >/dev/null || vr_skip_all "no vrctl on PATH"

# json_is 'python expression over j' vrctl-args...
json_is() {
	local expr=$1
	shift
	vrctl "$@" >"$vr_tmp/json" || return
	printf '%s\t%s\n' "${expr//[$'\n\t']/ }" "$(tr '\n' ' ' <"$vr_tmp/json")" \
		>>"$vr_tmp/jsons"
}

# All expressions at once: a python start is slow where these tests run
check_json() {
	python3 - "$vr_tmp/jsons" <<-'END'
	import json, sys
	bad = 0
	for line in open(sys.argv[1]):
	    expr, text = line.rstrip("\n").split("\t")
	    j = json.loads(text)
	    if not eval(expr, {"j": j}):
	        bad = 1
	        print(f"{expr} is false for {text}")
	sys.exit(bad)
	END
}

by_id='{c["id"]: c for c in j}'

# -- add, show, rename, del ---------------------------------------------------
t_out "" "nothing is said when all is well" vrctl add red
t "a number of choice" vrctl add blue id 77
t "a number without a name" vrctl add id 500
t "numbers and names are the kernel's" \
	grep -qE '^ *77 +blue +0 +0 +0' /proc/net/vrctx
t "show all" vrctl show
t "show lists the name" grep -q red "$vr_tmp/last"
t "show one by number" vrctl show 77
t "show one by name" vrctl show blue
t "JSON: all" json_is "sorted($by_id) == [0, 1, 77, 500]" show -j
t "JSON: -j before the command" json_is 'len(j) == 4' -j show
t "JSON: one, with its table and counts" json_is "j == [{'id': 77,
	'name': 'blue', 'table': 0x1000000 + 77, 'devices': 0, 'sockets': 0,
	'tasks': 0}]" show blue -j
t "JSON: names null and default" json_is "${by_id}[500]['name'] is None and \
${by_id}[0]['name'] == 'default'" show --json
t "rename" vrctl rename red crimson
t "rename by number" vrctl rename 500 grey
t "JSON: renamed" json_is "${by_id}[1]['name'] == 'crimson' and \
${by_id}[500]['name'] == 'grey'" show -j
t "delete by name" vrctl del grey
t_rc 1 'no such|does not exist|not found|No such' "show a deleted one" \
	vrctl show grey

# -- refusals: exit 1 and a reason -----------------------------------------
t_rc 1 '.' "add a name that is taken" vrctl add blue
t_rc 1 '.' "add a number that is taken" vrctl add green id 77
t_rc 1 '.' "add number 0" vrctl add green id 0
t_rc 1 '.' "add number max + 1" vrctl add green id 16777216
t_rc 1 '.' "add a numeric name" vrctl add 42
t_rc 1 '.' "add a name of 32 bytes" vrctl add "$(printf 'n%.0s' {1..32})"
t_rc 1 '.' "add a name with a space" vrctl add 'a b'
t_rc 1 '.' "add a name in UTF-8" vrctl add käse
t_rc 1 '.' "add the reserved name" vrctl add default
t_rc 1 '.' "delete context 0" vrctl del 0
t_rc 1 '.' "delete what is not there" vrctl del nobody
t_rc 1 '.' "rename context 0" vrctl rename default other
t_rc 1 '.' "rename to a name that is taken" vrctl rename crimson blue
t_rc 1 '.' "move a device that is not there" vrctl link set nope0 blue
t_rc 1 '.' "move lo" vrctl link set lo blue
t_rc 1 '.' "exec in a context that is not there" vrctl exec nobody true
t_rc 1 '.' "pids of a context that is not there" vrctl pids 4242
t_rc 1 '.' "stats of a context that is not there" vrctl stats 4242
t_rc 1 '.' "identify a process that is not there" vrctl identify 2147483647

# -- usage: exit 2 ------------------------------------------------------------
t_rc 2 'Usage' "no command" vrctl
t_rc 2 'Usage' "unknown command" vrctl frob
t_rc 2 'Usage' "abbreviated command" vrctl sh
t_rc 2 'Usage' "unknown option" vrctl show --frob
t_rc 2 'Usage' "too many words" vrctl show 1 2
t_rc 2 'Usage' "add without a name" vrctl add
t_rc 2 'Usage' "link set without a context" vrctl link set eth0
t_rc 2 'Usage' "exec without a program" vrctl exec blue
t "help" vrctl --help
t "help of a command" vrctl exec --help

# -- links --------------------------------------------------------------------
ip link add d0 type dummy
ip addr add 10.0.0.1/24 dev d0
t_out "" "link set of a device that is down" vrctl link set d0 blue
t "JSON: the device" json_is "j[0]['ifname'] == 'd0' and j[0]['id'] == 77 \
and j[0]['name'] == 'blue'" link show d0 -j
t "JSON: devices of the context" json_is "[d['ifname'] for d in j] == ['d0']" \
	link show ctx blue -j
t "JSON: no devices is an empty array" json_is "j == []" \
	link show ctx crimson -j
t "JSON: all devices" json_is \
	"{d['ifname']: d['id'] for d in j} == {'lo': 0, 'd0': 77}" link show -j
t_rc 1 'device|busy|Busy' "delete a context with a device" vrctl del blue
ip link set d0 up
t "link set of a device that is up" vrctl link set d0 crimson
t "it says so" grep -q 'taken down.*brought up' "$vr_tmp/last"
t "it is up again, with its address" \
	bash -c 'ip -o addr show dev d0 up | grep -q 10.0.0.1/24'
t "its route is in the new table" \
	bash -c 'ip route show table 16777217 | grep -q 10.0.0.0/24'
t "link set to where it is: nothing" vrctl link set d0 1
t "forced delete" vrctl del -f crimson
t "JSON: the device is back in 0" json_is "j[0]['id'] == 0" link show d0 -j
t_out "" "del force, the word" bash -c 'vrctl add tmp && vrctl del tmp force'

# -- exec, identify, pids -----------------------------------------------------
t_out "77 blue" "exec enters the context" \
	vrctl exec blue cat /proc/self/vrctx
t_out "77 blue" "exec by number, with --" \
	vrctl exec 77 -- cat /proc/self/vrctx
t_out "77 blue" "children too" \
	vrctl exec blue sh -c 'sh -c "cat /proc/self/vrctx"'
t_out "0 default" "identify: oneself" vrctl identify
t_out "77 blue" "identify inside" vrctl exec blue vrctl identify
t_rc 7 '' "exit status of the program" vrctl exec blue sh -c 'exit 7'
t_rc 127 '.' "program not found" vrctl exec blue /no/such/program
: >"$vr_tmp/plain"
t_rc 126 '.' "program not executable" vrctl exec blue "$vr_tmp/plain"
t_out "-u x" "options of the program are its own" \
	vrctl exec blue echo -u x

mkfifo "$vr_tmp/fifo"
vrctl exec blue cat <"$vr_tmp/fifo" &
pid=$!
exec 9>"$vr_tmp/fifo"
t "the program replaces vrctl" \
	vr_wait grep -q '^cat$' "/proc/$pid/comm"
t_out "$pid" "pids" vrctl pids blue
t_out "77 blue" "identify another" vrctl identify "$pid"
t "JSON: identify" json_is \
	"j == [{'pid': $pid, 'id': 77, 'name': 'blue'}]" identify "$pid" -j
t "JSON: pids" json_is "[t['pid'] for t in j] == [$pid]" pids blue -j
t "JSON: tasks are counted" json_is "j[0]['tasks'] == 1" show blue -j
exec 9>&-
wait "$pid"
t_out "" "pids of nobody" vrctl pids blue

# -- exec -u ------------------------------------------------------------------
caps="grep -h ^Cap /proc/self/status"
zero=$(printf 'Cap%s:\t0000000000000000\n' Inh Prm Eff Bnd Amb)
t_out "$zero" "exec -u drops all capabilities" \
	vrctl exec blue -u nobody bash -c "$caps"
t_rc 1 'user id 0' "exec -u is not for root" vrctl exec blue -u root true
t_rc 1 'user id 0' "nor by number" vrctl exec blue -u 0 true
t_out "nobody" "exec -u becomes the user" \
	vrctl exec blue --user nobody id -un
t_rc 1 '.' "exec -u for a user that is not there" \
	vrctl exec blue -u no-such-user true
t_rc 1 'ermission|permitted' "no way back for the program: vrctl" \
	vrctl exec blue -u nobody "$(command -v vrctl)" exec 0 true
t_rc 1 'ermission|permitted' "no way back: /proc" \
	vrctl exec blue -u nobody bash -c 'echo 0 >/proc/self/vrctx'
t_out "77 blue" "it sees its own context" \
	vrctl exec blue -u nobody cat /proc/self/vrctx
vrctl add other id 78
t_out "blue" "and no other" vrctl exec blue -u nobody bash -c \
	"awk 'NR > 1 { print \$2 }' /proc/net/vrctx"
t_rc 1 'CAP_NET_ADMIN' "it creates none" \
	vrctl exec blue -u nobody "$(command -v vrctl)" add mine

# -- stats, monitor -----------------------------------------------------------
t "stats" vrctl stats
t "JSON: stats" json_is "j[0]['id'] == 77 and all(isinstance(j[0][k], int) \
for k in ('rx_packets', 'tx_packets', 'fwd_packets', 'no_route', \
'wrong_ctx'))" stats blue -j
t "JSON: stats of all" json_is "sorted($by_id) == [0, 77, 78]" stats -j

vrctl monitor -j >"$vr_tmp/events" &
mon=$!
# it listens once it sees a context come; each try is a context of its own
heard() {
	vrctl add probe && vrctl del probe && grep -q probe "$vr_tmp/events"
}
t "monitor listens" vr_wait heard
vrctl add mauve id 79
vrctl link set d0 mauve
vrctl rename mauve violet
vrctl del -f violet
t "monitor reports the last change" \
	vr_wait grep -q 'ctx-del.*violet' "$vr_tmp/events"
kill -TERM "$mon"
wait "$mon"
t_rc 0 '' "monitor ends well" test $? = 0
t_out "ctx 79
dev 79
ctx 79
dev 0
ctx-del 79" "monitor's events" python3 - "$vr_tmp/events" <<'END'
import json, sys
for line in open(sys.argv[1]):
    e = json.loads(line)
    if e["id"] == 79 or e.get("ifname") == "d0":
        print(e["event"], e["id"])
END

t "all JSON is as expected" check_json
vr_end
