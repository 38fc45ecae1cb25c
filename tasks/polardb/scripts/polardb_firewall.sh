# Prints which firewall runs, and what it lets in: in the zone of the node's address and in the default zone.
# uses: preamble firewalld_bus
# takes: ADDRESS

interfaces() {
	if [ -n "$ADDRESS" ] && have ip; then
		ip -o addr show 2>/dev/null | awk -v a="$ADDRESS" '{ split($4, p, "/"); if (p[1] == a) print $2 }'
	fi
}

# shown LABEL prints what getPorts and getRichRules answered.
shown() {
	printf 'ports %s %s\n' "$1" "$(printf '%s\n' "$ports" | firewalld_ports)"
	printf '%s\n' "$rules" | firewalld_texts | sed "s/^/rule $1 /"
}
# zone_on_bus ZONE [SUFFIX]: what it lets in now, and from the next start on.
zone_on_bus() {
	ports=$(firewalld_call $firewalld_path $firewalld.zone getPorts s "$1") || return 1
	rules=$(firewalld_call $firewalld_path $firewalld.zone getRichRules s "$1") || return 1
	shown "now$2"
	kept=$(firewalld_kept "$1")
	ports=$(firewalld_call "$kept" $firewalld.config.zone getPorts) || return 1
	rules=$(firewalld_call "$kept" $firewalld.config.zone getRichRules) || return 1
	shown "boot$2"
}
on_bus() {
	default=$(firewalld_default) zone=
	[ -n "$default" ] || return 1
	for i in $(interfaces); do
		zone=$(firewalld_call $firewalld_path $firewalld.zone getZoneOfInterface s "$i" | firewalld_texts)
	done
	[ -n "$zone" ] || zone=$default
	printf 'firewall firewalld\nzone %s\ndefault %s\n' "$zone" "$default"
	zone_on_bus "$default" -default || return 1
	if [ "$zone" != "$default" ]; then zone_on_bus "$zone" '' || return 1; fi
}

# listed LABEL reads what firewall-cmd --list-all prints.
listed() { sed -n -e "s/^ *ports: /ports $1 /p" -e "s/^[ 	]*\(rule .*[^ ]\) *\$/rule $1 \1/p"; }

said=
if have firewall-cmd && said=$(on_bus); then
	printf '%s\n' "$said"
elif have firewall-cmd && said=$(firewall-cmd --list-all 2>/dev/null) && [ -n "$said" ]; then
	echo firewall firewalld
	# shellcheck disable=SC2086 # the first word
	set -- $said
	default=$1 zone=
	for i in $(interfaces); do
		zone=$(firewall-cmd --get-zone-of-interface="$i" 2>/dev/null) || zone=
	done
	[ -n "$zone" ] || zone=$default
	echo "zone $zone"
	echo "default $default"
	printf '%s\n' "$said" | listed now-default
	firewall-cmd --permanent --zone="$default" --list-all | listed boot-default
	if [ "$zone" != "$default" ]; then
		firewall-cmd --zone="$zone" --list-all | listed now
		firewall-cmd --permanent --zone="$zone" --list-all | listed boot
	fi
elif have ufw && ufw status 2>/dev/null | grep -q '^Status: active'; then
	echo firewall ufw
	sed -n 's/^### tuple ### /tuple /p' /etc/ufw/user.rules /etc/ufw/user6.rules 2>/dev/null
else
	echo firewall none
fi
exit 0
