# Prints what a host has of the cluster's endpoint: of each unit in UNITS its state (absent: it is not set up), whether ADDRESS is one of the host's,
# and the members that HAProxy's configuration CONFIG knows.
# takes: UNITS ADDRESS CONFIG
PATH=$PATH:/usr/sbin:/sbin
for u in $UNITS; do
	if [ -e "/etc/systemd/system/$u.service" ]; then
		s=$(systemctl is-active "$u.service" 2>/dev/null) || :
		echo "unit $u ${s:-unknown}"
	else
		echo "unit $u absent"
	fi
done
if [ -n "$ADDRESS" ] && [ -n "$(ip -o -4 addr show to "$ADDRESS/32" 2>/dev/null)" ]; then
	echo "held yes"
fi
if [ -f "$CONFIG" ]; then
	head -c 262144 "$CONFIG" | sed -n 's/^[ 	]*server \([^ ]*\) \([^ ]*\) .*/server \1 \2/p' | sort -u | head -n 200
fi
exit 0
