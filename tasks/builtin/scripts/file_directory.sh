# Makes the directory p, and gives each directory that is new the attributes, as Ansible does.
# uses: preamble inside attributes
# takes: p
made() {
	give .
	if [ -e /sys/fs/selinux/enforce ] && have restorecon; then restorecon "$here" 2>/dev/null; fi
	return 0
}
reach "$p" || die "$p cannot be made"
