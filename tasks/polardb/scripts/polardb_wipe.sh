# Empties a node's directories.
# uses: polardb_mark
# takes: PGDATA POLARDATA
# end_left: ends what an earlier, killed run left working on the node's directories, and nothing else: a process counts only when it
# is one of the engine's own programs and its command line names the directory.
ours() {
	case $(cat "/proc/$1/comm" 2>/dev/null) in initdb|postgres|polar-postgres|pg_ctl|pg_basebackup|polar_basebacku*|polar-initdb.sh) ;; *) return 1 ;; esac
	tr '\0' '\n' <"/proc/$1/cmdline" 2>/dev/null | grep -qxF -e "$PGDATA" -e "$PGDATA/" -e "--pgdata=$PGDATA"
}
end_left() {
	left=
	for d in /proc/[0-9]*; do
		p=${d#/proc/}
		if [ "$p" != $$ ] && ours "$p"; then kill -TERM "$p" 2>/dev/null || :; left="$left $p"; fi
	done
	n=0
	for p in $left; do
		while ours "$p" && [ $n -lt 100 ]; do n=$((n+1)); sleep 0.1; done
		if ours "$p"; then kill -KILL "$p" 2>/dev/null || :; sleep 0.2; fi
	done
}
# wipe: empties them. From within each directory: its owner may put a link to another in its place at any time. The node's
# tablespaces come first, as long as its links tell them.
wipe() {
	wipe_spaces
	for d in "$PGDATA" "$POLARDATA"; do
		if [ -d "$d" ]; then ( inside "$d" && find . -mindepth 1 -maxdepth 1 -exec rm -rf -- {} + ) || exit 1; fi
	done
	rm -f "$SPACES"
}
