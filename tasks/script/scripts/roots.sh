# roots FILE: whether only root can put another program in the place of FILE. What root runs without being asked to must lie
# in root's directories.
# uses: resolve
roots() { (
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
