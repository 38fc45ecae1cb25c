# Prints whether a host can serve PORTS for the cluster's endpoint: where PROGRAM is, which of the ports somebody listens on, which of them the
# unit UNIT serves by what its FILE says, whether ADDRESS is one of the host's, and whether SELinux keeps HAProxy from connecting to any port.
# uses: preamble tcp_tables
# takes: PORTS UNIT FILE PROGRAM ADDRESS
PATH=$PATH:/usr/sbin:/sbin
program=$(command -v "$PROGRAM") && echo "program $program"
have systemctl && echo "systemd yes"
for p in $PORTS; do
	h=$(printf '%04X' "$p")
	# shellcheck disable=SC2154,SC2086 # a list of files
	if grep -h "^ *[0-9]*: [0-9A-F]*:$h [0-9A-F]*:0000 0A " $tcp >/dev/null 2>&1; then
		echo "taken $p"
	fi
done
if [ -f "$FILE" ]; then
	echo "configured yes"
	if systemctl is-active --quiet "$UNIT.service" 2>/dev/null; then
		head -c 262144 "$FILE" | sed -n -e 's/^[ 	]*bind [^ ]*:\([0-9]\{1,5\}\)$/own \1/p' -e 's/^ExecStart=.* -l [0-9.]*:\([0-9]\{1,5\}\) .*/own \1/p'
	fi
fi
if [ -z "$ADDRESS" ] || ! have ip || [ -n "$(ip -o -4 addr show to "$ADDRESS/32" 2>/dev/null)" ]; then
	echo "here yes"
fi
if [ "$PROGRAM" = haproxy ] && [ "$(getenforce 2>/dev/null)" = Enforcing ] && getsebool haproxy_connect_any 2>/dev/null | grep -q ' off$'; then
	echo "confined yes"
fi
exit 0
