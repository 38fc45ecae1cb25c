# Prints what the note m remembers of what was unpacked in the directory d, and whether that is still so, with that owner and group.
# s: the archive, when it is on the host; list: the names of what was unpacked are wanted. An earlier release left the note in d
# itself, as old.
# uses: preamble look measure unpacked_notes
# takes: store d m old s user group list
look dest "$d" -L
if [ -n "$s" ] && [ -f "$s" ]; then
	echo "archive $(sha256sum < "$s" | cut -c1-64)"
	echo "begins $(od -v -An -tx1 -N6 < "$s" | tr -d ' \n')"
fi
m=$notes/$m
[ -r "$m" ] || m=$d/$old
case $m in /*) ;; *) m=$PWD/$m ;; esac
if [ -r "$m" ]; then
	echo "unpacked $(sed -n 1p "$m")"
	cd "$d" || exit 1
	if [ "$(sed 1,2d "$m" | measure)" = "$(sed -n 2p "$m")" ]; then echo whole yes; fi
	if [ -n "$user$group" ]; then
		# shellcheck disable=SC2016 # the shell within expands them
		other=$(sed 1,2d "$m" | tr '\n' '\0' | xargs -0 sh -c 'user=$1 group=$2; shift 2
			if [ -n "$user" ]; then find "$@" -prune ! -user "$user"; fi
			if [ -n "$group" ]; then find "$@" -prune ! -group "$group"; fi' sh "$user" "$group" 2>/dev/null | head -n 1)
		if [ -n "$other" ]; then echo strangers yes; fi
	fi
	if [ -n "$list" ]; then
		sed 1,2d "$m" | while IFS= read -r f; do
			[ ! -d "$f" ] || [ -L "$f" ] || f=$f/
			printf 'file %s\n' "$f"
		done
	fi
fi
exit 0
