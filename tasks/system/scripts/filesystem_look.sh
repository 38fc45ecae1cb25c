# Answers what the device or file p is, what is on it, and what it is in use for. size is set where the file system's own size is wanted:
# it names what can tell it. blkid has to be that of util-linux, for busybox's does not know half of what a disk may hold.
# uses: preamble encode
# takes: p size
[ -e "$p" ] || exit 0
echo there yes
if [ -b "$p" ]; then echo kind block; elif [ -f "$p" ]; then echo kind file; else echo kind other; exit 0; fi
case $(blkid -V 2>&1) in *util-linux*) echo blkid yes ;; *) exit 0 ;; esac
said=$(blkid -p -o export -- "$p" 2>/dev/null)
case $? in
0) printf '%s\n' "$said" | head -c 4096 | encode held ;;
2) ;;
*) echo unclear yes ;;
esac
real=$(readlink -f -- "$p") || exit 1
if [ -b "$p" ]; then
	bytes=$(blockdev --getsize64 "$real") || exit 1
	kernel=$(readlink -f "/sys/class/block/${real##*/}")
	for part in "$kernel" "$kernel/${real##*/}"*; do
		[ -e "$part/dev" ] || continue
		if [ "$part" != "$kernel" ]; then echo parts yes; fi
		for holder in "$part"/holders/*; do
			if [ -e "$holder" ]; then echo "holder ${holder##*/}"; fi
		done
		read -r number <"$part/dev"
		awk -v number="$number" -v source="/dev/${part##*/}" '
			{ for (i = 7; $i != "-" && i < NF; i++); if ($3 == number || $(i + 2) == source) { print "mounted " $5; exit } }' /proc/self/mountinfo
		if grep -q "^/dev/${part##*/}[[:space:]]" /proc/swaps 2>/dev/null; then echo swap yes; fi
	done
else
	bytes=$(wc -c <"$real") || exit 1
	while read -r file _; do if [ "$file" = "$real" ]; then echo swap yes; fi; done </proc/swaps
	for loop in /sys/block/loop*/loop/backing_file; do
		[ -e "$loop" ] && read -r file <"$loop" && [ "$file" = "$real" ] || continue
		loop=${loop#/sys/block/}
		echo "holder ${loop%%/*}"
	done
fi 2>/dev/null
echo "bytes $bytes"
point=$(findmnt --noheadings --first-only --output TARGET --source "$real" 2>/dev/null)
case $size in
ext) tune2fs -l "$real" | encode size ;;
xfs) xfs_info "${point:-$real}" | encode size ;;
btrfs) if [ -n "$point" ]; then btrfs filesystem usage -b "$point" | encode size; fi ;;
f2fs) dump.f2fs "$real" | encode size ;;
vfat) fatresize --info "$real" | encode size ;;
lvm) pvs --noheadings -o pv_size --units b --nosuffix "$real" | encode size ;;
esac
if [ -n "$point" ]; then printf '%s' "$point" | encode point; fi
echo looked yes
