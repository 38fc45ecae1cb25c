# Prints the fragments in the directory d, which are its files.
# uses: preamble encode
# takes: d
if [ ! -d "$d" ]; then
	if [ -e "$d" ]; then echo fragments other; else echo fragments absent; fi
	exit 0
fi
echo fragments directory
for f in "$d"/* "$d"/.[!.]* "$d"/..?*; do
	[ -f "$f" ] || continue
	[ -r "$f" ] || die "$f may not be read by this user: does the task need become?"
	echo fragment yes
	printf %s "${f##*/}" | encode name
	encode content < "$f"
done
exit 0
