# Restores a backup into a directory of its own, starts it alone on a socket that only the engine's account can reach, asks each of its
# databases something, stops it and removes it. $* are the numbers of its tablespaces.
# uses: preamble inside strangers polardb_as work_dir polardb_backup_fill
# takes: FROM DIR OWNER POSTGRES TIMEOUT SUPERUSER
umask 077
cd /
who=$(strangers "$DIR/" "$OWNER")
[ -z "$who" ] || die "$who: the backup is not restored there"
( umask 022; reach "$DIR" ) || exit 1
scratch=$DIR/.verify
own() { runuser -u "$OWNER" -- sh -euc "$@"; }
# servers: what an earlier run left, or this one started.
servers() {
	for d in /proc/[0-9]*; do
		if [ "$d/cwd" -ef "$scratch/pgdata" ]; then case $(cat "$d/comm" 2>/dev/null) in postgres*|polar-postgres*|pmaster*) echo "${d#/proc/}" ;; esac; fi
	done
}
clean() {
	p=$(head -n 1 "$scratch/pgdata/postmaster.pid" 2>/dev/null) || p=
	case $p in ''|*[!0-9]*) ;; *) if [ "/proc/$p/cwd" -ef "$scratch/pgdata" ]; then kill -INT "$p"; kill -TERM "$p"; fi 2>/dev/null ;; esac
	n=0
	while [ -d "$scratch/pgdata" ] && [ -n "$(servers)" ] && [ $n -lt 300 ]; do n=$((n+1)); sleep 0.1; done
	# shellcheck disable=SC2046 # numbers
	if [ -d "$scratch/pgdata" ] && [ -n "$(servers)" ]; then kill -KILL $(servers) 2>/dev/null || :; sleep 0.3; fi
	if [ -d "$scratch" ] && [ ! -L "$scratch" ]; then
		( inside "$scratch" && own 'find . -mindepth 1 -maxdepth 1 -exec rm -rf -- {} +' </dev/null; spot "$scratch" && rmdir "./$b" ) || :
	fi
}
[ ! -L "$scratch" ] || die "$scratch is a link, which is not followed"
clean
[ ! -e "$scratch" ] || die "$scratch cannot be emptied"
trap 'clean; rm -rf "$WORK"' EXIT
( spot "$scratch" && mkdir -m 0700 "./$b" && chown -h "$OWNER": "./$b" ) || exit 1
mkdir "$WORK/s" && chown "$OWNER": "$WORK/s" || exit 1
echo step=read
# shellcheck disable=SC2016 # the inner shell's
timeout "$TIMEOUT" runuser -u "$OWNER" -- sh -c 'cd -- "$1" && LC_ALL=C sha256sum -c SHA256SUMS 2>/dev/null' sh "$FROM" </dev/null >"$WORK/proof" || {
	grep -v ': OK$' "$WORK/proof" | sed 's/: FAILED.*//; s/^/these files are not what was written: /' | head -n 5 >&2
	exit 1
}
echo step=copy
# shellcheck disable=SC2016 # the inner shell's
timeout "$TIMEOUT" runuser -u "$OWNER" -- env PATH="$BIN:$PATH" LD_LIBRARY_PATH="$LIB" sh -euc "$fill"'
umask 077
from=$1 scratch=$2 socket=$3
shift 3
mkdir "$scratch/pgdata" "$scratch/polardata" "$scratch/tablespaces"
fill pgdata "$scratch/pgdata"
fill polardata "$scratch/polardata"
for n; do
	mkdir "$scratch/tablespaces/$n"
	fill "tablespaces/$n" "$scratch/tablespaces/$n"
	rm "$scratch/pgdata/pg_tblspc/$n"
	ln -s "$scratch/tablespaces/$n" "$scratch/pgdata/pg_tblspc/$n"
