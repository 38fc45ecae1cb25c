# keep_for_root DIR: makes a directory of what is kept, for root alone.
# uses: roots
keep_for_root() {
	[ -d "${1%/*}" ] || ( umask 022; mkdir -p "${1%/*}" ) || exit 1
	[ -d "$1" ] || mkdir -m 0700 "$1" || exit 1
	roots "$1" || die "$1, or a directory above it, does not belong to root alone: nothing was noted there"
}
