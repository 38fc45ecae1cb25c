# Compares the two ends of a copy from s to p. Of a directory it counts what differs or is missing.
# uses: preamble look copy_ends
look src "$s" -L
look dest "$p" -L
if [ -d "${p%/*}/" ]; then echo parent yes; else echo parent no; fi
if [ -f "$s" ]; then
	sum=$(sha256sum < "$s" | cut -c1-64)
	echo "sum $sum"
	echo "sha1 $(sha1sum < "$s" | cut -c1-40)"
	if [ -f "$p" ] && [ "$(sha256sum < "$p" | cut -c1-64)" = "$sum" ]; then echo same yes; fi
elif [ -d "$s" ]; then
	p=$(cd "$p" 2>/dev/null && pwd -P) || p=
	# A line for each path that is not the same under $p; all of them when there is none. What cannot be looked through is said by
	# the copying.
	n=$(cd "$s" && { find -L . \( -type f -o -type d -o -type l \) -exec sh -c 'to=$1; shift; for f; do
		if [ -z "$to" ]; then echo; continue; fi
		if [ -L "$f" ] && [ ! -e "$f" ]; then [ "$(readlink -- "$f")" = "$(readlink -- "$to/$f")" ] || echo; continue; fi
		if [ -d "$f" ]; then [ -d "$to/$f" ] || echo
		elif [ ! -f "$to/$f" ] || [ "$(sha256sum < "$f")" != "$(sha256sum < "$to/$f")" ]; then echo; fi
	done' sh "$p" {} + 2>/dev/null || echo; } | wc -l)
	echo "differing $n"
fi
