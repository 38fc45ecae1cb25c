# Puts a content in its place at p: whole or not at all, on disk before it has its name, and with the owner, permissions and
# SELinux context of the file that it replaces.
#
# The content is the standard input, or the file from, which is moved (or, with keep, copied). follow: what a link at p points to
# is replaced, not the link. parents: directories that are missing are made, with parent_mode. expect is the SHA-256 that the file
# must still have, sum that of the new content. backup is where a copy of the file before is kept. validate: the words are a
# command that has to accept the new content, whose path goes where they have %s. unsafe: where the file cannot be replaced, it is
# written into.
# uses: preamble inside attributes
# takes: p from keep follow parents parent_mode expect sum backup validate unsafe
full() { die "cannot write in $here: is it full or read-only?"; }
anew() { t=.polarbook.$(mktemp -u XXXXXXXX) && fresh "$t" || full; }
t=
trap '[ -z "$t" ] || rm -f -- "./$t"' EXIT
trap 'exit 1' HUP INT TERM
if [ -n "$from" ]; then
	case $p in /*) ;; *) p=$(pwd)/$p ;; esac
fi
if [ -n "$keep" ]; then
	( spot "$from" follow ) || die "$from cannot be read"
	spot "$from" follow
	hold "$b"
	exec 6<&7 7<&-
elif [ -n "$from" ]; then
	# What was uploaded is held before anything else: from here on it is what it is, whatever becomes of its name.
	spot "$from" || die "what was uploaded for $p is gone: run again"
	hold "$b"
	staged=${here%/}/$b
	[ "$(stat -L -c %u $held)" = "$(id -u)" ] || changed "$staged"
fi
if [ -n "$parents" ]; then
	d=${p%/*}
	( reach "${d:-/}" ${parent_mode:+"$parent_mode"} ) || exit 1
fi
spot "$p" ${follow:+follow} || die "the directory ${p%/*} does not exist: create it with the file module first"
[ ! -d "./$b" ] || die "$p is a directory"
if [ -n "$expect" ]; then
	[ "$(sha256sum < "./$b" | cut -c1-64)" = "$expect" ] || die "$p was changed by somebody else while it was being edited: run again"
fi
if [ -z "$from" ]; then
	anew
	cat >&7 || full
elif [ -n "$keep" ]; then
	anew
	cat <&6 >&7 || full
elif [ "$staged" = "${here%/}/${staged##*/}" ]; then
	# Beside its place it is renamed; where the place is a link's target elsewhere, copied.
	t=${staged##*/}
else
	exec 6<&7
	anew
	cat <&6 >&7 || full
	rm -f -- "$staged"
fi
if [ -n "$sum" ]; then
	[ "$(sha256sum < $held | cut -c1-64)" = "$sum" ] || die "what arrived for $p is not what was sent"
fi
if [ -f "./$b" ] && [ ! -L "./$b" ]; then
	was=$(stat -c '%u:%g %a' -- "./$b") || changed "$p"
	chown "${was% *}" $held 2>/dev/null
	chmod "${was#* }" $held || exit 1
	if [ -e /sys/fs/selinux/enforce ]; then chcon --reference="./$b" -- $held 2>/dev/null; fi
	new=
else
	chmod "$(printf %o $((0666 & ~$(umask))))" $held || exit 1
	new=yes
fi
give $held
if [ -n "$validate" ]; then
	for w; do
		shift
		word=
		while :; do
			case $w in *%s*) word=$word${w%%"%s"*}${here%/}/$t w=${w#*"%s"} ;; *) break ;; esac
		done
		set -- "$@" "$word$w"
	done
	said=$("$@" 2>&1 < /dev/null) || die "the new content of $p was refused by its validate command: $said"
fi
# In a shell of its own, which goes to the directory that the copy is for and has the old file open.
if [ -n "$backup" ] && [ -f "./$b" ] && [ ! -L "./$b" ]; then (
	exec 7>&-
	hold "$b"
	exec 6<&7
	old=/proc/self/fd/6
	spot "$backup" || exit 1
	fresh "$b" && cat <&6 >&7 || exit 1
	chown "$(stat -L -c %u:%g $old)" $held 2>/dev/null
	chmod "$(stat -L -c %a $old)" $held && touch -r $old -- $held
) || die "$p cannot be copied before the change"; fi
sync -- $held 2>/dev/null || sync
if ! mv -f -T -- "./$t" "./$b"; then
	[ -n "$unsafe" ] && [ -f "./$b" ] && [ ! -L "./$b" ] && cat <$held >"./$b" || exit 1
	rm -f -- "./$t"
fi
t=
if [ -n "$new" ] && [ -e /sys/fs/selinux/enforce ] && have restorecon; then restorecon "${here%/}/$b" 2>/dev/null; fi
sync -- . 2>/dev/null || sync
