# Prints the time zone, and whether the host knows the zone z. clock: also whether the hardware clock has local time. text: what
# /etc/timezone says, where the distribution has that file.
# uses: preamble
# takes: z clock
echo "zone $(readlink /etc/localtime 2>/dev/null)"
if [ ! -e /etc/localtime ] && [ ! -L /etc/localtime ]; then echo none yes; fi
if [ -d /run/systemd/system ] && have timedatectl; then
	echo systemd yes
	if [ -n "$clock" ]; then timedatectl status | sed -n 's/^ *RTC in local TZ: */clock /p'; fi
fi
if [ -f "/usr/share/zoneinfo/$z" ]; then echo known yes; fi
if [ -f /etc/timezone ]; then echo "text $(head -n 1 /etc/timezone)"; elif [ -e /etc/debian_version ]; then echo "text "; fi
exit 0
