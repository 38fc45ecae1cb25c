package tasks

import (
	"strings"
)

// followNote is what modules say that work on files.
const followNote = "Links in the path, and one at its end with follow, are followed where only root or the account that works could have put them there. One that another account made or could replace is refused, unless it leads to what belongs to that same account."

// resolving walks a path link by link, and says who could have it lead elsewhere.
const resolving = `# resolve PATH: leaves in $real where it leads, and in $theirs whose links lead there when they are not root's.
resolve() {
	real= theirs= rest=${1#/} hops=0
	while [ -n "$rest" ]; do
		part=${rest%%/*}
		case $rest in */*) rest=${rest#*/} ;; *) rest= ;; esac
		case $part in ''|.) continue ;; ..) real=${real%/*}; continue ;; esac
		if [ ! -L "$real/$part" ]; then real=$real/$part; continue; fi
		hops=$((hops+1))
		[ $hops -le 40 ] || die "$1 leads through more than 40 links"
		who=$(whose "$real" "$real/$part") || die "whose the link $real/$part is cannot be found out"
		if [ -n "$who" ] && [ "${theirs:-$who}" != "$who" ]; then theirs='?'; else theirs=${theirs:-$who}; fi
		to=$(readlink -- "$real/$part") || changed "$1"
		case $to in /*) real= to=${to#/} ;; esac
		rest=$to${rest:+/$rest}
	done
	real=${real:-/}
}
# whose DIR LINK: the number of the user who could make the link another; nothing when only root and who works could.
whose() {
	left=${1#/} up= link=$2
	set -- /
	while [ -n "$left" ]; do
		up=$up/${left%%/*}
		set -- "$@" "$up"
		case $left in */*) left=${left#*/} ;; *) left= ;; esac
	done
	stat -c '%u %g %a' -- "$@" "$link" | awk -v me="$(id -u)" -v n=$# '
		found { next }
		$1 != 0 && $1 != me { found = $1 }
		!found && NR <= n && $3 % 10 ~ /[2367]/ && (length($3) < 4 || $3 !~ /^[1357]/) { found = "?" }
		!found && NR <= n && $2 != 0 && int($3 / 10) % 10 ~ /[2367]/ && (length($3) < 4 || $3 !~ /^[1357]/) { found = "?" }
		END { if (found) print found; exit NR <= n }'
}
`

// inside is the shell's way to work in a directory that another account may own and change meanwhile. A path is walked
// once; from then on the working directory is what is worked in, which nobody can put something else in place of, names
// are relative to it, and a file is what its descriptor says, by way of /proc/self/fd: chmod and chown follow nothing but
// that. Nothing is opened by a path that was looked at before.
//
// Where a path leads through links, root and the account that works may have made them, in directories that are theirs
// alone. A link that somebody else made or could put there leads only to what belongs to that same account.
var inside = withoutComments(`changed() { die "$1 was changed by somebody else while it was worked on: run again"; }
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
` + resolving + `# spot PATH [follow]: makes the directory of PATH the working directory and leaves the name in it in $b.
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
# fresh NAME: makes a new file of that name in the working directory and opens it as 7, readable by nobody else.
fresh() {
	mask=$(umask)
	umask 077
	set -C
	command exec 7>"./$1" || { set +C; umask "$mask"; return 1; }
	set +C
	umask "$mask"
	[ "$(readlink $held)" = "${here%/}/$1" ] || changed "${here%/}/$1"
}
`)

// withoutComments is a script as it is sent: what explains it stays here.
func withoutComments(script string) string {
	var b strings.Builder
	for line := range strings.Lines(script) {
		if !strings.HasPrefix(strings.TrimLeft(line, "\t"), "#") {
			b.WriteString(line)
		}
	}
	return b.String()
}

