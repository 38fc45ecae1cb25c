# Takes a node over that somebody else set up: a copy of its engine that only root can change, a note of what was found (the standard
# input) with the files that the server read ($*), and last the mark by which polarbook knows the node. No data is touched.
# uses: preamble roots polardb_keep_for_root polardb_libraries polardb_mark
# takes: ENGINE PREFIX VERSION SUM OWNER NOTE MARKER
umask 022
if [ -n "$VERSION" ]; then
	DIR=$ENGINE/versions/$VERSION
	mkdir -p "$ENGINE/versions"
	if ! { roots "$ENGINE" && roots "$ENGINE/versions"; }; then die "$ENGINE, or a directory above it, does not belong to root alone: no engine was put there"; fi
	need=0
	for d in bin lib lib64 share; do if [ -d "$PREFIX/$d" ]; then need=$((need + $(du -sk -- "$PREFIX/$d" | awk '{ n = $1 } END { print n + 0 }'))); fi; done
	free=$(df -Pk -- "$ENGINE/versions" | awk 'NR == 2 { print $4 }')
	[ "$free" -gt $((need + 10240)) ] || die "the engine in $PREFIX takes $need kB, and there are $free kB free for its copy in $ENGINE"
	rm -rf "$DIR.copying"
	mkdir -m 0700 "$DIR.copying"
	# As the account that runs it: root reads nothing that only root may. busybox's tar reads no list of names.
	# shellcheck disable=SC2016 # the inner shell's
	runuser -u "$OWNER" -- sh -c 'cd -- "$1" && tar -c -f - $(for d in bin lib lib64 share; do [ ! -d "$d" ] || echo "$d"; done)' sh "$PREFIX" |
		tar -x -o -f - -C "$DIR.copying" || die "the engine in $PREFIX could not be copied"
	# A link that leads out of its directory is replaced by what the account finds there.
	find "$DIR.copying" -type l | while IFS= read -r l; do
		case $(readlink -- "$l") in
		*/*)
			rm -f -- "$l"
			# shellcheck disable=SC2016 # the inner shell's
			runuser -u "$OWNER" -- sh -c '[ ! -f "$1" ] || [ ! -r "$1" ] || cat <"$1"' sh "$PREFIX/${l#"$DIR.copying/"}" >"$l"
			;;
		esac
	done
	chown -R -h 0:0 "$DIR.copying"
	chmod -R u+rwX,go+rX,ug-s,go-w "$DIR.copying"
	got=$(for p in polar-postgres postgres; do if [ -x "$DIR.copying/bin/$p" ]; then sha256sum <"$DIR.copying/bin/$p" | cut -c 1-64; break; fi; done)
	[ "$got" = "$SUM" ] || die "the engine in $PREFIX is not the one that the server runs: it was replaced since it started. Restart the server first"
	missing=$(lacking "$DIR.copying")
	[ -z "$missing" ] || die "the engine in $PREFIX needs libraries that are neither there nor the system's: $missing"
	printf 'copied from %s\n' "$PREFIX" >"$DIR.copying/.sha256"
	sync
	rm -rf "$DIR"
	mv -T "$DIR.copying" "$DIR"
	cd "$ENGINE" || exit 1
	ln -sfn "versions/$VERSION" current.new
	mv -fT current.new current
	cd /
fi
if [ ! -f "$NOTE/note.json" ]; then
	keep_for_root "${NOTE%/*}"
	rm -rf "$NOTE"
	mkdir -m 0700 "$NOTE"
	umask 077
	n=0
	for f; do
		n=$((n + 1))
		# shellcheck disable=SC2016 # the inner shell's
		runuser -u "$OWNER" -- sh -c 'head -c 1048576 <"$1"' sh "$f" >"$NOTE/$n-${f##*/}" || die "$f could not be kept"
	done
	cat >"$NOTE/note.json.new"
	sync
	mv -f "$NOTE/note.json.new" "$NOTE/note.json"
	sync
fi
sign
mark meta
