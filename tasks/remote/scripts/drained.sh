# Waits until the keepers have all that the script wrote: until they are through or, when a background process keeps a pipe
# open, until they sleep for want of more. How much of a stream was dropped is then in o and e; -1 if that is still being
# counted. $1 is the directory.
# leaves: o e
o=0 e=0
for w in o e; do
	i=0 q=0 n=0
	while [ ! -s "$1/d$w" ] && [ $i -lt 160 ] && [ $q -lt 2 ]; do
		i=$((i + 1))
		[ $i -gt 100 ] || continue
		{ read -r p <"$1/h$w" && read -r s <"/proc/$p/stat"; } 2>/dev/null && case ${s##*) } in S*) q=$((q + 1)) ;; esac
		sleep 0.05
	done
	if [ -s "$1/d$w" ]; then
		read -r n <"$1/c$w" && n=$((n + 1))
	else
		rm -f "$1/f$w"
		{ read -r p s <"/proc/$p/stat" && [ "$s" != "${s#(wc)}" ]; } 2>/dev/null && n=-1
	fi
	eval "$w=\${n:-0}"
done
