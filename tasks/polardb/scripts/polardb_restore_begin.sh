# Notes that a backup is restored, before the first directory is touched.
# uses: preamble inside roots polardb_keep_for_root
# takes: MARKER FROM
keep_for_root "${MARKER%/*}"
restore=${MARKER%.node}.restore
rm -f "${MARKER%.node}.replay" "${MARKER%.node}.replay.log"
( umask 077; printf '%s\n' "$FROM" >"$restore.new" ) || exit 1
sync "$restore.new" 2>/dev/null || sync
mv -f "$restore.new" "$restore" || exit 1
sync "${MARKER%/*}" 2>/dev/null || sync
