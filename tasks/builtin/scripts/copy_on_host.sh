# Copies the directory s to p level by level. 5 is the directory that is read, 4 the one that is written to, each opened once; 6 is
# the file that is copied. force: what is there already is replaced.
# uses: preamble inside attributes copy_ends
# takes: force directory_mode
umask 022
case $s in /*) ;; *) s=$(pwd)/$s ;; esac
case $p in /*) ;; *) p=$(pwd)/$p ;; esac
level() {
	this=$(stat -c %d:%i .)
	case " $above " in *" $this "*) die "$here is reached again from within: a link in it leads up" ;; esac
	above="$above $this"
	for f in ./* ./.[!.]* ./..?*; do
		f=${f#./}
		if [ -d "./$f" ]; then ( directory "$f" ) || exit 1
		elif [ -f "./$f" ]; then ( file "$f" ) || exit 1
		elif [ -L "./$f" ]; then ( link "$f" ) || exit 1
		fi
	done
}
directory() {
	into "$1"
	bits=$(stat -c 0%a .) && exec 5<. || exit 1
	to 4
	[ ! -e "./$1" ] || [ -d "./$1" ] || die "${here%/}/$1 is a file, and a directory is wanted there"
	if [ -d "./$1" ]; then into "$1"
	else
		mkdir -m 0700 -- "./$1" && enter "$1" && chmod "$bits" . || exit 1
		give . "$directory_mode"
	fi
	exec 4<. || exit 1
	to 5
	level
}
file() {
	if [ -L "./$1" ]; then spot "${here%/}/$1" follow || changed "${here%/}/$1"; else b=$1; fi
	hold "$b"
	exec 6<&7 7<&-
	from=/proc/self/fd/6
	to 4
	[ ! -d "./$1" ] || die "${here%/}/$1 is a directory, and a file is wanted there"
	if [ -e "./$1" ]; then [ -n "$force" ] || exit 0; fi
	if [ -f "./$1" ] && [ "$(sha256sum <$from)" = "$(sha256sum <"./$1")" ]; then exit 0; fi
	t=
	trap '[ -z "$t" ] || rm -f -- "./$t"' EXIT
	t=.polarbook.$(mktemp -u XXXXXXXX)
	fresh "$t" && cat <$from >&7 || die "cannot write in $here: is it full or read-only?"
	touch -r $from -- $held
	was=$(stat -L -c '%u:%g %a' $from) || exit 1
	if chown "${was% *}" $held 2>/dev/null; then chmod "${was#* }" $held || exit 1
	else chmod "${was#* }" $held && chmod ug-s $held || exit 1
	fi
	give $held
	mv -f -T -- "./$t" "./$1" || exit 1
	t=
}
# A link to nothing is copied as the link that it is.
link() {
	leads=$(readlink -- "./$1") || exit 1
	to 4
	if [ -e "./$1" ] || [ -L "./$1" ]; then [ -n "$force" ] || exit 0; fi
	[ ! -d "./$1" ] || [ -L "./$1" ] || die "${here%/}/$1 is a directory, and a link is wanted there"
	t=.polarbook.$(mktemp -u XXXXXXXX)
	ln -s -T -- "$leads" "./$t" && mv -f -T -- "./$t" "./$1" || { rm -f -- "./$t"; exit 1; }
}
inside "$s" || die "$s cannot be entered"
bits=$(stat -c 0%a .) && exec 5<. || exit 1
new=
[ -d "$p" ] || new=yes
reach "$p" || die "$p cannot be made"
[ -z "$new" ] || chmod "$bits" . || exit 1
exec 4<. || exit 1
above=
to 5
level
sync
