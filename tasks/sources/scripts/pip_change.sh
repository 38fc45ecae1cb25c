# Makes the virtual environment where it is missing, and runs pip. make and words are command lines; compare: what is installed before and
# afterwards tells whether something changed.
# uses: pip_begin
# takes: make words compare no_site index extra_index break_system
said=
# say runs a command, adds what that prints to said, to the last character, and keeps its status in rc.
say() {
	said=$said$("$@"; echo "rc $?")
	rc=${said##*rc }
	said=${said%rc *}
}
if [ -n "$venv" ] && [ ! -e "$venv/bin/activate" ]; then
	eval "set -- $make"
	have "$1" || { echo "missing there is no $1 on this host, which is to make the virtual environment $venv"; exit 0; }
	if [ -n "$no_site" ] && "$1" --help 2>/dev/null | grep -q -e --no-site-packages; then set -- "$@" --no-site-packages; fi
	say "$@" "$venv"
	[ "$rc" = 0 ] || { printf '%s' "$said" >&2; die "the virtual environment $venv could not be made"; }
	echo made yes
fi
find_pip || exit 0
printf %s "$pip" | encode pip
[ -z "$index" ] || export PIP_INDEX_URL="$index"
[ -z "$extra_index" ] || export PIP_EXTRA_INDEX_URL="$extra_index"
[ -z "$break_system" ] || export PIP_BREAK_SYSTEM_PACKAGES=1
before=
[ -z "$compare" ] || before=$(listed) || die "pip cannot list what is installed"
eval "set -- $words"
say p "$@"
echo "rc $rc"
printf %s "$said" | encode said
[ -z "$compare" ] || [ "$(listed)" = "$before" ] || echo differs yes
exit 0
