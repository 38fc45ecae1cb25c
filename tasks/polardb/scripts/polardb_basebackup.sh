# Copies the leader into a node's directories. $* are the locations of its tablespaces; the line of pgpass is on the input.
# uses: polardb_space_prepare polardb_as work_dir
# takes: OWNER PGDATA POLARDATA TOOL TIMEOUT LEADER PORT REPLICATOR CA
for s; do prepare_space "$s"; done
sync "$SPACES" 2>/dev/null || sync
cd /
( umask 077; cat >"$WORK/pgpass" )
chown "$OWNER": "$WORK/pgpass"
as PGPASSFILE="$WORK/pgpass" PGCONNECT_TIMEOUT=15 ${CA:+PGSSLMODE=verify-ca PGSSLROOTCERT="$CA"} timeout "$TIMEOUT" "$TOOL" -w -h "$LEADER" -p "$PORT" -U "$REPLICATOR" \
	-D "$PGDATA" --polardata="$POLARDATA" -X stream -c fast --progress --write-recovery-conf -v
sync
