# Notes a step and makes the two directories, empty, for the engine's account. Only a step that unfinished or bare allowed may do so.
# uses: polardb_mark polardb_wipe
# takes: STEP wipe OWNER
if [ -n "$wipe" ]; then end_left; wipe; fi
( reach "${PGDATA%/*}" ) || exit 1
( reach "${POLARDATA%/*}" ) || exit 1
mark "$STEP"
for dir in "$PGDATA" "$POLARDATA"; do (
	spot "$dir" || die "the directory of $dir cannot be entered"
	[ -d "./$b" ] || mkdir -m 0700 "./$b" || exit 1
	inside "$dir" || die "$dir cannot be entered"
	# The engine's tools want a directory empty; fsck makes this one when it needs it.
	rmdir ./lost+found 2>/dev/null || :
	[ -z "$(ls -A .)" ] || die "$dir is no longer empty"
	chown -h "$OWNER": . && chmod 700 . || exit 1
) || exit 1; done
mark "$STEP"
