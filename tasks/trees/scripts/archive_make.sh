# Packs the targets, which are on the standard input, one a line, into a new file beside dest, and prints the file's name, what is in it and
# whether the same is at dest. root is what their names in the archive are without. alone: the one file is compressed as it is.
# The words are patterns of what is left out.
# uses: preamble inside encode
# takes: root dest format alone
nl='
'
listed() {
	while IFS= read -r target; do
		if [ -d "$target" ]; then
			[ -z "$(find "${target%/}/" -name "*$nl*" | head -n 1)" ] || die "below $target is a name with a newline in it, which cannot be archived"
			find "${target%/}/" -mindepth 1 || exit 1
		else printf '%s\n' "$target"
		fi
	done
}
left_out() {
	for pattern; do
		# shellcheck disable=SC2254 # it is a pattern
		case $name in $pattern) return 0 ;; esac
	done
	return 1
}
full=$(listed) || exit 1
names=$(printf '%s\n' "$full" | LC_ALL=C sort -u | while IFS= read -r f; do
	[ "$f" != "$dest" ] || continue
	case $f in "$root"*) short=${f#"$root"} ;; *) short=${f#/} ;; esac
	name=$short
	[ "$format" != zip ] || name=$f
	[ -n "$alone" ] || ! left_out "$@" || continue
	[ -z "$short" ] || printf '%s\n' "$short"
done)
pack() {
	case $format in
		gz) gzip -n -c ;;
		bz2) bzip2 -c ;;
		xz) xz -c ;;
		tar) cat ;;
	esac
}
in_tar() {
	if tar --version 2>/dev/null | grep -q GNU; then
		printf '%s\n' "$names" | tr '\n' '\000' | tar --format=gnu --null --no-recursion -c -f - -T -
	else # busybox's may read no list of names
		( IFS=$nl
		set -f
		# shellcheck disable=SC2086 # a word each
		tar --no-recursion -c -f - -- $names )
	fi
}
spot "$dest" follow || die "the directory of $dest is not there: create it with the file module first"
[ ! -d "./$b" ] || die "$dest is a directory"
new=.polarbook.$(mktemp -u XXXXXXXX) at=$here place=$b
fresh "$new" || die "no file can be made in $here"
trap 'rm -f -- "${at%/}/$new"' EXIT
trap 'exit 129' HUP INT PIPE TERM
if [ -n "$alone" ]; then
	exec 6>&7 7>&-
	spot "$root$names" follow && hold "$b" || die "$root$names cannot be read"
	pack <&7 >&6 || exit 1
elif [ -z "$names" ] && [ "$format" = zip ]; then
	printf 'PK\005\006\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000' >&7
else
	exec 6>&7 7>&-
	inside "$root" || die "$root cannot be entered"
	if [ "$format" = zip ]; then
		printf '%s\n' "$names" | zip -q -X -@ - >&6 || die "the archive could not be made"
	elif [ -z "$names" ]; then
		head -c 10240 /dev/zero | pack >&6 || exit 1
	else
		failed=$({ { ( in_tar ) || echo failed >&3; } | pack >&6; } 3>&1) || exit 1
		[ -z "$failed" ] || die "the archive could not be made: nothing was changed"
	fi
fi
exec 6>&-
cd -P -- "$at" || exit 1
if [ -f "./$place" ] && cmp -s "./$place" "./$new"; then
	echo same yes
	rm -f -- "./$new"
else
	sha256sum < "./$new" | sed 's/^\([0-9a-f]*\).*/sum \1/'
	printf %s "${at%/}/$new" | encode new
fi
printf '%s\n' "$names" | encode names
trap - EXIT
exit 0
