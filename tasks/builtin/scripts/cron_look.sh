# Prints the table of a user, of who logs in where user is empty.
# uses: preamble encode
# takes: user
have crontab || { echo missing yes; exit 0; }
set --
if [ -n "$user" ] && [ "$(id -un)" != "$user" ]; then set -- -u "$user"; fi
crontab "$@" -l 2>/dev/null | encode text
exit 0
