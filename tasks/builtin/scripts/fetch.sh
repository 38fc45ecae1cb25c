# Prints what is at p, or what it leads to, and its sum.
# uses: preamble look
# takes: p
printf %s "$p" | encode path
look file "$p" -L
[ -f "$p" ] || exit 0
if [ ! -r "$p" ]; then echo unreadable yes; exit 0; fi
s=$(sha1sum < "$p") && echo "sum ${s%% *}"
