# prepare_space LOCATION: leaves it there and empty, for the engine's account alone, and notes that it is to be filled. What is left of
# an earlier copy goes first.
# uses: strangers polardb_begin
# takes: OWNER
wipe_spaces
keep_for_root "${SPACES%/*}"
( umask 077; : >"$SPACES" )
prepare_space() { (
	other=$(other_space "$1")
	[ -z "$other" ] || die "$1 is the tablespace of the node in $other on this host"
	who=$(strangers "${1%/*}/" "$OWNER")
	[ -z "$who" ] || die "$who, and could replace the tablespace $1"
	( umask 022; reach "${1%/*}/" ) || exit 1
	[ -d "$1" ] || ( spot "$1" && mkdir -m 0700 -- "./$b" ) || exit 1
	inside "$1" || die "$1 cannot be entered"
	who=$(strangers "${here%/*}/" "$OWNER")
	[ -z "$who" ] || die "$who, and could replace the tablespace $1"
	uid=$(stat -c %u .)
	[ "$uid" = 0 ] || [ "$uid" = "$(id -u "$OWNER")" ] || die "the tablespace $1 belongs to another account"
	rmdir ./lost+found 2>/dev/null || :
	[ -z "$(ls -A .)" ] || die "the tablespace $1 is not empty"
	chown -h "$OWNER": . && chmod 700 . || exit 1
	printf '%s %s\n' "$(stat -c %i .)" "$1" >>"$SPACES"
) }
