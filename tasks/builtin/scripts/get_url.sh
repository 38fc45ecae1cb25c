# Prints what is at p, with its sums. algorithm: one more that is asked for, such as sha512.
# uses: preamble look
# takes: p algorithm
look dest "$p" -L
if [ -d "${p%/*}/" ]; then echo parent yes; fi
if [ -f "$p" ]; then
	for a in sha1 md5; do
		s=$("${a}sum" < "$p") && echo "have_$a ${s%% *}"
	done
	if [ -n "$algorithm" ]; then s=$("${algorithm}sum" < "$p") && echo "have_sum ${s%% *}"; fi
fi
