# Holds a host's lock until its input ends, says bye or has been silent for too long.
#
# The lock is the kernel's (flock), on descriptor 9, which no child gets but flock itself: it is gone when the shell is,
# however that ended. The text in the file is for people; that the process it names is alive, with the start time that it
# names, is what makes it true. A run that ends in good order leaves the file empty.
#
# The input is lines: "bye" is the end in good order, "?" wants an answer, "join PID" takes a process into the run's control
# group, "jobs" lets jobs out of it that have been started to outlive the connection, and an empty one is a heartbeat. When it ends
# without a bye, or is silent for too long, the work of the run is ended first; whoever is next does it where the holder was killed.
#
# A job has its run's mark in another variable. It is ended by the first that locks the host for another run: then its own is gone.
# The file .jobs names the runs that have started some, and those that went without a word, which may have.
# uses: fence cgroup
# takes: f dir marker mark info silence limit replaces
trap '' HUP PIPE
umask 077
# Takes jobs, which lead sessions, out of the run's control group with all that is of their sessions, whatever it has for an environment. One
# may start something before it is out itself: it is looked for until nothing is left, but for what is about to end and cannot be moved.
let_out() {
	[ -n "$cg" ] || return 0
	sids=' ' out=yes n=0
	while [ -n "$out" ] && [ $n -lt 20 ]; do
		out= n=$((n + 1))
		# shellcheck disable=SC2013 # numbers, no lines
		for p in $(cat "$cg/cgroup.procs"); do
			{ read -r stat <"/proc/$p/stat"; } || continue
			# shellcheck disable=SC2086 # the words of a line
			set -- ${stat##*) }
			case $sids in
				*" $4 "*) ;;
				*)
					tr '\0' '\n' <"/proc/$p/environ" | grep -q '^POLARBOOK_JOB=' || continue
					[ "$4" != "$p" ] || sids="$sids$p "
				;;
			esac
			echo "$p" >"${cg%/*}/cgroup.procs" && out=yes
		done
	done
} 2>/dev/null
# Ends the run's work and leaves its jobs, of which the last may have been started without a word that has come here.
end_work() {
	printf '%s\n' "${mark%-*}" >>"$f.jobs"
	let_out
	polarbook_fence "$limit"
}
cg= say= marks=POLARBOOK_RUN
command -v flock >/dev/null || { printf '%s noflock\n' "$marker"; exit 0; }
mkdir -p "$dir" && (true >>"$f") || { printf '%s broken\n' "$marker"; exit 0; }
exec 9>>"$f"
held=
flock -n 9 || for pause in 0 0.05 0.1 0.2 0.4; do
	held=1
	sleep $pause
	if [ -n "$replaces" ] && [ "$(sed -n 's/^run=//p' "$f")" = "$replaces" ]; then
		p=$(sed -n 's/^pid=//p' "$f")
		# shellcheck disable=SC2086 # the words of a line
		{ read -r stat <"/proc/$p/stat"; } 2>/dev/null && set -- ${stat##*) } && [ "${20}" = "$(sed -n 's/^born=//p' "$f")" ] && kill -KILL "$p"
		flock -w 5 9 && held= && break
	fi
	flock -n 9 && held= && break
	grep -q '^pid=' "$f" && break
done
if [ -n "$held" ]; then
	cat "$f"
	cat "$f.waits" 2>/dev/null
	now=$(date +%s) heard=$(stat -c %Y "$f.beat") && printf 'silent=%s\n' $((now - heard))
	printf '%s held\n' "$marker"
	exit 0
fi
if [ -s "$f" ]; then
	old= run=
	while IFS= read -r line; do
		case $line in mark=*) old=${line#*=} ;; run=*) run=${line#*=} ;; cgroup=*) cg=${line#*=} ;; esac
	done <"$f"
	if [ -n "$old" ]; then
		if [ "${old%-*}" = "${mark%-*}" ]; then let_out 9>&-; else old=${old%-*}-; fi
		say="$marker waits $run"
		polarbook_fence "$limit" 9>&-
		say=
		[ -z "$cg" ] || rmdir "$cg" 2>/dev/null
	fi
fi
cg=
if [ -s "$f.jobs" ]; then
	marks=POLARBOOK_JOB
	while read -r old; do
		[ "$old" = "${mark%-*}" ] && continue
		old=$old-
		polarbook_fence "$limit" 9>&-
	done <"$f.jobs"
	marks=POLARBOOK_RUN
	grep -qxF "${mark%-*}" "$f.jobs" && printf '%s\n' "${mark%-*}" >"$f.jobs" || rm -f "$f.jobs"
fi
rm -f "$f".uncut.*
read -r stat </proc/$$/stat
# shellcheck disable=SC2086 # the words of a line
set -- ${stat##*) }
born=${20}
[ -z "$mark" ] || polarbook_cgroup
printf '%spid=%s\nborn=%s\ncgroup=%s\n' "$info" "$$" "$born" "$cg" >"$f"
true >"$f.beat"
old=${mark%-*}-
# A heartbeat may come before the watch listens.
trap '' USR1
(
	# What the fence left in s is the number of some process.
	s=
	trap 'heard=1' USR1
	trap '[ -z "$s" ] || kill "$s"; exit 0' TERM
	while :; do
		heard= s=
		sleep "$silence" &
		s=$!
		wait "$s"
		if [ -n "$heard" ]; then
			kill "$s"
			wait "$s"
			continue
		fi
		{ read -r stat </proc/$$/stat; } 2>/dev/null || exit 0
		# shellcheck disable=SC2086 # the words of a line
		set -- ${stat##*) }
		[ "${20}" = "$born" ] || exit 0
		trap '' USR1 TERM
		[ -z "$mark" ] || end_work
		kill -KILL $$
		exit 0
	done
) 9>&- </dev/null >/dev/null 2>&1 &
w=$!
printf '%s taken %s\n' "$marker" "$cg"
bye=
while read -r line; do
	case $line in
		bye) bye=1; break ;;
		\?) printf 'here\n' ;;
		jobs)
			printf '%s\n' "${mark%-*}" >>"$f.jobs"
			let_out 9>&-
		;;
		join*) [ -z "$cg" ] || echo "${line#join }" >"$cg/cgroup.procs" ;;
	esac
	true >"$f.beat"
	kill -USR1 "$w"
done
kill -TERM "$w"
wait "$w"
[ -n "$bye$mark" ] && [ -z "$bye" ] && end_work >/dev/null 2>&1 9>&-
[ -z "$cg" ] || rmdir "$cg" 2>/dev/null
rm -f "$f.beat"
[ -z "$bye" ] || rm -f "$f.jobs"
true >"$f"
exit 0
