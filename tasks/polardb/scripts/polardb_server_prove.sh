# Waits until a node's server serves. A server that cannot use its consensus meta or port lives and starts over about every second, for
# ever. One that lets clients in has come past that; one that was not added to its cluster yet lets nobody in, and is watched.
# uses: polardb_server
# takes: UNIT TIMEOUT SETTLE PORT BEFORE
: "${BEFORE:=$(sizes)}"
clock; began=$now looked=$now
until alive && listens; do
	clock; waited=$((now-began))
	if [ $waited -ge "$TIMEOUT" ] || { [ $waited -ge 3 ] && ! systemctl -q is-active "$UNIT"; }; then
		if alive; then echo "the server lives (process $pid) and does not listen on $PORT and its consensus port after $waited s" >&2; else echo "the server ended right after it was started" >&2; fi
		give_up
	fi
	if [ "$now" -ge $((looked+3)) ]; then
		looked=$now
		if [ "$(restarts)" -gt 2 ]; then echo "the server starts over and over" >&2; give_up; fi
	fi
	sleep 0.1
done
finely; began=$now
while finely; [ $((now-began)) -lt $((SETTLE*100)) ] && ! answers; do
	sleep 0.2
	if ! alive; then finely; echo "the server ended $(((now-began+50)/100)) s after it was started" >&2; give_up; fi
done
if [ "$(restarts)" -gt 1 ]; then echo "the server starts over and over" >&2; give_up; fi
