# Removes what was archived. The words are the paths; names: on the standard input are the only ones of them that go, one a line, and what
# is left of the trees is what was left out of the archive.
# uses: preamble inside
# takes: names
gone() { ( spot "$1" && rm -rf -- "./$b" ) || exit 1; }
if [ -z "$names" ]; then
	for f; do
		[ ! -e "$f" ] && [ ! -L "$f" ] || gone "$f"
	done
	exit 0
fi
LC_ALL=C sort -r | while IFS= read -r f; do
	if [ -d "$f" ] && [ ! -L "$f" ]; then ( spot "$f" && rmdir -- "./$b" ) 2>/dev/null
	else gone "$f"
	fi
done || exit 1
for f; do ( [ ! -d "$f" ] || [ -L "$f" ] || ! spot "$f" || rmdir -- "./$b" ) 2>/dev/null; done
exit 0
