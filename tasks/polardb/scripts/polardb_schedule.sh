# schedules KEY VALUE: prints a line for each cluster whose members take backups by themselves on this host and whose configuration says
# KEY=VALUE: schedule, since, late hours, the timer's state, now, and of the last run when, result, name and what it said; tabs between them.
schedules() {
	for c in /etc/polardb-*-backup.conf; do
		[ -f "$c" ] && grep -qxF -- "$1=$2" "$c" || continue
		u=${c##*/}
		u=${u%.conf}
		printf 'schedule\t%s\t%s\t%s\t%s' "$(stat -c %Y "$c")" "$(sed -n 's/^late_hours=//p' "$c")" "$(systemctl is-active "$u.timer" 2>/dev/null)" "$(date +%s)"
		for k in when result name said; do printf '\t%s' "$(head -c 4096 "/var/lib/$u/last" 2>/dev/null | sed -n "s/^$k=//p" | head -n 1 | tr -d '\t')"; done
		printf '\t%s\n' "$(sed -n 's/^cluster=//p' "$c")"
	done
}
