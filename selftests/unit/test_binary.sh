#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The real vrctl on a kernel that may or may not have contexts: streams, exit
# status, agreement of help, man page and completion. Speaks TAP.

vrctl=$1
top=$(cd "$(dirname "$0")/../.." && pwd)
count=0
failed=0

# ok NAME COMMAND...: the test passes if the command does
ok() {
	name=$1
	shift
	count=$((count + 1))
	if "$@" >/dev/null 2>&1; then
		echo "ok $count - $name"
	else
		echo "not ok $count - $name"
		failed=$((failed + 1))
	fi
}

# status N COMMAND...: the command ends with this status
status() {
	want=$1
	shift
	"$@" >/dev/null 2>&1
	[ $? -eq "$want" ]
}

silent_stdout() {
	[ -z "$("$@" 2>/dev/null)" ]
}

silent_stderr() {
	[ -z "$("$@" 2>&1 >/dev/null)" ]
}

# Every first word of a command in the help is in the file
words_in() {
	for word in $("$vrctl" --help | sed -n 's/^  \([a-z]*\) .*/\1/p'); do
		grep -q "$word" "$1" || return 1
	done
}

write_to_full() {
	"$vrctl" --help >/dev/full
}

ok "help succeeds" "$vrctl" --help
ok "help is on stdout" silent_stderr "$vrctl" --help
ok "version succeeds" "$vrctl" --version
ok "no command is wrong usage" status 2 "$vrctl"
ok "unknown command is wrong usage" status 2 "$vrctl" frobnicate
ok "unknown option is wrong usage" status 2 "$vrctl" show --frobnicate
ok "usage is on stderr" silent_stdout "$vrctl" frobnicate
ok "a bad name is refused" status 1 "$vrctl" add "a b"
ok "a full disk is noticed" status 1 write_to_full
ok "the man page names every command" \
	words_in "$top/Documentation/man/vrctl.8"
ok "the completion names every command" \
	words_in "$top/userspace/etc/bash-completion/vrctl"

echo "1..$count"
[ "$failed" -eq 0 ]
