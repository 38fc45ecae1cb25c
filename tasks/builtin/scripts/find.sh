# Defines what lists a directory. follow: links to directories are followed; depth: how deep, nothing for all the way; checksum: the
# program that makes the checksums of files, nothing for none.
# uses: preamble
# takes: follow depth checksum
echo "clock $(date +%s)"
# in_path DIR NAME: a line for each path below, with names in hex, since they may hold anything. NAME is the directory as it was
# written.
in_path() {
	if [ ! -d "$1" ]; then printf 'skipped %s\n' "$2"; return; fi
	find ${follow:+-L} "$1/" -mindepth 1 ${depth:+-maxdepth "$depth"} -exec sh -c 'checksum=$1; shift; for f; do
		sum=-
		if [ -n "$checksum" ] && [ -f "$f" ] && [ -r "$f" ]; then sum=$("$checksum" < "$f" | cut -d" " -f1); fi
		s=$(stat -c "%f %u %g %U %G %s %X %Y %Z %i %h" -- "$f" 2>/dev/null) || continue
		printf "entry %s %s " "$s" "$sum"; printf %s "$f" | od -An -v -tx1 | tr -d " \n"; echo
	done' sh "$checksum" {} + 2>/dev/null
}
