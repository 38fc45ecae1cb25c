# loose [ACTION]: finds what others than root can change of a version, or run as root, because an earlier release kept the archive's modes
# and owners. It prints the paths, or does what find is given as ACTION.
# takes: DIR
loose() {
	if [ "$(id -u)" = 0 ] && [ -d "$DIR" ]; then
		find "$DIR" ! -type l \( ! -user 0 -o -perm -4000 -o -perm -2000 -o -perm -020 -o -perm -002 \) "$@"
	fi
}
