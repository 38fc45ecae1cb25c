# Mounts, remounts or unmounts p, as act says. table is the file to go by instead of /etc/fstab; without table the file system is src,
# of a type and with options. Directories that were made for a mount go again when that fails.
# uses: preamble inside
# takes: p act table fstype options src
[ ! -e "$p" ] || ( spot "$p" ) || exit 1
by_table() { mount ${table:+-T "$table"} "$@" "$p"; }
by_name() { mount "$@" -t "$fstype" ${options:+-o "$options"} "$src" "$p"; }
new=
made() { new="$here
$new"; }
undo() {
	printf '%s' "$new" | while read -r dir; do rmdir -- "$dir" 2>/dev/null || break; done
	exit 1
}
point() {
	[ -e "$p" ] || reach "$p" || exit 1
	cd /
}
case $act in
mount)
	point
	by_table || undo ;;
remount) by_table -o remount || { umount "$p" && by_table; } || exit 1 ;;
options) by_table -o "remount,$options" || die "$p could not be remounted with other options: unmount it and mount it with all that it is to have" ;;
ephemeral)
	point
	by_name || undo ;;
again) by_name -o remount || { umount "$p" && by_name; } || exit 1 ;;
unmount) umount "$p" || exit 1 ;;
remove)
	if [ -d "$p" ]; then spot "$p" && rmdir -- "./$b"; fi || exit 1 ;;
esac
