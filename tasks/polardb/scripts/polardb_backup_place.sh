# Where a backup is written.
# uses: inside strangers polardb_backup_note
# takes: TO OWNER CLUSTER
alone() {
	who=$(strangers "$1" "$OWNER")
	[ -z "$who" ] || die "$who, and whoever can replace the directory of a backup gets at the data and its passwords: choose another, or give the directory to root"
}
# begin_at_place: makes the directory TO, or takes one that is empty or holds what was begun of the cluster; goes into it, empties it, gives it
# to the account, and notes that the backup is begun.
begin_at_place() {
	alone "${TO%/*}"
	( umask 022; reach "${TO%/*}" ) || exit 1
	[ -d "$TO" ] || ( spot "$TO" && mkdir -m 0700 -- "./$b" ) || exit 1
	inside "$TO" || die "$TO cannot be entered"
	alone "${here%/*}/"
	owner=$(stat -c %u .)
	[ "$owner" = 0 ] || [ "$owner" = "$(id -u "$OWNER")" ] || die "$TO belongs to another account"
	# shellcheck disable=SC2010,SC2143 # under set -e
	if [ -n "$(ls -A . | grep -vxF -e backup.polarbook.new -e backup.json.new)" ]; then
		[ -f backup.polarbook ] && [ ! -e backup.json ] && [ ! -L backup.json ] || die "$TO is no longer empty"
		hold backup.polarbook
		grep -qx state=begun $held && grep -qxF -- "cluster=$CLUSTER" $held || die "$TO is no longer empty"
		exec 7<&-
	fi
	chown -h "$OWNER": .
	chmod 700 .
	# A note that was cut off while it was written: nothing else here has that name.
	# shellcheck disable=SC2016 # the inner shell's
	own 'rm -f backup.polarbook.new; find . -mindepth 1 -maxdepth 1 ! -name backup.polarbook -exec rm -rf -- {} +'
	note begun
}
