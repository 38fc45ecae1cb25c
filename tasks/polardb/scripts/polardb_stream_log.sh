# Prints the last message in a node's log about its connection to the leader.
# takes: PGDATA
# shellcheck disable=SC2012 # the newest
log=$(ls -t "$PGDATA"/pg_log/*error* 2>/dev/null | head -n 1)
[ -z "$log" ] || tail -n 60 "$log" | grep 'could not connect to the primary server' | tail -n 1 | cut -c 1-500 | sed 's/^/stream=/'
:
