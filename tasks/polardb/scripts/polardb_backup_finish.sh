# Run when all that the tool said is known to be harmless. On the input is what the backup says of itself, which makes it whole; the
# note is for earlier releases.
# uses: preamble inside polardb_backup_note
# takes: TO
set -e
umask 077
cd /
inside "$TO" || die "$TO cannot be entered"
own '[ ! -d backup.json ] || { echo "backup.json is a directory" >&2; exit 1; }
	rm -f backup.json.new; cat >backup.json.new; sync; mv -f backup.json.new backup.json; sync'
note finished
