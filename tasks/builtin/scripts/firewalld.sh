# Asks firewalld whether a setting is as wanted, now and from the next start on; what does not run, for the latter only. The words
# are the question. target: what the answer has to be; when it is empty the exit status says it.
# uses: preamble
# takes: target
have firewall-cmd || { echo absent yes; exit 0; }
state=$(firewall-cmd --state 2>&1)
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
	[ -n "$target" ] || ask now firewall-cmd "$@"
	ask boot firewall-cmd --permanent "$@"
elif have firewall-offline-cmd; then
	ask boot firewall-offline-cmd "$@"
fi
exit 0
