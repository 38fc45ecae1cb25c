# Leaves in $dir the directory of a request's files, which only its user can read: the one that is there from the request before
# (dir), or a new one, in the directory tmp if that is given.
# uses: preamble
# takes: dir tmp
# leaves: dir
umask 077
if [ -z "$dir" ]; then
	if [ -z "$tmp" ]; then tmp=${TMPDIR:-/tmp}; fi
	if [ ! -d "$tmp" ]; then
		[ ! -e "$tmp" ] || die "$tmp is a file but should be a directory."
		die "$tmp directory does not exist."
	fi
	dir=$(mktemp -d -- "$tmp/.polarbook-web.XXXXXXXX") || exit 1
fi
