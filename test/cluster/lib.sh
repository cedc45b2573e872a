# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2154 # variables of state.env and of the other parts
# Shared by cluster.sh's parts: where things are, and processes that are started
# in the background, recorded, looked at and ended by their id.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
CACHE=${CLONESET_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/cloneset}
NAME=${NAME:-dev}
DIR=${DIR:-$CACHE/clusters/$NAME}

die() {
	echo "cluster.sh: $*" >&2
	exit 1
}

say() { echo "cluster: $*"; }

# Milliseconds since boot, to tell how long things took.
now_ms() {
	local up
	read -r up _ </proc/uptime
	echo $((10#${up/./} * 10))
}

# ---- processes: $DIR/NAME.pid holds "pid start-time", so that a reused pid is never taken for ours

start_time_of() { # pid; nothing when it is gone or a zombie
	local stat
	local -a threads
	stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
	read -r -a stat <<<"${stat##*) }" # the program's name may contain spaces
	# While other threads of a zombie are still ending, its ports are taken.
	threads=("/proc/$1/task"/*)
	case ${stat[0]}${#threads[@]} in Z1 | X*) return 1 ;; esac
	echo "${stat[19]}"
}

pid_of() { # name; prints the pid if that very process still runs
	local pid started
	read -r pid started 2>/dev/null <"$DIR/$1.pid" || return 1
	[ "$(start_time_of "$pid")" = "$started" ] && echo "$pid"
}

record_pid() { # name pid
	echo "$2 $(start_time_of "$2")" >"$DIR/$1.pid"
}

start() { # name command...
	local name=$1
	shift
	if pid_of "$name" >/dev/null; then return; fi
	# A session of its own: an interrupt at the terminal ends the script, not the cluster.
	setsid "$@" </dev/null >>"$DIR/$name.log" 2>&1 9>&- &
	record_pid "$name" $!
	disown
}

stop() { # SIGNAL name...; waits until they are gone, helps with SIGKILL after 20 s
	local signal=$1 name pid i
	shift
	for name in "$@"; do
		if pid=$(pid_of "$name"); then kill "-$signal" "$pid" 2>/dev/null || true; fi
	done
	for name in "$@"; do
		for ((i = 0; i < 400; i++)); do
			pid=$(pid_of "$name") || break
			if [ $i = 399 ]; then kill -KILL "$pid" 2>/dev/null || true; fi
			sleep 0.05
		done
		rm -f "$DIR/$name.pid"
	done
}

show_log_tail() { # name
	echo "---- last lines of $DIR/$1.log" >&2
	tail -n 25 "$DIR/$1.log" >&2 || true
	echo "----" >&2
}

# wait_for WHAT SECONDS "NAMES" COMMAND...: until the command succeeds; fails at once when one of the named
# processes has died, and shows the end of its log.
wait_for() {
	local what=$1 limit=$2 names=$3 name begin said
	shift 3
	begin=$SECONDS said=$SECONDS
	until "$@" >/dev/null 2>&1; do
		for name in $names; do
			if ! pid_of "$name" >/dev/null; then
				show_log_tail "$name"
				echo "cluster.sh: $name died while waiting for $what" >&2
				return 1
			fi
		done
		if [ $((SECONDS - begin)) -ge "$limit" ]; then
			for name in $names; do show_log_tail "$name"; done
			echo "cluster.sh: no $what after $limit s" >&2
			return 1
		fi
		if [ $((SECONDS - said)) -ge 10 ]; then
			say "waiting for $what, $((SECONDS - begin)) s"
			said=$SECONDS
		fi
		sleep 0.1
	done
}

api() { # path [curl options...]
	local path=$1
	shift
	curl -sS -f -m 20 --cacert "$DIR/pki/ca.crt" --cert "$DIR/pki/admin.crt" --key "$DIR/pki/admin.key" \
		"$@" "https://127.0.0.1:$PORT$path"
}

# ---- slots: each running cluster has a number, from which its addresses and ports are made

port_free() { ! (: </dev/tcp/127.0.0.1/"$1") 2>/dev/null; }

slot_usable() { # number
	local i
	for i in 0 1 2 3; do port_free $((21000 + $1 * 10 + i)) || return 1; done
	! ip -4 route show 2>/dev/null | grep -Eq "(^| )10\.24[0-9]\.$1\."
}

take_slot() { # sets SLOT; a slot whose cluster is gone without a 'down' is taken over
	local n owner
	mkdir -p "$CACHE/slots"
	exec 9>"$CACHE/slots/lock"
	flock 9
	for ((n = 1; n < 250; n++)); do
		owner=$(cat "$CACHE/slots/$n" 2>/dev/null) || owner=
		if [ -n "$owner" ] && [ "$owner" != "$DIR" ] && [ -e "$owner/state.env" ]; then continue; fi
		if slot_usable $n; then
			echo "$DIR" >"$CACHE/slots/$n"
			SLOT=$n
			break
		fi
	done
	flock -u 9
	exec 9>&-
	[ -n "${SLOT:-}" ] || die "no free slot: too many clusters run on this machine ($CACHE/slots)"
}

other_slots_in_use() {
	local n owner
	for n in "$CACHE"/slots/[0-9]*; do
		owner=$(cat "$n" 2>/dev/null) || continue
		[ "$owner" != "$DIR" ] && [ -e "$owner/state.env" ] && return 0
	done
	return 1
}

load_state() {
	[ -e "$DIR/state.env" ] || return 1
	# shellcheck disable=SC1091
	. "$DIR/state.env"
}
