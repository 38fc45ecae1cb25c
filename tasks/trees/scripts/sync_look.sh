# Lists what is at ./name in the directory p and below: a line of mode, numbers and names of owner and group, size, time and name each, and
# where links lead. Where up is given and p is no directory, it is the name as in the directory up instead.
# uses: preamble encode
# takes: p name up as
nl='
'
[ "$(id -u)" != 0 ] || echo "root yes"
if [ -n "$up" ] && [ ! -d "$p" ]; then
	echo "alone yes"
	p=$up name=./$as
fi
[ ! -d "${p%/*}/" ] || echo "parent yes"
if [ ! -d "$p" ]; then
	if [ -e "$p" ] || [ -L "$p" ]; then echo "dest other"; else echo "dest absent"; fi
	exit 0
fi
have tar || die "tar is not installed on this host: install it with the module package first"
cd -- "$p" || exit 1
echo "dest directory"
[ -e "$name" ] || [ -L "$name" ] || exit 0
odd=$(find "$name" -name "*$nl*") || die "$p cannot be read whole"
[ -z "$odd" ] || die "below $p is a name with a newline in it, which cannot be synchronized"
all=$(find "$name" -exec stat -c '%f %u %g %U %G %s %Y %n' -- {} +) || die "$p cannot be read whole"
printf '%s\n' "$all" | encode entries
find "$name" -type l | while IFS= read -r f; do printf '%s\n%s\n' "$f" "$(readlink -- "$f" | head -n 1)"; done | encode links
exit 0
