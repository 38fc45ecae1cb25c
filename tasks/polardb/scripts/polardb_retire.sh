# Removes a node's data, and keeps its own files of it, which are $*. A removal that is cut off is finished by the next one.
# uses: polardb_mark polardb_own polardb_wipe
# takes: CLUSTER PGDATA POLARDATA MARKER RECOVERY
# Whose the data is is asked again, right before it goes.
for line in "cluster=$CLUSTER" "pgdata=$PGDATA" "polardata=$POLARDATA"; do
	grep -qxF -- "$line" "$MARKER" || { echo "$MARKER does not say $line: nothing was removed" >&2; exit 1; }
done
keep_own "$@"
mark wiping
wipe
rm -f "$RECOVERY"
