# Unpacks the archive s in dest, and notes in the file mark what came of it; old is where an earlier release noted that. uploaded: the archive was sent for this, and
# goes. sum is its SHA-256; strip: how many directories tar takes off names; keep: newer or old files that are there stay;
# modes: the archive's are believed. owner and mode are given to all that was unpacked.
#
# Whoever runs it defines names, which lists what is in the archive on standard input, extract, which unpacks it with as,
# zip_names and zip_extract, which do so with the zip archive $zip, and elsewhere, which goes to other directories than dest with down.
# uses: preamble inside measure attributes open_archive unpacked_notes
# takes: store dest mark old uploaded sum strip keep modes
archive=$s
case $archive in *.zip) ;; *) have tar || die 'tar is not installed on this host' ;; esac
WORK=$(mktemp -d) || exit 1
m=$WORK/m sent= t= stage= back=
trap 'rm -rf -- "$WORK"; [ -z "$back" ] || to 6; [ -z "$sent" ] || rm -f -- "./$sent"; [ -z "$t" ] || rm -f -- "$t"; [ -z "$stage" ] || { to 4; rm -rf -- "./$stage"; }' EXIT
trap 'exit 1' HUP INT TERM
case $dest in /*) ;; *) dest=$(pwd)/$dest ;; esac
( spot "$archive" follow ) || die "$archive cannot be opened"
spot "$archive" follow
hold "$b"
s=$held
[ -z "$uploaded" ] || sent=$b
[ "$(sha256sum < "$s" | cut -c1-64)" = "$sum" ] || die "the archive $archive is not the one that was looked at"
inside "$dest" || exit 1
exec 6<. || exit 1
back=yes below=
umask 022
# down DIR: goes to another directory, as dest is gone to.
down() {
	inside "$1" || die "the directory $1 of extra_opts does not exist"
	d=$1
	while [ "$d" != "${d%/}" ]; do d=${d%/}; done
	case $1 in /*) below=$d/ ;; *) below=$below$d/ ;; esac
}
elsewhere
as() { "$@"; }
uid=$(stat -c %u .) gid=$(stat -c %g .)
if [ "$(id -u)" = 0 ] && [ "$uid" != 0 ]; then
	have setpriv || die "$here belongs to the user with the number $uid, who has to unpack there, and setpriv is not installed on this host"
	as() { setpriv --reuid="$uid" --regid="$gid" --clear-groups -- "$@"; }
fi
opening
program=tar
case $(od -An -tx1 -N4 < "$s" | tr -d ' \n') in
504b0304 | 504b0506)
	have unzip || die "$archive is a zip archive, and unzip is not installed on this host"
	# unzip goes back and forth in it, and so may the account that unpacks.
	program=unzip zip=$m.zip
	cp -- "$s" "$zip" || exit 1
	if [ "$(id -u)" = 0 ] && [ "$uid" != 0 ]; then chown "$uid" "$zip" && chmod 0711 "$WORK" || exit 1; fi
	names() { zip_names; }
	extract() { zip_extract; }
	;;
esac
open | names > "$m.names" || die "$archive is not an archive that $program can read"
# Names with a backslash are ones that tar has quoted: they are not watched.
# shellcheck disable=SC1003 # it is a backslash
grep -v '\\' < "$m.names" | while IFS= read -r f; do
	case $f in */) slash=/ ;; *) slash= ;; esac
	f=${f%/} i=0
	while [ $i -lt "$strip" ]; do
		case $f in */*) f=${f#*/} ;; *) f= ;; esac
		i=$((i+1))
	done
	f=${f#./}
	if [ -n "$f" ] && [ "$f" != . ]; then printf '%s\n' "./$f$slash"; fi
done > "$m.paths"
there() { sed 's,/$,,' "$m.paths" | while IFS= read -r f; do if [ -e "$f" ] || [ -L "$f" ]; then printf '%s\n' "$f"; fi; done; }
# What root unpacks comes to its place by renaming: tar goes by paths, and below dest others may have directories. It lies one level
# down, since tar gives the directory that it works in the archive's mode.
if [ "$(id -u):$uid" = 0:0 ]; then
	exec 4<. || exit 1
	stage=.polarbook.$(mktemp -u XXXXXXXX)
	mkdir -m 0700 -- "./$stage" && enter "$stage" && mkdir in && enter in && exec 5<. || exit 1
fi
open | extract || die "$program did not unpack all of $archive"
[ ! -e "$m.said" ] || die "the archive $archive is damaged"
there > "$m.list"
# each COMMAND...: runs it with what was unpacked, by the account that unpacked: what it may not do is not done for it.
each() { tr '\n' '\0' < "$m.list" | as xargs -0 "$@" || exit 1; }
# Not every tar leaves the set-user-id bits away.
if [ -z "$modes" ]; then
	# shellcheck disable=SC2016 # the shell within expands it
	each sh -c 'find "$@" -prune ! -type l \( -perm -4000 -o -perm -2000 -o -perm -020 -o -perm -002 \) -exec chmod ug-s,go-w -- {} +' sh
fi
if [ -n "$owner" ]; then each chown -h "$owner"; fi
# shellcheck disable=SC2016 # the shell within expands them
if [ -n "$mode" ]; then each sh -c 'mode=$1; shift; for f; do [ -L "$f" ] || chmod "$mode" "$f" || exit 1; done' sh "$mode"; fi
# What was unpacked aside is brought to its place level by level: a directory that is new is renamed as a whole, and in one that is
# there already each of its files. 5 is the directory aside, 4 the one that it belongs to.
level() {
	set --
	for f in ./* ./.[!.]* ./..?*; do
		f=${f#./}
		if [ ! -e "./$f" ] && [ ! -L "./$f" ]; then continue; fi
		if [ -d "./$f" ] && [ ! -L "./$f" ] && [ -d "/proc/self/fd/4/$f" ]; then
			( merge "$f" ) || exit 1
			continue
		fi
		case $keep in
		newer) [ ! "/proc/self/fd/4/$f" -nt "./$f" ] || continue ;;
		old) [ ! -e "/proc/self/fd/4/$f" ] || continue ;;
		esac
		set -- "$@" "/proc/self/fd/5/$f"
		if [ $# -ge 500 ]; then ( move "$@" ) || exit 1; set --; fi
	done
	[ $# = 0 ] || ( move "$@" )
}
move() {
	to 4
	mv -f -- "$@" . || die "not all of $archive could be put in $here"
}
merge() {
	enter "$1"
	inner=$inner$1
	bits=$(stat -c %a .) && exec 5<. || exit 1
	to 4
	into "$1"
	# What the archive has of a directory it is to have, too.
	if grep -qxF -- "./$inner/" "$m.paths"; then
		chmod "$bits" . || exit 1
		give .
	fi
	inner=$inner/
	exec 4<. || exit 1
	to 5
	level
}
if [ -n "$stage" ]; then
	( inner=; to 5; level ) || exit 1
	bits=$(stat -L -c %a /proc/self/fd/5)
	to 4
	if [ "$strip" = 0 ] && grep -qx '\./*' "$m.names"; then
		chmod "$bits" . || exit 1
		give .
	fi
	rm -rf -- "./$stage"
	stage=
	exec 4<&- 5<&-
	there > "$m.list"
fi
if [ -e /sys/fs/selinux/enforce ] && have restorecon; then tr '\n' '\0' < "$m.list" | xargs -0 restorecon 2>/dev/null; fi
exec 7<&-
to 6
if [ -n "$below" ]; then
	sed "s,^\./,$(printf '%s' "$below" | sed 's/[\\,&]/\\&/g')," < "$m.list" > "$m.there" && mv "$m.there" "$m.list" || exit 1
fi
{ echo "$sum"; measure < "$m.list"; cat "$m.list"; } > "$m.note" || exit 1
if [ -f "./$old" ] && [ ! -L "./$old" ]; then rm -f -- "./$old"; fi
mkdir -p -- "${notes%/*}" || exit 1
( umask 077 && mkdir -p -- "$notes" ) || exit 1
t=$notes/.$mark.$$
cp -- "$m.note" "$t" || exit 1
sync
mv -f -- "$t" "$notes/$mark" && t= && sync
