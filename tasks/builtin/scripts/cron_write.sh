# Gives a user, or who logs in where user is empty, the table on the standard input, unless the table is no more what sum is the
# checksum of. The old one is kept in a new file at backup.
# uses: preamble
# takes: user sum backup
set --
if [ -n "$user" ] && [ "$(id -un)" != "$user" ]; then set -- -u "$user"; fi
had=$(crontab "$@" -l 2>/dev/null | sha256sum) || exit 1
[ "${had%% *}" = "$sum" ] || die "the table was changed by somebody else in the meantime; nothing was changed"
if [ -n "$backup" ]; then
	(umask 077; set -C; crontab "$@" -l > "$backup" 2>/dev/null) || [ -f "$backup" ] || die "the table could not be kept as $backup"
fi
crontab "$@" - || exit 1
