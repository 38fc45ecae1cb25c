# explain MESSAGE: fails with the message, after the last lines of the unit's status and journal.
# uses: systemd_bus
# takes: unit
explain() {
	control --no-pager -l status "$unit" 2>&1 | tail -n 12 >&2
	own=
	[ "$scope" != user ] || own=yes
	journalctl ${own:+--user} --no-pager -q -n 12 -u "$unit" >&2 2>/dev/null
	die "$1"
}
