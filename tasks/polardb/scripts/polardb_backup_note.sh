# What the scripts of a backup know. SPACES are the lines of the note that name its tablespaces.
# takes: OWNER CLUSTER SOURCE SPACES
# own SCRIPT WORDS: has the engine's account run it.
own() { runuser -u "$OWNER" -- sh -euc "$@"; }
# note STATE: writes down how far the backup is.
note() {
	# shellcheck disable=SC2016 # the inner shell's
	own 'printf "cluster=%s\nsource=%s\ntaken=%s\nstate=%s\n%s" "$1" "$2" "$3" "$4" "$5" >backup.polarbook.new
		sync; mv -f backup.polarbook.new backup.polarbook; sync' sh "$CLUSTER" "$SOURCE" "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$1" "$SPACES"
}
