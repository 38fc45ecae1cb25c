# Makes p, and defines the steps of what is done below it. Each directory is gone to from the top, which is where it was, and through no
# link. What is unpacked lies in a directory that only this account enters, and is taken from there by its descriptor (5).
# uses: preamble inside
# takes: p
reach "$p" || exit 1
root=$here
# at DIR: goes to a directory below the top; '' is the top itself.
at() {
	inside "$root" || exit 1
	down=$1
	while [ -n "$down" ]; do
		part=${down%%/*}
		case $down in */*) down=${down#*/} ;; *) down= ;; esac
		enter "$part"
	done
}
# mode MODE FILE: one that begins with u is what the umask leaves of it.
mode() {
	case $1 in
	u*) chmod "$(printf %o $((0${1#u} & ~0$(umask))))" "$2" || exit 1 ;;
	*) chmod "$1" "$2" || exit 1 ;;
	esac
}
directory() { at "$1"; mkdir -m 0700 -- "./$2" && mode "$3" "./$2" || exit 1; }
# unpack DIR OPTION: unpacks what comes, in a directory of its own below DIR.
unpack() {
	at "$1"
	stage=.polarbook.$(mktemp -u XXXXXXXX)
	exec 4<. || exit 1
	mkdir -m 0700 "./$stage" || exit 1
	trap 'to 4; rm -rf -- "./$stage"' EXIT
	trap 'exit 1' HUP INT TERM
	enter "$stage"
	exec 5<. || exit 1
	[ -O . ] || changed "$here"
	# shellcheck disable=SC2086 # none or one option
	tar -x -o $2 -f - || exit 1
}
owned() { chown "$1" "$3" 2>/dev/null || chown "$2" "$3" || exit 1; }
grouped() { chgrp "$1" "$3" 2>/dev/null || chgrp "$2" "$3" || exit 1; }
clear() { to 4; rm -rf -- "./$stage"; trap - EXIT; }
# dress N MODE OWNER UID GROUP GID: gives what was unpacked as N its attributes; empty ones are not given.
dress() {
	[ -z "$3" ] || owned "$3" "$4" "./$1"
	[ -z "$5" ] || grouped "$5" "$6" "./$1"
	mode "$2" "./$1"
}
place() { at "$2"; mv -f -T -- "/proc/self/fd/5/$1" "./$3" || exit 1; }
# point DIR NAME TARGET OWNER UID GROUP GID TIME: makes a link, in the place of one that is there.
point() {
	at "$1"
	t=.polarbook.$(mktemp -u XXXXXXXX)
	ln -s -- "$3" "./$t" || exit 1
	[ -z "$4" ] || chown -h "$4" "./$t" 2>/dev/null || chown -h "$5" "./$t" || exit 1
	[ -z "$6" ] || chgrp -h "$6" "./$t" 2>/dev/null || chgrp -h "$7" "./$t" || exit 1
	[ -z "$8" ] || touch -h -d "@$8" "./$t" || exit 1
	mv -f -T -- "./$t" "./$2" || exit 1
}
vacate() { at "$1"; rmdir -- "./$2" || exit 1; }
gone() { at "$1"; rm -rf -- "./$2" || exit 1; }
# adjust DIR NAME MODE OWNER UID GROUP GID TIME: gives what is there its attributes; without NAME the directory.
adjust() {
	at "$1"
	f=.
	if [ -n "$2" ]; then hold "$2"; f=$held; fi
	[ -z "$4" ] || owned "$4" "$5" "$f"
	[ -z "$6" ] || grouped "$6" "$7" "$f"
	[ -z "$3" ] || mode "$3" "$f"
	[ -z "$8" ] || touch -d "@$8" "$f" || exit 1
	exec 7<&-
}
