# Run when all that the tool said is known to be harmless.
# uses: preamble inside polardb_backup_note
# takes: TO
set -e
umask 077
cd /
inside "$TO" || die "$TO cannot be entered"
note finished
