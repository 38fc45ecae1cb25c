# Prints what is at p, and what is in it unless that is more than limit bytes.
# uses: preamble look
# takes: p limit
look file "$p" -L
if [ -d "${p%/*}/" ]; then echo parent yes; else echo parent no; fi
[ -f "$p" ] || exit 0
[ -r "$p" ] || die "$p may not be read by this user: does the task need become?"
if [ "$size" -gt "$limit" ]; then echo large yes; exit 0; fi
encode content < "$p" || exit 1
