# wrong_files DIR: has the engine's account read all files of a backup, which wrote them, and prints those that are not what was written.
# takes: OWNER TIMEOUT
wrong_files() {
	# shellcheck disable=SC2016 # the inner shell's
	timeout "$TIMEOUT" runuser -u "$OWNER" -- sh -c 'cd -- "$1" && LC_ALL=C sha256sum -c SHA256SUMS 2>/dev/null; echo "all were read: OK"' sh "$1" </dev/null |
		awk '/^all were read: OK$/ { all = 1; next } !/: OK$/ && n++ < 20 { sub(/: FAILED.*/, ""); print "wrong=" $0 }
			END { if (!all) print "wrong=not all could be read" }'
}
