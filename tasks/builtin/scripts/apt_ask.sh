# Asks apt's sources, as often as tries says, and waits between two tries: twice as long each time, at most most seconds.
# uses: preamble
# takes: tries most
wait=1
while :; do
	if LC_ALL=C apt-get -q update >&2; then exit 0; fi
	tries=$((tries - 1))
	[ "$tries" -gt 0 ] || exit 1
	if [ "$wait" -gt "$most" ]; then wait=$most; fi
	sleep "$wait"
	wait=$((wait * 2))
done
