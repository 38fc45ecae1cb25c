# Asks firewalld whether a setting is as wanted: now, where it runs and now is set, and from the next start on where boot is. The words
# are the question. target: what the answer has to be; when it is empty the exit status says it.
# uses: preamble firewalld_bus
# takes: target now boot
have firewall-cmd || { echo absent yes; exit 0; }
state=$(firewalld_state)
if [ "$state" != running ]; then state=$(firewall-cmd --state 2>&1); fi
echo "state $state"
# ask WHERE COMMAND...
ask() {
	where=$1
	shift
	said=$("$@" 2>&1)
	s=$?
	if [ -n "$target" ] && [ $s = 0 ] && [ "$said" != "$target" ]; then s=1; fi
	echo "$where $s $(printf '%s' "$said" | head -n 1)"
}
if [ "$state" = running ]; then
	# A target is permanent only.
	if [ -n "$now" ] && [ -z "$target" ]; then ask now firewall-cmd "$@"; fi
	if [ -n "$boot" ]; then ask boot firewall-cmd --permanent "$@"; fi
elif have firewall-offline-cmd; then
	ask boot firewall-offline-cmd "$@"
fi
exit 0
