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
# Without --all systemd leaves out units that are not active, such as what a timer starts. Of a masked unit that has drop-ins, and there is one
# where user@.service is masked, it says for ever that it is to be read again: such a one is for its file to tell.
if [ -n "$stale" ]; then
	control show --no-pager --all -p LoadState -p FragmentPath -p NeedDaemonReload '*' 2>/dev/null |
		awk 'BEGIN { RS = ""; FS = "\n" } /(^|\n)NeedDaemonReload=yes/ { m = 0; path = ""
			for (i = 1; i <= NF; i++) { if ($i == "LoadState=masked") m = 1; if ($i ~ /^FragmentPath=/) path = substr($i, 14) }
			print m path }' |
		while IFS= read -r u; do
			case $u in 1/*) [ -e "${u#1}" ] && [ ! -s "${u#1}" ] && continue ;; esac
			echo stale yes
			break
		done
fi
exit 0
