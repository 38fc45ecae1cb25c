# Prints what is where a content is to be. p is the place, and name what it is called when that is a directory; relative: p was not
# written with a slash before it. bytes and sum are the content's; one that differs is printed up to limit bytes, when there is a
# limit.
# uses: preamble look
# takes: p name relative bytes sum limit
if [ -n "$name" ] && [ -d "$p" ]; then echo into yes; p=${p%/}/$name; fi
if [ -n "$relative" ]; then
	case $p in /*) ;; *) p=$(pwd)/$p ;; esac
	printf %s "$p" | encode path
fi
look dest "$p" -L
if [ -L "$p" ]; then echo link yes; fi
if [ -d "${p%/*}/" ]; then echo parent yes; else echo parent no; fi
if [ -f "$p" ] && [ "$size" -eq "$bytes" ] && is=$(sha256sum < "$p") && [ "${is%% *}" = "$sum" ]; then echo same yes
elif [ -n "$limit" ] && [ -f "$p" ] && [ "$size" -le "$limit" ]; then encode content < "$p"
fi
