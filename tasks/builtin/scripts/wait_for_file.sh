# Prints whether there is anything at p, and the last bytes of it, as many as limit says.
# takes: p limit
if [ -e "$p" ] || [ -L "$p" ]; then echo there; else echo; fi
if [ -n "$limit" ]; then tail -c "$limit" "$p" 2>/dev/null; fi
exit 0
