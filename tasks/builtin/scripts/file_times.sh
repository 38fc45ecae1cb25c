# set_times [-h] FILE: sets the times of modification and access; empty: it stays as it is, now, or as touch -t takes it.
# takes: modified accessed
set_times() {
	how=
	if [ "$1" = -h ]; then how=-h; shift; fi
	time_of -m "$modified" "$1"
	time_of -a "$accessed" "$1"
}
# shellcheck disable=SC2086 # no word when there is none
time_of() {
	case $2 in
	'') ;;
	now) touch $how -c "$1" -- "$3" || exit 1 ;;
	*) touch $how -c "$1" -t "$2" -- "$3" || exit 1 ;;
	esac
}
