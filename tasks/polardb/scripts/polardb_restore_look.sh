# Prints what has to be known of a backup and of the host before it is restored. It changes nothing; what lies in the backup is read by
# the engine's account, which wrote it. $* are the places of its tablespaces; with verify every file is read.
# uses: preamble strangers polardb_as polardb_spaces polardb_backup_sums
# takes: FROM OWNER BIN LIB POSTGRES verify TIMEOUT wholly PGDATA POLARDATA MARKER
cd /
who=$(strangers "$FROM" "$OWNER")
if [ -n "$who" ]; then printf 'stranger=%s\n' "$who"; fi
stat -L -c owner=%U -- "$FROM" 2>/dev/null || :
if [ -n "$POSTGRES" ]; then
	as "$POSTGRES" -V 2>/dev/null | sed -n 's/^[^0-9]*\([0-9][0-9.]*\).*/engine=\1/p' | head -n 1
	control=$FROM/polardata
	[ -d "$control" ] || control=$FROM/control
	if said=$(as pg_controldata "$control" 2>&1); then
		# A file of another release's, or one that was cut, is read with a warning.
		case $said in *WARNING:*|*'is 0 bytes'*) ;; *) echo control=yes ;; esac
		printf '%s\n' "$said" | sed -n 's/^Database system identifier: */system=/p' | head -n 1
	fi
fi
for p in zstd gzip; do if command -v $p >/dev/null 2>&1; then echo "packer=$p"; fi; done
if [ -n "$verify" ]; then wrong_files "$FROM"; fi
room() { # place, what goes from there
	up=$1
	while [ ! -d "$up" ]; do up=${up%/*}; up=${up:-/}; done
	df -Pk -- "$up" 2>/dev/null | awk -v place="$1" -v goes="$2" 'NR == 2 { m = $6; for (i = 7; i <= NF; i++) m = m " " $i
		printf "room=%s\nplace=%s\nfree=%.0f\ngoes=%.0f\n", m, place, $4 * 1024, goes * 1024 }'
}
size() { if [ -n "$wholly" ] && [ -d "$1" ]; then du -skx -- "$1" 2>/dev/null | awk '{ n = $1 } END { print n + 0 }'; else echo 0; fi; }
room "$PGDATA" "$(size "$PGDATA")"
room "$POLARDATA" "$(size "$POLARDATA")"
mine=$(own_spaces)
for s; do
	goes=0
	if printf '%s\n' "$mine" | grep -qxF -- "$s"; then goes=$(size "$s"); fi
	room "$s" "$goes"
done
echo end=yes
