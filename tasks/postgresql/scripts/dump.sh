# Dumps a database to a file, or restores it from there: the program name with the words $1 and so on; what it connects to is in the environment.
# The file that was there before is replaced when the dump is whole.
# uses: programs
# takes: state name target kind
find_program "$name" || { echo "there is no $name on the host: install PostgreSQL's client" >&2; exit 127; }
case $kind in
	gz) pack=gzip ;;
	bz2) pack=bzip2 ;;
	xz) pack=xz ;;
	*) pack= ;;
esac
if [ -n "$pack" ]; then
	command -v "$pack" >/dev/null 2>&1 || { echo "there is no $pack on the host for a file that ends in .$kind" >&2; exit 127; }
fi
if [ "$state" = restore ]; then
	[ -e "$target" ] || { echo "there is no file $target to restore from" >&2; exit 1; }
	if [ "$kind" = dir ]; then
		exec "$program" "$@" "$target"
	fi
	if [ -z "$pack" ]; then
		exec "$program" "$@" < "$target"
	fi
	{ rc=$( { { "$pack" -dc < "$target"; echo "$?" >&3; } | { "$program" "$@" >&4; echo "$?" >&3; } } 3>&1 ); } 4>&1
	for each in $rc; do
		[ "$each" = 0 ] || exit "$each"
	done
	exit 0
fi
if [ "$kind" = dir ]; then
	exec "$program" "$@" -f "$target"
fi
umask 077
part=$target.part.$$
if [ -z "$pack" ]; then
	"$program" "$@" > "$part"
	rc=$?
else
	rc=$( { { "$program" "$@"; echo "$?" >&3; } | { "$pack" -c > "$part"; echo "$?" >&3; } } 3>&1 )
	each=0
	for one in $rc; do
		[ "$one" = 0 ] || each=$one
	done
	rc=$each
fi
if [ "$rc" != 0 ]; then
	rm -f -- "$part"
	exit "$rc"
fi
mv -f -- "$part" "$target"
