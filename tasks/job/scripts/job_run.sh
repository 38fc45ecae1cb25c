# Is what a job is while it runs: $1 is the directory of jobs, $2 the job, $3 its limit in seconds.
trap '' HUP
job=$1/.$2
# What is in the run's control group belongs to its connection.
own=$(sed -n 's/^0:://p' /proc/self/cgroup)
case $own in */polarbook-*) echo $$ >"/sys/fs/cgroup${own%/polarbook-*}/cgroup.procs" ;; esac
own=$(sed -n 's/^[0-9]*:freezer://p' /proc/self/cgroup)
case $own in */polarbook-*) echo $$ >/sys/fs/cgroup/freezer/cgroup.procs ;; esac
setsid /bin/sh "$job/text" <"$job/in" >"$job/out" 2>"$job/err" &
work=$!
# shellcheck disable=SC2016 # it is another shell's
setsid /bin/sh -c 'sleep "$1"; echo >"$3/late"; kill -TERM -"$2"; sleep 3; kill -KILL -"$2"' sh "$3" "$work" "$job" &
clock=$!
echo "$$ $work" >"$job/pid"
wait "$work"
rc=$?
kill -TERM -"$clock"
kill -TERM "$clock"
date +%s >"$job/ended"
printf '{"started": 1, "finished": 1, "ansible_job_id": "%s", "rc": %s}\n' "$2" "$rc" >"$job/state"
mv -f -- "$job/state" "$1/$2"
echo "$rc" >"$job/state"
mv -f -- "$job/state" "$job/rc"
