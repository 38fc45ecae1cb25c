# lacking PREFIX: prints the libraries that the programs of an install prefix of the engine do not find, under its own lib directory.
# Asked of the loader itself where its place is known: ldd is a script that starts several shells for each file.
libraries() { ldd "$1"; }
for l in /lib64/ld-*.so.* /lib/ld-*.so.*; do
	"$l" --verify /bin/sh >/dev/null 2>&1 || continue
	LOADER=$l
	libraries() { "$LOADER" --verify "$1" && LD_TRACE_LOADED_OBJECTS=1 "$LOADER" "$1"; }
	break
done
lacking() {
	for f in "$1"/bin/* "$1"/lib/postgresql/*.so; do
		[ -f "$f" ] && (export LC_ALL=C LD_LIBRARY_PATH="$1/lib"; libraries "$f" 2>/dev/null) || :
	done | awk '/not found/ { print $1 }' | sort -u | tr '\n' ' '
}
