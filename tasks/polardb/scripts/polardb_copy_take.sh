# Reads the files of a backup, as polardb_copy_send writes them, into a directory of their own, and compares each with its checksum. It is
# unfinished until it is described.
# uses: preamble inside strangers polardb_backup_note
# takes: TO OWNER CLUSTER SUMS TIMEOUT
set -e
umask 077
cd /
alone() {
	who=$(strangers "$1" "$OWNER")
	[ -z "$who" ] || die "$who, and whoever can replace the directory of a backup gets at the data and its passwords: choose another, or give the directory to root"
}
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
# shellcheck disable=SC2016 # the inner shell's
own 'rm -f backup.polarbook.new; find . -mindepth 1 -maxdepth 1 ! -name backup.polarbook -exec rm -rf -- {} +' </dev/null
note begun </dev/null
# shellcheck disable=SC2016 # the inner shell's
timeout "$TIMEOUT" runuser -u "$OWNER" -- sh -euc 'base64 -d | tar -xf -
sync
s=$(sha256sum SHA256SUMS)
[ "${s%% *}" = "$1" ] || { echo "the list of checksums is not the one that was written" >&2; exit 1; }
wrong=$(LC_ALL=C sha256sum -c SHA256SUMS 2>/dev/null | grep -v ": OK$" | head -n 5) || :
[ -z "$wrong" ] || { echo "these files are not what was written: $wrong" >&2; exit 1; }' sh "$SUMS"
