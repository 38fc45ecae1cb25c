# Puts a file in its place: the functions of an upload's scripts.
# takes: dir b part temp sum owner mode
set -e
export LC_ALL=C
umask 077
# locate: makes the directory of the path the working directory. It leaves in $d where that is, and in $who whose account, beside
# root's and the shell's own, could put something else in the place of what is there: ? for anybody's, nothing for nobody's.
locate() {
	cd -- "$dir" 2>/dev/null || { ls -d -- "$dir/." >/dev/null; exit 1; }
	l=$(pwd) d=$(pwd -P)
	set -- /
	for left in "${l#/}" "${d#/}"; do
	up=
	while [ -n "$left" ]; do
	up=$up/${left%%/*}
	set -- "$@" "$up"
	case $left in */*) left=${left#*/} ;; *) left= ;; esac
	done
	done
	who=$(stat -c '%u %g %a %F' -- "$@" . | awk -v me="$(id -u)" -v last=$(($# + 1)) '
	$1 != 0 && $1 != me { print $1; exit }
	$4 != "symbolic" && ($3 % 10 ~ /[2367]/ || $2 != 0 && int($3 / 10) % 10 ~ /[2367]/) && (NR == last || length($3) < 4 || $3 !~ /^[1357]/) { print "?"; exit }')
	if [ "$l" != "$d" ] && [ -n "$who" ] && [ "$(stat -c %u .)" != "$who" ]; then
	echo "$l leads to $d through what another account can change: it is not followed" >&2
	exit 1
	fi
	if [ -d "./$b" ] && [ ! -L "./$b" ]; then echo 'is a directory' >&2; exit 1; fi
}
# sweep FILES: removes what earlier uploads left in the working directory, but for what this one goes on with.
sweep() {
	for f; do
		[ ! -f "$f" ] || [ ! -O "$f" ] || [ "$f" = "./$part" ] || rm -f -- "$f"
	done
}
# install FILE: makes the file in the working directory of a file elsewhere, or of the input (-), and gives it its name.
install() {
	trap 'rm -f -- "./$temp"' EXIT
	set -C
	exec 7>"./$temp"
	set +C
	[ "$(readlink /proc/self/fd/7)" = "${d%/}/$temp" ] || { echo "$d was changed by another account meanwhile" >&2; exit 1; }
	cat "$1" >&7
	dress /proc/self/fd/7
	mv -f -T -- "./$temp" "./$b"
	sync . 2>/dev/null || true
}
# dress FILE: verifies a file and gives it its owner and mode. The owner comes first: chown drops setuid bits. Older coreutils and
# busybox sync take no file; then everything is synced. 91 is a status that no tool has.
dress() {
	has=$(sha256sum <"$1")
	if [ "${has%% *}" != "$sum" ]; then echo "$has" >&2; exit 91; fi
	[ -z "$owner" ] || chown "$owner" "$1"
	chmod "$mode" "$1"
	sync "$1" 2>/dev/null || sync
}
# finish FILE: gives large content its place by a rename. The new name is safe only when the directory is. It need not be readable
# for the user who may write there, so this may fail.
finish() {
	dress "$1"
	mv -f "$1" "$dir/$b"
	sync "$dir" 2>/dev/null || true
}
