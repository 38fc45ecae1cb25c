# entry DATABASE NAME: prints a line of a database of accounts: passwd, group or shadow. A group may be given by its number. local: only
# files are asked.
# takes: local
entry() {
	if [ -z "$local" ] && have getent; then getent "$1" "$2"; return; fi
	entry="$2" file="$1" awk -F: '
		$1 == ENVIRON["entry"] || ENVIRON["file"] == "group" && $3 == ENVIRON["entry"] { print; found = 1; exit }
		END { exit !found }' "/etc/$1"
}
