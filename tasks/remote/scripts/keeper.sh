# Keeps the beginning of what is written to a pipe, counts the rest and drops it: the memory that output lies in is the host's,
# and whoever writes must get no SIGPIPE. It says in files when it is through and, for as long as a background process of the
# script holds the pipe open, which process of its reads. It is nobody's child, so that stopping a script does not end it before
# those that write. Of cat's last piece, what did not fit is in no count: up to 128 KiB. head would count all, but holds back
# what it has until it has more.
#
# $1 is the directory, $2 is o or e, $3 the file, and $4 how many blocks of 512 bytes are kept.
(
	# shellcheck disable=SC2034 # the rest of the line
	( read -r p s </proc/self/stat; printf '%s\n' "$p" >"$1/h$2"; trap '' XFSZ; ulimit -f "$4"; exec cat ) ||
		( read -r p s </proc/self/stat; printf '%s\n' "$p" >"$1/h$2"; exec wc -c ) >"$1/c$2"
	printf x >"$1/d$2"
) <"$1/f$2" >"$3" 2>/dev/null &
