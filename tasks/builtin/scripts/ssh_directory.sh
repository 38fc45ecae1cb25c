# Makes the directory of p, and what is missing above it, for user alone, as sshd wants it.
# uses: preamble inside
# takes: p user
# With nothing behind the colon the group is the one that the account logs in with.
made() {
	chmod 0700 . && chown "$user:" . || exit 1
	if [ -e /sys/fs/selinux/enforce ] && have restorecon; then restorecon "$here" 2>/dev/null; fi
}
( reach "${p%/*}" ) || exit 1
made() { :; }
