# Prints what a node's directories, processes and ports look like.
# uses: tcp_tables polardb_marker
# takes: MARKER PGDATA POLARDATA BIN LIB OWNER CLIENT CONSENSUS
directory() {
	if [ -L "$2" ]; then t=$(readlink -- "$2") || t=; case $t in *[[:cntrl:]]*) t='?' ;; esac; echo "$1.link=$t"; fi
	if [ -L "$2" ] && [ ! -e "$2" ]; then echo "$1=dangling"
	elif [ ! -e "$2" ]; then echo "$1=absent"
	elif [ ! -d "$2" ]; then echo "$1=file"
	else
		first= n=0
		for f in "$2"/* "$2"/.[!.]* "$2"/..?*; do
			if [ -e "$f" ] || [ -L "$f" ]; then
				# What a new file system has is nothing that somebody put there.
				case $f in */lost+found) if [ ! -L "$f" ] && [ "$(stat -c '%F %u' -- "$f")" = 'directory 0' ] && [ -z "$(ls -A -- "$f")" ]; then continue; fi ;; esac
				f=${f##*/} n=$((n+1))
				case $f in *[[:cntrl:]]*) f='?' ;; esac
				first="$first$f "
				if [ "$n" = 3 ]; then break; fi
			fi
		done
		if [ "$n" = 0 ]; then echo "$1=empty"; else echo "$1=filled"; echo "$1.first=$first"; fi
	fi
	if [ -e "$2" ]; then stat -L -c "$1.inode=%i
$1.owner=%U" -- "$2"; fi
}
directory pgdata "$PGDATA"
directory polardata "$POLARDATA"
line() { l=; { read -r l || [ -n "$l" ]; } 2>/dev/null <"$1"; }
[ -f "$PGDATA/PG_VERSION" ] && line "$PGDATA/PG_VERSION" && echo "version=$l"
[ -f "$POLARDATA/global/pg_control" ] && echo control=yes
[ -f "$PGDATA/polarbook.id" ] && echo "id=$(head -c 65 -- "$PGDATA/polarbook.id" | tr -cd 0-9a-z)"
[ -f "$PGDATA/recovery.conf" ] && grep -q '^[ 	]*polar_datamax_mode[ 	]*=' "$PGDATA/recovery.conf" && echo logger=yes
r=${MARKER%.node}.restore
if [ -f "$r" ]; then echo "restoring=$(head -c 4096 <"$r" | tr -d '[:cntrl:]')"; fi
for p in polar-postgres postgres; do [ -x "$BIN/$p" ] && { echo "postgres=$BIN/$p"; break; }; done
for p in polar_basebackup pg_basebackup; do [ -x "$BIN/$p" ] && { echo "basebackup=$BIN/$p"; break; }; done
if [ -s "$POLARDATA/polar_dma/consensus_meta" ]; then
	echo meta=yes
	if [ -x "$BIN/polar_tools" ]; then
		# The engine's account wrote what is read, so that account reads it: not by way of PAM where that can be had, at every look.
		# Whatever keeps setpriv from it, such as busybox's, which cannot, runuser is asked then.
		set -- env LD_LIBRARY_PATH="$LIB" "$BIN/polar_tools" dma-meta -D "$POLARDATA"
		if [ "$(id -u)" != 0 ]; then m=$("$@" 2>&1)
		else
			{ u=$(id -u "$OWNER") && g=$(id -g "$OWNER"); } 2>/dev/null && m=$(setpriv --reuid="$u" --regid="$g" --clear-groups -- "$@" 2>&1) ||
				m=$(runuser -u "$OWNER" -- "$@" 2>&1)
		fi
		printf '%s\n' "$m" | sed -n 's/^.*member info:[ 	]*/meta.members=/p; s/^.*learner info:[ 	]*/meta.learners=/p'
	fi
fi
if [ -f "$PGDATA/postmaster.pid" ] && line "$PGDATA/postmaster.pid"; then
	case $l in ''|*[!0-9]*) ;; *)
		# A pid file left by a crash may name a process that is somebody else's by now: a postmaster works in its PGDATA.
		if [ "/proc/$l/cwd" -ef "$PGDATA" ]; then echo "pid=$l"; fi
		echo "pidfile=$l" ;;
	esac
fi
# shellcheck disable=SC2086 # one or two files
awk -v client="$CLIENT" -v consensus="$CONSENSUS" '$4 == "0A" { sub(/.*:/, "", $2); if ($2 == client) c = 1; if ($2 == consensus) d = 1 }
	END { if (c) print "listens.client=yes"; if (d) print "listens.consensus=yes" }' $tcp
echo end=yes
