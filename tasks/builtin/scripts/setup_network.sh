# Prints interfaces, addresses and default routes.
for i in /sys/class/net/*; do
	if [ ! -d "$i" ]; then continue; fi
	n=${i##*/}
	echo "interface $n $(cat "$i/mtu") $(cat "$i/operstate") $(cat "$i/address" 2>/dev/null)"
	# Reading the speed fails where there is none.
	for f in type flags speed bridge/bridge_id bridge/stp_state bonding/slaves bonding/mode bonding/miimon bonding/lacp_rate \
		bonding/primary bonding/all_slaves_active bonding_slave/perm_hwaddr; do
		v=
		if [ -r "$i/$f" ] && IFS= read -r v <"$i/$f"; then echo "link $n $f $v"; fi 2>/dev/null
	done
	for p in "$i"/brif/*; do
		if [ -e "$p" ]; then echo "link $n port ${p##*/}"; fi
	done
	if [ -e "$i/device" ]; then
		p=$(readlink "$i/device") && echo "link $n pciid ${p##*/}"
		if [ -e "$i/device/driver/module" ]; then p=$(readlink -f "$i/device/driver/module") && echo "link $n module ${p##*/}"; fi
	fi
done
if [ -r /etc/nvme/hostnqn ]; then sed 's/^/nvme /' /etc/nvme/hostnqn; fi
if [ -r /etc/iscsi/initiatorname.iscsi ]; then sed 's/^/iscsi /' /etc/iscsi/initiatorname.iscsi; fi
for f in /sys/class/fc_host/*/port_name; do
	if [ -r "$f" ]; then echo "fc_host $(cat "$f")"; fi
done
if have ip; then
	ip -o addr show 2>/dev/null | sed 's/^/address /'
	ip -4 route show default 2>/dev/null | head -n 1 | sed 's/^/route4 /'
	ip -6 route show default 2>/dev/null | head -n 1 | sed 's/^/route6 /'
fi
