# Copies a backup into a node's directories, reads the copy once more, and takes out of it what made its source a member. $* are numbers
# of tablespaces, each with its place.
# uses: polardb_restore_begin polardb_space_prepare polardb_as work_dir polardb_backup_fill
# takes: OWNER PGDATA POLARDATA FROM TIMEOUT
n=0
for s; do
	n=$((n+1))
	if [ $((n % 2)) = 0 ]; then prepare_space "$s" || exit 1; fi
done
sync
cd /
# shellcheck disable=SC2016 # the inner shell's
timeout "$TIMEOUT" runuser -u "$OWNER" -- sh -euc "$fill"'
umask 077
from=$1 pgdata=$2 polardata=$3
shift 3
fill pgdata "$pgdata"
fill polardata "$polardata"
proved() { # part, where: what was copied is what was written
	sed -n "s,^\\([0-9a-f]*  \\)$1/,\\1,p" "$(contents)" >"$pgdata/polarbook.sums"
	[ -s "$pgdata/polarbook.sums" ] || return 0
	( cd "$2" && LC_ALL=C sha256sum -c "$pgdata/polarbook.sums" ) >"$pgdata/polarbook.proof" 2>&1 || { grep -v ": OK$" "$pgdata/polarbook.proof" | head -n 5 >&2; exit 1; }
}
while [ $# -gt 0 ]; do
	[ -L "$pgdata/pg_tblspc/$1" ] || { echo "the backup has no link for the tablespace $1" >&2; exit 1; }
	fill "tablespaces/$1" "$2"
	rm "$pgdata/pg_tblspc/$1"
	ln -s "$2" "$pgdata/pg_tblspc/$1"
	proved "tablespaces/$1" "$2"
	shift 2
done
proved pgdata "$pgdata"
proved polardata "$polardata"
rm -f "$pgdata/polarbook.sums" "$pgdata/polarbook.proof"
cd "$pgdata"
rm -f recovery.conf recovery.done polar_node_static.conf polarbook.id postmaster.pid postmaster.opts
rm -f "$polardata/polar_dma/consensus_meta"' sh "$FROM" "$PGDATA" "$POLARDATA" "$@" </dev/null || { rc=$?; [ $rc != 124 ] || echo "the copy was still at work after $TIMEOUT s" >&2; exit 1; }
sync
