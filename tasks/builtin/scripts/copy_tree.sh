# Makes the directory under in p, and defines the steps of a copy into it. Each directory below is gone to from the top, which is
# where it was, and through no link but those of whose it is. What is unpacked lies in a directory that only this account enters,
# and is taken from there by its descriptor (5).
# uses: preamble inside attributes
# takes: p under directory_mode
dress_directory() { give . "$directory_mode"; return 0; }
p=${p%/}
if [ -n "$under" ]; then made() { dress_directory; }; fi
reach "$p${under:+/$under}" || exit 1
root=$here
made() { dress_directory; }
# at DIR: goes to a directory below the top; '' is the top itself.
at() { if [ "$here" != "${root%/}${1:+/$1}" ]; then inside "${root%/}${1:+/$1}" || exit 1; fi; }
# directory DIR: makes it below the top.
directory() { ( reach "${root%/}/$1" ) || exit 1; }
# unpack: unpacks the standard input aside.
unpack() {
	have tar || die "tar is not installed on this host: install it, or copy file by file"
	stage=.polarbook.$(mktemp -u XXXXXXXX)
	exec 4<. || exit 1
	mkdir -m 0700 "./$stage" || exit 1
	trap 'to 4; rm -rf -- "./$stage"' EXIT
	trap 'exit 1' HUP INT TERM
	enter "$stage"
	exec 5<. || exit 1
	[ -O . ] || changed "$here"
	tar -x -o -f - || exit 1
}
# dress N MODE [UID:GID BITS]: gives what was unpacked as N its attributes, and before those the ones of the file that it replaces.
dress() {
	if [ $# -gt 2 ]; then
		chown "$3" "./$1" 2>/dev/null
		chmod "$4" "./$1" || exit 1
	else
		chmod "$(printf %o $((0666 & ~$(umask))))" "./$1" || exit 1
	fi
	give "./$1" "$2"
}
# place N DIR NAME: brings what was unpacked as N to its place.
place() {
	at "$2"
	mv -f -T -- "/proc/self/fd/5/$1" "./$3" || exit 1
}
# point DIR NAME TARGET: makes a link.
point() {
	at "$1"
	t=.polarbook.$(mktemp -u XXXXXXXX)
	ln -s -T -- "$3" "./$t" && mv -f -T -- "./$t" "./$2" || exit 1
}
# adjust DIR NAME MODE: gives a file that is there already its attributes.
adjust() {
	at "$1"
	hold "$2"
	give $held "$3"
	exec 7<&-
}
# labels NAME...: gives what is new its SELinux context.
labels() {
	at ''
	if [ -e /sys/fs/selinux/enforce ] && have restorecon; then restorecon "$@" 2>/dev/null; fi
}
