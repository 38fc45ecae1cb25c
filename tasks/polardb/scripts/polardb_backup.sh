# The directory is the engine's account's, which changes it as it likes: root makes it, and then all is done by that account, from
# within. $* are the mappings of tablespaces; the line of pgpass is on the input.
# uses: preamble polardb_backup_place polardb_as work_dir polardb_backup_pack
# takes: TO OWNER CLUSTER TIMEOUT TOOL LEADER PORT REPLICATOR CA RATE COMPRESS
set -e
umask 077
cd /
begin_at_place </dev/null
own 'mkdir pgdata polardata tablespaces'
cat >"$WORK/pgpass"
chown "$OWNER": "$WORK/pgpass"
echo "started=$(date -u +%Y-%m-%dT%H:%M:%SZ)"
as PGPASSFILE="$WORK/pgpass" PGCONNECT_TIMEOUT=15 ${CA:+PGSSLMODE=verify-ca PGSSLROOTCERT="$CA"} timeout "$TIMEOUT" "$TOOL" -w -h "$LEADER" -p "$PORT" -U "$REPLICATOR" -D "$TO/pgdata" --polardata="$TO/polardata" -X stream -c fast ${RATE:+-r "$RATE"} --progress -v "$@"
own '[ -s polardata/global/pg_control ]' || { echo "the copy has no global/pg_control" >&2; exit 1; }
as pg_controldata "$TO/polardata" >"$WORK/control" || { echo "pg_controldata cannot read the copy" >&2; exit 1; }
own 'find pgdata polardata tablespaces -type f -print0 | sort -z | xargs -0 sha256sum >SHA256SUMS.new
sync
mv SHA256SUMS.new SHA256SUMS'
own 'sha256sum -c SHA256SUMS' >"$WORK/sums" || { grep -v ': OK$' "$WORK/sums" >&2; exit 1; }
# shellcheck disable=SC2016 # the inner shell's
own 'size() { find "$@" -type f -exec stat -c %s {} + | awk "{ n += \$1 } END { printf \"%.0f\", n }"; }
echo "bytes=$(size pgdata polardata tablespaces)"
echo "pgdata=$(size pgdata)"
echo "polardata=$(size polardata)"
for d in tablespaces/*; do [ ! -d "$d" ] || { echo "space=${d##*/}"; echo "space.bytes=$(size "$d")"; }; done
echo "files=$(wc -l <SHA256SUMS)"'
if [ -n "$COMPRESS" ]; then echo packing=yes; fi
# shellcheck disable=SC2016 # the inner shell's
own "$pack"'
if [ -n "$1" ]; then
	if pack "$1"; then
		echo "packed=$1"
		find . -type f ! -name SHA256SUMS ! -name "backup.*" -exec stat -c %s {} + | awk "{ n += \$1 } END { printf \"stored=%.0f\nstored_files=%d\n\", n, NR }"
	elif [ $? = 1 ]; then echo "unpacked=$unpacked"
	else echo "the archives of the backup could not be finished" >&2; exit 1
	fi
fi
sums=$(sha256sum SHA256SUMS)
echo "sums=${sums%% *}"' sh "$COMPRESS"
sed -n 's/^Database cluster state: */control=/p; s/^Database system identifier: */system=/p' "$WORK/control"
echo "ended=$(date -u +%Y-%m-%dT%H:%M:%SZ)"
