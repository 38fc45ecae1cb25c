# Prints what a node looks like, the checksum of the engine that is installed for it, and whether what was found of it is noted.
# uses: roots polardb_node
# takes: BIN NOTE
for p in polar-postgres postgres; do
	if [ -x "$BIN/$p" ]; then echo "engine.sum=$(sha256sum <"$BIN/$p" | cut -c 1-64)"; break; fi
done
if [ -f "$NOTE/note.json" ] && roots "$NOTE/note.json"; then echo noted=yes; fi
if [ -f "$NOTE/done" ]; then echo done=yes; fi
