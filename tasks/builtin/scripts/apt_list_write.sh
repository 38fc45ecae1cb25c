# Gives the list p the text after, and a new one the mode; removes it when the text is empty. It must still have the text before,
# or not be there.
# uses: preamble
# takes: p before there after mode
if [ -n "$there" ]; then
	[ "$(cat "$p" && echo .)" = "$before." ] || die "$p was changed by somebody else in the meantime"
elif [ -e "$p" ]; then
	die "$p was made by somebody else in the meantime"
fi
if [ -z "$after" ]; then
	rm -f -- "$p" || exit 1
else
	t=$(mktemp "${p%/*}/.polarbook-XXXXXXXX") || exit 1
	printf %s "$after" > "$t" && if [ -e "$p" ]; then chmod "$(stat -L -c %a "$p")" "$t"; else chmod "${mode:-0644}" "$t"; fi &&
		mv -f -- "$t" "$(readlink -f "$p")" || { rm -f "$t"; exit 1; }
fi
