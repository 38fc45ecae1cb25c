# Refuses a file p that is a link of another account to what is not that account's. manage: gives the directory of p to the user,
# and what is missing of it first, closed as sshd wants it.
# uses: preamble inside
# takes: p user manage
if [ -n "$manage" ]; then (
	reach "${p%/*}" || exit 1
	# With nothing behind the colon the group is the one that the account logs in with.
	chown "$user:" . && chmod 0700 . || exit 1
	if [ -e /sys/fs/selinux/enforce ] && have restorecon; then restorecon "$here" 2>/dev/null; fi
) || exit 1; fi
if [ -L "$p" ]; then ( spot "$p" follow ) || exit 1; fi
