# Prints whether there is anything at p, and what, and the last bytes of it, as many as limit says.
# takes: p limit
kind=file
if [ -L "$p" ]; then kind=link; elif [ -d "$p" ]; then kind=directory; fi
if [ -e "$p" ]; then echo "there $kind"; else echo; fi
if [ -n "$limit" ]; then tail -c "$limit" "$p" 2>/dev/null; fi
exit 0
