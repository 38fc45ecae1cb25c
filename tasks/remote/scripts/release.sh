# Ends the process that holds the lock for a run, and then what the run left at work here.
# uses: holding fence
# takes: f run
[ "$(sed -n 's/^run=//p' "$f")" = "$run" ] || exit 0
kill -KILL "$p"
for pause in 0.1 0.2 0.4 0.8 1.6; do
	kill -0 "$p" 2>/dev/null || break
	sleep $pause
done
if kill -0 "$p" 2>/dev/null; then
	echo "process $p, which holds the lock, does not end" >&2
	exit 1
fi
old=$(sed -n 's/^mark=//p' "$f") cg=$(sed -n 's/^cgroup=//p' "$f") say= what= marks=POLARBOOK_RUN
[ -n "$old" ] || exit 0
old=${old%-*}-
exec 9>>"$f"
flock -w 5 9 || exit 0
if polarbook_fence 0 9>&-; then
	[ -z "$cg" ] || rmdir "$cg" 2>/dev/null
	true >"$f"
else
	printf 'waits=%s\n' "$what"
fi
exit 0
