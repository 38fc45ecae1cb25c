# Removes a node's data and all that is noted of it, but for its own files, which are $*.
# uses: polardb_mark polardb_own polardb_wipe
# takes: CLUSTER PGDATA POLARDATA MARKER KEPT RECOVERY UNIT
cd /
# Whose the data is is asked again, right before it goes.
for line in "cluster=$CLUSTER" "pgdata=$PGDATA" "polardata=$POLARDATA"; do
	grep -qxF -- "$line" "$MARKER" || { echo "$MARKER does not say $line: nothing was removed" >&2; exit 1; }
done
case $(systemctl show -p ActiveState "$UNIT" 2>/dev/null) in *=active|*=activating|*=reloading|*=deactivating) echo "the unit $UNIT is active: nothing was removed" >&2; exit 1 ;; esac
end_left
if [ $# = 0 ]; then rm -rf "$OWN"; fi
keep_own "$@"
wipe
for d in "$PGDATA" "$POLARDATA"; do
	if [ -d "$d" ] && ! { command -v mountpoint >/dev/null && mountpoint -q "$d"; } && [ ! -L "$d" ]; then ( spot "$d" && rmdir "./$b" ) || exit 1; fi
done
rm -rf "$KEPT" "$KEPT.new"
if ( spot "$PGDATA" ); then ( spot "$PGDATA"; rm -rf "./$b.conf-before" "./$b.conf-before.new" ) || exit 1; fi
sync
rm -f "$MARKER" "$MARKER.new" "$RECOVERY" "$RECOVERY.new" "${MARKER%.node}.restore" "${MARKER%.node}.restore.new" "${MARKER%.node}.replay" "${MARKER%.node}.replay.log"
rmdir "${MARKER%/*}" 2>/dev/null || :
sync
