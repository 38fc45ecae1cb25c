# Prints the paths that are meant, those that are left out, what there is at each and at dest, and what the host lacks for the format.
# wanted and left_out are calls of plain and glob with words.
# uses: preamble look
# takes: wanted left_out dest format
nl='
'
print() { case $1 in *"$nl"*) die "a name with a newline in it cannot be archived: $1" ;; esac; printf '%s\n' "$1"; }
plain() { print "$1"; }
glob() { for f; do [ ! -e "$f" ] && [ ! -L "$f" ] || print "$f"; done; }
eval "$wanted" > /dev/null || exit 1
eval "$wanted" | encode wanted
eval "$left_out" | encode left_out
eval "$wanted" | LC_ALL=C sort -u | while IFS= read -r f; do
	if [ -d "$f" ]; then echo "is directory"; elif [ -e "$f" ] || [ -L "$f" ]; then echo "is file"; else echo "is absent"; fi
	printf %s "$f" | encode path
done
[ "$format" = zip ] || have tar || echo "lacks tar"
case $format in
	gz) have gzip || echo "lacks gzip" ;;
	bz2) have bzip2 || echo "lacks bzip2" ;;
	xz) have xz || echo "lacks xz" ;;
	zip) have zip || echo "lacks zip" ;;
esac
[ -n "$dest" ] || dest=$(eval "$wanted" | LC_ALL=C sort -u | head -n 1).$format
printf %s "$dest" | encode dest
look have "$dest" -L
exit 0
