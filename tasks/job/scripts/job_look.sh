# Prints how a job is doing, or what came of it.
# uses: job_place encode
# takes: id keep
printf %s "$dir/$id" | encode file
[ -e "$dir/$id" ] || { echo gone; exit 0; }
if [ ! -e "$job/note" ]; then
	until=$(cat -- "$job/until" 2>/dev/null)
	[ -z "$until" ] || [ "$(date +%s)" -le "$until" ] || echo lost
	encode state <"$dir/$id"
	exit 0
fi
encode note <"$job/note"
if [ ! -e "$job/rc" ]; then
	pid=$(cut -d' ' -f1 "$job/pid")
	if tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -qF -- "$id"; then
		echo running
		exit 0
	fi
	# It may have ended between the two looks.
	[ -e "$job/rc" ] || { echo lost; exit 0; }
fi
echo "rc $(cat -- "$job/rc")"
echo "began $(cat -- "$job/began")"
echo "ended $(cat -- "$job/ended")"
[ ! -e "$job/late" ] || echo late
for part in out err; do
	head -c "$keep" -- "$job/$part" | encode $part
	echo "size_$part $(wc -c <"$job/$part")"
done
