# What a node's scripts know of tablespaces. Which locations are the node's, and may be emptied, its own links say, and a note of
# root's that is written before a copy begins: while it runs there are no links yet. Only the engine's own directories in them are
# removed, and by the engine's account, which so can remove nothing that it could not anyway, wherever its links lead.
# takes: PGDATA MARKER OWNER
# leaves: SPACES
SPACES=${MARKER%.node}.spaces
own_spaces() {
	for l in "$PGDATA"/pg_tblspc/*; do
		if [ -L "$l" ]; then readlink -- "$l" || :; fi
	done
	if [ -f "$SPACES" ]; then
		while IFS= read -r l; do
			if [ "$(stat -L -c %i -- "${l#* }" 2>/dev/null)" = "${l%% *}" ]; then printf '%s\n' "${l#* }"; fi
		done <"$SPACES"
	fi
}
# other_space LOCATION: the PGDATA of another node of this host that has it.
other_space() {
	for m in "${MARKER%/*/*}"/*/*.node; do
		if [ ! -f "$m" ] || [ "$m" = "$MARKER" ]; then continue; fi
		o=$(sed -n 's/^pgdata=//p' "$m")
		if [ -z "$o" ] || [ "$o" = "$PGDATA" ]; then continue; fi
		for l in "$o"/pg_tblspc/*; do
			if [ -L "$l" ] && { [ "$l" -ef "$1" ] || [ "$(readlink -- "$l")" = "$1" ]; }; then printf '%s\n' "$o"; return 0; fi
		done
	done
}
# wipe_space LOCATION: removes what the engine put there.
wipe_space() {
	case $1 in /*) ;; *) return 0 ;; esac
	if [ ! -d "$1" ] || [ -n "$(other_space "$1")" ] || ! id -u "$OWNER" >/dev/null 2>&1; then return 0; fi
	# shellcheck disable=SC2016 # the inner shell's
	runuser -u "$OWNER" -- sh -euc 'cd -P -- "$1" 2>/dev/null || exit 0
		for d in PG_11_[0-9]*; do if [ -d "./$d" ] && [ ! -L "./$d" ]; then rm -rf -- "./$d"; fi; done' sh "$1" </dev/null
}
wipe_spaces() {
	own_spaces | while IFS= read -r s; do wipe_space "$s" || exit 1; done || exit 1
}
