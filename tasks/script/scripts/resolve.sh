# Follows a path link by link, and says who could have it lead elsewhere. It wants die and changed.
# leaves: real theirs
# resolve PATH: leaves in $real where it leads, and in $theirs whose links lead there when they are not root's.
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
