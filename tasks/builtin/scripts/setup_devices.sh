# Prints block devices with what is on and above them, the links to them, and what LVM says.
# value prints a file of the device that has something in it; sysfs refuses to read some.
value() {
	v=
	if [ -r "$d/$1" ] && IFS= read -r v <"$d/$1" && [ -n "$v" ]; then printf 'block %s %s %s\n' "$b" "$1" "$v"; fi 2>/dev/null
}
# holders prints the device mapper's devices that are made of a disk or partition.
holders() {
	for h in "$1"/holders/dm-*; do
		n=
		if [ -d "$h" ]; then
			if [ -r "$h/dm/name" ]; then IFS= read -r n <"$h/dm/name"; fi 2>/dev/null
			printf 'block %s %sholder %s\n' "$b" "$2" "${n:-${h##*/}}"
		fi
	done
}
inquire=
if [ "$(id -u)" = 0 ] && have sg_inq; then inquire=yes; fi
for d in /sys/block/*; do
	if [ ! -d "$d" ]; then continue; fi
	b=${d##*/}
	echo "block $b there"
	for f in removable size device/vendor device/model device/sas_address device/sas_device_handle device/serial \
		queue/discard_granularity queue/discard_max_hw_bytes queue/rotational queue/scheduler queue/logical_block_size queue/hw_sector_size; do
		value $f
	done
	holders "$d" ''
	for p in "$d/$b"*; do
		if [ ! -e "$p/start" ]; then continue; fi
		p=${p##*/}
		for f in start size queue/logical_block_size queue/hw_sector_size; do value "$p/$f"; done
		holders "$d/$p" "$p/"
	done
	for s in "$d"/slaves/*; do
		if [ -e "$s" ]; then echo "block $b slave ${s##*/}"; fi
	done
	if [ -n "$inquire" ]; then
		soon sg_inq "/dev/$b" 2>/dev/null | sed -n "s/.*\(Unit serial\|Serial\) number:[[:space:]]*\([[:alnum:]_]*\).*/block $b sg_serial \2/p" | head -n 1
	fi
done
# shellcheck disable=SC2012 # udev leaves no blanks in these names, and find prints no targets everywhere
for k in id uuid label; do
	if [ -d /dev/disk/by-$k ]; then ls -l /dev/disk/by-$k 2>/dev/null | sed -n "s/.* \([^ ]*\) -> .*\/\([^ ]*\)\$/device_link $k \2 \1/p"; fi
done
if have lspci; then
	# shellcheck disable=SC2012 # as above
	ls -l /sys/block 2>/dev/null | sed -n 's/.* \([^ ]*\) -> \(.*\)/pci_path \1 \2/p'
	soon lspci -D 2>/dev/null | sed 's/^/pci_device /'
fi
if [ "$(id -u)" = 0 ] && have vgs; then
	echo 'lvm there'
	for k in vgs lvs pvs; do
		if have $k; then soon $k --noheadings --nosuffix --units g --separator , 2>/dev/null | sed "s/^[[:space:]]*/lvm $k /"; fi
	done
	if have dmsetup; then soon dmsetup info -C --noheadings --separator , -o blkdevname,name 2>/dev/null | sed 's/^[[:space:]]*/lvm dm /'; fi
fi
