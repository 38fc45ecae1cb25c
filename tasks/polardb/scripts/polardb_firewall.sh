# Prints which firewall runs, and what it lets in: in the zone of the node's address and in the default zone.
# uses: preamble
# takes: ADDRESS
said=
if have firewall-cmd && said=$(firewall-cmd --list-all 2>/dev/null) && [ -n "$said" ]; then
	echo firewall firewalld
	# shellcheck disable=SC2086 # the first word
	set -- $said
	default=$1 zone=
	if [ -n "$ADDRESS" ] && have ip; then
		for i in $(ip -o addr show 2>/dev/null | awk -v a="$ADDRESS" '{ split($4, p, "/"); if (p[1] == a) print $2 }'); do
			zone=$(firewall-cmd --get-zone-of-interface="$i" 2>/dev/null) || zone=
		done
	fi
	[ -n "$zone" ] || zone=$default
	echo "zone $zone"
	echo "default $default"
	shown() { sed -n -e "s/^ *ports: /ports $1 /p" -e "s/^[ 	]*\(rule .*[^ ]\) *\$/rule $1 \1/p"; }
	printf '%s\n' "$said" | shown now-default
	firewall-cmd --permanent --zone="$default" --list-all | shown boot-default
	if [ "$zone" != "$default" ]; then
		firewall-cmd --zone="$zone" --list-all | shown now
		firewall-cmd --permanent --zone="$zone" --list-all | shown boot
	fi
elif have ufw && ufw status 2>/dev/null | grep -q '^Status: active'; then
	echo firewall ufw
	sed -n 's/^### tuple ### /tuple /p' /etc/ufw/user.rules /etc/ufw/user6.rules 2>/dev/null
else
	echo firewall none
fi
exit 0
