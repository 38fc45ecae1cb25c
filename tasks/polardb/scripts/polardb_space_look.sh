# Prints for each location, numbered, what is there. It changes nothing.
# uses: preamble strangers polardb_spaces
# takes: OWNER
mine=$(own_spaces)
n=0
for s; do
	n=$((n+1))
	echo "space=$n"
	other=$(other_space "$s")
	if [ -n "$other" ]; then printf 'other=%s\n' "$other"; fi
	who=$(strangers "${s%/*}/" "$OWNER")
	if [ -n "$who" ]; then printf 'stranger=%s\n' "$who"; fi
	if [ ! -e "$s" ] && [ ! -L "$s" ]; then continue; fi
	if [ ! -d "$s" ]; then echo kind=file; continue; fi
	stat -L -c 'owner=%U' -- "$s"
	own=
	if printf '%s\n' "$mine" | grep -qxF -- "$s"; then own=yes; fi
	# shellcheck disable=SC2012 # a name a line
	ls -A -- "$s/" | while IFS= read -r f; do
		# What a new file system has is nothing that somebody put there.
		if [ "$f" = lost+found ] && [ ! -L "$s/$f" ] && [ "$(stat -c '%F %u' -- "$s/$f")" = 'directory 0' ] && [ -z "$(ls -A -- "$s/$f")" ]; then continue; fi
		case $own$f in yesPG_11_[0-9]*) ;; *) printf 'holds=%s\n' "$f" ;; esac
	done | head -n 4
done
:
