# Lists what is below p: a line of mode, numbers and names of owner and group, size, time and name each, and where links lead.
# uses: preamble encode
# takes: p
nl='
'
[ "$(id -u)" != 0 ] || echo "root yes"
if [ -e "$p" ] && [ ! -d "$p" ]; then echo dest file; exit 0; fi
if [ ! -d "$p" ]; then echo dest absent; exit 0; fi
have tar || die "tar is not installed on this host: install it with the module package first"
cd -- "$p" || exit 1
echo dest directory
odd=$(find . -name "*$nl*") || die "$p cannot be read whole"
[ -z "$odd" ] || die "below $p is a name with a newline in it, which cannot be synchronized"
all=$(find . -exec stat -c '%f %u %g %U %G %s %Y %n' -- {} +) || die "$p cannot be read whole"
printf '%s\n' "$all" | encode entries
find . -type l | while IFS= read -r f; do printf '%s\n%s\n' "$f" "$(readlink -- "$f" | head -n 1)"; done | encode links
exit 0
