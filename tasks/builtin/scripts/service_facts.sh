# Prints what systemd, and the older managers beside it, say of services.
# uses: preamble encode
# leaves: systemd
if have service && ! have chkconfig && ! have rc-status; then
	service --status-all 2>/dev/null | encode sysv
elif have chkconfig; then
	chkconfig --list 2>/dev/null | grep '3:' | while read -r name levels; do
		state=stopped
		if service "$name" status >/dev/null 2>&1; then state=running; fi
		echo "chkconfig $name $state $levels"
	done
elif have rc-status && have rc-update; then
	rc-status -a -s -m 2>&1 | grep '^ ' | tr -d '[]' | encode openrc
	rc-update show -v 2>&1 | grep '|' | encode runlevels
fi
systemd=
if have systemctl; then
	for d in /run/systemd/system /dev/.run/systemd /dev/.systemd; do [ ! -e $d ] || systemd=yes; done
	if [ -z "$systemd" ] && [ "$(cat /proc/1/comm 2>/dev/null)" = systemd ]; then systemd=yes; fi
fi
if [ -n "$systemd" ]; then
	units=$(systemctl list-units --no-pager --type service --all --plain --no-legend) || echo "nounits yes"
	files=$(systemctl list-unit-files --no-pager --type service --all --no-legend) || echo "nofiles yes"
	printf '%s\n' "$units" | encode units
	printf '%s\n' "$files" | encode files
	# Of units that are not loaded nothing is known but their files: each is asked about. A template has no state.
	printf '%s\n' "$files" | while read -r name _; do
		case $name in ''|*@.service) continue ;; esac
		case $units in "$name "*|*"
$name "*) continue ;; esac
		if state=$(systemctl show "$name" --property=ActiveState 2>/dev/null); then echo "state $name ${state#ActiveState=}"; fi
	done
fi
