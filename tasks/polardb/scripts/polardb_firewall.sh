# Prints which firewall runs, and what it lets in: in the zone of the node's address and in the default zone.
# uses: preamble
# takes: ADDRESS

interfaces() {
	if [ -n "$ADDRESS" ] && have ip; then
		ip -o addr show 2>/dev/null | awk -v a="$ADDRESS" '{ split($4, p, "/"); if (p[1] == a) print $2 }'
	fi
}

# firewalld is asked on the bus: firewall-cmd is a Python program, and takes longer to start than all of the answers.
bus=org.fedoraproject.FirewallD1
path=/org/fedoraproject/FirewallD1
call() { busctl --auto-start=no call $bus "$@" 2>/dev/null; }
# texts prints the strings of busctl's answer, a line each.
texts() {
	awk '{
		while (match($0, /"([^"\\]|\\.)*"/)) {
			text = substr($0, RSTART + 1, RLENGTH - 2)
			$0 = substr($0, RSTART + RLENGTH)
			gsub(/\\"/, "\"", text)
			print text
		}
	}'
}
# shown LABEL prints what getPorts and getRichRules answered.
shown() {
	printf '%s\n' "$ports" | texts | awk -v label="$1" 'NR % 2 { port = $0; next } { printf "ports %s %s/%s\n", label, port, $0 }'
	printf '%s\n' "$rules" | texts | sed "s/^/rule $1 /"
}
# zone_on_bus ZONE [SUFFIX]: what it lets in now, and from the next start on.
zone_on_bus() {
	ports=$(call $path $bus.zone getPorts s "$1") && rules=$(call $path $bus.zone getRichRules s "$1") || return 1
	shown "now$2"
	kept=$(call $path/config $bus.config getZoneByName s "$1" | texts)
	[ -n "$kept" ] && ports=$(call "$kept" $bus.config.zone getPorts) && rules=$(call "$kept" $bus.config.zone getRichRules) || return 1
	shown "boot$2"
}
on_bus() {
	have busctl && default=$(call $path $bus getDefaultZone | texts) && [ -n "$default" ] || return 1
	zone=
	for i in $(interfaces); do
		zone=$(call $path $bus.zone getZoneOfInterface s "$i" | texts)
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
