# What the scripts of a node's server know. Only what came after BEFORE, the sizes of the newest log files, is read, and of the journal
# what came after CURSOR. Time is the host's uptime, because one turn of a loop takes as long as the host is busy, and its clock may
# jump.
# uses: tcp_tables polardb_logs
# takes: PGDATA POLARDATA UNIT TIMEOUT CLIENT CONSENSUS PORT BEFORE CURSOR
# leaves: now
set -e
cd /
alive() {
	pid=
	{ read -r pid || :; } 2>/dev/null <"$PGDATA/postmaster.pid" || :
	case $pid in ''|*[!0-9]*) return 1 ;; esac
	[ "/proc/$pid/cwd" -ef "$PGDATA" ]
}
listens() {
	# shellcheck disable=SC2086 # one or two files
	awk -v client="$CLIENT" -v consensus="$CONSENSUS" '$4 == "0A" { sub(/.*:/, "", $2); if ($2 == client) c = 1; if ($2 == consensus) d = 1 } END { exit !(c && d) }' $tcp
}
sizes() { logs sizes; }
news() { printf '%s' "$BEFORE" | logs news; }
restarts() { news | grep -c -e 'all server processes terminated; reinitializing' || :; }
clock() { read -r now rest </proc/uptime; now=${now%%.*}; }
# In hundredths of a second.
finely() { read -r now rest </proc/uptime; now=${now%.*}${now#*.}; }
answers() { as pg_isready -q -t 2 -h 127.0.0.1 -p "$PORT" >/dev/null 2>&1; }
have() { command -v "$1" >/dev/null 2>&1; }
# What the unit's processes wrote before the collector of the log took over. Of a start that was not ours, what systemd counts to it.
journal() {
	have journalctl || return 0
	journalctl --sync 2>/dev/null || sleep 0.3
	if [ -n "$CURSOR" ]; then set -- --cursor="$CURSOR" _SYSTEMD_UNIT="${UNIT%.service}.service"
	else
		run=$(systemctl show -p InvocationID "$UNIT" 2>/dev/null) run=${run#*=}
		[ -n "$run" ] || return 0
		set -- _SYSTEMD_INVOCATION_ID="$run"
	fi
	journalctl -q --no-pager -o cat "$@" 2>/dev/null | tail -n 500
}
explain() {
	{
		echo @@log; journal; news
		echo; echo @@unit; systemctl show -p Result -p ExecMainCode -p ExecMainStatus "$UNIT" 2>/dev/null
		echo @@holder
		if ! alive && [ -n "$pid" ] && [ -d "/proc/$pid" ]; then
			{ read -r comm || :; } 2>/dev/null <"/proc/$pid/comm" || :
			echo "postmaster.pid names the process $pid, which is not a server of this directory but $comm of $(stat -c %U "/proc/$pid" 2>/dev/null)"
		fi
		echo @@full
		for d in "$PGDATA" "$POLARDATA"; do df -Pk "$d" 2>/dev/null | awk -v d="$d" 'NR == 2 && $4 < 64 { print d }'; done
	} >&2 || :
}
# A start that failed is not tried again behind the back of whoever mends it.
give_up() {
	explain
	if ! alive; then systemctl stop "$UNIT" 2>/dev/null || :; fi
	exit 1
}
stop() { as timeout $((TIMEOUT+30)) pg_ctl -D "$PGDATA" stop -m fast -t "$TIMEOUT" >/dev/null; }
