# Prints what polarbook noted about a node, each line of it behind "marker.", bounded. A note of another cluster's for these
# directories counts, too, to say so; the former one only when there is none.
# uses: roots
# takes: MARKER FORMER
noted() { # file, kind
	if [ -L "$1" ] || [ ! -f "$1" ]; then echo "marker=$2"; echo "marker_fault=is no regular file"; return; fi
	echo "marker=$2"
	head -c 4097 <"$1" | sed 's/^/marker./'
	echo
}
found=
for f in "$MARKER" "${MARKER%/*/*}"/*/"${MARKER##*/}"; do
	if [ -e "$f" ] || [ -L "$f" ]; then
		noted "$f" kept
		roots "$f" || echo "marker_fault=or a directory above it does not belong to root alone"
		found=yes
		break
	fi
done
if [ -d "${MARKER%/*}" ] && [ ! -x "${MARKER%/*}" ]; then echo marker=kept; echo "marker_fault=cannot be read by this account: the task needs become"
elif [ -z "$found" ] && { [ -e "$FORMER" ] || [ -L "$FORMER" ]; }; then noted "$FORMER" former
fi
