# Gives what is at p, or what it leads to, its flags (chattr) and the parts of its SELinux context that are given. Neither program
# follows a link here, and chattr takes no descriptor.
# uses: at_path
# takes: flags user role type level
if [ -n "$user$role$type$level" ]; then
	chcon -h ${user:+-u "$user"} ${role:+-r "$role"} ${type:+-t "$type"} ${level:+-l "$level"} "./$b" || die "$p cannot be given its SELinux context"
fi
if [ -n "$flags" ]; then
	have chattr || die "chattr (of e2fsprogs) is missing, and the argument attributes needs it"
	chattr "$flags" "./$b" || die "$p cannot be given the attributes $flags: its file system may not have them"
fi