done
if [ -f "$from/CONTENTS" ]; then
	( cd "$scratch" && LC_ALL=C sha256sum -c "$from/CONTENTS" 2>/dev/null ) >"$socket/proof" || {
		grep -v ": OK\$" "$socket/proof" | sed "s/: FAILED.*//; s/^/these files are not what was packed: /" | head -n 5 >&2
		exit 1
	}
	rm -f "$socket/proof"
fi
cd "$scratch/pgdata"
rm -f recovery.conf recovery.done polar_node_static.conf postmaster.pid postmaster.opts postgresql.auto.conf polar_dma.conf
rm -f "$scratch/polardata/polar_dma/consensus_meta"
: >postgresql.auto.conf
: >pg_ident.conf
echo "local all all trust" >pg_hba.conf
# What the data was used with; everything else is as small as can be.
pg_controldata "$scratch/polardata" | awk -F ":" "function set(n, v, least) { gsub(/ /, \"\", v); print n \" = \" (v + 0 > least ? v + 0 : least) }
	/^max_connections setting/ { set(\"max_connections\", \$2, 100) } /^max_worker_processes setting/ { set(\"max_worker_processes\", \$2, 8) }
	/^max_prepared_xacts setting/ { set(\"max_prepared_transactions\", \$2, 0) } /^max_locks_per_xact setting/ { set(\"max_locks_per_transaction\", \$2, 64) }" >postgresql.conf
cat >>postgresql.conf <<EOT
listen_addresses = ""
unix_socket_directories = "$socket"
polar_datadir = "file-dio://$scratch/polardata"
shared_preload_libraries = "\$libdir/polar_vfs,\$libdir/polar_worker"
EOT
sed -i "s/\"/'"'"'/g" postgresql.conf
cat >>postgresql.conf <<EOT
port = 5432
polar_hostid = 1
polar_enable_shared_storage_mode = on
polar_vfs.localfs_test_mode = on
polar_logindex_mem_size = 0
polar_enable_lazy_checkpoint = off
polar_enable_xlog_buffer = off
polar_enable_copy_buffer = off
polar_enable_persisted_buffer_pool = off
polar_enable_flashback_log = off
shared_buffers = 32MB
autovacuum = off
logging_collector = off
EOT' sh "$FROM" "$scratch" "$WORK/s" "$@" </dev/null || exit 1
echo step=start
( umask 077; : >"$WORK/log" )
as sh -c 'cd /; exec "$@"' sh "$POSTGRES" -D "$scratch/pgdata" -c polar_enable_dma=off -c ssl=off >"$WORK/log" 2>&1 </dev/null &
server=$!
ask() { as env -u PGPASSWORD -u PGPASSFILE PGCONNECT_TIMEOUT=10 psql -X -A -t -q -w -v ON_ERROR_STOP=1 -h "$WORK/s" -p 5432 -U "$SUPERUSER" "$@" </dev/null; }
failed() {
	echo "$1" >&2
	grep -E '(FATAL|PANIC|ERROR|HINT|DETAIL): ' "$WORK/log" | grep -v 'the database system is starting up' | tail -n 4 | cut -c 1-500 >&2
	exit 1
}
waited=0
until said=$(ask -d postgres -c 'select 1' 2>&1); do
	kill -0 "$server" 2>/dev/null || failed "the server ended while it started"
	waited=$((waited+1))
	[ $((waited / 2)) -lt "$TIMEOUT" ] || failed "the server did not let anybody in within $TIMEOUT s: $said"
	sleep 0.5
done
echo step=ask
ask -d postgres -c "select datname from pg_database where datallowconn order by datname" >"$WORK/databases" || failed "the databases could not be listed"
[ -s "$WORK/databases" ] || failed "it has no databases"
while IFS= read -r d; do
	n=$(PGDATABASE=$d ask -c 'select count(*) from pg_class' 2>"$WORK/said") || failed "the database $d does not answer: $(head -n 1 "$WORK/said")"
	printf 'database=%s\nrelations=%s\n' "$d" "$n"
done <"$WORK/databases"
echo step=stop
