# Reads the files of a backup, as polardb_copy_send writes them, into a directory of their own, and compares each with its checksum. It is
# unfinished until it is described.
# uses: preamble polardb_backup_place
# takes: TO OWNER CLUSTER SUMS TIMEOUT
set -e
umask 077
cd /
begin_at_place </dev/null
# shellcheck disable=SC2016 # the inner shell's
timeout "$TIMEOUT" runuser -u "$OWNER" -- sh -euc 'base64 -d | tar -xf -
sync
s=$(sha256sum SHA256SUMS)
[ "${s%% *}" = "$1" ] || { echo "the list of checksums is not the one that was written" >&2; exit 1; }
wrong=$(LC_ALL=C sha256sum -c SHA256SUMS 2>/dev/null | grep -v ": OK$" | head -n 5) || :
[ -z "$wrong" ] || { echo "these files are not what was written: $wrong" >&2; exit 1; }' sh "$SUMS"
