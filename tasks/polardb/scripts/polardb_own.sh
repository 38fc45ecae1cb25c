# Keeps files of PGDATA of which each node has its own, as long as the node is made anew from another's data: OWN is the directory in
# which they are kept, for root alone.
# uses: preamble inside roots polardb_keep_for_root
# takes: PGDATA OWN OWNER
# kept_as NAME: where a file is kept.
kept_as() { printf '%s/%s' "$OWN" "$(printf %s "$1" | tr / %)"; }
# keep_own NAME...: keeps the files that there are, links as links. What a removal that was cut off has kept of the others stays.
keep_own() {
	[ $# != 0 ] || return 0
	keep_for_root "${OWN%/*}"
	[ -d "$OWN" ] || mkdir -m 0700 "$OWN" || exit 1
	for f; do
		spot "$PGDATA/$f" || continue
		rm -f "$OWN/%"
		if [ -L "./$b" ]; then
			ln -s -- "$(readlink -- "./$b")" "$OWN/%" || exit 1
		elif [ -e "./$b" ]; then
			hold "$b"
			( umask 077; cat <&7 >"$OWN/%" ) || exit 1
			exec 7<&-
		else
			continue
		fi
		mv -f -T -- "$OWN/%" "$(kept_as "$f")" || exit 1
	done
	sync
}
# return_own NAME...: puts them into the copied data, and says which of the files there are another node's.
return_own() {
	for f; do
		k=$(kept_as "$f")
		spot "$PGDATA/$f" || continue
		if [ ! -e "$k" ] && [ ! -L "$k" ]; then
			[ ! -e "./$b" ] || echo "foreign $f"
			continue
		fi
		t=.polarbook.$(mktemp -u XXXXXXXX)
		if [ -L "$k" ]; then
			ln -s -- "$(readlink -- "$k")" "./$t" || exit 1 # whose a link is does not matter
		else
			fresh "$t" && cat "$k" >&7 && chown "$OWNER": $held && chmod 0600 $held || exit 1
			exec 7>&-
		fi
		mv -f -T -- "./$t" "./$b" || exit 1
	done
}
