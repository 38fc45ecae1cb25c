# Prints the properties of a unit and whether it is enabled; with stale, whether any unit file has changed since it was read.
# uses: systemd_bus
# takes: unit stale
have systemctl || die 'systemctl is not there: this host is not run by systemd'
if [ -n "$unit" ]; then
	if [ "$scope" != global ]; then
		said=$(control show --no-pager "$unit") || exit 1
		# A unit's environment may hold passwords: it stays on the host.
		printf '%s\n' "$said" | sed -e '/^Environment=/d' -e 's/^/show /'
	fi
	enabled=$(control is-enabled "$unit" 2>/dev/null)
	echo "enabled $? $enabled"
fi
# Without --all systemd leaves out units that are not active, such as what a timer starts.
if [ -n "$stale" ] && control show --no-pager --all -p NeedDaemonReload '*' 2>/dev/null | grep -q '=yes'; then echo stale yes; fi
exit 0
