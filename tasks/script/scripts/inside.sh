# The shell's way to work in a directory that another account may own and change meanwhile. A path is walked once; from then
# on the working directory is what is worked in, which nobody can put something else in place of, names are relative to it,
# and a file is what its descriptor says, by way of /proc/self/fd: chmod and chown follow nothing but that. Nothing is opened
# by a path that was looked at before.
#
# Where a path leads through links, root and the account that works may have made them, in directories that are theirs alone.
# A link that somebody else made or could put there leads only to what belongs to that same account.
# uses: resolve
# leaves: here b held
changed() { die "$1 was changed by somebody else while it was worked on: run again"; }
# inside DIR: makes it the working directory, and $here its real path. Fails when there is none.
inside() {
	case $1 in /*) here=$1 ;; *) here=$(readlink /proc/self/cwd)/${1#./} ;; esac
	[ "$here" = / ] || here=${here%/}
	cd -P -- "$here" 2>/dev/null || return 1
	[ "$(readlink /proc/self/cwd)" != "$here" ] || return 0
	resolve "$here"
	here=$real
	cd -P -- "$here" && [ "$(readlink /proc/self/cwd)" = "$here" ] || changed "$1"
	[ -z "$theirs" ] || [ "$(stat -c %u .)" = "$theirs" ] || astray "$1"
}
astray() {
	[ "$theirs" != '?' ] || die "$1 leads through a link that others than root can replace: it is not followed"
	die "$1 leads through a link of the user with the number $theirs to what is not that user's: it is not followed"
}
# spot PATH [follow]: makes the directory of PATH the working directory and leaves the name in it in $b.
spot() {
	d=${1%/*} b=${1##*/}
	inside "${d:-/}" || return 1
	[ "$2" = follow ] && [ -L "./$b" ] || return 0
	resolve "${here%/}/$b"
	d=${real%/*} b=${real##*/}
	here=${d:-/}
	cd -P -- "$here" 2>/dev/null || return 1
	[ "$(readlink /proc/self/cwd)" = "$here" ] && [ ! -L "./$b" ] || changed "$1"
	[ -n "$theirs" ] || return 0
	if [ -e "./$b" ]; then [ "$(stat -c %u -- "./$b")" = "$theirs" ] || astray "$1"
	else [ "$(stat -c %u .)" = "$theirs" ] || astray "$1"
	fi
}
# reach DIR [MODE]: makes it the working directory, and what is missing of its path first. made is called in each new one.
made() { :; }
reach() {
	case $1 in /*) up=$1 ;; *) up=$(readlink /proc/self/cwd)/${1#./} ;; esac
	[ "$up" = / ] || up=${up%/}
	down=
	while [ -n "$up" ] && [ ! -d "$up" ]; do down=${up##*/}${down:+/$down} up=${up%/*}; done
	inside "${up:-/}" || return 1
	while [ -n "$down" ]; do
		part=${down%%/*}
		case $down in */*) down=${down#*/} ;; *) down= ;; esac
		case $part in ''|.) continue ;; ..) die "$1 leads through a directory that does not exist" ;; esac
		mkdir ${2:+-m "$2"} -- "./$part" || exit 1
		enter "$part"
		made || exit 1
	done
}
# enter NAME: makes the directory of that name in the working directory the working directory, unless it is a link.
enter() {
	cd -P -- "./$1" || exit 1
	here=${here%/}/$1
	[ "$(readlink /proc/self/cwd)" = "$here" ] || changed "$here"
}
# to FD: makes the directory that is open as FD the working directory.
to() {
	cd -P "/proc/self/fd/$1" || exit 1
	here=$(readlink /proc/self/cwd)
}
# into NAME: enter, where NAME may be a link as far as that is to be followed.
into() {
	if [ -L "./$1" ]; then inside "${here%/}/$1" || changed "${here%/}/$1"; else enter "$1"; fi
}
# hold NAME: opens the file of that name in the working directory as 7, and no link in its place; $held is it by path.
held=/proc/self/fd/7
hold() {
	[ -f "./$1" ] && [ ! -L "./$1" ] || changed "${here%/}/$1"
	command exec 7<"./$1" || die "${here%/}/$1 cannot be opened"
	[ "$(readlink $held)" = "${here%/}/$1" ] || changed "${here%/}/$1"
	# Where the kernel lets anybody give another's file a second name, the file may be anybody's.
	only=1
	{ read -r only </proc/sys/fs/protected_hardlinks; } 2>/dev/null || only=1
	[ "$only" = 1 ] || stat -L -c '%u %h' $held . | awk -v me="$(id -u)" 'NR == 1 { u = $1; h = $2 } END { exit !(h == 1 || $1 == 0 || $1 == me || u == $1) }' ||
		die "${here%/}/$1 is in a directory of another account and is a second name of a file that is not that account's"
}
# fresh NAME: makes a new file of that name in the working directory and opens it as 7, readable by nobody else. One that was
# being written when the host lost its power is removed: it is older than what systemd makes when the host boots.
booted=/run/systemd/system
fresh() {
	for lost in ./.polarbook.????????; do
		# shellcheck disable=SC3013 # dash, bash and busybox all have -ot
		if [ -f "$lost" ] && [ "$lost" -ot "$booted" ]; then rm -f -- "$lost"; fi
	done
	mask=$(umask)
	umask 077
	set -C
	command exec 7>"./$1" || { set +C; umask "$mask"; return 1; }
	set +C
	umask "$mask"
	[ "$(readlink $held)" = "${here%/}/$1" ] || changed "${here%/}/$1"
}
