# Gives a user, or who logs in where user is empty, the table on the standard input, unless the table is no more what sum is the
# checksum of. The old one is kept in a new file at backup.
# uses: preamble
# takes: user sum backup
set --
if [ -n "$user" ] && [ "$(id -un)" != "$user" ]; then set -- -u "$user"; fi
had=$(crontab "$@" -l 2>/dev/null | sha256sum) || exit 1
[ "${had%% *}" = "$sum" ] || die "the table was changed by somebody else in the meantime; nothing was changed"
if [ -n "$backup" ]; then
	# Where nothing is yet, or somebody else's file would be taken for it.
	(umask 077; set -C; : > "$backup") 2>/dev/null || die "the table could not be kept as $backup; nothing was changed"
	crontab "$@" -l > "$backup" 2>/dev/null
fi
crontab "$@" - || exit 1
