# Takes the note of a recovery away.
# takes: FILE
rm -f "$FILE" "$FILE.new"
sync
