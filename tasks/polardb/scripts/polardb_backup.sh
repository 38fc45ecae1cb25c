# The directory is the engine's account's, which changes it as it likes: root makes it, and then all is done by that account, from
# within. $* are the mappings of tablespaces; the line of pgpass is on the input.
# uses: preamble inside strangers polardb_backup_note polardb_as work_dir
# takes: TO OWNER CLUSTER TIMEOUT TOOL LEADER PORT REPLICATOR CA RATE
set -e
umask 077
cd /
alone() {
	who=$(strangers "$1" "$OWNER")
	[ -z "$who" ] || die "$who, and whoever can replace the directory of a backup gets at the data and its passwords: choose another, or give the directory to root"
}
alone "${TO%/*}"
( umask 022; reach "${TO%/*}" ) || exit 1
[ -d "$TO" ] || ( spot "$TO" && mkdir -m 0700 -- "./$b" ) || exit 1
inside "$TO" || die "$TO cannot be entered"
alone "${here%/*}/"
owner=$(stat -c %u .)
[ "$owner" = 0 ] || [ "$owner" = "$(id -u "$OWNER")" ] || die "$TO belongs to another account"
# shellcheck disable=SC2010,SC2143 # under set -e
if [ -n "$(ls -A . | grep -vxF -e backup.polarbook.new -e backup.json.new)" ]; then
	[ -f backup.polarbook ] && [ ! -e backup.json ] && [ ! -L backup.json ] || die "$TO is no longer empty"
	hold backup.polarbook
	grep -qx state=begun $held && grep -qxF -- "cluster=$CLUSTER" $held || die "$TO is no longer empty"
	exec 7<&-
fi
chown -h "$OWNER": .
chmod 700 .
# A note that was cut off while it was written: nothing else here has that name.
# shellcheck disable=SC2016 # the inner shell's
own 'rm -f backup.polarbook.new; find . -mindepth 1 -maxdepth 1 ! -name backup.polarbook -exec rm -rf -- {} +'
note begun
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
echo "files=$(wc -l <SHA256SUMS)"
sums=$(sha256sum SHA256SUMS)
echo "sums=${sums%% *}"'
sed -n 's/^Database cluster state: */control=/p; s/^Database system identifier: */system=/p' "$WORK/control"
echo "ended=$(date -u +%Y-%m-%dT%H:%M:%SZ)"
