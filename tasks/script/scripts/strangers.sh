# strangers DIR [ACCOUNT]: who else than root and one account could put another directory in the place of DIR, which need not
# be there yet, or of one above it. It prints nothing when nobody could.
# uses: resolve
strangers() { (
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
