# Starts a job that goes on by itself, whatever becomes of the connection: text is run by /bin/sh, with what is on the input for its
# input, and ended after limit seconds. It has the run's mark in another variable, by which whoever locks the host after a run that is gone
# finds it; free: it has no mark. It prints where the job is noted. Of a job that was started before, no more than that.
# uses: job_place encode
# takes: id text note limit free run
command -v setsid >/dev/null || { echo 'setsid (of util-linux or busybox) is missing: a job cannot go on by itself' >&2; exit 1; }
if [ ! -d "$job" ]; then
	(
		umask 077
		mkdir -p -- "$dir" && mkdir -- "$job" && cat >"$job/in" && printf '%s\n' "$text" >"$job/text" && printf %s "$note" >"$job/note" &&
			: >"$job/out" && : >"$job/err" && date +%s >"$job/began" &&
			printf '{"started": 1, "finished": 0, "ansible_job_id": "%s"}\n' "$id" >"$dir/$id"
	) || exit 1
	# Nobody's child, for what is a child of a run's work belongs to it.
	(
		POLARBOOK_JOB=free
		[ -n "$free" ] || POLARBOOK_JOB=${POLARBOOK_RUN:-free}
		export POLARBOOK_JOB
		unset POLARBOOK_RUN SUDO_COMMAND # which has it, too
		setsid /bin/sh -c "$run" sh "$dir" "$id" "$limit" </dev/null >/dev/null 2>&1 &
	)
fi
for pause in 0.05 0.1 0.2 0.4 1 2 4; do
	[ ! -s "$job/pid" ] || break
	sleep $pause
done
[ -s "$job/pid" ] || { echo 'the job does not start' >&2; exit 1; }
printf %s "$dir/$id" | encode file
