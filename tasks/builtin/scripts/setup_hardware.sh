# Prints processors, memory, mounts and what the firmware says.
if [ -r /proc/cpuinfo ]; then grep -E '^(processor|physical id|core id|cpu cores|siblings|model name|vendor_id|Features|CPU implementer)' /proc/cpuinfo | cut -c1-200 | sed 's/^/cpu /'; fi
if have nproc; then echo "nproc $(nproc)"; fi
sed -n 's/^\(MemTotal\|MemFree\|MemAvailable\|Buffers\|Cached\|SwapTotal\|SwapFree\|SwapCached\): */memory \1 /p' /proc/meminfo
echo "uptime $(cut -d. -f1 /proc/uptime)"
while read -r device point type options _; do
	case $device in /*|*:*|tank*) ;; *) case $type in zfs|btrfs|fuse.*|9p|virtiofs) ;; *) continue ;; esac ;; esac
	case $point in
		*\\*) real=$(printf '%b' "$(printf '%s' "$point" | sed 's/\\\([0-7][0-7][0-7]\)/\\0\1/g')") ;;
		*) real=$point ;;
	esac
	sizes=$(soon stat -f -c '%S %b %f %a %c %d' -- "$real" 2>/dev/null)
	echo "mount $device $point $type $options $sizes"
done < /proc/mounts
for f in product_name product_version product_serial product_uuid sys_vendor bios_version bios_date bios_vendor \
	board_asset_tag board_name board_serial board_vendor board_version chassis_asset_tag chassis_serial chassis_vendor chassis_version chassis_type; do
	if [ -r /sys/class/dmi/id/$f ]; then echo "dmi $f $(cat /sys/class/dmi/id/$f 2>/dev/null)"; fi
done
