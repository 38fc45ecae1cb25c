# Forgets a job. stop: it is ended first.
# uses: job_place encode
# takes: id stop
if [ -n "$stop" ] && [ ! -e "$job/rc" ] && read -r pid work <"$job/pid"; then
	if tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -qF -- "$id"; then
		kill -TERM -"$work"
		for pause in 0.1 0.2 0.4 1 1; do
			kill -0 -"$work" 2>/dev/null || break
			sleep $pause
		done
		kill -KILL -"$work" -"$pid" 2>/dev/null
	fi
fi
printf %s "$dir/$id" | encode file
rm -rf -- "$job" "$dir/${id:?}"
