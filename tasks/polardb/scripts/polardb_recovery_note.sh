# Notes a recovery, which is on the input, where every account may see it and only root can say so.
# uses: preamble roots polardb_keep_for_root
# takes: MARKER FILE
keep_for_root "${MARKER%/*}"
umask 022
cat >"$FILE.new" || exit 1
sync "$FILE.new" 2>/dev/null || sync
mv -f "$FILE.new" "$FILE" || exit 1
sync "${FILE%/*}" 2>/dev/null || sync
