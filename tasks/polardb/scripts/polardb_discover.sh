# Prints the servers of the engine that run on the host, what starts each when the host boots, and what polarbook noted of nodes: those of
# the cluster that it took over, and whose data directories are its own.
# uses: preamble encode roots
# takes: STATE CLUSTER
cd /
say() { printf '%s=%s\n' "$1" "$(printf '%s' "$2" | tr -d '[:cntrl:]' | head -c 4096)"; }
for m in "$STATE"/*/*.node; do
	[ -f "$m" ] && [ ! -L "$m" ] || continue
	c=${m%/*}
	say marker "$(head -c 4096 <"$m" | sed -n 's/^pgdata=//p')"
	say marker.cluster "${c##*/}"
done
for d in "$STATE/$CLUSTER"/*.adopted; do
	if [ ! -f "${d%.adopted}.node" ] || ! roots "$d/note.json"; then continue; fi
	say note "$(head -c 4096 <"${d%.adopted}.node" | sed -n 's/^pgdata=//p')"
	head -c 1048576 <"$d/note.json" | encode note.text
	[ ! -f "$d/done" ] || echo note.done=yes
done
unit_of() { # process, data directory, how it is named
	u=$(awk -F/ '!/user\.slice/ { for (i = 1; i <= NF; i++) if ($i ~ /\.service$/) { print $i; exit } }' "$1/cgroup" 2>/dev/null)
	[ -n "$u" ] || return 0
	if [ "$(systemctl show -p MainPID "$u" 2>/dev/null)" = "MainPID=${1##*/}" ] || systemctl cat "$u" 2>/dev/null | grep -qF -e "$2" -e "$3" -e pg_ctl; then
		say unit "$u"
	fi
}
boots() { # data directory, how it is named
	d=$1 g=$2
	set --
	for f in /etc/systemd/system/*.service /usr/lib/systemd/system/*.service /lib/systemd/system/*.service; do
		[ ! -f "$f" ] || set -- "$@" "$f"
	done
	[ $# = 0 ] || grep -lF -e "$d" -e "$g" -- "$@" 2>/dev/null | while IFS= read -r f; do
		if systemctl -q is-enabled "${f##*/}" 2>/dev/null; then say boot.unit "${f##*/}"; fi
	done
	for f in /etc/rc.local /etc/rc.d/rc.local /etc/init.d/* /etc/crontab /etc/cron.d/* /var/spool/cron/* /var/spool/cron/crontabs/*; do
		if [ -f "$f" ] && grep -v '^[ 	]*#' -- "$f" 2>/dev/null | grep -qF -e "$d" -e "$g"; then say boot.file "$f"; fi
	done
}
for p in /proc/[0-9]*; do
	comm=
	{ read -r comm <"$p/comm"; } 2>/dev/null || continue
	case $comm in postgres|polar-postgres|postmaster) ;; *) continue ;; esac
	dir=$(readlink "$p/cwd" 2>/dev/null) && exe=$(readlink "$p/exe" 2>/dev/null) || continue
	[ -f "$dir/PG_VERSION" ] || continue
	first=
	{ read -r first <"$dir/postmaster.pid"; } 2>/dev/null || continue
	[ "$first" = "${p##*/}" ] || continue
	exe=${exe% (deleted)}
	bin=${exe%/*}
	account=$(stat -c %U "$p")
	given=$(head -c 8192 <"$dir/postmaster.pid" | sed -n 2p)
	say server "$first"
	say pgdata "$dir"
	say given "$given"
	say port "$(head -c 8192 <"$dir/postmaster.pid" | sed -n 4p)"
	say account "$account"
	say group "$(id -gn "$account" 2>/dev/null)"
	say home "$( { getent passwd "$account" 2>/dev/null || grep "^$account:" /etc/passwd; } | cut -d: -f6)"
	say prefix "${bin%/*}"
	say sum "$(sha256sum <"$p/exe" | cut -c 1-64)"
	tr '\0' '\n' <"$p/cmdline" | head -c 16384 | encode command
	unit_of "$p" "$dir" "$given"
	boots "$dir" "$given"
done
echo end=yes