// rootsOnly defines a shell function that says whether only root can put another program in the place of FILE: what root
// runs without being asked to must lie in root's directories.
var rootsOnly = withoutComments(resolving + `roots() { (
	die() { exit 1; }
	changed() { exit 1; }
	resolve "$1"
	[ -z "$theirs" ] && [ -e "$real" ] || exit 1
	left=${real#/} up=
	set -- /
	while [ -n "$left" ]; do
		up=$up/${left%%/*}
		set -- "$@" "$up"
		case $left in */*) left=${left#*/} ;; *) left= ;; esac
	done
	stat -c '%u %g %a' -- "$@" | awk -v n=$# '
		$1 != 0 { bad = 1 }
		$3 % 10 ~ /[2367]/ && (NR == n || length($3) < 4 || $3 !~ /^[1357]/) { bad = 1 }
		$2 != 0 && int($3 / 10) % 10 ~ /[2367]/ && (NR == n || length($3) < 4 || $3 !~ /^[1357]/) { bad = 1 }
		END { exit bad || NR != n }'
) }
`)

// strangers defines a shell function that says who else than root and one account could put another directory in the place
// of DIR, which need not be there yet, or of one above it. It prints nothing when nobody could.
var strangers = withoutComments(resolving + `strangers() { ( # DIR [ACCOUNT]
	die() { printf '%s\n' "$1"; exit 0; }
	changed() { die "$1 was changed meanwhile"; }
	uid=0 gid=0
	if [ -n "$2" ] && uid=$(id -u "$2" 2>/dev/null); then gid=$(id -g "$2"); else uid=0; fi
	resolve "$1"
	[ "${theirs:-$uid}" = "$uid" ] || die "$1 leads through a link that another account can replace"
	left=${real#/} up= dir=$1
	set -- /
	while [ -n "$left" ]; do
		up=$up/${left%%/*}
		set -- "$@" "$up"
		case $left in */*) left=${left#*/} ;; *) left= ;; esac
	done
	stat -c '%u %g %a %U %G %n' -- "$@" 2>/dev/null | awk -v u="$uid" -v g="$gid" -v me="$(id -u)" '
		function named(say) { dir = $0; for (i = 0; i < 5; i++) sub(/^[^ ]+ /, "", dir); found = dir " " say }
		found { next }
		{ sticky = length($3) > 3 && $3 ~ /^[1357]/ }
		$1 != 0 && $1 != u && $1 != me { named("belongs to " ($4 == "UNKNOWN" ? "the user with the number " $1 : $4)); next }
		!sticky && $3 % 10 ~ /[2367]/ { named("can be written to by everybody (mode " $3 ")"); next }
		!sticky && $2 != 0 && $2 != g && int($3 / 10) % 10 ~ /[2367]/ { named("can be written to by the group " ($5 == "UNKNOWN" ? "with the number " $2 : $5)) }
		END { if (found) print found; exit NR == 0 }' || die "whose the directories above $dir are cannot be found out"
) }
`)

// at begins a script that works on one path: in the path's directory, with its name in "$b" and its whole in "$p".
func at(word string, follow bool) string {
	how := ""
	if follow {
		how = " follow"
	}
	return preamble + inside + "p=" + word + "\nspot \"$p\"" + how + " || die \"the directory of $p does not exist: create it with the file module first\"\n"
}

// onIt is a script that gives what is at a path attributes, working from its directory.
func onIt(word string, follow bool, set func(word string) string, link func(word string) string) string {
	var b strings.Builder
	b.WriteString(at(word, follow))
	b.WriteString("if [ -L \"./$b\" ]; then\n:\n" + link(`"./$b"`) + "elif [ -d \"./$b\" ]; then enter \"$b\"\n" + set(".") + "elif [ -f \"./$b\" ]; then hold \"$b\"\n" + set("$held") +
		"else [ -z \"$(whose \"$here\" \"${here%/}/$b\")\" ] || die \"$p is neither a file nor a directory, and others than root can replace it\"\n" + set(`"./$b"`) + "fi\n")
	return b.String()
}
