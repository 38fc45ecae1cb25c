# Prints what is at p and where a link there leads, what is at src (beside: which is written relative to the directory of p),
# whether p has the times modified and accessed, written as for touch -t, and with recurse how many of what is in the directory
# have another owner or group, and which modes there are.
# uses: preamble look
# takes: p src beside recurse user group mode follow modified accessed
look path "$p"
if [ -L "$p" ]; then look target "$p" -L; fi
if [ -d "${p%/*}/" ]; then echo parent yes; else echo parent no; fi
if [ -n "$src" ]; then
	[ -z "$beside" ] || src=${p%/*}/$src
	look src "$src" -L
fi
if [ -n "$recurse" ] && [ -d "$p" ]; then
	set --
	[ -z "$user" ] || set -- ! -user "$user"
	[ -z "$group" ] || set -- "$@" ${1:+-o} ! -group "$group"
	if [ $# -gt 0 ]; then
		echo "owners $(find "$p/" -mindepth 1 \( "$@" \) -exec sh -c 'for f; do echo; done' sh {} + 2>/dev/null | wc -l)"
	fi
	if [ -n "$mode" ]; then
		find "$p/" -mindepth 1 ! -type l -exec stat -c 'inside %f' -- {} + | sort | uniq -c | while read -r n rest; do echo "$rest $n"; done
	fi
fi
# at FORMAT TIME: whether that time of the file is TIME, or none is given.
at() {
	[ -n "$2" ] || return 0
	written=$(printf '%s\n' "$2" | sed -n 's/^\(....\)\(..\)\(..\)\(..\)\(..\)[.]\(..\)$/\1-\2-\3 \4:\5:\6/p')
	[ -n "$written" ] && [ "$(stat ${follow:+-L} -c "$1" -- "$p" 2>/dev/null)" = "$(date -d "$written" +%s 2>/dev/null)" ]
}
if [ -n "$modified$accessed" ] && at %Y "$modified" && at %X "$accessed"; then echo timely yes; fi
exit 0
