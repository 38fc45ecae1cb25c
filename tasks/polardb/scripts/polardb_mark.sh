# Notes what polarbook did with a node, and signs its data. What an earlier release noted is taken over, as it was read, before
# anything else is done: $taken is its step.
# uses: preamble inside roots polardb_keep_for_root polardb_spaces
# takes: PGDATA POLARDATA MARKER FORMER ORIGIN ID WEIGHT OWNER CLUSTER taken
set -e
# Who changes a node's data whose server has ended does not want systemd to start it in the middle of that.
case $(systemctl show -p SubState "polardb-$CLUSTER.service" 2>/dev/null) in *=auto-restart*) systemctl stop "polardb-$CLUSTER.service" || : ;; esac
# sign: leaves with the data what the marker says of it; in a directory of the engine's account, so that account does it.
sign() {
# shellcheck disable=SC2016 # the inner shell's
	runuser -u "$OWNER" -- sh -c 'umask 077; cd -- "$0" && printf "%s\n" "$1" >polarbook.id.new && mv -f polarbook.id.new polarbook.id' "$PGDATA" "$ID"
	sync
}
# mark STEP: notes a step, by temporary name, on disk before it counts.
mark() {
	case $1 in initdb|basebackup|restore) ORIGIN=$1 WEIGHT= ;; esac
	keep_for_root "${MARKER%/*}"
	umask 077
	printf '%s\n' "cluster=$CLUSTER" "pgdata=$PGDATA" "polardata=$POLARDATA" "step=$1" "origin=$ORIGIN" "id=$ID" "weight=$WEIGHT" \
		"pgdata_inode=$(stat -L -c %i -- "$PGDATA" 2>/dev/null || :)" "polardata_inode=$(stat -L -c %i -- "$POLARDATA" 2>/dev/null || :)" >"$MARKER.new"
	umask 022
	sync "$MARKER.new" 2>/dev/null || sync
	mv -f "$MARKER.new" "$MARKER"
	sync "${MARKER%/*}" 2>/dev/null || sync
	if ( spot "$FORMER" && { [ -e "./$b" ] || [ -L "./$b" ]; } ); then ( spot "$FORMER"; rm -rf -- "./$b" "./$b.new" ) || exit 1; fi
}
if [ -n "$taken" ]; then mark "$taken"; fi
