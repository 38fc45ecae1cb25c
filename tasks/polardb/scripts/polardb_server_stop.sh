# Stops a node's server.
# uses: polardb_server
# takes: UNIT TIMEOUT
systemctl stop "$UNIT" || :
if alive; then stop; fi
clock; end=$((now+TIMEOUT))
while alive; do
	clock; if [ "$now" -ge $end ]; then echo "the server (process $pid) still runs $TIMEOUT s after it was told to stop" >&2; exit 1; fi
	sleep 0.1
done
