# Notes what is on the input as the state of a job that somebody else does; limit: after how many seconds it counts as lost.
# uses: job_place encode
# takes: id limit
umask 077
mkdir -p -- "$job" && cat >"$job/state" && rm -f -- "$job/until" || exit 1
[ "$limit" -eq 0 ] || echo $(($(date +%s) + limit)) >"$job/until" || exit 1
mv -f -- "$job/state" "$dir/$id" || exit 1
printf %s "$dir/$id" | encode file
