# Prints what root sees of a node's disks and processes, a word and a tab before each line.
# uses: polardb_schedule
# takes: PGDATA POLARDATA BACKUPS
for f in "$PGDATA" "$POLARDATA"; do
	while [ ! -d "$f" ] && [ "$f" != / ]; do f=${f%/*}; f=${f:-/}; done
	df -Pk -- "$f" 2>/dev/null | while read -r dev total _ free rest; do case $total in *[!0-9]*) ;; *) printf 'disk\t%s\t%s\t%s\t%s\n' "$dev" "$total" "$free" "$f" ;; esac; done
done
for f in pg_wal polar_dma/consensus_log; do
	[ ! -d "$POLARDATA/$f" ] || printf '%s\t%s\n' "$f" "$(du -sk -- "$POLARDATA/$f" 2>/dev/null)"
done
[ ! -d "$POLARDATA/pg_wal/archive_status" ] || printf 'ready\t%s\n' "$(find "$POLARDATA/pg_wal/archive_status" -name '*.ready' 2>/dev/null | wc -l | tr -d ' ')"
pid=; read -r pid 2>/dev/null <"$PGDATA/postmaster.pid" || :
case $pid in '' | *[!0-9]*) ;; *) printf 'exe\t%s\n' "$(readlink "/proc/$pid/exe")" ;; esac
schedules pgdata "$PGDATA"
if [ -n "$BACKUPS" ] && [ -d "$BACKUPS" ]; then
	for f in "$BACKUPS"/*/backup.json; do
		[ ! -f "$f" ] || { echo backup; head -c 262144 "$f" | sed -n -e 's/^ *"cluster": *"\(.*\)".*/of	\1/p' -e 's/^ *"ended": *"\(.*\)".*/ended	\1/p'; }
	done
fi
exit 0
