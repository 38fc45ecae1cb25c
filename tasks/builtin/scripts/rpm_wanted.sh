# Says of each package what is to be done. opts COMMAND WORD... has the manager run, and leaves in $said what it says.
# uses: rpm_questions
# takes: latest older update_only
said=
# told NAME: prints what the manager said.
told() { printf '%s\n' "$said" | encode "$1"; }
# updatable NUMBER WORD...: whether there is an update of what the words name.
updatable() {
	number=$1
	shift
	opts -q check-update "$@"
	s=$?
	if [ $s -eq 100 ]; then echo "update $number"; fi
}
# all_updatable NUMBER WORD...: the same of all that is installed, where another status than 0 is a failure.
all_updatable() {
	updatable "$@"
	case $s in 0|100) return 0 ;; esac
	echo "cannot $s"
	told said
	exit 0
}
# missing NUMBER NAME STATUS WORD...: whether the package of that number has to be installed. STATUS is 0 when it is there; the words
# narrow updates down.
missing() {
	if [ "$3" -ne 0 ]; then
		if newer "$2"; then echo "$older $1"; return 1; fi
		[ -z "$update_only" ] || return 1
		echo "install $1"
		return 0
	fi
	if [ -n "$latest" ]; then
		number=$1 name=$2
		shift 3
		updatable "$number" "$@" "$name"
	fi
	return 1
}
