# Makes a file in d, or where Python would (directory: a directory), whose name begins and ends as told, and prints its path. Not every mktemp takes a suffix
# behind the X: the name is completed by a rename that replaces nothing.
# uses: preamble encode look
# takes: d directory prefix suffix
umask 077
if [ -z "$d" ]; then
	for d in "$TMPDIR" "$TEMP" "$TMP" /tmp /var/tmp /usr/tmp "$PWD"; do
		if [ -n "$d" ] && [ -d "$d" ] && [ -w "$d" ] && [ -x "$d" ]; then break; fi
	done
fi
while :; do
	t=$(mktemp ${directory:+-d} -- "$d/${prefix}XXXXXXXX") || exit 1
	n=$t$suffix
	if [ -z "$suffix" ]; then break; fi
	if [ ! -e "$n" ]; then mv -- "$t" "$n" || exit 1; break; fi
	rm -rf -- "$t"
done
printf %s "$n" | encode path
look made "$n"
