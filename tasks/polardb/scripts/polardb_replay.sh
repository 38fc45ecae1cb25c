# Takes data that was restored from a backup to a point in the log, with the files of an archive. The server runs alone for that, without
# consensus, without TCP, on a socket that only the engine's account reaches. $* are the lines of its recovery.conf. What it has come to
# is read in its log, which is kept until the restore is over. Where it has not come to the point, the data is noted as half restored. A
# replay that was cut off goes on. The server removes recovery.conf before it begins a timeline of its own: where it was cut off from there
# on, and did not end well, it would take what is behind the point as well, so what is there is given up.
#
# The engine copies the file in which a timeline ends to the next one's name, and takes it by the timeline that the last page names, not by
# the one that it has read (observed on 11.9): the backup's own beginning of that file, with a hole behind it. The log since then
# would be worthless for the next restore. So what has been read is put there, the file is finished before anything else begins a
# timeline, and with the history it goes into the archive, which the server does not do here.
# uses: polardb_mark polardb_as work_dir
# takes: PGDATA POLARDATA OWNER POSTGRES TIMEOUT SUPERUSER MARKER TARGET ARCHIVE must own_archive
cd /
note=${MARKER%.node}.replay log=${MARKER%.node}.replay.log
noted() { ( umask 077; printf '%s\n' "target=$TARGET" "$@" >"$note.new" ) && sync && mv -f "$note.new" "$note" && sync; }
stop() { if [ -f "$PGDATA/postmaster.pid" ]; then as pg_ctl -D "$PGDATA" stop -w -t 300 -m "$1" >/dev/null 2>&1 </dev/null || :; fi; }
stop fast
trap 'stop immediate; rm -rf "$WORK"' EXIT
noted state=begun || exit 1
failed() {
	echo "$1" >&2
	grep -E '(FATAL|PANIC|HINT|DETAIL): ' "$log" | grep -v 'the database system is starting up' | tail -n 4 | cut -c 1-500 >&2
	exit 1
}
half() {
	mark restore
	rm -f "$note" "$log"
	printf '%s=yes\n' "$1"
	exit 0
}
# over: the server came to its end, and was stopped after that.
over() {
	new=$(sed -n 's/.*selected new timeline ID: \([0-9]*\).*/\1/p' "$log" | tail -n 1)
	as pg_controldata "$POLARDATA" >"$WORK/control" || return 1
	grep -q 'archive recovery complete' "$log" && grep -qx 'polarbook: the file is finished' "$log" && grep -q '^Database cluster state: *shut down$' "$WORK/control" &&
		grep -q "^Latest checkpoint's TimeLineID: *$new\$" "$WORK/control"
}
if [ -f "$PGDATA/recovery.conf" ] || [ ! -f "$log" ]; then
	mkdir "$WORK/s" && chown "$OWNER": "$WORK/s" && chmod 700 "$WORK/s" || exit 1
	echo 'local all all trust' >"$WORK/hba" && : >"$WORK/empty" && chmod 644 "$WORK/hba" "$WORK/empty"
	printf '%s\n' "$@" >"$WORK/recovery"
	# shellcheck disable=SC2016 # the inner shell's
	as sh -euc 'umask 077; cd -- "$1"; cat >recovery.conf.new; mv -f recovery.conf.new recovery.conf; rm -f recovery.done polar_node_static.conf' sh "$PGDATA" <"$WORK/recovery" || exit 1
	sync
	# shellcheck disable=SC2046 # -c and name=number, a word each
	set -- $(as pg_controldata "$POLARDATA" | awk -F ':' 'function set(n, v, least) { gsub(/ /, "", v); print "-c " n "=" (v + 0 > least ? v + 0 : least) }
		/^max_connections setting/ { set("max_connections", $2, 100) } /^max_worker_processes setting/ { set("max_worker_processes", $2, 8) }
		/^max_prepared_xacts setting/ { set("max_prepared_transactions", $2, 0) } /^max_locks_per_xact setting/ { set("max_locks_per_transaction", $2, 64) }')
	( umask 077; : >>"$log" ) || exit 1
	# What stands on the command line is stronger than postgresql.auto.conf and polar_dma.conf, which lie in PGDATA.
	# shellcheck disable=SC2016 # $libdir is the server's
	as sh -c 'cd /; exec "$@"' sh "$POSTGRES" -D "$PGDATA" "$@" -c config_file="$WORK/empty" -c hba_file="$WORK/hba" -c ident_file="$WORK/empty" \
		-c listen_addresses= -c unix_socket_directories="$WORK/s" -c port=5432 -c external_pid_file= -c polar_hostid=1 -c polar_datadir="file-dio://$POLARDATA" \
		-c shared_preload_libraries='$libdir/polar_vfs,$libdir/polar_worker' -c polar_enable_shared_storage_mode=on -c polar_vfs.localfs_test_mode=on \
		-c polar_logindex_mem_size=0 -c polar_enable_lazy_checkpoint=off -c polar_enable_xlog_buffer=off -c polar_enable_copy_buffer=off \
		-c polar_enable_persisted_buffer_pool=off -c polar_enable_flashback_log=off -c polar_enable_dma=off -c ssl=off -c archive_mode=off -c hot_standby=off \
		-c logging_collector=off -c log_destination=stderr -c lc_messages=C -c timezone=UTC -c log_timezone=UTC -c shared_buffers=128MB -c autovacuum=off -c wal_keep_segments=64 \
		>>"$log" 2>&1 </dev/null &
	server=$!
	waited=0
	ask() { as env -u PGPASSWORD -u PGPASSFILE PGCONNECT_TIMEOUT=10 psql -X -A -t -q -w -v ON_ERROR_STOP=1 -h "$WORK/s" -p 5432 -U "$SUPERUSER" -d postgres -c "$1" 2>/dev/null </dev/null; }
	until [ "$(ask 'select pg_is_in_recovery()')" = f ]; do
		kill -0 "$server" 2>/dev/null || failed "the server ended while it replayed the log"
		waited=$((waited+1))
		[ $((waited / 2)) -lt "$TIMEOUT" ] || failed "the log was not replayed within $TIMEOUT s"
		sleep 0.5
	done
	ask 'select pg_switch_wal()' >/dev/null || failed "the server did not finish the file in which its timeline begins"
	echo 'polarbook: the file is finished' >>"$log"
	stop fast
	wait "$server" || :
	[ ! -f "$PGDATA/postmaster.pid" ] || failed "the server did not stop"
fi
over || half cut
reached=$(sed -n 's/.*last completed transaction was at log time //p' "$log" | tail -n 1)
printf 'reached=%s\n' "$reached"
sed -n 's/.*selected new timeline ID: \([0-9]*\).*/timeline=\1/p' "$log" | tail -n 1
if [ -n "$must" ] && ! grep -q 'recovery stopping \(before\|after\)' "$log"; then
	half short
fi
size=$(sed -n 's/^Bytes per WAL segment: *//p' "$WORK/control")
history=$(printf '%08X.history' "$new")
position=$(awk 'NF > 2 { p = $2 } END { print p }' "$POLARDATA/pg_wal/$history")
case $size.$position in *[!0-9A-F./]* | .* | *.) echo "pg_wal/$history cannot be read" >&2; exit 1 ;; esac
at=$(( (0x${position%/*} << 32) + 0x${position#*/} ))
each=$(( 0x100000000 / size )) n=$(( at / size )) pages=$(( at % size / 8192 ))
number=$(printf '%08X%08X' $((n / each)) $((n % each)))
file=$(printf '%08X' "$new")$number
read=$(sed -n "s/.*restored log file \"\([0-9A-F]\{8\}$number\)\" from archive.*/\1/p" "$log" | tail -n 1)
# shellcheck disable=SC2016 # the inner shell's
runuser -u "$OWNER" -- sh -euc 'umask 077
cd -- "$1/pg_wal"
[ "$(stat -c %s "./$6")" = "$8" ] || { echo "the server has not kept pg_wal/$6" >&2; exit 1; }
if [ "$4" -gt 0 ] && [ -n "$3" ]; then dd if="$2/$3" of="./$6" bs=8192 count="$4" conv=notrunc 2>/dev/null; fi
sync
[ -n "$7" ] || exit 0
for f in "$5" "$6"; do
	if [ -e "$2/$f" ]; then cmp -s "./$f" "$2/$f" || { echo "$2/$f is there already with another content, and is kept" >&2; exit 1; }; continue; fi
	cp "./$f" "$2/.$f.restored"
	sync
	mv -f "$2/.$f.restored" "$2/$f"
done
sync' sh "$POLARDATA" "$ARCHIVE" "$read" "$pages" "$history" "$file" "$own_archive" "$size" </dev/null || exit 1
as rm -f "$PGDATA/recovery.done" "$PGDATA/polar_node_static.conf" "$PGDATA/backup_label.old"
sync
noted state=done "reached=$reached" || exit 1
