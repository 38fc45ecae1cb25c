# Gives the attributes to the directory p and all in it, directory by directory, each of which is the working directory while it is
# looked through. Links inside are not followed: they may lead anywhere.
# uses: at_path attributes
umask 022
each() {
	for f in ./* ./.[!.]* ./..?*; do
		if [ -d "$f" ] && [ ! -L "$f" ]; then ( enter "${f#./}"; each ) || exit 1; fi
	done
	set --
	for f in ./* ./.[!.]* ./..?*; do
		if [ -L "$f" ] || [ -e "$f" ] && [ ! -d "$f" ]; then set -- "$@" "$f"; fi
	done
	[ $# = 0 ] || batch "$@"
	give .
}
batch() {
	if [ -n "$owner" ]; then chown -h "$owner" -- "$@" || exit 1; fi
	[ -n "$mode" ] || return 0
	# By name where nobody else can put another file there, one by one as it is opened elsewhere.
	safe=$(whose "$here" .)
	for f; do
		shift
		if [ -f "$f" ] && [ ! -L "$f" ]; then
			if [ -z "$safe" ]; then set -- "$@" "$f"; else hold "${f#./}"; chmod "$mode" $held || exit 1; exec 7<&-; fi
		elif [ ! -L "$f" ] && [ ! -d "$f" ] && [ -z "$safe" ]; then set -- "$@" "$f"
		fi
	done
	[ $# = 0 ] || chmod "$mode" -- "$@" || exit 1
	return 0
}
[ -d "./$b" ] || die "$p is no directory"
enter "$b"
each
